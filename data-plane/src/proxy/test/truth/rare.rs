//! What chance seldom makes, so that it happens in any case.

use std::net::Ipv4Addr;

use fairway_proto::discovery::v1 as proto;
use proto::middleware::Kind as Middleware;

use super::composition::{Composite, Kind};
use super::middleware::circuit_breaker;
use super::origin::SERVICES;
use super::strategy::{Asked, Routers};
use crate::routing::fixture::path_prefix;

/// One router for everything on the usual entry point, and one request.
pub(super) struct Scene {
    /// All of them are the router's.
    pub(super) middlewares: Vec<Middleware>,
    pub(super) composites: Vec<Composite>,
    service: usize,
    guarded: bool,
    pub(super) request: Asked,
}

impl Scene {
    fn new(service: usize, target: &str) -> Self {
        let target = target.to_owned();
        let client = Ipv4Addr::LOCALHOST;
        Self {
            middlewares: Vec::new(),
            composites: Vec::new(),
            service,
            guarded: false,
            request: ("GET", target, "a.test", Vec::new(), 1, client),
        }
    }

    fn composite(composite: Composite) -> Self {
        Self {
            composites: vec![composite],
            ..Self::new(SERVICES, "/")
        }
    }

    fn with(mut self, middleware: Middleware) -> Self {
        self.middlewares.push(middleware);
        self
    }

    fn line(mut self, name: &'static str, value: &'static str) -> Self {
        self.request.3.push((name, value));
        self
    }

    pub(super) fn routers(&self) -> Routers {
        let chain = (0..self.middlewares.len()).collect();
        let rule = path_prefix("/");
        vec![(rule, 1, vec![1], chain, self.service, self.guarded)]
    }
}

/// Each with a kind of event that it makes.
pub(super) fn scenes() -> [(&'static str, Scene); 8] {
    let failover = |main, fallback| Composite {
        kind: Kind::Failover,
        parts: [main, fallback, 0],
        replaced: Some((400, 499)),
        ..Composite::default()
    };
    let retry = Middleware::Retry(proto::Retry {
        attempts: 2,
        ..proto::Retry::default()
    });
    let nowhere = Middleware::RedirectRegex(proto::RedirectRegex {
        regex: ".*".to_owned(),
        replacement: "http://".to_owned(),
        permanent: false,
    });
    let cors = Middleware::Headers(proto::Headers {
        cors: Some(proto::Cors {
            allow_methods: vec!["PUT".to_owned()],
            allow_origins: vec!["https://o.test".to_owned()],
            ..proto::Cors::default()
        }),
        ..proto::Headers::default()
    });
    let mut preflight = Scene::new(1, "/")
        .with(cors)
        .line("Origin", "https://o.test")
        .line("Access-Control-Request-Method", "PUT");
    preflight.request.0 = "OPTIONS";
    let looping = Scene {
        guarded: true,
        ..Scene::new(1, "/")
    };
    let weighted = Composite {
        parts: [1, 2, 5],
        shares: [1, 1, 1],
        sticky: true,
        ..Composite::default()
    };
    [
        ("bad_redirect", Scene::new(1, "/").with(nowhere)),
        ("fallback", Scene::composite(failover(3, 1))),
        (
            "kept",
            Scene::composite(weighted).line("Cookie", "_way=k-s2"),
        ),
        ("loop_detected", looping.line("X-Traefik-Router", "r0@test")),
        ("preflight", preflight),
        ("replaced", Scene::composite(failover(7, 6))),
        ("replaced", Scene::composite(failover(7, 1))),
        (
            "retry, circuit_open",
            Scene::new(3, "/").with(retry).with(circuit_breaker()),
        ),
    ]
}
