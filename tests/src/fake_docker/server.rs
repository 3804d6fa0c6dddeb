//! The HTTP side of the fake engine: the read-only part of the Engine API, as
//! a socket proxy lets it through. Anything but GET and HEAD is refused with 403.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::engine::{Engine, find_by_reference};
use super::event::Filter;
use super::fault::{InspectFault, ListFault};
use super::{delivery, render};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// One call: the path without its version, that version, and the parameters.
struct Call {
    path: String,
    /// Minor number of `1.N`.
    api: u16,
    parameters: BTreeMap<String, String>,
}

/// Answers one request. Errors are answers too; a hung engine waits.
pub(crate) async fn handle(
    engine: Engine,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    wait_while_hung(&engine).await;
    if request.method() != Method::GET && request.method() != Method::HEAD {
        engine.state().count("forbidden");
        return Ok(error(StatusCode::FORBIDDEN, "only GET is allowed here"));
    }
    let call = match parse(&engine, &request) {
        Ok(call) => call,
        Err(message) => return Ok(error(StatusCode::BAD_REQUEST, &message)),
    };
    let mut response = answer(&engine, &call).await?;
    let newest = engine.state().api_window().1;
    let version = format!("1.{newest}").parse().expect("a header value");
    response.headers_mut().insert("api-version", version);
    Ok(response)
}

async fn wait_while_hung(engine: &Engine) {
    let mut faults = engine.state().announced.subscribe();
    let _ = faults.wait_for(|faults| !faults.hang).await;
}

fn parse(engine: &Engine, request: &Request<Incoming>) -> Result<Call, String> {
    let (oldest, newest) = engine.state().api_window();
    let path = request.uri().path();
    let (api, path) = match split_version(path) {
        None => (newest, path),
        Some((asked, _)) if asked > newest => {
            return Err(format!(
                "client version 1.{asked} is too new. Maximum supported API version is 1.{newest}"
            ));
        }
        Some((asked, _)) if asked < oldest => {
            return Err(format!(
                "client version 1.{asked} is too old. Minimum supported API version is 1.{oldest}, \
                 please upgrade your client to a newer version"
            ));
        }
        Some((asked, rest)) => (asked, rest),
    };
    let parameters = parameters(request.uri().query().unwrap_or_default());
    Ok(Call {
        path: path.to_owned(),
        api,
        parameters,
    })
}

/// `/v1.41/rest` → `(41, /rest)`.
fn split_version(path: &str) -> Option<(u16, &str)> {
    let (minor, rest) = path.strip_prefix("/v1.")?.split_once('/')?;
    let minor = minor.parse().ok()?;
    Some((minor, &path[path.len() - rest.len() - 1..]))
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| {
                    char::from(digit.unwrap_or(b'0'))
                        .to_digit(16)
                        .unwrap_or_default()
                });
                out.push(u8::try_from(digits[0] * 16 + digits[1]).unwrap_or_default());
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

async fn answer(engine: &Engine, call: &Call) -> Result<Response<Body>, io::Error> {
    let path = call.path.as_str();
    let inspected = path
        .strip_prefix("/containers/")
        .and_then(|rest| rest.strip_suffix("/json"));
    let kind = match (path, inspected) {
        ("/_ping", _) => "_ping",
        ("/version", _) => "version",
        ("/containers/json", _) => "list",
        ("/events", _) => "events",
        ("/networks", _) => "networks",
        (_, Some(_)) => "inspect",
        _ => "unknown",
    };
    engine.state().count(kind);
    match (kind, inspected) {
        ("_ping", _) => Ok(plain("OK")),
        ("version", _) => Ok(ok(&render::version(&engine.state()))),
        ("list", _) => list(engine, call).await,
        ("events", _) => Ok(events(engine, call)),
        ("networks", _) => Ok(ok(&json!(render::network_list(&engine.state())))),
        (_, Some(reference)) => inspect(engine, reference).await,
        _ => Ok(error(StatusCode::NOT_FOUND, "page not found")),
    }
}

