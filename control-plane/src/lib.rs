//! The control plane: watches Docker, compiles Traefik-style labels, and pushes
//! the configuration to the proxies.
//!
//! The flow, left to right: [`provider`] → [`label`] → [`model`] → [`reconcile`]
//! and [`compile`] → [`snapshot`] → [`discovery`]; [`inspection`] and [`api`]
//! read along, and [`explain`] is a client of the former. `main.rs` is a thin shell around [`start`].

pub mod api;
pub mod check;
pub mod compile;
mod compose;
pub mod config;
mod dashboard;
pub mod discovery;
mod document;
pub mod explain;
pub mod history;
pub mod inspection;
pub mod label;
mod label_file;
pub mod middleware;
pub mod model;
pub mod provider;
pub mod reconcile;
mod redact;
pub mod rule;
mod server;
mod server_url;
pub mod snapshot;
mod spelling;
pub mod stats;
mod template;
mod tls;
pub mod wait;

pub use config::StaticConfig;
pub use server::{Running, StartError, start};
