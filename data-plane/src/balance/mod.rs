//! Which server gets the next request.

mod server;
mod service;

pub(crate) use self::server::{Scheme, Server, ServerKey};
pub(crate) use self::service::Service;
