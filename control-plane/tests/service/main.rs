//! Services of every kind, from what providers declare to what proxies get.

mod part;

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_control::compile::{Compiled, Input, Outcome, compile};
use fairway_control::config::{
    EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions,
};
use fairway_control::middleware::{AddPrefix, Chain, Errors};
use fairway_control::model::{
    Cookie, Declared, DynamicConfig, Failover, FailoverErrors, HighestRandomWeight, LoadBalancer,
    Middleware, Mirror, Mirroring, ProviderState, Router, SameSite, Scheme, Server,
    ServersTransport, Service, Strategy, Weighted, WeightedService,
};
use fairway_proto::discovery::v1 as wire;
use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::service::Parts;

fn declared<T>(value: T) -> Declared<T> {
    Declared {
        value,
        containers: vec!["services.yml".into()],
    }
}

fn server(address: &str) -> Server {
    Server {
        id: address.into(),
        scheme: Scheme::Http,
        address: address.into(),
        weight: 1,
        container: "web-1".into(),
        written_url: None,
        base_path: String::new(),
    }
}

fn servers(address: &str) -> Service {
    Service::LoadBalancer(LoadBalancer {
        servers: vec![server(address)],
        ..LoadBalancer::default()
    })
}

fn weighted(services: &[(&str, u32)]) -> Service {
    Service::Weighted(Weighted {
        services: shares(services),
        ..Weighted::default()
    })
}

fn shares(services: &[(&str, u32)]) -> Vec<WeightedService> {
    let services = services.iter().map(|(name, weight)| WeightedService {
        name: (*name).into(),
        weight: *weight,
    });
    services.collect()
}

fn failover(service: &str, fallback: &str) -> Service {
    Service::Failover(Failover {
        service: service.into(),
        fallback: fallback.into(),
        ..Failover::default()
    })
}

/// A file with these services and a router to `top`; Docker has a service `web`.
fn compiled(services: &[(&str, Service)]) -> Compiled {
    let mut file = DynamicConfig::default();
    for (name, service) in services {
        file.services
            .insert((*name).into(), declared(service.clone()));
    }
    file.routers.insert("r".into(), declared(router("top")));
    compile_file(file)
}

fn router(service: &str) -> Router {
    Router {
        rule: "Host(`a.test`)".into(),
        rule_generated: false,
        rule_syntax: Default::default(),
        entry_points: Vec::new(),
        middlewares: Vec::new(),
        service: service.into(),
        priority: 0,
        observability: Default::default(),
    }
}

/// This file; Docker has a service `web`.
fn compile_file(file: DynamicConfig) -> Compiled {
    let mut docker = DynamicConfig::default();
    docker
        .services
        .insert("web".into(), declared(servers("10.0.0.2:80")));
    let states = [("file", file), ("docker", docker)].map(|(name, config)| {
        let state = ProviderState {
            config,
            ..ProviderState::default()
        };
        (name.to_owned(), Arc::new(state))
    });
    let web = EntryPointOptions {
        address: ":80".into(),
        ..Default::default()
    };
    compile(Input {
        entry_points: &BTreeMap::from([("web".to_owned(), web)]),
        closed_entry_points: &BTreeMap::new(),
        internal_services: InternalServices {
            api: true,
            ping: false,
            prometheus: true,
        },
        metrics: &MetricsOptions::default(),
        servers_transport: &ServersTransport::default(),
        observability: &ObservabilityOptions::default(),
        providers: &states.into(),
        files: &BTreeMap::new(),
        nonce_key: &[0; 32],
    })
}

fn sent(compiled: &Compiled, name: &str) -> wire::Service {
    let found = compiled
        .resources
        .iter()
        .find_map(|resource| match &resource.spec {
            Some(Spec::Service(service)) if resource.id.as_ref()?.name == name => Some(service),
            _ => None,
        });
    let Some(service) = found else {
        panic!("{name} is not sent");
    };
    service.clone()
}

fn findings(compiled: &Compiled) -> Vec<(&str, &str, &str)> {
    let told = compiled.diagnostics.iter().map(|it| &it.diagnostic);
    told.map(|it| {
        let object = it.object.as_ref().map_or("", |it| it.name.as_str());
        (object, it.message.as_str(), it.suggestion.as_str())
    })
    .collect()
}

