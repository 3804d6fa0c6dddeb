//! What proxies tell about the requests they serve: the access log and traces.

use std::collections::BTreeMap;
use std::time::Duration;

use fairway_proto::discovery::v1::StatusRange;

/// What is switched on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservabilityOptions {
    /// One line for each request.
    pub access_log: Option<AccessLogOptions>,
    /// Spans of requests.
    pub tracing: Option<TracingOptions>,
}

/// Options of the access log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLogOptions {
    /// Form of a line.
    pub format: AccessLogFormat,
    /// Where each proxy writes; empty: its standard output.
    pub file_path: String,
    /// Lines that are gathered before they are written.
    pub buffering_size: u32,
    /// Statuses that are logged.
    pub status_codes: Vec<StatusRange>,
    /// Requests that were sent more than once are logged.
    pub retry_attempts: bool,
    /// Requests that took longer are logged; zero: not set.
    pub min_duration: Duration,
    /// Fields by name, as [`fairway_proto::ACCESS_LOG_FIELDS`] spells it.
    pub fields: FieldSelection,
    /// Headers by lower-case name.
    pub headers: FieldSelection,
    /// Query parameters of the path that is logged.
    pub query_parameters: FieldSelection,
    /// Also requests to Fairway's own services.
    pub add_internals: bool,
    /// Give an `X-Request-Id` to requests without one.
    pub request_id: bool,
}

/// Form of a line of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Common Log Format with router, server and duration.
    #[default]
    Common,
    /// Common Log Format up to the user agent.
    GenericClf,
    /// One JSON object.
    Json,
}

/// What becomes of values, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelection {
    /// Of those that are not named; `None`: as is usual for them.
    pub default_mode: Option<FieldMode>,
    /// Of those that are.
    pub names: BTreeMap<String, FieldMode>,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldMode {
    /// It is logged.
    Keep,
    /// It is not.
    Drop,
    /// `REDACTED` stands in its place.
    Redact,
}

/// Options of traces.
#[derive(Clone, Debug, PartialEq)]
pub struct TracingOptions {
    /// Name of this service in the spans.
    pub service_name: String,
    /// Share of the requests that begin a trace, from 0 to 1.
    pub sample_rate: f64,
    /// Lower-case names of headers whose values become attributes.
    pub captured_request_headers: Vec<String>,
    /// The same of responses.
    pub captured_response_headers: Vec<String>,
    /// Query parameters whose values are shown.
    pub safe_query_params: Vec<String>,
    /// Attributes of the resource that all spans belong to.
    pub resource_attributes: BTreeMap<String, String>,
    /// Also requests to Fairway's own services.
    pub add_internals: bool,
    /// Where the spans go.
    pub otlp: OtlpOptions,
}

/// Where OTLP goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpOptions {
    /// How it is spoken.
    pub protocol: OtlpProtocol,
    /// Over HTTP a URL with its path, over gRPC `host:port`; empty: the usual one.
    pub endpoint: String,
    /// gRPC without TLS.
    pub insecure: bool,
    /// Sent with each request.
    pub headers: BTreeMap<String, String>,
    /// PEM, or the path of a file, of the authorities to trust; empty: the system's.
    pub ca: String,
    /// PEM, or the path of a file: who the proxies are.
    pub cert: String,
    /// PEM, or the path of a file: the key to it.
    pub key: String,
    /// Take any certificate.
    pub insecure_skip_verify: bool,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// POST of Protobuf.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

/// A file of the static configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path} ({option})")]
pub struct UnreadableFile {
    /// Option that names it.
    pub option: &'static str,
    /// As written.
    pub path: String,
    /// What the system says.
    pub source: std::io::Error,
}

impl ObservabilityOptions {
    /// With the content of the files that are named, in place of their paths: proxies
    /// have no files of the control plane's.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read.
    pub fn with_files(mut self) -> Result<Self, UnreadableFile> {
        if let Some(tracing) = &mut self.tracing {
            let otlp = &mut tracing.otlp;
            for (option, text) in [
                ("tracing.otlp.*.tls.ca", &mut otlp.ca),
                ("tracing.otlp.*.tls.cert", &mut otlp.cert),
                ("tracing.otlp.*.tls.key", &mut otlp.key),
            ] {
                if text.is_empty() || text.contains("-----BEGIN") {
                    continue;
                }
                let read = std::fs::read_to_string(&*text);
                *text = read.map_err(|source| UnreadableFile {
                    option,
                    path: text.clone(),
                    source,
                })?;
            }
        }
        Ok(self)
    }
}

impl OtlpOptions {
    /// URL of the collector, with the defaults of the protocol.
    #[must_use]
    pub fn url(&self) -> String {
        match (self.protocol, self.endpoint.as_str()) {
            (OtlpProtocol::Http, "") => "https://localhost:4318/v1/traces".to_owned(),
            (OtlpProtocol::Http, endpoint) => {
                let url = endpoint.parse::<http::Uri>();
                let has_path = url.is_ok_and(|url| url.path().len() > 1);
                let path = if has_path { "" } else { "/v1/traces" };
                format!("{}{path}", endpoint.trim_end_matches('/'))
            }
            (OtlpProtocol::Grpc, endpoint) => {
                let scheme = if self.insecure { "http" } else { "https" };
                let authority = if endpoint.is_empty() {
                    "localhost:4317"
                } else {
                    endpoint
                };
                format!("{scheme}://{authority}")
            }
        }
    }
}

impl Default for TracingOptions {
    fn default() -> Self {
        Self {
            service_name: "traefik".to_owned(),
            sample_rate: 1.0,
            captured_request_headers: Vec::new(),
            captured_response_headers: Vec::new(),
            safe_query_params: Vec::new(),
            resource_attributes: BTreeMap::new(),
            add_internals: false,
            otlp: OtlpOptions::default(),
        }
    }
}
