//! An OpenTelemetry collector that keeps the spans it gets: over gRPC as the generated
//! server speaks it, over HTTP as Protobuf.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

/// A running collector.
#[derive(Debug, Clone)]
pub struct Collector {
    address: SocketAddr,
    kept: Kept,
}

/// A span and who sent it.
#[derive(Debug, Clone)]
pub struct Collected {
    /// The span.
    pub span: Span,
    /// Attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// Headers, or metadata, of the request that brought it.
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Collected>>>);

impl Collector {
    /// One that speaks gRPC.
    pub async fn grpc() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let kept = Kept::default();
        let service = TraceServiceServer::new(kept.clone());
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, kept }
    }

    /// One that takes Protobuf at `/v1/traces`.
    pub async fn http() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let kept = Kept::default();
        let keeper = kept.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let keeper = keeper.clone();
                let service = service_fn(move |request| answer(keeper.clone(), request));
                let served = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(tcp), service);
                tokio::spawn(served);
            }
        });
        Self { address, kept }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Collected> {
        self.kept.0.lock().expect("no panic").clone()
    }
}

impl Collected {
    /// An attribute in words; a list is joined by commas.
    pub fn attribute(&self, key: &str) -> Option<String> {
        let attribute = self.span.attributes.iter().find(|it| it.key == key)?;
        Some(shown(attribute.value.as_ref()))
    }
}

impl Kept {
    fn keep(&self, request: ExportTraceServiceRequest, headers: &http::HeaderMap) {
        let headers: BTreeMap<String, String> = headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect();
        let mut kept = self.0.lock().expect("no panic");
        for of_resource in request.resource_spans {
            let resource = words(&of_resource.resource.unwrap_or_default().attributes);
            let spans = of_resource.scope_spans.into_iter().flat_map(|it| it.spans);
            kept.extend(spans.map(|span| Collected {
                span,
                resource: resource.clone(),
                headers: headers.clone(),
            }));
        }
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let headers = request.metadata().clone().into_headers();
        self.keep(request.into_inner(), &headers);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn answer(
    keeper: Kept,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let is_protobuf = parts
        .headers
        .get("content-type")
        .map(http::HeaderValue::as_bytes)
        == Some(b"application/x-protobuf");
    let decoded = body
        .ok()
        .and_then(|it| ExportTraceServiceRequest::decode(it).ok());
    let mut response = http::Response::new(Full::default());
    match decoded {
        Some(message) if is_protobuf && parts.uri.path() == "/v1/traces" => {
            keeper.keep(message, &parts.headers);
        }
        _ => *response.status_mut() = http::StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

fn words(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let each = attributes.iter();
    each.map(|it| (it.key.clone(), shown(it.value.as_ref())))
        .collect()
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => {
            let values = list.values.iter().map(|it| shown(Some(it)));
            values.collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    }
}
