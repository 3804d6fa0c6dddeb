//! What happens to a request between its route and its server.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::proxy::head::Head;

/// One middleware, ready to run.
#[derive(Debug)]
pub(crate) struct Middleware {
    name: String,
}

/// How a request goes on after a middleware.
#[derive(Debug)]
pub(crate) enum Flow {
    /// To the next middleware, or to the service.
    Continue,
    /// Nowhere: this is the answer. The middlewares that saw the request still see it.
    Respond(Answer),
}

/// A complete answer made by a middleware.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Stable reason code: `redirect`, `unclean_path`, `replacement_invalid`.
    pub(crate) reason: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Middleware {
    /// Qualified name: `strip@docker`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// On the way in, outermost first.
    pub(crate) fn on_request(&self, head: &mut Head) -> Flow {
        let _ = head;
        Flow::Continue
    }

    /// On the way out, innermost first, for every answer to a request that passed
    /// [`Middleware::on_request`], whoever made it.
    pub(crate) fn on_response(&self, response: &mut http::response::Parts) {
        let _ = response;
    }
}
