//! What a proxy says about itself: `/readyz`, `/healthz`, `/metrics`,
//! `/debug/config`, on a TCP port or a unix socket.
//!
//! Runs on the control thread, never on a worker. Read-only. The socket's stale
//! file is replaced at the start: a container that is restarted finds its own.

pub(crate) mod client;
mod metrics;
mod report;

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::Process;

/// A request head must be complete in this time.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where questions come in.
pub(crate) enum AdminListener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds `unix:PATH` or `host:port`. Needs to be called within a runtime.
pub(crate) fn listen(address: &str) -> io::Result<AdminListener> {
    let Some(path) = address.strip_prefix("unix:") else {
        let address = if address.starts_with(':') {
            format!("0.0.0.0{address}")
        } else {
            address.to_owned()
        };
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        return Ok(AdminListener::Tcp(TcpListener::from_std(listener)?));
    };
    remove_stale(Path::new(path))?;
    Ok(AdminListener::Unix(UnixListener::bind(path)?))
}

/// Answers for ever.
pub(crate) async fn serve(listener: AdminListener, process: Arc<Process>) {
    loop {
        let accepted = match &listener {
            AdminListener::Tcp(tcp) => tcp
                .accept()
                .await
                .map(|(stream, _)| spawn(stream, &process)),
            AdminListener::Unix(unix) => unix
                .accept()
                .await
                .map(|(stream, _)| spawn(stream, &process)),
        };
        if let Err(error) = accepted {
            tracing::warn!(%error, "admin address cannot accept");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Only a socket is removed: a mistyped path must not cost a file.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the path is not a socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn spawn<S>(stream: S, process: &Arc<Process>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let process = Arc::clone(process);
    tokio::spawn(async move {
        let service = service_fn(async |request: Request<Incoming>| {
            Ok::<_, Infallible>(answer(&process, &request).await)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "admin connection ended");
        }
    });
}

async fn answer<B>(process: &Process, request: &Request<B>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/readyz" if process.is_ready() => text(StatusCode::OK, "ready\n".to_owned()),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, report::unready(process)),
        "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
        "/metrics" => {
            let mut response = text(StatusCode::OK, metrics::page(process).await);
            let kind = HeaderValue::from_static(fairway_metrics::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        "/debug/config" => text(StatusCode::OK, report::config(process)),
        _ => text(
            StatusCode::NOT_FOUND,
            "/readyz /healthz /metrics /debug/config\n".to_owned(),
        ),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
