//! Which server gets the next request.
//!
//! A [`Service`] is immutable but for its place in the rotation; a [`Server`] is
//! immutable but for its short memory of failed connects. Both survive every change
//! of configuration that does not concern them, and nothing here takes a lock.
//!
//! Not here: connections, retries, active health checks.

mod ejection;
mod roster;
mod schedule;
mod server;
mod service;

pub(crate) use self::ejection::Standing;
pub(crate) use self::roster::Roster;
pub(crate) use self::server::{Scheme, Server, ServerError, ServerKey};
pub(crate) use self::service::Service;
