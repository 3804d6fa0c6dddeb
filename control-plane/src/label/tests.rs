//! The label language, seen from outside.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Enable, Labels, RouterLabels, ServiceLabels, decode};
use crate::middleware::Middleware;
use crate::model::{
    Diagnostic, LoadBalancer, ObjectId, ObjectKind, Observability, Scheme, Severity, TraceVerbosity,
};
use crate::rule::RuleSyntax;

fn read(labels: &[(&str, &str)]) -> (Labels, Vec<Diagnostic>) {
    let labels: BTreeMap<_, _> = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    decode("shop-web-1", &labels)
}

/// Decodes labels that are in order.
fn clean(labels: &[(&str, &str)]) -> Labels {
    let (labels, diagnostics) = read(labels);
    assert_eq!(diagnostics, [], "{labels:?}");
    labels
}

/// Decodes labels with exactly one thing to tell.
fn one(labels: &[(&str, &str)]) -> (Labels, Diagnostic) {
    let (labels, mut diagnostics) = read(labels);
    assert_eq!(diagnostics.len(), 1, "{diagnostics:#?}");
    (labels, diagnostics.remove(0))
}

fn router(option: &str) -> String {
    format!("traefik.http.routers.web.{option}")
}

fn service(option: &str) -> String {
    format!("traefik.http.services.web.loadbalancer.{option}")
}

#[test]
fn a_router_is_read_ignoring_the_case_of_its_options() {
    let labels = clean(&[
        ("traefik.HTTP.Routers.Web.RULE", "Host(`a`)"),
        ("traefik.http.routers.Web.EntryPoints", " web , websecure"),
        ("traefik.http.routers.web.middlewares", "auth@file,strip"),
        ("traefik.http.routers.web.priority", "-7"),
        ("traefik.http.routers.web.service", "s"),
        ("traefik.http.routers.web.ruleSyntax", "v3"),
        ("com.docker.compose.service", "web"),
        ("traefikish", "x"),
    ]);
    let expected = RouterLabels {
        rule: Some("Host(`a`)".to_owned()),
        entry_points: vec!["web".to_owned(), "websecure".to_owned()],
        middlewares: vec!["auth@file".to_owned(), "strip".to_owned()],
        service: Some("s".to_owned()),
        priority: -7,
        rule_syntax: Some(RuleSyntax::V3),
        observability: Observability::default(),
    };
    assert_eq!(
        labels.routers,
        BTreeMap::from([("Web".to_owned(), expected)])
    );
}

#[test]
fn the_last_of_two_spellings_counts_and_the_first_names() {
    let labels = clean(&[
        ("traefik.http.routers.r.RULE", "Host(`a`)"),
        ("traefik.http.routers.r.rule", "Host(`b`)"),
        (
            "traefik.http.middlewares.m.headers.customrequestheaders.X-Foo",
            "1",
        ),
        (
            "traefik.http.middlewares.m.headers.customRequestHeaders.x-foo",
            "2",
        ),
    ]);
    assert_eq!(labels.routers["r"].rule.as_deref(), Some("Host(`b`)"));
    let Middleware::Headers(headers) = &labels.middlewares["m"] else {
        panic!("{labels:?}")
    };
    let expected = BTreeMap::from([("x-foo".to_owned(), "1".to_owned())]);
    assert_eq!(headers.custom_request_headers, expected);
}

#[test]
fn an_empty_router_and_empty_values_are_legal() {
    let labels = clean(&[
        ("traefik.http.routers.a", ""),
        ("traefik.http.routers.b", "true"),
        ("traefik.http.routers.c.rule", ""),
        ("traefik.http.routers.c.entrypoints", ""),
        ("traefik.http.routers.c.middlewares", ""),
        ("traefik.http.routers.c.tls", "false"),
        ("traefik.http.routers.c.tls.certresolver", "le"),
    ]);
    assert!(
        labels
            .routers
            .values()
            .all(|router| *router == RouterLabels::default())
    );
    assert_eq!(labels.routers.len(), 3);
}

