//! The control plane: watches Docker, compiles Traefik-style labels, and pushes
//! the configuration to the proxies.

pub mod config;
pub mod label;
pub mod middleware;
pub mod model;
pub mod provider;
pub mod rule;
mod spelling;