#[test]
fn references_are_resolved_within_the_provider_and_beyond() {
    let mut mixed = weighted(&[("plain", 3), ("web@docker", 1), ("api@internal", 0)]);
    if let Service::Weighted(mixed) = &mut mixed {
        mixed.sticky = Some(Cookie::default());
    }
    let compiled = compiled(&[("top", mixed), ("plain", servers("10.0.0.3:80"))]);
    assert_eq!(findings(&compiled), []);
    let top = sent(&compiled, "top@file");
    // printf NAME | sha256sum
    let part = |service: &str, weight, name: &str, cookie: &str| wire::WeightedService {
        service: service.into(),
        weight,
        name: name.into(),
        cookie: cookie.into(),
    };
    let services = vec![
        part("plain@file", 3, "plain", "a116c9ed46d62077"),
        part("web@docker", 1, "web@docker", "81ab8b951a4be579"),
        part("api@internal", 0, "api@internal", "fd9ec2edb6bb4a7b"),
    ];
    let weighted = wire::WeightedServices { services };
    assert_eq!(top.parts, Some(Parts::Weighted(weighted)));
    let cookie = top.sticky.expect("a cookie");
    // printf _TRAEFIK_BACKEND_top@file | sha1sum
    assert_eq!((&*cookie.name, &*cookie.path), ("_ebabe", "/"));
    let api = sent(&compiled, "api@internal");
    assert_eq!(api.internal(), wire::Internal::Api);
    for service in ["top@file", "plain@file", "web@docker"] {
        let users: Vec<_> = compiled.services[service].used_by.iter().collect();
        assert_eq!(users, ["r@file"], "{service}");
    }
}

#[test]
fn every_kind_is_sent_with_all_its_options() {
    let mirrors = [("a", 10), ("web@docker", 100)].map(|(name, percent)| Mirror {
        name: name.into(),
        percent,
    });
    let errors = FailoverErrors {
        status: vec![(500, 599), (404, 404)],
        max_request_body_bytes: Some(1000),
    };
    let compiled = compiled(&[
        (
            "top",
            Service::Mirroring(Mirroring {
                service: "f".into(),
                mirrors: mirrors.into(),
                mirror_body: true,
                max_body_size: Some(64),
                ..Mirroring::default()
            }),
        ),
        (
            "f",
            Service::Failover(Failover {
                service: "h".into(),
                fallback: "a".into(),
                errors: Some(errors),
                health_check: true,
                ..Failover::default()
            }),
        ),
        (
            "h",
            Service::HighestRandomWeight(HighestRandomWeight {
                services: shares(&[("a", 2)]),
                ..HighestRandomWeight::default()
            }),
        ),
        ("a", servers("10.0.0.3:80")),
    ]);
    assert_eq!(findings(&compiled), []);
    let mirror = |service: &str, percent| wire::Mirror {
        service: service.into(),
        percent,
    };
    let mirroring = wire::Mirroring {
        service: "f@file".into(),
        mirrors: vec![mirror("a@file", 10), mirror("web@docker", 100)],
        mirror_body: true,
        max_body_size: Some(64),
    };
    let top = sent(&compiled, "top@file").parts;
    assert_eq!(top, Some(Parts::Mirroring(mirroring)));
    let range = |first, last| wire::StatusRange { first, last };
    let failover = wire::Failover {
        service: "h@file".into(),
        fallback: "a@file".into(),
        statuses: vec![range(500, 599), range(404, 404)],
        max_request_body_bytes: Some(1000),
    };
    let f = sent(&compiled, "f@file").parts;
    assert_eq!(f, Some(Parts::Failover(failover)));
    let Some(Parts::HighestRandomWeight(h)) = sent(&compiled, "h@file").parts else {
        panic!("another kind");
    };
    assert_eq!(h.services[0].service, "a@file");
}

#[test]
fn a_reference_that_leads_nowhere_rejects_its_service_alone() {
    let compiled = compiled(&[
        ("top", weighted(&[("a", 1), ("broken", 1)])),
        ("broken", weighted(&[("weB@docker", 1)])),
        ("off", failover("a", "ping@internal")),
        ("a", servers("10.0.0.3:80")),
    ]);
    let expected = [
        (
            "broken@file",
            "service weB@docker does not exist",
            "did you mean web@docker?",
        ),
        (
            "off@file",
            "service ping@internal is off, as the ping is not enabled",
            "start the control plane with --ping=true",
        ),
    ];
    assert_eq!(findings(&compiled), expected);
    let broken = sent(&compiled, "broken@file");
    assert_eq!((broken.servers.len(), broken.parts), (0, None));
    assert_eq!(
        broken.unavailable_reason,
        "service weB@docker does not exist"
    );
    let outcome = |name: &str| compiled.services[name].outcome;
    assert_eq!(outcome("broken@file"), Outcome::Rejected);
    assert_eq!(outcome("top@file"), Outcome::Degraded);
    assert_eq!(
        compiled.services["top@file"].errors,
        ["service broken@file: service weB@docker does not exist"]
    );
    assert_eq!(compiled.routers["r@file"].outcome, Outcome::Degraded);
    assert_eq!(outcome("a@file"), Outcome::Routed);
}

