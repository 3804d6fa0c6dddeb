//! From declared objects to what proxies get: what is resolved, what is rejected,
//! and what is said about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_control::compile::{Compiled, Finding, Input, Outcome, compile};
use fairway_control::config::{
    EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions,
};
use fairway_control::middleware::{AddPrefix, BasicAuth, Chain, Errors, Users};
use fairway_control::model::{
    Declared, DynamicConfig, Failover, LoadBalancer, Middleware, ObjectId, ProviderState, Router,
    Scheme, Server, ServersTransport, Service,
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
fn users_come_from_a_file_or_the_middleware_is_rejected() {
    let auth = |users_file: &str| {
        declared(Middleware::BasicAuth(BasicAuth {
            users: Users::default(),
            users_file: users_file.into(),
            realm: String::new(),
            remove_header: false,
            header_field: String::new(),
        }))
    };
    let with_file = |path: &str| {
        compiled(vec![(
            "docker",
            docker(|config| {
                config.middlewares.insert("auth".into(), auth(path));
                config
                    .routers
                    .insert("r".into(), router("Path(`/`)", &["auth"], "web"));
            }),
        )])
    };
    let good = with_file("/users");
    let sent = good
        .resources
        .iter()
        .find_map(|resource| match &resource.spec {
            Some(Spec::Middleware(middleware)) => middleware.kind.clone(),
            _ => None,
        });
    let Some(wire::middleware::Kind::BasicAuth(sent)) = sent else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (sent.users[0].name.as_str(), sent.realm.as_str()),
        ("ada", "traefik")
    );
    assert!(sent_router(&good, "r@docker").is_some());

    for (path, why) in [
        ("/gone", "No such file"),
        ("/odd", "line 1 is not `name:hash`"),
        ("/new", "it was not read"),
    ] {
        let bad = with_file(path);
        assert!(
            sent_router(&bad, "r@docker").is_none(),
            "served without its middleware"
        );
        assert_eq!(bad.middlewares["auth@docker"].outcome, Outcome::Rejected);
        let told = &bad.middlewares["auth@docker"].errors;
        assert!(told[0].contains(path) && told[0].contains(why), "{told:?}");
        assert!(!format!("{:?}", bad.diagnostics).contains("secret"));
    }
}

