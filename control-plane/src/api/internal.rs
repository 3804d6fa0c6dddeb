//! The control plane's own routers and services, listed beside those of users.

use std::collections::BTreeMap;

use crate::compile::internal::{self, PROVIDER};
use crate::compile::{Object, Router};
use crate::config::{API_ENTRY_POINT, InternalServices};
use crate::model::Service;

/// What the process serves itself, by qualified name.
#[derive(Debug, Default)]
pub(super) struct Internal {
    pub(super) routers: BTreeMap<String, Object<Router>>,
    /// Without a value: they have no servers.
    pub(super) services: BTreeMap<String, Object<Service>>,
}

/// Paths that are open on [`API_ENTRY_POINT`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) api: bool,
    pub(super) ping: bool,
    pub(super) metrics: bool,
}

impl Internal {
    /// What there is with these services, and with these paths.
    pub(super) fn new(services: InternalServices, open: Open) -> Self {
        let services = services.names();
        let services = services.map(|name| (format!("{name}@{PROVIDER}"), internal::object()));
        let mut internal = Self {
            routers: BTreeMap::new(),
            services: services.collect(),
        };
        if open.api {
            internal.open("api", "/api", i64::MAX - 1);
        }
        if open.ping {
            internal.open("ping", "/ping", i64::MAX);
        }
        if open.metrics {
            internal.open("prometheus", "/metrics", i64::MAX);
        }
        internal
    }

    fn open(&mut self, name: &str, path: &str, priority: i64) {
        let name = format!("{name}@{PROVIDER}");
        let router = Router {
            rule: format!("PathPrefix(`{path}`)"),
            rule_generated: false,
            rule_syntax: crate::rule::RuleSyntax::V3,
            entry_points: vec![API_ENTRY_POINT.to_owned()],
            middlewares: Vec::new(),
            service: name.clone(),
            priority,
            observability: crate::model::Observability::default(),
        };
        if let Some(service) = self.services.get_mut(&name) {
            service.used_by.insert(name.clone());
        }
        let object = Object {
            provider: PROVIDER.to_owned(),
            containers: Vec::new(),
            value: Some(router),
            outcome: crate::compile::Outcome::Routed,
            errors: Vec::new(),
            used_by: std::collections::BTreeSet::new(),
        };
        self.routers.insert(name, object);
    }
}
