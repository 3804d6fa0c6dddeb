//! Flags of the access log, of traces and of the log in, options out.

use std::time::Duration;

use crate::config::{
    AccessLogFormat, AccessLogOptions, ConfigError, FieldMode, FieldSelection, StaticConfig,
    TracingOptions,
};

fn parse(line: &[&str]) -> Result<StaticConfig, ConfigError> {
    let provider = "--providers.docker".to_owned();
    let flags = line.iter().map(|flag| (*flag).to_owned());
    StaticConfig::parse_without_environment(flags.chain([provider]))
}

fn refused(line: &[&str]) -> String {
    parse(line).unwrap_err().to_string()
}

#[test]
fn the_access_log_is_a_switch_or_a_section() {
    for (line, on) in [
        (&[][..], false),
        (&["--accesslog"], true),
        (&["--accesslog=true"], true),
        (&["--accessLog.format=json"], true),
        (&["--accesslog=false"], false),
        (&["--accesslog=false", "--accesslog.format=json"], false),
    ] {
        let config = parse(line).unwrap();
        assert_eq!(config.observability.access_log.is_some(), on, "{line:?}");
    }
    let config = parse(&[
        "--accesslog.filepath=/var/log/access.log",
        "--accesslog.format=json",
        "--accesslog.bufferingsize=100",
        "--accesslog.filters.statuscodes=404, 500-599",
        "--accesslog.filters.retryattempts",
        "--accesslog.filters.minduration=10ms",
        "--accesslog.fields.defaultmode=drop",
        "--accesslog.fields.names.requestpath=keep",
        "--accesslog.fields.names.KubernetesIngressName=drop",
        "--accesslog.fields.headers.defaultmode=redact",
        "--accesslog.fields.headers.names.User-Agent=keep",
        "--accesslog.fields.queryparameters.names.token=redact",
        "--accesslog.addinternals",
        "--accesslog.requestid",
    ])
    .unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let range = |first, last| fairway_proto::discovery::v1::StatusRange { first, last };
    let expected = AccessLogOptions {
        format: AccessLogFormat::Json,
        file_path: "/var/log/access.log".to_owned(),
        buffering_size: 100,
        status_codes: vec![range(404, 404), range(500, 599)],
        retry_attempts: true,
        min_duration: Duration::from_millis(10),
        fields: selection(Some(FieldMode::Drop), &[("RequestPath", FieldMode::Keep)]),
        headers: selection(Some(FieldMode::Redact), &[("user-agent", FieldMode::Keep)]),
        query_parameters: selection(None, &[("token", FieldMode::Redact)]),
        add_internals: true,
        request_id: true,
    };
    assert_eq!(config.observability.access_log, Some(expected));
}

fn selection(default_mode: Option<FieldMode>, names: &[(&str, FieldMode)]) -> FieldSelection {
    let names = names.iter();
    FieldSelection {
        default_mode,
        names: names
            .map(|(name, mode)| ((*name).to_owned(), *mode))
            .collect(),
    }
}

#[test]
fn traces_have_traefiks_options() {
    let tracing = |line: &[&str]| parse(line).unwrap().observability.tracing;
    assert_eq!(tracing(&[]), None);
    assert_eq!(tracing(&["--tracing.otlp", "--tracing=false"]), None);
    let plain = tracing(&["--tracing"]).unwrap();
    assert_eq!(plain, TracingOptions::default());
    assert_eq!(plain.otlp.url(), "https://localhost:4318/v1/traces");
    let full = tracing(&[
        "--tracing.servicename=edge",
        "--tracing.samplerate=0.25",
        "--tracing.capturedrequestheaders=X-A, X-B",
        "--tracing.safequeryparams=page",
        "--tracing.resourceattributes.deployment.environment=prod",
        "--tracing.otlp.grpc.endpoint=collector:4317",
        "--tracing.otlp.grpc.insecure",
        "--tracing.otlp.grpc.headers.Authorization=Basic x",
    ])
    .unwrap();
    assert_eq!(full.service_name, "edge");
    assert!((full.sample_rate - 0.25).abs() < f64::EPSILON);
    assert_eq!(full.captured_request_headers, ["x-a", "x-b"]);
    assert_eq!(full.safe_query_params, ["page"]);
    assert_eq!(full.resource_attributes["deployment.environment"], "prod");
    assert_eq!(full.otlp.headers["authorization"], "Basic x");
    assert_eq!(full.otlp.url(), "http://collector:4317");
    for (endpoint, url) in [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/api/otlp", "https://c/api/otlp"),
    ] {
        let line = format!("--tracing.otlp.http.endpoint={endpoint}");
        assert_eq!(tracing(&[&line]).unwrap().otlp.url(), url);
    }
}

#[test]
fn what_is_told_about_requests_is_checked() {
    for (line, parts) in [
        (
            "--accesslog.format=xml",
            ["\"xml\"", "common, genericCLF or json"],
        ),
        (
            "--accesslog.filters.statuscodes=5xx",
            ["\"5xx\"", "404,500-599"],
        ),
        (
            "--accesslog.fields.names.RequestPaths=keep",
            ["fields.names.RequestPaths", "did you mean RequestPath?"],
        ),
        (
            "--accesslog.fields.names.RequestPath=redact",
            ["\"redact\"", "keep or drop"],
        ),
        (
            "--accesslog.bufferingsize=-1",
            ["\"-1\"", "a number of lines"],
        ),
        ("--tracing.samplerate=2", ["\"2\"", "from 0 to 1"]),
        (
            "--tracing.otlp.grpc.endpoint=http://c:4317",
            ["http://c:4317", "HOST:PORT"],
        ),
        ("--tracing.otlp.http.endpoint=c:4318", ["c:4318", "a URL"]),
        (
            "--entrypoints.web.observability.traceverbosity=loud",
            ["\"loud\"", "minimal or detailed"],
        ),
    ] {
        let error = refused(&[line]);
        for part in parts {
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}

#[test]
fn the_log_has_traefiks_options_and_no_rotation() {
    let config = parse(&[
        "--log.nocolor",
        "--log.filepath=/var/log/control.log",
        "--log.maxsize=10",
        "--log.maxbackups=3",
        "--log.compress",
    ])
    .unwrap();
    assert!(config.log.no_color);
    assert_eq!(config.log.file_path, "/var/log/control.log");
    let told: Vec<_> = config
        .warnings
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "flag --log.maxsize has no effect",
            "flag --log.maxbackups has no effect",
            "flag --log.compress has no effect",
        ]
    );
    assert!(config.warnings[0].suggestion.contains("logrotate"));
}