#[test]
fn chains_are_flattened_across_providers_and_do_not_travel() {
    let file = DynamicConfig {
        middlewares: BTreeMap::from([
            ("both".into(), chain(&["inner", "a@docker"])),
            ("inner".into(), prefix("/inner")),
        ]),
        ..DynamicConfig::default()
    };
    let config = docker(|config| {
        config.middlewares.insert("a".into(), prefix("/a"));
        config
            .middlewares
            .insert("outer".into(), chain(&["a", "both@file"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["outer"], "web"));
    });
    let compiled = compiled(vec![("docker", config), ("file", file)]);
    let sent = sent_router(&compiled, "r@docker").expect("the router is sent");
    assert_eq!(sent.middlewares, ["a@docker", "inner@file", "a@docker"]);
    let middlewares = compiled
        .resources
        .iter()
        .filter(|r| matches!(r.spec, Some(Spec::Middleware(_))));
    assert_eq!(middlewares.count(), 2);
}

#[test]
fn a_chain_that_contains_itself_rejects_its_routers() {
    let config = docker(|config| {
        config.middlewares.insert("a".into(), chain(&["b"]));
        config.middlewares.insert("b".into(), chain(&["a"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["a"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "r@docker").is_none());
    assert_eq!(
        finding(&compiled),
        (
            "traefik.http.routers.r.middlewares",
            "middleware a@docker contains itself: a@docker -> b@docker -> a@docker",
            "take one of them out of its chain",
        )
    );
}

#[test]
fn a_misspelt_middleware_rejects_the_router_and_is_named() {
    let config = docker(|config| {
        config
            .middlewares
            .insert("replacepath".into(), prefix("/p"));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["replacpath"], "web"));
        config
            .routers
            .insert("other".into(), router("Path(`/x`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(
        sent_router(&compiled, "r@docker").is_none(),
        "never served without its middleware"
    );
    assert!(
        sent_router(&compiled, "other@docker").is_some(),
        "the other router lives"
    );
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Rejected);
    assert_eq!(
        finding(&compiled),
        (
            "traefik.http.routers.r.middlewares",
            "middleware replacpath@docker does not exist",
            "did you mean replacepath@docker?",
        )
    );
}

#[test]
fn a_rejected_middleware_rejects_the_router() {
    let config = docker(|config| {
        config.rejected.insert(
            ObjectId::middleware("auth"),
            declared("not available".into()),
        );
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["auth"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "r@docker").is_none());
    assert_eq!(finding(&compiled).1, "middleware auth@docker is rejected");
    assert_eq!(
        compiled.middlewares["auth@docker"].outcome,
        Outcome::Rejected
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
fn entry_points_that_do_not_exist_are_named_with_what_would_work() {
    let wanting = |wanted: &[&str]| {
        docker(|config| {
            let mut router = router("Path(`/`)", &[], "web");
            router.value.entry_points = wanted.iter().map(ToString::to_string).collect();
            config.routers.insert("r".into(), router);
        })
    };
    let label = "traefik.http.routers.r.entrypoints";
    let none = compiled(vec![("docker", wanting(&["http"]))]);
    assert!(sent_router(&none, "r@docker").is_none());
    assert_eq!(
        finding(&none),
        (
            label,
            "none of the router's entry points exists: http",
            "use web, or start the control plane with --entrypoints.http.address=:PORT",
        )
    );
    let some = compiled(vec![("docker", wanting(&["web", "wob"]))]);
    let sent = sent_router(&some, "r@docker").expect("it works on the other");
    assert_eq!(sent.entry_points, ["web"]);
    assert_eq!(some.routers["r@docker"].outcome, Outcome::Degraded);
    assert_eq!(
        finding(&some),
        (
            label,
            "entry point wob is not there; the router works on web",
            "did you mean web?"
        )
    );
    let closed = compiled(vec![("docker", wanting(&["websecure"]))]);
    assert_eq!(
        finding(&closed),
        (
            label,
            "entry point websecure is closed: TLS is not there",
            "use web"
        )
    );
}

#[test]
fn entry_points_marked_as_default_are_those_of_routers_that_name_none() {
    let options = |as_default| EntryPointOptions {
        address: ":80".into(),
        as_default,
        ..EntryPointOptions::default()
    };
    let sent_to = |entry_points: &[(&str, bool)]| {
        let entry_points = entry_points
            .iter()
            .map(|(name, it)| ((*name).into(), options(*it)));
        let config = docker(|config| {
            config
                .routers
                .insert("r".into(), router("Path(`/`)", &[], "web"));
        });
        let state = ProviderState {
            config,
            ..ProviderState::default()
        };
        let compiled = compile(Input {
            entry_points: &entry_points.collect(),
            closed_entry_points: &BTreeMap::new(),
            internal_services: InternalServices::default(),
            metrics: &MetricsOptions::default(),
            servers_transport: &ServersTransport::default(),
            observability: &ObservabilityOptions::default(),
            providers: &BTreeMap::from([("docker".into(), Arc::new(state))]),
            nonce_key: &[7; 32],
            files: &BTreeMap::new(),
        });
        (
            sent_router(&compiled, "r@docker").map(|sent| sent.entry_points),
            compiled,
        )
    };
    let (both, _) = sent_to(&[("a", false), ("b", false), ("traefik", true)]);
    assert_eq!(both, Some(vec!["a".into(), "b".into()]));
    let (marked, _) = sent_to(&[("a", false), ("b", true), ("traefik", false)]);
    assert_eq!(marked, Some(vec!["b".into()]));
    let (none, compiled) = sent_to(&[("traefik", false)]);
    assert_eq!(none, None);
    assert_eq!(finding(&compiled).1, "no entry point is open");
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
fn error_pages_may_be_of_another_provider_and_have_to_exist() {
    let with = |pages: &str| {
        let errors = Errors {
            status: vec!["500-599".into()],
            status_rewrites: BTreeMap::new(),
            service: pages.into(),
            query: String::new(),
            error_request_headers: None,
        };
        let config = docker(|config| {
            let errors = declared(Middleware::Errors(errors));
            config.middlewares.insert("e".into(), errors);
            let router = router("Path(`/`)", &["e"], "web");
            config.routers.insert("r".into(), router);
        });
        let mut other = DynamicConfig::default();
        other.services.insert("pages".into(), service());
        compiled(vec![("docker", config), ("file", other)])
    };
    for (written, sent) in [("web", "web@docker"), ("pages@file", "pages@file")] {
        let compiled = with(written);
        let found = compiled
            .resources
            .iter()
            .find_map(|resource| match &resource.spec {
                Some(Spec::Middleware(wire::Middleware {
                    kind: Some(wire::middleware::Kind::Errors(errors)),
                })) => Some((errors.service.as_str(), errors.query.as_str())),
                _ => None,
            });
        assert_eq!(found, Some((sent, "/")));
        assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Routed);
    }
    let compiled = with("page@file");
    let label = "traefik.http.middlewares.e.errors.service";
    let mut told = compiled
        .diagnostics
        .iter()
        .map(|finding| &finding.diagnostic);
    let told = told
        .find(|told| told.label.as_deref() == Some(label))
        .unwrap();
    assert_eq!(
        told.message,
        "the service page@file of the error pages does not exist"
    );
    assert_eq!(told.suggestion, "did you mean pages@file?");
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Rejected);
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

/// The service `web` behind these middlewares.
fn behind(middlewares: &[&str]) -> Declared<Service> {
    let mut service = service();
    if let Some(balancer) = service.value.load_balancer_mut() {
        balancer.middlewares = middlewares.iter().map(ToString::to_string).collect();
    }
    service
}

#[test]
fn middlewares_of_a_service_come_after_those_of_its_routers() {
    let config = docker(|config| {
        config.middlewares.insert("r".into(), prefix("/r"));
        config.middlewares.insert("s".into(), prefix("/s"));
        config.middlewares.insert("c".into(), chain(&["s", "r"]));
        config.services.insert("web".into(), behind(&["c"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["r"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    let sent = sent_router(&compiled, "r@docker").expect("the router is sent");
    assert_eq!(sent.middlewares, ["r@docker", "s@docker", "r@docker"]);
    let used_by = &compiled.middlewares["c@docker"].used_by;
    assert!(used_by.contains("r@docker"), "{used_by:?}");
}

#[test]
fn a_service_without_one_of_its_middlewares_is_not_served() {
    let config = docker(|config| {
        config.services.insert("web".into(), behind(&["gone"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert_eq!(sent_router(&compiled, "r@docker"), None);
    let (label, message, _) = finding(&compiled);
    assert_eq!(label, "traefik.http.routers.r.service");
    assert_eq!(message, "middleware gone@docker does not exist");
}

#[test]
fn a_part_of_a_service_cannot_have_middlewares_that_nobody_would_run() {
    let config = docker(|config| {
        config.middlewares.insert("s".into(), prefix("/s"));
        config.services.insert("web".into(), behind(&["s"]));
        let main = Service::Failover(Failover {
            service: "web".into(),
            fallback: "web".into(),
            ..Failover::default()
        });
        config.services.insert("main".into(), declared(main));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &[], "main"));
        config
            .routers
            .insert("direct".into(), router("Path(`/d`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert_eq!(sent_router(&compiled, "r@docker"), None);
    assert!(sent_router(&compiled, "direct@docker").is_some());
    let told = |it: &Finding| {
        it.diagnostic
            .message
            .contains("a part of main@docker, has middlewares")
    };
    assert!(
        compiled.diagnostics.iter().any(told),
        "{:?}",
        compiled.diagnostics
    );
}
