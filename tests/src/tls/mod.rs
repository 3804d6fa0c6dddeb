//! TLS for tests: certificates made on the spot, and an end of TLS before servers that
//! have none.

mod certificate;
mod front;

pub use certificate::{Authority, Identity};
pub use front::{Handshake, TlsFront, TlsOptions};
