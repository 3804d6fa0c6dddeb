//! Traces: from the control plane's flags to spans that a collector decodes.

use std::collections::BTreeMap;

use fairway_tests::backend::Mode;
use fairway_tests::collector::{Collected, Collector};
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One request; header lines end in `\r\n`.
async fn ask(world: &World, host: &str, target: &str, lines: &str) -> Reply {
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    client.exchange(request).await.unwrap()
}

/// The spans of the trace of the request whose path this is, once the request's own is
/// there: it is sent with all the others.
async fn trace_of(collector: &Collector, path: &str) -> Vec<Collected> {
    wait_for(&format!("the spans of {path}"), || async {
        let spans = collector.spans();
        let is_root = |it: &&Collected| {
            it.span.kind() == SpanKind::Server && it.attribute("url.path").as_deref() == Some(path)
        };
        let trace = spans.iter().find(is_root)?.span.trace_id.clone();
        let own = spans.into_iter().filter(|it| it.span.trace_id == trace);
        Some(own.collect())
    })
    .await
}

fn named<'a>(spans: &'a [Collected], name: &str) -> &'a Collected {
    let found = spans.iter().find(|it| it.span.name == name);
    found.unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_a_request_reach_a_collector_over_grpc() {
    let collector = Collector::grpc().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let world = Setting::new()
        .flag("--tracing.servicename=edge")
        .flag(&format!(
            "--tracing.otlp.grpc.endpoint={}",
            collector.address()
        ))
        .flag("--tracing.otlp.grpc.insecure")
        .flag("--tracing.otlp.grpc.headers.X-Tenant=shop")
        .flag("--tracing.resourceattributes.deployment.environment=test")
        .flag("--tracing.capturedrequestheaders=X-Seen")
        .flag("--tracing.capturedresponseheaders=Content-Type")
        .flag("--tracing.safequeryparams=page")
        .flag("--accesslog.format=json")
        .flag(&format!("--accesslog.filepath={}", log.display()))
        .start()
        .await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    let lines = format!(
        "traceparent: 00-{TRACE}-{SPAN}-01\r\ntracestate: a=1\r\nbaggage: k=v\r\nX-Seen: s\r\n"
    );
    let reply = ask(&world, "web.test", "/traced?page=2&token=x", &lines).await;
    let seen = reply.seen();
    let spans = trace_of(&collector, "/traced").await;
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let (server, client) = (named(&spans, "GET"), named(&spans, "ReverseProxy"));
    assert_eq!(hex(&server.span.trace_id), TRACE);
    assert_eq!(hex(&server.span.parent_span_id), SPAN);
    assert_eq!(server.span.trace_state, "a=1");
    assert_eq!(client.span.kind(), SpanKind::Client);
    assert_eq!(client.span.parent_span_id, server.span.span_id);
    let parent = format!("00-{TRACE}-{}-01", hex(&client.span.span_id));
    assert_eq!(seen.header("traceparent"), Some(parent.as_str()));
    assert_eq!(seen.header("tracestate"), Some("a=1"));
    assert_eq!(seen.header("baggage"), Some("k=v"));
    for (span, key, value) in [
        (server, "entry_point", "http"),
        (server, "http.request.method", "GET"),
        (server, "url.path", "/traced"),
        (server, "url.query", "page=2&token=REDACTED"),
        (server, "url.scheme", "http"),
        (server, "server.address", "web.test"),
        (server, "network.protocol.version", "1.1"),
        (server, "http.response.status_code", "200"),
        (server, "http.request.header.x-seen", "s"),
        (
            server,
            "http.response.header.content-type",
            "application/json",
        ),
        (client, "http.request.method", "GET"),
        (client, "http.response.status_code", "200"),
        (client, "server.port", &world.backend_port().to_string()),
    ] {
        assert_eq!(span.attribute(key).as_deref(), Some(value), "{key}");
    }
    let url = client.attribute("url.full").unwrap();
    assert!(url.ends_with("/traced?page=2&token=REDACTED"), "{url}");
    assert!(server.span.start_time_unix_nano <= client.span.start_time_unix_nano);
    assert!(client.span.end_time_unix_nano <= server.span.end_time_unix_nano);
    assert_eq!(server.resource["service.name"], "edge");
    assert_eq!(server.resource["deployment.environment"], "test");
    assert_eq!(server.headers["x-tenant"], "shop");

    let line = wait_for("the line of the request", || async {
        let text = std::fs::read_to_string(&log).ok()?;
        let line = text.lines().find(|line| line.contains("/traced"))?;
        serde_json::from_str::<BTreeMap<String, serde_json::Value>>(line).ok()
    })
    .await;
    for (key, value) in [
        ("TraceId", TRACE.to_owned()),
        ("trace_id", TRACE.to_owned()),
        ("SpanId", hex(&server.span.span_id)),
        ("span_id", hex(&server.span.span_id)),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_has_a_span_where_that_is_asked_for() {
    let collector = Collector::http().await;
    let world = Setting::new()
        .flag(&format!(
            "--tracing.otlp.http.endpoint=http://{}",
            collector.address()
        ))
        .start()
        .await;
    let label = |name: &str| format!("traefik.http.{name}");
    let web = routed("web", "web", "Host(`web.test`)")
        .label(
            &label("routers.web.observability.traceverbosity"),
            "detailed",
        )
        .label(&label("routers.web.middlewares"), "prefix,again")
        .label(&label("middlewares.prefix.addprefix.prefix"), "/p")
        .label(&label("middlewares.again.retry.attempts"), "2")
        .label(&label("middlewares.again.retry.status"), "500");
    world.run(web).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    ask(&world, "web.test", "/steps", "").await;
    let spans = trace_of(&collector, "/steps").await;
    let parent_of = |name: &str| {
        let parent = &named(&spans, name).span.parent_span_id;
        let found = spans.iter().find(|it| it.span.span_id == *parent);
        found.map(|it| it.span.name.as_str())
    };
    for (name, parent) in [
        ("GET", None),
        ("Router", Some("GET")),
        ("AddPrefix", Some("Router")),
        ("Retry", Some("AddPrefix")),
        ("Service", Some("Retry")),
        ("ReverseProxy", Some("Service")),
    ] {
        assert_eq!(parent_of(name), parent, "{name}: {spans:#?}");
    }
    let of = |name: &str, key: &str| named(&spans, name).attribute(key);
    assert_eq!(
        of("Router", "traefik.router.name").as_deref(),
        Some("web@docker")
    );
    assert_eq!(
        of("Service", "traefik.service.name").as_deref(),
        Some("web@docker")
    );
    assert_eq!(
        of("AddPrefix", "traefik.middleware.name").as_deref(),
        Some("prefix@docker")
    );

    world.mode("web", Mode::Status(500));
    ask(&world, "web.test", "/failing", "").await;
    let spans = trace_of(&collector, "/failing").await;
    let resent: Vec<_> = spans
        .iter()
        .filter_map(|it| it.attribute("http.request.resend_count"))
        .collect();
    assert_eq!(resent, ["1"], "{spans:#?}");
    let asked = spans.iter().filter(|it| it.span.name == "ReverseProxy");
    assert_eq!(asked.count(), 2);
    let root = named(&spans, "GET");
    assert_eq!(root.span.status.as_ref().unwrap().code(), StatusCode::Error);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_chance_and_routers_decide_what_is_recorded() {
    let collector = Collector::http().await;
    let world = Setting::new()
        .flag(&format!(
            "--tracing.otlp.http.endpoint=http://{}",
            collector.address()
        ))
        .flag("--tracing.samplerate=0")
        .start()
        .await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    let silent = routed("silent", "silent", "Host(`silent.test`)")
        .label("traefik.http.routers.silent.observability.tracing", "false");
    world.run(silent).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    world.wait_rotation("silent.test", "/", &["silent"]).await;
    // Not recorded, and the server is told so.
    let reply = ask(&world, "web.test", "/chance", "").await;
    let seen = reply.seen();
    let parent = seen.header("traceparent").unwrap();
    assert!(
        parent.starts_with("00-") && parent.ends_with("-00"),
        "{parent}"
    );
    let caller = |flags: &str| format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\n");
    let reply = ask(&world, "web.test", "/caller-says-no", &caller("00")).await;
    let seen = reply.seen();
    let parent = seen.header("traceparent").unwrap();
    assert!(
        parent.starts_with(&format!("00-{TRACE}-")) && parent.ends_with("-00"),
        "{parent}"
    );
    // What a silent router gets passes as it is.
    let reply = ask(&world, "silent.test", "/silent", &caller("01")).await;
    let line = format!("00-{TRACE}-{SPAN}-01");
    assert_eq!(reply.seen().header("traceparent"), Some(line.as_str()));
    // Recorded, and the last: what came before would have come before.
    ask(&world, "web.test", "/caller-says-yes", &caller("01")).await;
    let spans = trace_of(&collector, "/caller-says-yes").await;
    assert_eq!(spans.len(), 2);
    assert_eq!(collector.spans().len(), 2, "{:#?}", collector.spans());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_harms_no_request() {
    let world = Setting::new()
        .flag("--tracing.otlp.grpc.endpoint=127.0.0.1:9")
        .flag("--tracing.otlp.grpc.insecure")
        .start()
        .await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    let mut left = 20;
    while left > 0 {
        assert_eq!(world.get("web.test", "/").await.status(), 200);
        left -= 1;
    }
}