#[test]
fn services_in_a_circle_are_rejected_with_the_way_round() {
    let compiled = compiled(&[
        ("top", weighted(&[("a", 1), ("fine", 1)])),
        ("a", failover("b", "fine")),
        ("b", weighted(&[("c", 1)])),
        ("c", weighted(&[("a", 1)])),
        ("self", weighted(&[("self", 1)])),
        ("fine", servers("10.0.0.3:80")),
    ]);
    let told: Vec<_> = findings(&compiled).iter().map(|it| it.1).collect();
    let expected = [
        "service a@file contains itself: a@file -> b@file -> c@file -> a@file",
        "service b@file contains itself: b@file -> c@file -> a@file -> b@file",
        "service c@file contains itself: c@file -> a@file -> b@file -> c@file",
        "service self@file contains itself: self@file -> self@file",
    ];
    assert_eq!(told, expected);
    assert!(sent(&compiled, "top@file").parts.is_some(), "fine is left");
    assert_eq!(compiled.services["top@file"].outcome, Outcome::Degraded);
}

#[test]
fn services_are_nested_only_so_deep() {
    let name = |level: usize| match level {
        0 => "top".to_owned(),
        level => format!("s{level:02}"),
    };
    let chain = |levels: usize| -> Vec<(String, Service)> {
        let inner = (0..levels).map(|level| (name(level), weighted(&[(&name(level + 1), 1)])));
        let all = inner.chain([(name(levels), servers("10.0.0.3:80"))]);
        all.collect()
    };
    let told = |levels: usize| {
        let services = chain(levels);
        let services = services
            .iter()
            .map(|(name, it)| (name.as_str(), it.clone()));
        let compiled = compiled(&services.collect::<Vec<_>>());
        let told = compiled.diagnostics.iter();
        Vec::from_iter(told.map(|it| it.diagnostic.message.clone()))
    };
    assert_eq!(told(15), Vec::<String>::new());
    let deep = "service top@file has more than 16 levels of services in it";
    assert_eq!(told(16), [deep]);
}

#[test]
fn the_options_of_a_balancer_travel() {
    let written = Server {
        written_url: Some("http://10.0.0.3/base/".into()),
        base_path: "/base".into(),
        ..server("10.0.0.3:80")
    };
    let cookie = Cookie {
        name: Some("my cookie".into()),
        secure: true,
        http_only: true,
        same_site: Some(SameSite::Lax),
        max_age: 60,
        path: Some("/app".into()),
        domain: ".a.test".into(),
    };
    let balancer = LoadBalancer {
        servers: vec![server("10.0.0.2:80"), written],
        strategy: Strategy::P2c,
        sticky: Some(cookie),
        ..LoadBalancer::default()
    };
    let by_client = LoadBalancer {
        strategy: Strategy::Hrw,
        ..balancer.clone()
    };
    let compiled = compiled(&[("top", balancer.into()), ("hrw", by_client.into())]);
    let top = sent(&compiled, "top@file");
    assert_eq!(top.strategy(), wire::Strategy::P2c);
    let expected = wire::StickyCookie {
        name: "my_cookie".into(),
        secure: true,
        http_only: true,
        same_site: "Lax".into(),
        max_age: 60,
        path: "/app".into(),
        domain: "a.test".into(),
    };
    assert_eq!(top.sticky, Some(expected));
    let of = |server: &wire::Server| {
        let wire::Server {
            url,
            base_path,
            cookie,
            ..
        } = server.clone();
        (url, base_path, cookie)
    };
    let own = |text: &str| text.to_owned();
    // printf URL | sha256sum
    assert_eq!(
        of(&top.servers[0]),
        (own(""), own(""), own("e0c6f0ca44f87f06"))
    );
    let written = (
        own("http://10.0.0.3/base/"),
        own("/base"),
        own("bf10e422a4f53995"),
    );
    assert_eq!(of(&top.servers[1]), written);
    let hrw = sent(&compiled, "hrw@file");
    assert_eq!((hrw.sticky, &*hrw.servers[0].cookie), (None, ""));
}
