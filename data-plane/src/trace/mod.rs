//! Traces: spans of requests, sent to an OpenTelemetry collector.
//!
//! [`Tracing`] is what the control plane says of it; a [`Trace`] is one request's, made
//! only where a router wants it; what is finished goes to the one task that sends
//! (`exporter`). A request never waits for it: what the collector does not take in time
//! is dropped, counted, and told. Who called may have decided whether its trace is
//! recorded, and that counts (W3C Trace Context); a trace that is not recorded is told to
//! the servers all the same.

mod attribute;
mod context;
mod exporter;
mod otlp;
mod request;

use std::collections::HashSet;

use fairway_proto::discovery::v1 as wire;
use http::HeaderName;
use http::uri::Uri;

pub(crate) use self::exporter::{Exporter, ExporterControl, spawn};
use self::otlp::Collector;
pub(crate) use self::request::Trace;
use crate::balance::TransportError;

/// How requests are traced. Immutable.
#[derive(Debug)]
pub(crate) struct Tracing {
    /// Ids of traces below this one are recorded.
    recorded_below: u64,
    request_headers: Box<[HeaderName]>,
    response_headers: Box<[HeaderName]>,
    /// Query parameters whose values are shown.
    safe_query: HashSet<String>,
    collector: Collector,
}

/// Why requests cannot be traced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TracingError {
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    #[error("the value of the header `{0}` has characters that may not stand in one")]
    HeaderValue(String),
    #[error("`{0}` is not the URL of a collector")]
    Endpoint(String),
    #[error("this proxy does not know the protocol of the collector")]
    Protocol,
    #[error(transparent)]
    Tls(#[from] TransportError),
}

impl Tracing {
    /// From the resource.
    pub(crate) fn build(spec: &wire::Tracing) -> Result<Self, TracingError> {
        let names = |names: &[String]| -> Result<Box<[HeaderName]>, TracingError> {
            names.iter().map(|name| header_name(name)).collect()
        };
        let exporter = spec.exporter.as_ref().ok_or(TracingError::Protocol)?;
        Ok(Self {
            recorded_below: recorded_below(spec.samples_per_million),
            request_headers: names(&spec.captured_request_headers)?,
            response_headers: names(&spec.captured_response_headers)?,
            safe_query: spec.safe_query_params.iter().cloned().collect(),
            collector: Collector::build(spec, exporter)?,
        })
    }

    /// A trace that begins here is recorded.
    fn records(&self, trace_id: u128) -> bool {
        // Every hop that decides by the id decides the same.
        let low = u64::try_from(trace_id & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        low >> 1 < self.recorded_below
    }

    /// A query with the values of all parameters hidden that nobody has called safe.
    fn query(&self, query: &str) -> String {
        let shown = query
            .split('&')
            .map(|parameter| match parameter.split_once('=') {
                Some((name, _)) if !self.safe_query.contains(name) => {
                    format!("{name}={}", crate::access_log::REDACTED)
                }
                _ => parameter.to_owned(),
            });
        shown.collect::<Vec<_>>().join("&")
    }
}

fn header_name(name: &str) -> Result<HeaderName, TracingError> {
    HeaderName::try_from(name).map_err(|_| TracingError::HeaderName(name.to_owned()))
}

fn endpoint(text: &str) -> Result<Uri, TracingError> {
    let url = text.parse::<Uri>().ok();
    let url = url.filter(|url| url.host().is_some() && url.scheme().is_some());
    url.ok_or_else(|| TracingError::Endpoint(text.to_owned()))
}

/// Of 63 bits, as the ids are compared.
fn recorded_below(samples_per_million: u32) -> u64 {
    let all = 1_u128 << 63;
    let part = all * u128::from(samples_per_million.min(1_000_000)) / 1_000_000;
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> wire::Tracing {
        wire::Tracing {
            service_name: "edge".to_owned(),
            samples_per_million: 250_000,
            safe_query_params: vec!["page".to_owned()],
            exporter: Some(wire::OtlpExporter {
                protocol: wire::OtlpProtocol::Http.into(),
                endpoint: "http://127.0.0.1:4318/v1/traces".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn the_id_decides_which_traces_are_recorded() {
        let tracing = Tracing::build(&spec()).unwrap();
        let quarter = u128::from(u64::MAX / 4);
        assert!(tracing.records(quarter - 1000));
        assert!(!tracing.records(quarter + 1000));
        for (samples, recorded) in [(0, false), (1_000_000, true)] {
            let spec = wire::Tracing {
                samples_per_million: samples,
                ..spec()
            };
            let tracing = Tracing::build(&spec).unwrap();
            for id in [1, u128::from(u64::MAX), u128::MAX] {
                assert_eq!(tracing.records(id), recorded);
            }
        }
    }

    #[test]
    fn only_safe_parameters_are_shown() {
        let tracing = Tracing::build(&spec()).unwrap();
        assert_eq!(
            tracing.query("page=2&token=x&flag"),
            "page=2&token=REDACTED&flag"
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (change, message) in [
            (
                (|spec| spec.captured_request_headers.push("a b".to_owned()))
                    as fn(&mut wire::Tracing),
                "`a b` is not the name of a header",
            ),
            (
                |spec| spec.exporter.as_mut().unwrap().endpoint = "nowhere".to_owned(),
                "`nowhere` is not the URL of a collector",
            ),
            (
                |spec| spec.exporter.as_mut().unwrap().protocol = 99,
                "this proxy does not know the protocol of the collector",
            ),
        ] {
            let mut spec = spec();
            change(&mut spec);
            assert_eq!(Tracing::build(&spec).unwrap_err().to_string(), message);
        }
    }
}