#[test]
fn a_service_is_read() {
    let labels = clean(&[
        (&service("server.port"), "3000"),
        (&service("server.scheme"), "h2c"),
        (&service("server.weight"), "0"),
        (&service("passhostheader"), "F"),
        (&service("strategy"), "wrr"),
        (&service("serverstransport"), "default@internal"),
        (&service("sticky"), "false"),
        (&service("sticky.cookie.name"), "x"),
    ]);
    let expected = ServiceLabels {
        port: Some("3000".to_owned()),
        scheme: Some(Scheme::H2c),
        weight: Some(0),
        load_balancer: LoadBalancer {
            pass_host_header: false,
            servers_transport: Some("default@internal".to_owned()),
            ..LoadBalancer::default()
        },
        ..ServiceLabels::default()
    };
    assert_eq!(
        labels.services,
        BTreeMap::from([("web".to_owned(), expected)])
    );
    let labels = clean(&[(&service("passhostheader"), "true")]);
    assert_eq!(labels.services["web"], ServiceLabels::default());
}

#[test]
fn container_labels_are_read() {
    let labels = clean(&[
        ("traefik.Enable", "true"),
        ("traefik.docker.network", ""),
        ("traefik.docker.allownonrunning", "1"),
        ("traefik.docker.lbswarm", "true"),
        ("traefik.constraint-label", "public"),
    ]);
    assert_eq!(labels.enable, Enable::On);
    assert_eq!(labels.network.as_deref(), Some(""));
    assert!(labels.allow_non_running);
    assert_eq!(clean(&[("traefik.enable", "f")]).enable, Enable::Off);
    assert_eq!(clean(&[]), Labels::default());
}

#[test]
fn whoever_cannot_say_enable_is_not_served() {
    #[rustfmt::skip]
    let rows = [
        ("traefik.enable", "yes", "write true"),
        ("traefik.enable", "", "write true or false"),
        ("traefik.enable", "no", "write false"),
        ("Traefik.enable", "true", "traefik.enable"),
        ("traefik.enable.x", "true", "traefik.enable"),
        ("traefik.enabled", "false", "did you mean traefik.enable?"),
    ];
    for (key, value, suggestion) in rows {
        let (labels, diagnostic) = one(&[(key, value)]);
        assert_eq!(labels.enable, Enable::Invalid, "{key}={value}");
        assert_eq!(diagnostic.severity, Severity::Error);
        assert!(diagnostic.suggestion.contains(suggestion), "{diagnostic:?}");
    }
    let (labels, diagnostic) = one(&[("traefik.enabled", "true")]);
    assert_eq!(
        (labels.enable, diagnostic.severity),
        (Enable::Unset, Severity::Warning)
    );
    let (labels, _) = one(&[("traefik.Enabled", "false"), ("traefik.enable", "true")]);
    assert_eq!(labels.enable, Enable::On);
}

