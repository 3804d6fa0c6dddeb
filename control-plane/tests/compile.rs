//! From declared objects to what proxies get: what is resolved, what is rejected,
//! and what is said about it.

#[path = "compile/entry_point.rs"]
mod entry_point;
#[path = "compile/middleware.rs"]
mod middleware;

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_control::compile::{Compiled, Input, Outcome, compile};
use fairway_control::config::{
    EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions,
};
use fairway_control::middleware::{AddPrefix, BasicAuth, Chain, Errors, Users};
use fairway_control::model::{
    Declared, DynamicConfig, LoadBalancer, Middleware, ObjectId, ProviderState, Router, Scheme,
    Server, ServersTransport, Service,
};
use fairway_control::rule::RuleSyntax;
use fairway_proto::discovery::v1 as wire;
use fairway_proto::discovery::v1::resource::Spec;

fn declared<T>(value: T) -> Declared<T> {
    Declared {
        value,
        containers: vec!["web-1".into()],
    }
}

fn router(rule: &str, middlewares: &[&str], service: &str) -> Declared<Router> {
    declared(Router {
        rule: rule.into(),
        rule_generated: false,
        rule_syntax: RuleSyntax::V3,
        entry_points: Vec::new(),
        middlewares: middlewares.iter().map(ToString::to_string).collect(),
        service: service.into(),
        priority: 0,
        observability: Default::default(),
    })
}

fn service() -> Declared<Service> {
    let server = Server {
        id: "id".into(),
        scheme: Scheme::Http,
        address: "10.0.0.2:80".into(),
        weight: 1,
        container: "web-1".into(),
        written_url: None,
        base_path: String::new(),
    };
    let servers = vec![server];
    declared(Service::LoadBalancer(LoadBalancer {
        servers,
        ..LoadBalancer::default()
    }))
}

fn chain(parts: &[&str]) -> Declared<Middleware> {
    let middlewares = parts.iter().map(ToString::to_string).collect();
    declared(Middleware::Chain(Chain { middlewares }))
}

fn prefix(prefix: &str) -> Declared<Middleware> {
    declared(Middleware::AddPrefix(AddPrefix {
        prefix: prefix.into(),
    }))
}

/// A configuration with one service `web`, changed by `change`.
fn docker(change: impl FnOnce(&mut DynamicConfig)) -> DynamicConfig {
    let mut config = DynamicConfig::default();
    config.services.insert("web".into(), service());
    change(&mut config);
    config
}

fn compiled(providers: Vec<(&str, DynamicConfig)>) -> Compiled {
    let entry_points: BTreeMap<_, _> = [("web", ":80"), ("traefik", ":8080")]
        .map(|(name, address)| {
            let options = EntryPointOptions {
                address: address.into(),
                ..Default::default()
            };
            (name.to_owned(), options)
        })
        .into();
    let states = providers.into_iter().map(|(name, config)| {
        (
            name.to_owned(),
            Arc::new(ProviderState {
                config,
                ..ProviderState::default()
            }),
        )
    });
    compile(Input {
        entry_points: &entry_points,
        closed_entry_points: &BTreeMap::from([("websecure".into(), "TLS is not there".into())]),
        internal_services: InternalServices {
            api: true,
            ping: false,
            prometheus: true,
        },
        metrics: &MetricsOptions::default(),
        servers_transport: &ServersTransport::default(),
        observability: &ObservabilityOptions::default(),
        providers: &states.collect(),
        nonce_key: &[7; 32],
        files: &BTreeMap::from([
            (
                ("docker".into(), "/users".into()),
                Ok(Some("ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n".into())),
            ),
            (
                ("docker".into(), "/gone".into()),
                Err("No such file".into()),
            ),
            (("docker".into(), "/odd".into()), Ok(Some("secret".into()))),
        ]),
    })
}

fn sent_router(compiled: &Compiled, name: &str) -> Option<wire::Router> {
    compiled
        .resources
        .iter()
        .find_map(|resource| match &resource.spec {
            Some(Spec::Router(router)) if resource.id.as_ref()?.name == name => {
                Some(router.clone())
            }
            _ => None,
        })
}

/// The only finding: its label and its two sentences.
fn finding(compiled: &Compiled) -> (&str, &str, &str) {
    let [finding] = &compiled.diagnostics[..] else {
        panic!("{:#?}", compiled.diagnostics)
    };
    let diagnostic = &finding.diagnostic;
    assert_eq!(diagnostic.container.as_deref(), Some("web-1"));
    (
        diagnostic.label.as_deref().unwrap_or(""),
        &diagnostic.message,
        &diagnostic.suggestion,
    )
}

