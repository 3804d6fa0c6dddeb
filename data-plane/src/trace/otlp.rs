//! The collector, and OTLP to it: POST of Protobuf over HTTP, or the gRPC call, which is
//! the same message in a frame.

use std::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};
use fairway_proto::discovery::v1 as wire;
use http::header::{CONTENT_TYPE, TE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use super::attribute::text;
use super::{TracingError, endpoint, header_name};
use crate::balance::{Scheme, Transport};
use crate::exchange::{self, ExchangeError, Place};

const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
/// Of an answer.
const MAX_BYTES: usize = 64 * 1024;

/// Where spans go.
pub(super) struct Collector {
    place: Place,
    target: PathAndQuery,
    is_grpc: bool,
    headers: HeaderMap,
    transport: Transport,
    /// Of the resource that all spans belong to.
    attributes: Vec<KeyValue>,
}

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("the collector answered {0}")]
    Status(u16),
    #[error("the collector answered with the gRPC status {0}")]
    Grpc(String),
    #[error("the collector's answer cannot be read: {0}")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
}

impl Collector {
    pub(super) fn build(
        spec: &wire::Tracing,
        exporter: &wire::OtlpExporter,
    ) -> Result<Self, TracingError> {
        let is_grpc = match exporter.protocol() {
            wire::OtlpProtocol::Grpc => true,
            wire::OtlpProtocol::Http => false,
            wire::OtlpProtocol::Unspecified => return Err(TracingError::Protocol),
        };
        let url = endpoint(&exporter.endpoint)?;
        let is_secure = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default();
        let usual = if is_secure { 443 } else { 80 };
        let target = match url.path_and_query() {
            Some(target) if !is_grpc => target.clone(),
            _ => EXPORT,
        };
        let tls = exporter.tls.clone().unwrap_or_default();
        Ok(Self {
            place: Place {
                scheme: match (is_secure, is_grpc) {
                    (true, _) => Scheme::Https,
                    (false, true) => Scheme::H2c,
                    (false, false) => Scheme::Http,
                },
                host: host.trim_matches(['[', ']']).to_owned(),
                port: url.port_u16().unwrap_or(usual),
            },
            target,
            is_grpc,
            headers: headers(exporter, is_grpc)?,
            transport: Transport::build(&tls)?,
            attributes: attributes(spec),
        })
    }

    /// Sends spans of the process `node`.
    pub(super) async fn send(&self, node: &str, spans: Vec<Span>) -> Result<(), SendError> {
        let mut request = Request::new(Full::new(self.body(node, spans)));
        *request.method_mut() = Method::POST;
        request.headers_mut().clone_from(&self.headers);
        let sent = exchange::send(&self.place, &self.transport, &self.target, None, request);
        let mut answer = sent.await?;
        let status = answer.response.status();
        if !status.is_success() {
            return Err(SendError::Status(status.as_u16()));
        }
        grpc_status(answer.response.headers())?;
        let body = Limited::new(answer.response.body_mut(), MAX_BYTES);
        let body = body.collect().await.map_err(SendError::Answer)?;
        body.trailers().map_or(Ok(()), grpc_status)
    }

    fn body(&self, node: &str, spans: Vec<Span>) -> Bytes {
        let mut attributes = self.attributes.clone();
        attributes.push(text("service.instance.id", node));
        let message = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes,
                    ..Resource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: "fairway".to_owned(),
                        version: env!("CARGO_PKG_VERSION").to_owned(),
                        ..InstrumentationScope::default()
                    }),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        let length = message.encoded_len();
        let mut body = BytesMut::with_capacity(length + 5);
        if self.is_grpc {
            body.put_u8(0);
            body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        // There is room: it grows.
        let _ = message.encode(&mut body);
        body.freeze()
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may be secrets.
        f.debug_struct("Collector")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

fn headers(exporter: &wire::OtlpExporter, is_grpc: bool) -> Result<HeaderMap, TracingError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &exporter.headers {
        let value = HeaderValue::from_str(value);
        let value = value.map_err(|_| TracingError::HeaderValue(name.clone()))?;
        headers.insert(header_name(name)?, value);
    }
    if is_grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        headers.insert(CONTENT_TYPE, protobuf);
    }
    Ok(headers)
}

/// What the configuration says of the resource comes before what is known of it.
fn attributes(spec: &wire::Tracing) -> Vec<KeyValue> {
    let own = [
        ("service.name", spec.service_name.as_str()),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let own = own
        .into_iter()
        .filter(|(key, _)| !spec.resource_attributes.contains_key(*key))
        .map(|(key, value)| text(key, value));
    let told = spec.resource_attributes.iter();
    own.chain(told.map(|(key, value)| text(key, value.as_str())))
        .collect()
}

/// An error that gRPC tells in its headers or trailers.
fn grpc_status(headers: &HeaderMap) -> Result<(), SendError> {
    match headers.get("grpc-status") {
        None => Ok(()),
        Some(status) if status == "0" => Ok(()),
        Some(status) => {
            let status = String::from_utf8_lossy(status.as_bytes()).into_owned();
            Err(SendError::Grpc(status))
        }
    }
}
