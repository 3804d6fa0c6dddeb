//! What proxies tell about requests: the switches of routers and entry points, and the
//! resources of the access log and of traces.

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, ResourceKind};

use super::internal::PROVIDER;
use super::{Compiled, Router, encode};
use crate::config::{
    AccessLogFormat, AccessLogOptions, FieldMode, FieldSelection, ObservabilityOptions,
    OtlpOptions, OtlpProtocol, TracingOptions,
};
use crate::model::{Observability, TraceVerbosity};

/// Names of the resources: there is one of each.
const ACCESS_LOG: &str = "access-log";
const TRACING: &str = "tracing";

/// Services that nobody wants to hear of unless they say so (Traefik: `addInternals`).
/// Routers that only answer, such as redirections, are not among them.
const QUIET: [&str; 2] = ["api@internal", "ping@internal"];

/// Declares what is switched on.
pub(super) fn compile(options: &ObservabilityOptions, out: &mut Compiled) {
    let mut declare = |kind, name, spec| {
        let resource = encode::resource(kind, name, PROVIDER, &[], spec);
        out.resources.push(resource);
    };
    if let Some(options) = &options.access_log {
        let spec = Spec::AccessLog(access_log(options));
        declare(ResourceKind::AccessLog, ACCESS_LOG, spec);
    }
    if let Some(options) = &options.tracing {
        let spec = Spec::Tracing(tracing(options));
        declare(ResourceKind::Tracing, TRACING, spec);
    }
}

/// The switches of a router, off for services that nobody wants to hear of.
pub(super) fn of_router(
    router: &Router,
    options: &ObservabilityOptions,
) -> Option<wire::Observability> {
    let mut switches = router.observability;
    if QUIET.contains(&router.service.as_str()) {
        if options
            .access_log
            .as_ref()
            .is_some_and(|it| !it.add_internals)
        {
            switches.access_logs = Some(false);
        }
        if options.tracing.as_ref().is_some_and(|it| !it.add_internals) {
            switches.tracing = Some(false);
        }
    }
    encode(switches)
}

/// `None`: nothing is said.
pub(super) fn encode(switches: Observability) -> Option<wire::Observability> {
    let trace_verbosity = match switches.trace_verbosity {
        None => wire::TraceVerbosity::Unspecified,
        Some(TraceVerbosity::Minimal) => wire::TraceVerbosity::Minimal,
        Some(TraceVerbosity::Detailed) => wire::TraceVerbosity::Detailed,
    };
    (switches != Observability::default()).then_some(wire::Observability {
        access_logs: switches.access_logs,
        metrics: switches.metrics,
        tracing: switches.tracing,
        trace_verbosity: trace_verbosity.into(),
    })
}

fn access_log(options: &AccessLogOptions) -> wire::AccessLog {
    let format = match options.format {
        AccessLogFormat::Common => wire::AccessLogFormat::Common,
        AccessLogFormat::GenericClf => wire::AccessLogFormat::GenericClf,
        AccessLogFormat::Json => wire::AccessLogFormat::Json,
    };
    wire::AccessLog {
        format: format.into(),
        file_path: options.file_path.clone(),
        buffering_size: options.buffering_size,
        filters: Some(wire::AccessLogFilters {
            status_codes: options.status_codes.clone(),
            retry_attempts: options.retry_attempts,
            min_duration_us: u64::try_from(options.min_duration.as_micros()).unwrap_or(u64::MAX),
        }),
        fields: Some(selection(&options.fields, FieldMode::Keep)),
        headers: Some(selection(&options.headers, FieldMode::Drop)),
        query_parameters: Some(selection(&options.query_parameters, FieldMode::Keep)),
        request_id: options.request_id,
    }
}

fn selection(selection: &FieldSelection, usual: FieldMode) -> wire::FieldSelection {
    let mode = |mode: FieldMode| match mode {
        FieldMode::Keep => wire::FieldMode::Keep.into(),
        FieldMode::Drop => wire::FieldMode::Drop.into(),
        FieldMode::Redact => wire::FieldMode::Redact.into(),
    };
    let names = selection.names.iter();
    wire::FieldSelection {
        default_mode: mode(selection.default_mode.unwrap_or(usual)),
        names: names.map(|(name, it)| (name.clone(), mode(*it))).collect(),
    }
}

