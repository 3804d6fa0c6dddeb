//! The data plane: takes its routing configuration from the control plane and
//! forwards HTTP.

#![allow(dead_code)]

mod balance;
mod discovery;
mod middleware;
mod proxy;
mod routing;
