//! The accept loop of one entry point on one worker.
//!
//! Ends when told to stop, and takes with it what the kernel has queued for its
//! socket: a connection that was accepted by the kernel is a promise.
//! Running out of file descriptors pauses the loop; it never ends it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::opening;
use crate::worker::Worker;

/// Pause after a failed accept. No descriptor comes free any faster by asking.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `stop` resolves (or its sender is gone), then what is queued.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    name: Rc<str>,
    listener: TcpListener,
    mut stop: oneshot::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        if !admit(&worker, &name, accepted) {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
    while let Some(accepted) = poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
    {
        if !admit(&worker, &name, accepted) {
            break;
        }
    }
}

/// Starts serving a connection; false if there was none to serve.
fn admit(
    worker: &Rc<Worker>,
    name: &Rc<str>,
    accepted: io::Result<(TcpStream, SocketAddr)>,
) -> bool {
    let (tcp, peer) = match accepted {
        Ok(accepted) => accepted,
        // The client was gone before we came: not our trouble.
        Err(error) if is_clients(&error) => return true,
        Err(error) => {
            tracing::warn!(entrypoint = &**name, %error, "cannot accept");
            return false;
        }
    };
    if worker.is_full() {
        tracing::debug!(
            entrypoint = &**name,
            "connection limit reached: connection refused"
        );
        return true;
    }
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(entrypoint = &**name, %error, "cannot set TCP_NODELAY");
    }
    tokio::task::spawn_local(opening::serve(
        Rc::clone(worker),
        Rc::clone(name),
        tcp,
        peer,
    ));
    true
}

fn is_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
