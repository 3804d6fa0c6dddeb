//! The servers behind the proxy, and the services that have servers.

use fairway_proto::discovery::v1 as proto;

use super::super::closed_address;
use super::super::wire::Origin;
use super::middleware::AUTH_HOSTS;
use crate::routing::fixture::service;

/// How many services have servers, or are Fairway's own.
pub(super) const SERVICES: usize = 14;
/// Gets copies of requests, and no requests.
pub(super) const COPY: &str = "copy@test";
/// Names the server that a client keeps to.
pub(super) const STICKY: &str = "_server";

/// Three servers that answer and one address where none does; one that lets every
/// request pass and one that lets none; one that gets copies.
pub(super) struct Origins {
    pub(super) alive: Vec<Origin>,
    pub(super) dead: String,
    pub(super) copied: Origin,
    yes: Origin,
    no: Origin,
}

impl Origins {
    pub(super) fn start() -> Self {
        Self {
            alive: ["a", "b", "c"].map(origin).into(),
            dead: closed_address().to_string(),
            copied: origin("copied"),
            yes: answering("204 No Content"),
            no: answering("403 Forbidden"),
        }
    }

    /// With the address of the server that it asks.
    pub(super) fn located(&self, kind: &proto::middleware::Kind) -> proto::middleware::Kind {
        let mut kind = kind.clone();
        if let proto::middleware::Kind::ForwardAuth(auth) = &mut kind {
            let [yes, no, _] = AUTH_HOSTS;
            auth.address = match &*auth.host {
                host if host == yes => self.yes.address.to_string(),
                host if host == no => self.no.address.to_string(),
                _ => self.dead.clone(),
            };
        }
        kind
    }

    fn address(&self, name: &str) -> String {
        match ["a", "b", "c"].iter().position(|it| *it == name) {
            Some(at) => self.alive[at].address.to_string(),
            None => self.dead.clone(),
        }
    }

    /// By number: none, one, two unequal, none that lives, a mixture, three; Fairway's
    /// own; all found down, one of three found down; two whose clients keep to a server
    /// by a cookie, one where their addresses decide. And the one that gets copies.
    pub(super) fn services(&self) -> Vec<proto::Resource> {
        let copies = proto::Server {
            address: self.copied.address.to_string(),
            ..self.server("copy", &("a", 1))
        };
        let copy = change(service(COPY, &[]), |service| service.servers = vec![copies]);
        vec![
            self.of(0, &[]),
            self.of(1, &[("a", 1)]),
            self.of(2, &[("a", 3), ("b", 1)]),
            self.of(3, &[("dead", 1)]),
            self.of(4, &[("dead", 1), ("b", 1), ("c", 2)]),
            self.of(5, &[("a", 1), ("b", 1), ("c", 1)]),
            internal(self.of(6, &[]), proto::Internal::Ping),
            internal(self.of(7, &[]), proto::Internal::Noop),
            // Of a control plane that is away.
            internal(self.of(8, &[]), proto::Internal::Api),
            checked(self.of(9, &[("dead", 1), ("dead", 2)])),
            checked(self.of(10, &[("dead", 1), ("b", 1), ("c", 1)])),
            sticky(self.of(11, &[("a", 1), ("b", 1), ("c", 1)])),
            sticky(self.of(12, &[("dead", 1), ("b", 1), ("c", 1)])),
            change(self.of(13, &[("a", 1), ("b", 2), ("c", 1)]), |service| {
                service.set_strategy(proto::Strategy::Hrw)
            }),
            copy,
        ]
    }

    fn of(&self, number: usize, servers: &[(&str, u32)]) -> proto::Resource {
        change(service(&format!("s{number}@test"), &[]), |service| {
            service.dial_timeout_ms = 1000;
            service.pass_host_header = number != 1;
            if servers.is_empty() {
                service.unavailable_reason = "all are stopped".to_owned();
            }
            let servers = servers.iter();
            let servers = servers.map(|server| self.server(&number.to_string(), server));
            service.servers = servers.collect();
        })
    }

    /// Its container is known by the service and the server.
    fn server(&self, service: &str, (name, weight): &(&str, u32)) -> proto::Server {
        let address = self.address(name);
        proto::Server {
            id: format!("{service}-{address}"),
            scheme: proto::Scheme::Http.into(),
            weight: *weight,
            container: format!("{service}-{name}"),
            cookie: format!("k-{name}"),
            address,
            ..Default::default()
        }
    }
}

pub(super) fn cookie(name: &str) -> proto::StickyCookie {
    proto::StickyCookie {
        name: name.to_owned(),
        path: "/".to_owned(),
        ..Default::default()
    }
}

fn change(
    mut resource: proto::Resource,
    change: impl FnOnce(&mut proto::Service),
) -> proto::Resource {
    if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec {
        change(service);
    }
    resource
}

fn sticky(resource: proto::Resource) -> proto::Resource {
    change(resource, |service| service.sticky = Some(cookie(STICKY)))
}

/// The same with a health check, which is made once.
fn checked(resource: proto::Resource) -> proto::Resource {
    let check = proto::HealthCheck {
        mode: proto::HealthCheckMode::Http.into(),
        path: "/".to_owned(),
        method: "GET".to_owned(),
        interval_ms: 3_600_000,
        unhealthy_interval_ms: 3_600_000,
        timeout_ms: 10_000,
        ..proto::HealthCheck::default()
    };
    change(resource, |service| service.health_check = Some(check))
}

fn internal(resource: proto::Resource, internal: proto::Internal) -> proto::Resource {
    change(resource, |service| service.set_internal(internal))
}

/// What every server says.
pub(super) const SAID: [(&str, &str); 3] = [("vary", "Accept"), ("x-origin", "1"), ("x-a", "1")];

fn origin(name: &'static str) -> Origin {
    let said = SAID.map(|(name, value)| format!("{name}: {value}\r\n"));
    let said = said.concat();
    let length = name.len();
    Origin::answering(move |_| {
        format!("HTTP/1.1 200 OK\r\n{said}Content-Length: {length}\r\n\r\n{name}")
    })
}

fn answering(status: &'static str) -> Origin {
    Origin::answering(move |_| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"))
}
