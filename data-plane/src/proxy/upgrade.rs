//! After a 101: bytes both ways until both sides are done.
//!
//! Runs in the connection's own task. What either side sent early, behind its head,
//! goes first. Nothing of it was looked at before the server switched.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};

use super::connect::Leftover;

/// Joins the two sockets; ends when both directions have ended. A side that
/// finishes sending is told so to the other, which may go on. Yields the bytes that went
/// to the client.
pub(crate) async fn tunnel<C>(mut client: C, server: Leftover) -> io::Result<u64>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let Leftover {
        stream: mut server,
        early: answer,
        load: _load,
        attempt: _attempt,
    } = server;
    if !answer.is_empty() {
        client.write_all(&answer).await?;
    }
    let (_, sent) = copy_bidirectional(&mut client, &mut server).await?;
    let early = u64::try_from(answer.len()).unwrap_or(u64::MAX);
    Ok(sent.saturating_add(early))
}
