//! The backend of the demo and of the Docker tests: a static site, or a JSON API.
//!
//! `demo-backend static|api [--port N]`. It stands behind the proxies, at the end of
//! the request path, and exists to be seen through: every answer names the container
//! that made it (header `X-Container`) and repeats the request's `X-Nonce`, so that a
//! test knows which answer belongs to which request. `?delay=MS` holds an answer back.
//!
//! Invariants: the same container gives the same answers; the API answers at `/`
//! only, so a proxy that did not replace the path is found out; after SIGTERM no
//! request is dropped: for [`GRACE`] it goes on serving and asks clients to close,
//! then finishes what is in flight.
//!
//! It does no TLS, no HTTP/2 and no logging of requests.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

const X_CONTAINER: HeaderName = HeaderName::from_static("x-container");
const X_NONCE: HeaderName = HeaderName::from_static("x-nonce");

/// How long new requests are still served after SIGTERM: longer than a router needs
/// to hear of the stop, short enough to scale down quickly.
const GRACE: Duration = Duration::from_millis(1000);
/// How long requests in flight may take after that.
const FINISH: Duration = Duration::from_millis(2000);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Static,
    Api,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Serving, but asking every client to close its connection.
    Leaving,
    /// Only what is in flight.
    Finishing,
}

struct Site {
    mode: Mode,
    container: String,
    /// `container`, or empty where it cannot be a header's value.
    container_header: HeaderValue,
    body: Bytes,
}

impl Site {
    fn new(mode: Mode, container: String) -> Self {
        let body = match mode {
            Mode::Static => page(&container),
            Mode::Api => flats(&container),
        };
        let container_header =
            HeaderValue::from_str(&container).unwrap_or(HeaderValue::from_static(""));
        Self {
            mode,
            container,
            container_header,
            body: Bytes::from(body),
        }
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, Bytes) {
        let kind = match self.mode {
            Mode::Static => "text/html; charset=utf-8",
            Mode::Api => "application/json",
        };
        let known = match self.mode {
            Mode::Static => matches!(path, "/" | "/index.html"),
            Mode::Api => path == "/",
        };
        if !known {
            let text = format!("nothing at {path} in {}\n", self.container);
            return (
                StatusCode::NOT_FOUND,
                "text/plain; charset=utf-8",
                Bytes::from(text),
            );
        }
        if method != Method::GET && method != Method::HEAD {
            let text = Bytes::from_static(b"GET and HEAD only\n");
            return (
                StatusCode::METHOD_NOT_ALLOWED,
                "text/plain; charset=utf-8",
                text,
            );
        }
        (StatusCode::OK, kind, self.body.clone())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (mode, port) = parse(std::env::args().skip(1))?;
    let site = Arc::new(Site::new(mode, container_name()));
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))?;
    println!("demo-backend: {mode:?} on {address} in {}", site.container);
    serve(listener, site).await
}

fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<(Mode, u16)> {
    let (mode, default_port) = match args.next().as_deref() {
        Some("static") => (Mode::Static, 80),
        Some("api") => (Mode::Api, 3000),
        other => bail!("usage: demo-backend static|api [--port N], not {other:?}"),
    };
    let port = match args.next().as_deref() {
        None => default_port,
        Some("--port") => {
            let text = args.next().context("--port needs a number")?;
            text.parse().with_context(|| format!("--port {text}"))?
        }
        Some(other) => bail!("unknown argument {other}: there is only --port N"),
    };
    Ok((mode, port))
}

/// A container's host name is its short id, unless its user chose another.
fn container_name() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

async fn serve(listener: TcpListener, site: Arc<Site>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let (phase, _) = watch::channel(Phase::Serving);
    let mut connections = JoinSet::new();
    let mut grace_over = std::pin::pin!(None);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&site), phase.subscribe()));
                }
                // Out of file descriptors, or a client that left in the queue: neither is
                // a reason to stop, and both pass.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
            _ = terminate.recv(), if grace_over.is_none() => {
                phase.send_replace(Phase::Leaving);
                grace_over.set(Some(tokio::time::sleep(GRACE)));
            }
            _ = interrupt.recv(), if grace_over.is_none() => {
                phase.send_replace(Phase::Leaving);
                grace_over.set(Some(tokio::time::sleep(GRACE)));
            }
            () = finished(grace_over.as_mut()) => break,
        }
    }
    drop(listener);
    phase.send_replace(Phase::Finishing);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FINISH, all).await.is_err() {
        eprintln!("demo-backend: stopped with requests in flight");
    }
    Ok(())
}

