//! Reading from a socket into a buffer, for both ends.
//!
//! What is short is read through the stack and copied, so that a connection that
//! waits holds no buffer and one that sends little holds little. What is long is read
//! in place.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Bytes that one read of a head or a short body takes.
const SHORT_READ: usize = 8 * 1024;
/// Bytes that one read of a long body takes.
pub(super) const LONG_READ: usize = 128 * 1024;

/// Appends what has arrived to `buffer`; 0: the other end has finished. `expected`:
/// bytes that are known to come.
pub(super) fn poll_fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
    expected: u64,
) -> Poll<io::Result<usize>> {
    let expected = usize::try_from(expected).unwrap_or(LONG_READ);
    if expected > SHORT_READ {
        buffer.reserve(expected.min(LONG_READ));
        return poll_read_buf(Pin::new(stream), cx, buffer);
    }
    let mut scratch = [const { MaybeUninit::uninit() }; SHORT_READ];
    let mut scratch = ReadBuf::uninit(&mut scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut scratch))?;
    buffer.extend_from_slice(scratch.filled());
    Poll::Ready(Ok(scratch.filled().len()))
}