fn tracing(options: &TracingOptions) -> wire::Tracing {
    wire::Tracing {
        service_name: options.service_name.clone(),
        samples_per_million: per_million(options.sample_rate),
        captured_request_headers: options.captured_request_headers.clone(),
        captured_response_headers: options.captured_response_headers.clone(),
        safe_query_params: options.safe_query_params.clone(),
        resource_attributes: options.resource_attributes.clone(),
        exporter: Some(exporter(&options.otlp)),
    }
}

/// Of a share from 0 to 1.
fn per_million(rate: f64) -> u32 {
    // It is between 0 and a million.
    (rate.clamp(0.0, 1.0) * 1e6).round() as u32
}

fn exporter(options: &OtlpOptions) -> wire::OtlpExporter {
    let protocol = match options.protocol {
        OtlpProtocol::Http => wire::OtlpProtocol::Http,
        OtlpProtocol::Grpc => wire::OtlpProtocol::Grpc,
    };
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let identity = text(&options.cert).map(|cert| wire::ClientCertificate {
        cert,
        key: options.key.clone(),
    });
    wire::OtlpExporter {
        protocol: protocol.into(),
        endpoint: options.url(),
        headers: options.headers.clone(),
        tls: Some(wire::ServersTransport {
            insecure_skip_verify: options.insecure_skip_verify,
            root_cas: text(&options.ca).into_iter().collect(),
            certificates: identity.into_iter().collect(),
            ..wire::ServersTransport::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSyntax;

    fn router(service: &str, observability: Observability) -> Router {
        Router {
            rule: "Host(`a`)".to_owned(),
            rule_generated: false,
            rule_syntax: RuleSyntax::V3,
            entry_points: Vec::new(),
            middlewares: Vec::new(),
            service: service.to_owned(),
            priority: 9,
            observability,
        }
    }

    #[test]
    fn of_fairways_own_services_nothing_is_told_unless_somebody_asks() {
        let on = Observability {
            access_logs: Some(true),
            ..Observability::default()
        };
        let mut options = ObservabilityOptions {
            access_log: Some(AccessLogOptions::default()),
            tracing: None,
        };
        let logs = |service, switches, options: &ObservabilityOptions| {
            let sent = of_router(&router(service, switches), options);
            sent.map(|it| (it.access_logs, it.tracing))
        };
        assert_eq!(
            logs("api@internal", on, &options),
            Some((Some(false), None))
        );
        assert_eq!(
            logs("noop@internal", on, &options),
            Some((Some(true), None))
        );
        assert_eq!(logs("web@docker", Observability::default(), &options), None);
        options.access_log = Some(AccessLogOptions {
            add_internals: true,
            ..AccessLogOptions::default()
        });
        assert_eq!(logs("api@internal", on, &options), Some((Some(true), None)));
    }

    #[test]
    fn what_is_switched_on_is_one_resource_each() {
        let mut out = Compiled::default();
        compile(&ObservabilityOptions::default(), &mut out);
        assert_eq!(out.resources, []);
        let options = ObservabilityOptions {
            access_log: Some(AccessLogOptions::default()),
            tracing: Some(TracingOptions {
                sample_rate: 0.5,
                ..TracingOptions::default()
            }),
        };
        compile(&options, &mut out);
        let specs: Vec<_> = out
            .resources
            .iter()
            .filter_map(|it| it.spec.as_ref())
            .collect();
        let [Spec::AccessLog(log), Spec::Tracing(tracing)] = specs[..] else {
            panic!("{specs:?}");
        };
        assert_eq!(log.format(), wire::AccessLogFormat::Common);
        let default = |of: &Option<wire::FieldSelection>| of.as_ref().unwrap().default_mode();
        assert_eq!(default(&log.fields), wire::FieldMode::Keep);
        assert_eq!(default(&log.headers), wire::FieldMode::Drop);
        assert_eq!(default(&log.query_parameters), wire::FieldMode::Keep);
        assert_eq!(tracing.samples_per_million, 500_000);
        assert_eq!(tracing.service_name, "traefik");
    }
}
