//! Every object there is at one moment, as the API shows it: the compiled ones
//! and the process's own.

use std::collections::{BTreeMap, BTreeSet};

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{ResourceId, ResourceKind, ServerHealth};

use super::internal::Internal;
use super::view::{MiddlewareView, RouterView, ServiceView};
use crate::compile::{Compiled, Object, Router};
use crate::discovery::NodeStatus;
use crate::snapshot::{ResourceKey, Snapshot};

/// One moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalog<'a> {
    pub(super) compiled: &'a Compiled,
    internal: &'a Internal,
    proxies: Proxies<'a>,
}

/// Who serves what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proxies<'a> {
    latest: Option<&'a Snapshot>,
    nodes: &'a [NodeStatus],
}

/// The proxies that have a service as it is now, and its servers.
#[derive(Debug, Default)]
pub(super) struct Serving<'a> {
    nodes: Vec<&'a NodeStatus>,
    service: &'a str,
    servers: BTreeSet<&'a str>,
}

impl<'a> Catalog<'a> {
    pub(super) fn new(
        compiled: &'a Compiled,
        internal: &'a Internal,
        latest: Option<&'a Snapshot>,
        nodes: &'a [NodeStatus],
    ) -> Self {
        Self {
            compiled,
            internal,
            proxies: Proxies { latest, nodes },
        }
    }

    /// Every router, by name.
    pub(super) fn routers(&self) -> Vec<RouterView<'a>> {
        let all = merged(&self.compiled.routers, &self.internal.routers);
        all.map(|(name, object)| RouterView::new(name, object))
            .collect()
    }

    /// Every service, by name.
    pub(super) fn services(&self) -> Vec<ServiceView<'a>> {
        let all = merged(&self.compiled.services, &self.internal.services);
        all.filter_map(|(name, _)| self.service(name)).collect()
    }

    /// The proxies.
    pub(super) fn nodes(&self) -> &'a [NodeStatus] {
        self.proxies.nodes
    }

    /// It serves the latest configuration.
    pub(super) fn is_current(&self, node: &NodeStatus) -> bool {
        let latest = self.proxies.latest;
        latest.is_some_and(|latest| node.serves(latest.version()))
    }

    /// One router.
    pub(super) fn router(&self, name: &str) -> Option<(&'a str, &'a Object<Router>)> {
        let found = self.compiled.routers.get_key_value(name);
        let (name, object) = found.or_else(|| self.internal.routers.get_key_value(name))?;
        Some((name, object))
    }

    /// Those of these routers that there are.
    pub(super) fn routers_named(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> impl Iterator<Item = RouterView<'a>> {
        let found = names.into_iter().filter_map(|name| self.router(name));
        found.map(|(name, object)| RouterView::new(name, object))
    }

    /// The routers that lead to a service.
    pub(super) fn users_of_service(&self, name: &str) -> impl Iterator<Item = RouterView<'a>> {
        let objects = [&self.compiled.services, &self.internal.services];
        let users = objects.into_iter().filter_map(|all| all.get(name));
        let users: BTreeSet<&String> = users.flat_map(|object| &object.used_by).collect();
        self.routers_named(users)
    }

    /// The name of a service, for as long as it is there.
    pub(super) fn name_of_service(&self, name: &str) -> Option<&'a str> {
        let found = self.compiled.services.get_key_value(name);
        let (name, _) = found.or_else(|| self.internal.services.get_key_value(name))?;
        Some(name)
    }

    /// One service.
    pub(super) fn service(&self, name: &'a str) -> Option<ServiceView<'a>> {
        let own = self.internal.services.get(name);
        let object = self.compiled.services.get(name).or(own)?;
        let mut view = ServiceView::new(name, object, &self.proxies.serving(name));
        if let Some(own) = own {
            view.also_used_by(own);
        }
        Some(view)
    }

    /// One middleware.
    pub(super) fn middleware(&self, name: &'a str) -> Option<MiddlewareView<'a>> {
        let object = self.compiled.middlewares.get(name)?;
        Some(MiddlewareView::new(name, object))
    }

    /// Every middleware, by name.
    pub(super) fn middlewares(&self) -> Vec<MiddlewareView<'a>> {
        let all = self.compiled.middlewares.iter();
        all.map(|(name, object)| MiddlewareView::new(name, object))
            .collect()
    }
}

impl<'a> Proxies<'a> {
    /// Who serves this service as it is now: connected, at the current version,
    /// and without having rejected it.
    fn serving(&self, service: &'a str) -> Serving<'a> {
        let id = ResourceId {
            kind: ResourceKind::Service.into(),
            name: service.to_owned(),
        };
        let Some(latest) = self.latest else {
            return Serving::default();
        };
        let Some(resource) = latest.resources().get(&ResourceKey::of(&id)) else {
            return Serving::default();
        };
        let Some(Spec::Service(sent)) = &resource.spec else {
            return Serving::default();
        };
        let nodes = self.nodes.iter().filter(|node| {
            node.serves(latest.version())
                && !node
                    .rejections
                    .iter()
                    .any(|rejection| rejection.id.as_ref() == Some(&id))
        });
        Serving {
            nodes: nodes.collect(),
            service,
            servers: sent
                .servers
                .iter()
                .map(|server| server.id.as_str())
                .collect(),
        }
    }
}

impl<'a> Serving<'a> {
    /// Of each proxy that serves this server: its id, and what it has against it.
    pub(super) fn proxies_of(
        &self,
        server: &str,
    ) -> impl Iterator<Item = (&'a str, Option<&'a ServerHealth>)> {
        // The compilation may be a moment ahead of what proxies were sent.
        let known = self.servers.contains(server);
        let nodes = self.nodes.iter().filter(move |_| known);
        nodes.map(|node| {
            let health = node.unhealthy.of(self.service, server);
            (node.node.id.as_str(), health)
        })
    }
}

fn merged<'a, T>(
    compiled: &'a BTreeMap<String, Object<T>>,
    internal: &'a BTreeMap<String, Object<T>>,
) -> impl Iterator<Item = (&'a str, &'a Object<T>)> {
    let all: BTreeMap<_, _> = internal
        .iter()
        .chain(compiled)
        .map(|(name, object)| (name.as_str(), object))
        .collect();
    all.into_iter()
}
