//! A service, and which proxies have its servers in rotation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{StateView, used_by};
use crate::api::catalog::Serving;
use crate::compile::Object;
use crate::model::{Server, Service};

/// One service. The process's own have neither a kind nor servers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ServiceView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer: Option<LoadBalancerView<'a>>,
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
    pass_host_header: bool,
}

#[derive(Debug, Serialize)]
struct ServerView<'a> {
    url: String,
    #[serde(skip_serializing_if = "is_default_weight")]
    weight: u32,
    container: &'a str,
    /// Ids of the proxies that have it in rotation.
    proxies: Vec<&'a str>,
}

impl<'a> ServiceView<'a> {
    pub(in crate::api) fn new(
        name: &'a str,
        object: &'a Object<Service>,
        serving: &Serving<'a>,
    ) -> Self {
        let value = object.value.as_ref();
        let servers = value.map_or(&[][..], |service| &service.servers);
        Self {
            load_balancer: value.map(|service| LoadBalancerView::new(service, serving)),
            kind: value.map(|_| "loadbalancer"),
            state: StateView::new(name, object),
            used_by: used_by(object),
            server_status: servers.iter().map(|server| (server.url(), "UP")).collect(),
        }
    }

    /// How many servers it has.
    pub(in crate::api) fn servers(&self) -> usize {
        self.load_balancer
            .as_ref()
            .map_or(0, |balancer| balancer.servers.len())
    }
}

impl<'a> LoadBalancerView<'a> {
    fn new(service: &'a Service, serving: &Serving<'a>) -> Self {
        let view = |server: &'a Server| ServerView {
            url: server.url(),
            weight: server.weight,
            container: &server.container,
            proxies: serving.proxies_of(&server.id),
        };
        Self {
            servers: service.servers.iter().map(view).collect(),
            strategy: "wrr",
            pass_host_header: service.pass_host_header,
        }
    }
}

fn is_default_weight(weight: &u32) -> bool {
    *weight == 1
}