#[test]
fn a_router_gets_default_entry_points_its_priority_and_qualified_names() {
    let config = docker(|config| {
        config.middlewares.insert("p".into(), prefix("/p"));
        config
            .routers
            .insert("r".into(), router("Host(`a.test`)", &["p"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    let sent = sent_router(&compiled, "r@docker").expect("the router is sent");
    assert_eq!(
        sent.entry_points,
        ["web"],
        "the control plane's own is not a default"
    );
    assert_eq!(sent.priority, 14);
    assert_eq!(
        (sent.middlewares, sent.service),
        (vec!["p@docker".into()], "web@docker".into())
    );
    assert_eq!(sent.loop_guard, "");
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Routed);
    let user = "r@docker".to_owned();
    assert!(compiled.services["web@docker"].used_by.contains(&user));
    assert!(compiled.middlewares["p@docker"].used_by.contains(&user));
    assert!(compiled.diagnostics.is_empty());
}

#[test]
fn a_router_with_a_generated_rule_has_a_loop_guard() {
    let config = docker(|config| {
        let mut router = router("Host(`a.test`)", &[], "web");
        router.value.rule_generated = true;
        config.routers.insert("r".into(), router);
    });
    let sent = sent_router(&compiled(vec![("docker", config)]), "r@docker");
    let guard = sent.expect("the router is sent").loop_guard;
    assert!(
        !guard.is_empty() && guard.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{guard}"
    );
}

#[test]
fn a_rejected_service_keeps_its_routers_which_answer_503_with_the_reason() {
    let config = docker(|config| {
        config
            .rejected
            .insert(ObjectId::service("api"), declared("no port".into()));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &[], "api"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "r@docker").is_some());
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Degraded);
    let reason = compiled
        .resources
        .iter()
        .find_map(|resource| match &resource.spec {
            Some(Spec::Service(service)) if service.servers.is_empty() => {
                Some(service.unavailable_reason.as_str())
            }
            _ => None,
        });
    assert_eq!(reason, Some("no port"));
}

#[test]
fn a_service_that_does_not_exist_rejects_the_router() {
    let config = docker(|config| {
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &[], "wep"));
    });
    let compiled = compiled(vec![("docker", config)]);
    let (_, message, suggestion) = finding(&compiled);
    assert_eq!(message, "service wep@docker does not exist");
    assert_eq!(suggestion, "did you mean web@docker?");
}

#[test]
fn an_internal_service_is_sent_once_if_a_router_uses_it() {
    let config = docker(|config| {
        for (name, service) in [("a", "api"), ("b", "api"), ("n", "noop"), ("p", "ping")] {
            let rule = format!("Path(`/{name}`)");
            let router = router(&rule, &[], &format!("{service}@internal"));
            config.routers.insert(name.into(), router);
        }
    });
    let compiled = compiled(vec![("docker", config)]);
    let sent = compiled.resources.iter().filter_map(|resource| {
        let name = resource.id.as_ref()?.name.strip_suffix("@internal")?;
        match &resource.spec {
            Some(Spec::Service(service)) => Some((name, service.internal())),
            _ => None,
        }
    });
    let expected = [("api", wire::Internal::Api), ("noop", wire::Internal::Noop)];
    assert_eq!(Vec::from_iter(sent), expected);
    let users = &compiled.services["api@internal"].used_by;
    assert!(users.iter().eq(["a@docker", "b@docker"]), "{users:?}");
    let (label, message, suggestion) = finding(&compiled);
    assert_eq!(label, "traefik.http.routers.p.service");
    assert_eq!(
        (message, suggestion),
        (
            "service ping@internal is off, as the ping is not enabled",
            "start the control plane with --ping=true"
        )
    );
    assert_eq!(compiled.routers["p@docker"].outcome, Outcome::Rejected);
}

#[test]
fn a_rule_that_does_not_parse_costs_its_router_alone() {
    let config = docker(|config| {
        config
            .routers
            .insert("bad".into(), router("Host(`a.test`", &[], "web"));
        config
            .routers
            .insert("good".into(), router("Host(`b.test`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "bad@docker").is_none());
    assert!(sent_router(&compiled, "good@docker").is_some());
    let (label, message, _) = finding(&compiled);
    assert_eq!(label, "traefik.http.routers.bad.rule");
    assert!(
        message.starts_with("rule `Host(`a.test`` does not parse: column "),
        "{message}"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let make = || {
        compiled(vec![(
            "docker",
            docker(|config| {
                for name in ["b", "a", "c"] {
                    let rule = format!("Path(`/{name}`)");
                    config
                        .routers
                        .insert(name.into(), router(&rule, &[], "web"));
                }
            }),
        )])
    };
    assert_eq!(make(), make());
}
