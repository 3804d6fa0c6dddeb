//! A service, and which proxies have its servers in rotation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::composition::{PartsView, StickyView};
use super::health::{HealthCheckView, PassiveHealthCheckView, UnhealthyView};
use super::{StateView, used_by};
use crate::api::catalog::Serving;
use crate::compile::Object;
use crate::model::{LoadBalancer, Server, Service};

/// One service. The process's own have neither a kind nor servers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ServiceView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer: Option<LoadBalancerView<'a>>,
    #[serde(flatten)]
    parts: Option<PartsView<'a>>,
    /// Qualified names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    middlewares: Vec<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(in crate::api) kind: Option<&'static str>,
    #[serde(flatten)]
    pub(in crate::api) state: StateView<'a>,
    used_by: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    server_status: BTreeMap<String, &'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancerView<'a> {
    servers: Vec<ServerView<'a>>,
    strategy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<StickyView<'a>>,
    pass_host_header: bool,
    response_forwarding: ResponseForwardingView,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers_transport: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<HealthCheckView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passive_health_check: Option<PassiveHealthCheckView>,
}

/// Bytes of answers are passed on as soon as they come, which Traefik writes as a
/// negative interval.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseForwardingView {
    flush_interval: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ServerView<'a> {
    /// By which `/api/stats` names it.
    id: &'a str,
    url: String,
    #[serde(skip_serializing_if = "is_default_weight")]
    weight: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preserve_path: bool,
    container: &'a str,
    /// Ids of the proxies that have it in rotation and see it up.
    proxies: Vec<&'a str>,
    /// What the others that have it say of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unhealthy: Vec<UnhealthyView<'a>>,
}

impl<'a> ServiceView<'a> {
    pub(in crate::api) fn new(
        name: &'a str,
        object: &'a Object<Service>,
        serving: &Serving<'a>,
    ) -> Self {
        let value = object.value.as_ref();
        let load_balancer = value.and_then(Service::load_balancer);
        let load_balancer = load_balancer.map(|it| LoadBalancerView::new(name, it, serving));
        let servers = load_balancer.as_ref().map_or(&[][..], |it| &it.servers);
        let mut state = StateView::new(name, object);
        if !servers.is_empty() && servers.iter().all(ServerView::is_down) {
            state.warn("every server is down, as every proxy sees it");
        }
        Self {
            server_status: servers.iter().map(ServerView::status).collect(),
            load_balancer,
            parts: value.and_then(|service| PartsView::new(name, service)),
            middlewares: object.middlewares(),
            kind: value.map(Service::type_name),
            state,
            used_by: used_by(object),
        }
    }

    /// Adds the users of another object, which is the same service.
    pub(in crate::api) fn also_used_by(&mut self, object: &'a Object<Service>) {
        self.used_by.extend(used_by(object));
        self.used_by.sort_unstable();
        self.used_by.dedup();
    }

    /// How many servers it has.
    pub(in crate::api) fn servers(&self) -> usize {
        self.all_servers().len()
    }

    /// Its own servers.
    pub(in crate::api) fn all_servers(&self) -> &[ServerView<'a>] {
        let load_balancer = self.load_balancer.as_ref();
        load_balancer.map_or(&[], |balancer| &balancer.servers)
    }
}

impl<'a> LoadBalancerView<'a> {
    fn new(name: &str, load_balancer: &'a LoadBalancer, serving: &Serving<'a>) -> Self {
        let view = |server: &'a Server| ServerView {
            id: &server.id,
            url: server.url(),
            weight: server.weight,
            preserve_path: !server.base_path.is_empty(),
            container: &server.container,
            proxies: serving
                .proxies_of(&server.id)
                .filter_map(|(proxy, health)| health.is_none().then_some(proxy))
                .collect(),
            unhealthy: serving
                .proxies_of(&server.id)
                .filter_map(|(proxy, health)| Some(UnhealthyView::new(proxy, health?)))
                .collect(),
        };
        Self {
            servers: load_balancer.servers.iter().map(view).collect(),
            strategy: load_balancer.strategy.word(),
            sticky: load_balancer
                .sticky
                .as_ref()
                .map(|cookie| StickyView::new(name, cookie)),
            pass_host_header: load_balancer.pass_host_header,
            response_forwarding: ResponseForwardingView {
                flush_interval: "-1ms",
            },
            servers_transport: load_balancer.servers_transport.as_deref(),
            health_check: load_balancer
                .health_check
                .as_deref()
                .map(HealthCheckView::new),
            passive_health_check: load_balancer
                .passive_health_check
                .as_ref()
                .map(PassiveHealthCheckView::new),
        }
    }
}

impl ServerView<'_> {
    /// Some proxy has something against it, and none has not.
    pub(in crate::api) fn is_down(&self) -> bool {
        self.proxies.is_empty() && !self.unhealthy.is_empty()
    }

    /// Some proxies have something against it, and some have not.
    pub(in crate::api) fn is_partly_down(&self) -> bool {
        !self.proxies.is_empty() && !self.unhealthy.is_empty()
    }

    /// In Traefik's words.
    fn status(&self) -> (String, &'static str) {
        let status = if self.is_down() { "DOWN" } else { "UP" };
        (self.url.clone(), status)
    }
}

fn is_default_weight(weight: &u32) -> bool {
    *weight == 1
}