async fn list(engine: &Engine, call: &Call) -> Result<Response<Body>, io::Error> {
    let filter = match Filter::parse(call.parameters.get("filters").map_or("{}", String::as_str)) {
        Ok(filter) => filter,
        Err(message) => return Ok(error(StatusCode::BAD_REQUEST, &message)),
    };
    if let Some(key) = filter.unknown_key(&["status", "name", "id", "health", "network", "label"]) {
        return Ok(error(
            StatusCode::BAD_REQUEST,
            &format!("invalid filter '{key}'"),
        ));
    }
    let all = matches!(
        call.parameters.get("all").map(String::as_str),
        Some("1" | "true")
    );
    let (mut containers, fault, delay, hook) = {
        let mut state = engine.state();
        let containers = render::list(&state, all, &filter, call.api);
        (
            containers,
            state.take_list_fault(),
            state.faults.list_delay,
            state.after_list.take(),
        )
    };
    if let Some(hook) = hook {
        hook(engine);
    }
    tokio::time::sleep(delay).await;
    match fault {
        None | Some(ListFault::Truncated | ListFault::Cut) => {}
        Some(ListFault::Empty) => containers.clear(),
        Some(ListFault::UnknownState) => {
            if let Some(first) = containers.first_mut() {
                first["State"] = json!("hibernating");
            }
        }
        Some(ListFault::Status(status)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return Ok(error(status, "on purpose"));
        }
    }
    let text = Value::Array(containers).to_string();
    let half = text.get(..text.len() / 2).unwrap_or("[").to_owned();
    Ok(match fault {
        Some(ListFault::Truncated) => json_response(half),
        Some(ListFault::Cut) => cut(half),
        _ => json_response(text),
    })
}

async fn inspect(engine: &Engine, reference: &str) -> Result<Response<Body>, io::Error> {
    let (answer, fault) = {
        let state = engine.state();
        let Some(container) = find_by_reference(&state.containers, reference) else {
            let message = format!("No such container: {reference}");
            return Ok(error(StatusCode::NOT_FOUND, &message));
        };
        let fault = state.faults.inspect.get(&container.name).copied();
        (render::inspect(&state, container).to_string(), fault)
    };
    match fault {
        None => {}
        Some(InspectFault::Status(status)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return Ok(error(status, "on purpose"));
        }
        Some(InspectFault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(InspectFault::Truncated) => {
            let half = answer.get(..answer.len() / 2).unwrap_or("{").to_owned();
            return Ok(json_response(half));
        }
        Some(InspectFault::Hang) => std::future::pending().await,
    }
    Ok(json_response(answer))
}

fn events(engine: &Engine, call: &Call) -> Response<Body> {
    let filter = match Filter::parse(call.parameters.get("filters").map_or("{}", String::as_str)) {
        Ok(filter) => filter,
        Err(message) => return error(StatusCode::BAD_REQUEST, &message),
    };
    let since = call
        .parameters
        .get("since")
        .and_then(|text| nanoseconds(text));
    let lines = delivery::stream(engine, filter, since);
    let frames = UnboundedReceiverStream::new(lines).map(|line| line.map(Frame::data));
    let body = StreamBody::new(frames).boxed_unsync();
    let mut response = Response::new(body);
    let json_type = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json_type);
    response
}

/// `SECONDS[.FRACTION]`.
fn nanoseconds(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000_000 + fraction)
}

fn ok(value: &Value) -> Response<Body> {
    json_response(value.to_string())
}

fn plain(text: &'static str) -> Response<Body> {
    Response::new(full(text.to_owned()))
}

fn json_response(text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    let json_type = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json_type);
    response
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = ok(&json!({ "message": message }));
    *response.status_mut() = status;
    response
}

/// Half an answer, then the connection breaks.
fn cut(half: String) -> Response<Body> {
    let frames = tokio_stream::iter([Some(half), None]).then(|part| async move {
        match part {
            Some(half) => Ok(Frame::data(Bytes::from(half))),
            None => {
                // What was sent before shall leave the buffers.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::Error::other("cut on purpose"))
            }
        }
    });
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}
