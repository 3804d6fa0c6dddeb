//! A service behind middlewares: how it is where it is a part of another one.

use std::sync::Arc;

use super::composition::Service;
use crate::middleware::Middleware;

/// A service, and what requests go through before they get to it.
#[derive(Debug)]
pub(crate) struct Behind {
    /// Outermost first. What they count belongs to this service.
    pub(crate) middlewares: Box<[Arc<Middleware>]>,
    pub(crate) service: Arc<Service>,
}

impl Behind {
    pub(super) fn build(middlewares: Vec<Arc<Middleware>>, service: Arc<Service>) -> Self {
        Self {
            middlewares: middlewares.into(),
            service,
        }
    }
}
