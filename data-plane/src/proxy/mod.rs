//! The request path.

pub(crate) mod head;