#[test]
fn a_mistake_rejects_its_object_and_says_what_would_work() {
    let port = "did you mean traefik.http.services.web.loadBalancer.server.port?";
    #[rustfmt::skip]
    let rows: &[(&str, &str, &str, &str)] = &[
        (&router("entrypoint"), "web", "not an option", "did you mean traefik.http.routers.web.entryPoints?"),
        (&router("Midleware"), "a", "not an option", "traefik.http.routers.web.middlewares?"),
        (&router("xyz"), "a", "not an option", "what can stand there: rule, "),
        (&router("rule.x"), "a", "no options of its own", "traefik.http.routers.web.rule=…"),
        (&router("priority"), "high", "`high`, which is not a whole number", "such as 10"),
        (&router("priority"), "9223372036854774808", "above the highest", "smaller"),
        (&router("middlewares[0]"), "a", "takes no index", "traefik.http.routers.web.middlewares=a,b"),
        (&router("tls"), "", "TLS is not available yet", "remove the tls labels"),
        (&router("tls"), "TRUE", "TLS is not available yet", ""),
        (&router("tls.certresolver"), "le", "TLS is not available yet", ""),
        (&router("tls.domains[0].main"), "a", "TLS is not available yet", ""),
        (&router("observability"), "true", "cannot stand alone", "observability.accessLogs=…"),
        (&router("observability.tracing"), "maybe", "`maybe`, which is not", ""),
        (&router("observability.traceverbosity"), "loud", "\"loud\" is no verbosity", "minimal or detailed"),
        (&router(""), "a", "empty part", "without"),
        (&router("tls.[0]"), "a", "bracket without a name", ""),
        (&router("x]"), "a", "`]` without", ""),
        ("traefik.http.router.web.rule", "a", "traefik.http.router is unknown", "traefik.http.routers.web.rule?"),
        ("traefik.http.router.web", "a", "is unknown", "traefik.http.routers.web?"),
        ("traefik.http.routers", "a", "lacks the name", "traefik.http.routers.<name>.<option>"),
        ("traefik.http.routers..rule", "a", "lacks the name", ""),
        ("traefik.http.routers.web@docker.rule", "a", "`web@docker` cannot", "traefik.http.routers.web.rule"),
        ("traefik.http.routers.web[0].rule", "a", "`web[0]` cannot", ""),
        ("Traefik.http.routers.web.rule", "a", "lower case", "write traefik.http.routers.web.rule"),
        (&service("servers[0].port"), "81", "not an option", port),
        (&service("server[0].port"), "81", "not an option", port),
        (&service("server.prot"), "81", "not an option", port),
        (&service("port"), "81", "not an option", port),
        ("traefik.http.services.web.port", "81", "not an option", port),
        ("traefik.http.services.web.server.port", "81", "not an option", port),
        (&service("server"), "x", "cannot stand alone", "server.port=…"),
        ("traefik.http.services.web", "", "no load balancer", "loadBalancer.server.port=<port"),
        (&service("server.port"), "http", "`http` is not a port", "1 to 65535"),
        (&service("server.port"), "0", "`0` is not a port", ""),
        (&service("server.scheme"), "grpc", "`grpc` is not a scheme", "h2c"),
        (&service("server.url"), "a:80", "it lacks a scheme", "http://10.0.0.2:8080"),
        (&service("passhostheader"), "no", "`no`, which is not a boolean", "write false"),
        (&service("strategy"), "rr", "`rr` is not a strategy", "leasttime"),
        (&service("healthcheck.interval"), "10 s", "`10 s`, which is not a duration", "10s"),
        (&service("healthcheck"), "true", "cannot stand alone", "healthCheck.path=…"),
        (&service("healthcheck.path"), "http://a/b", "`http://a/b` is a URL", "hostname, port"),
        (&service("healthcheck.path"), "//a/b", "is a URL", ""),
        (&service("healthcheck.path"), "/a b", "`/a b` is not a path", "/health"),
        (&service("healthcheck.mode"), "tcp", "`tcp` is not a mode", "http or grpc"),
        (&service("healthcheck.scheme"), "tcp", "`tcp` is not a scheme", "h2c"),
        (&service("healthcheck.port"), "70000", "`70000` is not a port", "65535"),
        (&service("healthcheck.status"), "20", "`20` is not a status", "200"),
        (&service("healthcheck.method"), "G T", "`G T` is not a method", "GET"),
        (&service("healthcheck.hostname"), "a\nb", "cannot be the name of a host", "example.com"),
        (&service("healthcheck.headers.x y"), "a", "`x y` cannot be sent", "letters"),
        (&service("healthcheck.intervall"), "1s", "not an option", "healthCheck.interval?"),
        (&service("passivehealthcheck.maxfailures"), "1", "not an option", ""),
        ("traefik.http.services.web.weighted.services[0].name", "a", "cannot be declared by label", "loadBalancer"),
    ];
    for (key, value, message, suggestion) in rows {
        let (labels, diagnostics) = read(&[(key, value)]);
        let diagnostic = diagnostics
            .iter()
            .find(|told| told.severity == Severity::Error && told.message.contains(message))
            .unwrap_or_else(|| panic!("{key}={value}: {diagnostics:#?}"));
        assert_eq!(diagnostic.container.as_deref(), Some("shop-web-1"));
        assert_eq!(diagnostic.label.as_deref(), Some(*key));
        assert!(
            diagnostic.suggestion.contains(suggestion),
            "{key}: {}",
            diagnostic.suggestion
        );
        let object = diagnostic.object.clone().unwrap();
        assert!(labels.rejected[&object].contains(key), "{labels:?}");
        assert!(
            labels.routers.is_empty() && labels.services.is_empty(),
            "{key}: {labels:?}"
        );
        assert!(labels.has_routers() || labels.has_services());
    }
}