async fn finished(timer: std::pin::Pin<&mut Option<tokio::time::Sleep>>) {
    match timer.as_pin_mut() {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

async fn connection(stream: TcpStream, site: Arc<Site>, mut phase: watch::Receiver<Phase>) {
    // Without it, a small answer may wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let seen = phase.clone();
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        let seen = seen.clone();
        async move { Ok::<_, Infallible>(respond(&site, &request, &seen).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = phase.wait_for(|phase| *phase == Phase::Finishing) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

async fn respond(
    site: &Site,
    request: &Request<Incoming>,
    phase: &watch::Receiver<Phase>,
) -> Response<Full<Bytes>> {
    if let Some(delay) = delay(request.uri().query()) {
        tokio::time::sleep(delay).await;
    }
    let (status, kind, body) = site.answer(request.method(), request.uri().path());
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Said here for HEAD too, where no body tells it.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(X_CONTAINER, site.container_header.clone());
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if let Some(nonce) = request.headers().get(X_NONCE) {
        headers.insert(X_NONCE, nonce.clone());
    }
    // Asked after the delay: a stop meanwhile must be told to this client too.
    if *phase.borrow() != Phase::Serving {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn delay(query: Option<&str>) -> Option<Duration> {
    let value = query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("delay="))?;
    Some(Duration::from_millis(value.parse().ok()?).min(LONGEST_DELAY))
}

fn page(container: &str) -> String {
    let container = escape(container);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Flats</title>\n\
         <style>body{{font:1.1rem/1.5 sans-serif;max-width:40rem;margin:3rem auto}}</style></head>\n\
         <body>\n<h1>Flats to let</h1>\n\
         <p>This page was served by container <strong>{container}</strong>.</p>\n\
         <p>The list is at <a href=\"/api/flats/\">/api/flats/</a>.</p>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A dozen made-up flats: the same ones in every container.
fn flats(container: &str) -> String {
    const STREETS: [&str; 4] = [
        "Rue du Lac",
        "Avenue de la Gare",
        "Chemin des Vignes",
        "Place du Marché",
    ];
    const TOWNS: [&str; 3] = ["Yverdon-les-Bains", "Lausanne", "Neuchâtel"];
    let flats: Vec<_> = (1_u32..)
        .zip(STREETS.iter().cycle().zip(TOWNS.iter().cycle()))
        .take(12)
        .map(|(id, (street, town))| {
            serde_json::json!({
                "id": id,
                "address": format!("{street} {}, {town}", id * 7 % 40 + 1),
                "rooms": f64::from(id % 5) * 0.5 + 2.5,
                "rent_chf": 1100 + id * 137 % 900,
            })
        })
        .collect();
    format!(
        "{}\n",
        serde_json::json!({ "container": container, "flats": flats })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> anyhow::Result<(Mode, u16)> {
        parse(args.iter().map(|&arg| arg.to_owned()))
    }

    #[test]
    fn the_mode_decides_the_default_port() {
        assert_eq!(parsed(&["static"]).unwrap(), (Mode::Static, 80));
        assert_eq!(parsed(&["api"]).unwrap(), (Mode::Api, 3000));
        assert_eq!(parsed(&["api", "--port", "81"]).unwrap(), (Mode::Api, 81));
        for wrong in [
            &["both"][..],
            &[],
            &["api", "--port"],
            &["api", "--port", "70000"],
            &["api", "x"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_api_answers_at_the_replaced_path_only() {
        let api = Site::new(Mode::Api, "c1".to_owned());
        assert_eq!(api.answer(&Method::GET, "/").0, StatusCode::OK);
        assert_eq!(
            api.answer(&Method::GET, "/api/flats/").0,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            api.answer(&Method::POST, "/").0,
            StatusCode::METHOD_NOT_ALLOWED
        );
    }

    #[test]
    fn every_answer_names_its_container() {
        let page = Site::new(Mode::Static, "<b>".to_owned());
        assert!(String::from_utf8_lossy(&page.body).contains("&lt;b&gt;"));
        let api = Site::new(Mode::Api, "c1".to_owned());
        let json: serde_json::Value = serde_json::from_slice(&api.body).unwrap();
        assert_eq!(json["container"], "c1");
        assert_eq!(json["flats"].as_array().unwrap().len(), 12);
    }

    #[test]
    fn a_delay_is_bounded() {
        assert_eq!(
            delay(Some("a=1&delay=250")),
            Some(Duration::from_millis(250))
        );
        assert_eq!(delay(Some("delay=999999999")), Some(LONGEST_DELAY));
        assert_eq!(delay(Some("delay=soon")), None);
        assert_eq!(delay(None), None);
    }
}
