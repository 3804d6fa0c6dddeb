//! `/api/rawdata`: everything, in Traefik's field names, plus `diagnostics`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compile::{Compiled, Finding, Object, Router};
use crate::model::{Middleware, Service, Severity};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct RawData<'a> {
    routers: BTreeMap<&'a str, RouterView<'a>>,
    middlewares: BTreeMap<&'a str, MiddlewareView<'a>>,
    services: BTreeMap<&'a str, ServiceView<'a>>,
    diagnostics: Vec<DiagnosticView<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouterView<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    entry_points: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    middlewares: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    service: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    rule: &'a str,
    priority: i64,
    #[serde(flatten)]
    state: StateView<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    using: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MiddlewareView<'a> {
    #[serde(flatten)]
    options: Option<&'a Middleware>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(flatten)]
    state: StateView<'a>,
    used_by: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceView<'a> {
    load_balancer: LoadBalancerView,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    state: StateView<'a>,
    used_by: Vec<&'a str>,
    server_status: BTreeMap<String, &'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancerView {
    servers: Vec<ServerView>,
    strategy: &'static str,
    pass_host_header: bool,
}

#[derive(Debug, Serialize)]
struct ServerView {
    url: String,
    #[serde(skip_serializing_if = "is_default_weight")]
    weight: u32,
}

/// What all objects have.
#[derive(Debug, Serialize)]
struct StateView<'a> {
    provider: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    error: &'a [String],
}

#[derive(Debug, Serialize)]
struct DiagnosticView<'a> {
    severity: &'static str,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    message: &'a str,
    suggestion: &'a str,
}

pub(crate) fn view(compiled: &Compiled) -> RawData<'_> {
    RawData {
        routers: each(&compiled.routers, router),
        middlewares: each(&compiled.middlewares, middleware),
        services: each(&compiled.services, service),
        diagnostics: compiled.diagnostics.iter().map(diagnostic).collect(),
    }
}

fn each<'a, T, V>(
    objects: &'a BTreeMap<String, Object<T>>,
    view: impl Fn(&'a Object<T>) -> V,
) -> BTreeMap<&'a str, V> {
    objects
        .iter()
        .map(|(name, object)| (name.as_str(), view(object)))
        .collect()
}

fn router(object: &Object<Router>) -> RouterView<'_> {
    let value = object.value.as_ref();
    let entry_points = value.map_or(&[][..], |router| &router.entry_points);
    let served = object.outcome != crate::compile::Outcome::Rejected;
    RouterView {
        entry_points,
        middlewares: value.map_or(&[][..], |router| &router.middlewares),
        service: value.map_or("", |router| &router.service),
        rule: value.map_or("", |router| &router.rule),
        priority: value.map_or(0, |router| router.priority),
        state: state(object),
        using: if served { entry_points } else { &[] },
    }
}

fn middleware(object: &Object<Middleware>) -> MiddlewareView<'_> {
    MiddlewareView {
        options: object.value.as_ref(),
        kind: object.value.as_ref().map(Middleware::type_name),
        state: state(object),
        used_by: used_by(object),
    }
}

fn service(object: &Object<Service>) -> ServiceView<'_> {
    let value = object.value.as_ref();
    let servers = value.map_or(&[][..], |service| &service.servers);
    ServiceView {
        load_balancer: LoadBalancerView {
            servers: servers
                .iter()
                .map(|server| ServerView {
                    url: server.url(),
                    weight: server.weight,
                })
                .collect(),
            strategy: "wrr",
            pass_host_header: value.is_none_or(|service| service.pass_host_header),
        },
        kind: "loadbalancer",
        state: state(object),
        used_by: used_by(object),
        server_status: servers.iter().map(|server| (server.url(), "UP")).collect(),
    }
}

fn diagnostic(finding: &Finding) -> DiagnosticView<'_> {
    let Finding {
        provider,
        diagnostic,
    } = finding;
    DiagnosticView {
        severity: match diagnostic.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        provider,
        container: diagnostic.container.as_deref(),
        label: diagnostic.label.as_deref(),
        object: diagnostic.object.as_ref().map(ToString::to_string),
        message: &diagnostic.message,
        suggestion: &diagnostic.suggestion,
    }
}

fn state<T>(object: &Object<T>) -> StateView<'_> {
    StateView {
        provider: &object.provider,
        status: object.outcome.status(),
        error: &object.errors,
    }
}

fn used_by<T>(object: &Object<T>) -> Vec<&str> {
    object.used_by.iter().map(String::as_str).collect()
}

fn is_default_weight(weight: &u32) -> bool {
    *weight == 1
}