#[test]
fn a_router_switches_what_is_told_about_its_requests() {
    let (labels, _) = read(&[
        ("traefik.http.routers.web.observability.accesslogs", "false"),
        ("traefik.http.routers.web.observability.metrics", "true"),
        (
            "traefik.http.routers.web.observability.traceVerbosity",
            "detailed",
        ),
    ]);
    let expected = Observability {
        access_logs: Some(false),
        metrics: Some(true),
        tracing: None,
        trace_verbosity: Some(TraceVerbosity::Detailed),
    };
    assert_eq!(labels.routers["web"].observability, expected);
}

#[test]
fn an_option_without_effect_is_told_and_the_object_lives() {
    #[rustfmt::skip]
    let rows: &[(&str, &str, &str)] = &[
        (&router("entrypoints[0]"), "web", "takes no index: the label is ignored"),
        (&service("healthcheck.interval"), "0", "`0` is no time to wait: 30s is used"),
        (&service("passivehealthcheck.maxfailedattempts"), "2000", "more than 1000 failures"),
        (&service("sticky.cookie.samesite"), "all", "the cookie goes without"),
        (&service("server.preservepath"), "true", "without loadBalancer.server.url"),
    ];
    for (key, value, message) in rows {
        let (labels, diagnostic) = one(&[(key, value)]);
        assert_eq!(diagnostic.severity, Severity::Warning);
        assert!(diagnostic.message.contains(message), "{diagnostic:?}");
        assert!(!diagnostic.suggestion.is_empty());
        assert_eq!(
            labels.routers.len() + labels.services.len(),
            1,
            "{key}: {labels:?}"
        );
        assert!(labels.rejected.is_empty());
    }
}

#[test]
fn one_bad_object_leaves_the_others_alone() {
    let (labels, diagnostic) = one(&[
        ("traefik.http.routers.bad.rulee", "Host(`a`)"),
        ("traefik.http.routers.good.rule", "Host(`b`)"),
        ("traefik.http.services.s.loadbalancer.server.port", "80"),
    ]);
    assert_eq!(diagnostic.object, Some(ObjectId::router("bad")));
    assert!(labels.routers.contains_key("good") && labels.services.contains_key("s"));
    assert!(labels.rejected.contains_key(&ObjectId::router("bad")));
}

