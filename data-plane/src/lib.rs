//! The data plane: takes its routing configuration from the control plane and
//! forwards HTTP.

#![allow(
    dead_code,
    unused_imports,
    reason = "the request path that uses them comes next"
)]

mod balance;
mod discovery;
mod middleware;
mod proxy;
mod routing;
