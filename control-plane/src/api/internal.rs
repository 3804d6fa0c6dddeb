//! The control plane's own routers and services, listed beside those of users.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::{Object, Outcome, Router};
use crate::config::API_ENTRY_POINT;
use crate::model::Service;

/// Provider of all of them.
const PROVIDER: &str = "internal";

/// What the process serves itself, by qualified name.
#[derive(Debug, Default)]
pub(super) struct Internal {
    pub(super) routers: BTreeMap<String, Object<Router>>,
    /// Without a value: they have no servers.
    pub(super) services: BTreeMap<String, Object<Service>>,
}

impl Internal {
    /// What there is with these switched on.
    pub(super) fn new(api: bool, ping: bool) -> Self {
        let mut internal = Self::default();
        if api {
            internal.add("api", "/api", i64::MAX - 1);
        }
        if ping {
            internal.add("ping", "/ping", i64::MAX);
        }
        internal
    }

    fn add(&mut self, name: &str, path: &str, priority: i64) {
        let name = format!("{name}@{PROVIDER}");
        let router = Router {
            rule: format!("PathPrefix(`{path}`)"),
            rule_generated: false,
            entry_points: vec![API_ENTRY_POINT.to_owned()],
            middlewares: Vec::new(),
            service: name.clone(),
            priority,
        };
        self.services
            .insert(name.clone(), object(None, Some(&name)));
        self.routers.insert(name, object(Some(router), None));
    }
}

fn object<T>(value: Option<T>, used_by: Option<&String>) -> Object<T> {
    Object {
        provider: PROVIDER.to_owned(),
        containers: Vec::new(),
        value,
        outcome: Outcome::Routed,
        errors: Vec::new(),
        used_by: used_by.into_iter().cloned().collect::<BTreeSet<_>>(),
    }
}