#[test]
fn keys_outside_the_known_sections_are_warned_of() {
    #[rustfmt::skip]
    let rows = [
        ("traefik.port", "80", "Traefik v1", "loadBalancer.server.port"),
        ("traefik.frontend.rule", "Host:a", "Traefik v1", "routers.<name>.rule"),
        ("traefik.backend", "a", "Traefik v1", "server.port"),
        ("traefik.log.level", "INFO", "static option", "--log.level=INFO"),
        ("traefik.htpp.routers.a.rule", "x", "unknown", "traefik.http.routers.a.rule?"),
        ("traefik.wrong.label", "42", "unknown", "labels start with"),
        ("traefik.http.entrypoints.web.address", ":80", "static option", "--entrypoints.web.address"),
        ("traefik.http.entirely.other", "1", "unknown", "routers, services"),
        ("traefik.http.serverstransports.t.x", "1", "cannot be declared", "--providers.file"),
        ("traefik.tls.options.o.minversion", "x", "TLS", "remove"),
        ("traefik.swarm.network", "x", "Swarm", "traefik.docker.network"),
        ("traefik.docker.netwrok", "x", "unknown", "traefik.docker.network?"),
        ("traefik.docker.allownonrunning", "yes", "not a boolean", "write true"),
        ("traefik.tcp.router.a.rule", "x", "unknown", "traefik.tcp.routers?"),
    ];
    for (key, value, message, suggestion) in rows {
        let (labels, diagnostic) = one(&[(key, value)]);
        assert_eq!(diagnostic.severity, Severity::Warning, "{key}");
        assert_eq!(diagnostic.label.as_deref(), Some(key));
        assert!(diagnostic.message.contains(message), "{diagnostic:?}");
        assert!(diagnostic.suggestion.contains(suggestion), "{diagnostic:?}");
        assert!(labels.rejected.is_empty(), "{key}");
    }
}

#[test]
fn tcp_and_udp_are_known_and_told_of_once_per_object() {
    let (labels, diagnostic) = one(&[
        ("traefik.tcp.routers.db.rule", "HostSNI(`*`)"),
        ("traefik.tcp.routers.DB.tls", "true"),
    ]);
    assert_eq!(diagnostic.severity, Severity::Error);
    assert!(
        diagnostic.message.contains("TCP router DB is not served"),
        "{diagnostic:?}"
    );
    assert!(labels.non_http && !labels.wants_http());
    let (labels, _) = one(&[("traefik.tcp.middlewares.m.inflightconn.amount", "1")]);
    assert!(labels.wants_http());
    let (labels, _) = read(&[
        ("traefik.udp.services.dns.loadbalancer.server.port", "53"),
        ("traefik.http.middlewares.m.addprefix.prefix", "/a"),
    ]);
    assert!(labels.non_http && labels.wants_http());
}

/// Keys near the grammar, where random text never gets.
fn any_label() -> impl Strategy<Value = (String, String)> {
    let part = prop_oneof![
        "(http|tcp|udp|enable|docker|routers|services|middlewares|web|rule|tls|domains|main)",
        "(loadbalancer|server|port|sticky|cookie|headers|customrequestheaders|chain|weighted)",
        "(healthcheck|interval|basicauth|plugin|stripprefixregex|regex|observability)",
        r"[a-zA-Z@\[\]0é]{0,4}",
    ];
    let key = proptest::collection::vec(part, 0..7).prop_map(|parts| parts.join("."));
    let value = prop_oneof![any::<String>(), "(true|false|10s|1|a,b|\\(|\\$1)?"];
    ("(traefik|Traefik|x)", key, value)
        .prop_map(|(root, key, value)| (format!("{root}.{key}"), value))
}

proptest! {
    #[test]
    fn decoding_never_panics(
        labels in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..6),
    ) {
        decode("c", &labels);
    }

    #[test]
    fn an_object_is_either_usable_or_rejected_with_an_error(
        labels in proptest::collection::vec(any_label(), 0..8),
    ) {
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        let (decoded, diagnostics) = decode("c", &labels);
        for id in decoded.rejected.keys() {
            let usable = match id.kind {
                ObjectKind::Router => decoded.routers.contains_key(&id.name),
                ObjectKind::Middleware => decoded.middlewares.contains_key(&id.name),
                ObjectKind::Service => decoded.services.contains_key(&id.name),
                ObjectKind::ServersTransport => false,
            };
            prop_assert!(!usable, "{id}");
            let told = diagnostics.iter().any(|diagnostic| {
                diagnostic.object.as_ref() == Some(id) && diagnostic.severity == Severity::Error
            });
            prop_assert!(told, "{id}");
        }
        for diagnostic in diagnostics {
            let label = diagnostic.label.unwrap_or_default();
            prop_assert!(labels.contains_key(&label), "{label}");
            prop_assert!(!diagnostic.message.ends_with('.'), "{}", diagnostic.message);
        }
    }
}
