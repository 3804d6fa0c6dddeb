//! HTTP/1.1 as bytes (RFC 9112): heads read and written, bodies framed.
//!
//! Pure: no socket, no waiting. The client's side of a connection is
//! [`crate::proxy`]'s `client_socket`, the server's side its `exchange`.
//!
//! Invariants: a message has one reading or none. Lines end in CRLF, names touch
//! their colon, nothing is folded, lengths are digits; what is looser is refused, not
//! repaired. Framing lines are never copied from one side to the other: they are read
//! into a [`Framing`] here, and written anew from what is known there.

mod encode;
mod error;
mod framing;
mod parse;

pub(crate) use self::encode::{
    CONTINUE, LAST_CHUNK, chunk_head, informational_head, request_head, response_head, trailers,
};
pub(crate) use self::error::HeadError;
pub(crate) use self::framing::{Decoded, Decoder, Framing, FramingError};
pub(crate) use self::parse::{MAX_HEAD_BYTES, MAX_REQUEST_LINES, RequestHead, request, response};
