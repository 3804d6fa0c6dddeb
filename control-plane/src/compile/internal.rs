//! Fairway's own services, `…@internal`: which of them routers may use, and what
//! proxies are told of those that are used.
//!
//! They have no servers here: the API is the control plane's, at the address by which
//! each proxy knows it, and the rest is answered by the proxy.

use std::collections::BTreeSet;

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, ResourceKind};

use super::{Compiled, Object, Outcome, encode};
use crate::config::InternalServices;
use crate::model::{ServersTransport, Service};
use crate::spelling;

/// What stands after the `@` of their names.
pub(crate) const PROVIDER: &str = "internal";

/// Name, what it is answered by, what it depends on and the flag for that.
const AVAILABLE: &[(&str, wire::Internal, &str, &str)] = &[
    ("api", wire::Internal::Api, "the API", "--api=true"),
    ("ping", wire::Internal::Ping, "the ping", "--ping=true"),
    (
        "prometheus",
        wire::Internal::Prometheus,
        "Prometheus",
        "--metrics.prometheus=true",
    ),
    ("noop", wire::Internal::Noop, "", ""),
];

/// Those of Traefik's that are not here: name, why, and what would work.
const ABSENT: &[(&str, &str, &str)] = &[
    (
        "dashboard",
        "is not available on its own",
        "use api@internal: it serves the API and the dashboard",
    ),
    (
        "rest",
        "is not available: no configuration is taken over HTTP",
        "declare what it would be sent with labels",
    ),
    (
        "acme-http",
        "is not available yet",
        "leave the challenges to the server that answers them now",
    ),
];

impl InternalServices {
    /// Local names of those that are on.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = AVAILABLE.iter();
        all.filter(move |(_, kind, ..)| self.has(*kind))
            .map(|(name, ..)| *name)
    }

    fn has(self, kind: wire::Internal) -> bool {
        match kind {
            wire::Internal::Api => self.api,
            wire::Internal::Ping => self.ping,
            wire::Internal::Prometheus => self.prometheus,
            wire::Internal::Noop | wire::Internal::Unspecified => true,
        }
    }
}

/// Whether labels that name this service are understood, be it on or off.
pub(crate) fn is_known(reference: &str) -> bool {
    let name = local(reference);
    name.is_some_and(|name| AVAILABLE.iter().any(|(known, ..)| *known == name))
}

/// What is wrong and what would work where a router cannot use this service, whose
/// name ends in `@internal`; `None` where it can.
pub(super) fn complaint(reference: &str, on: InternalServices) -> Option<(String, String)> {
    let name = local(reference)?;
    let own = AVAILABLE.iter().find(|(known, ..)| *known == name);
    if let Some((_, kind, what, flag)) = own {
        let off = !on.has(*kind);
        return off.then(|| {
            (
                format!("service {reference} is off, as {what} is not enabled"),
                format!("start the control plane with {flag}"),
            )
        });
    }
    let absent = ABSENT.iter().find(|(known, ..)| *known == name);
    Some(match absent {
        Some((_, why, instead)) => (format!("service {reference} {why}"), (*instead).to_owned()),
        None => (
            format!("there is no internal service {name}"),
            nearest(name),
        ),
    })
}

fn nearest(name: &str) -> String {
    let known = || AVAILABLE.iter().map(|(known, ..)| *known);
    match spelling::nearest(name, known()) {
        Some(near) => format!("did you mean {near}@{PROVIDER}?"),
        None => {
            let known: Vec<_> = known().map(|name| format!("{name}@{PROVIDER}")).collect();
            format!("use one of {}", known.join(", "))
        }
    }
}

/// The name before `@internal`.
pub(super) fn local(reference: &str) -> Option<&str> {
    reference.strip_suffix(PROVIDER)?.strip_suffix('@')
}

/// One of them, not used by anybody.
pub(crate) fn object() -> Object<Service> {
    Object {
        provider: PROVIDER.to_owned(),
        containers: Vec::new(),
        value: None,
        outcome: Outcome::Routed,
        errors: Vec::new(),
        used_by: BTreeSet::new(),
    }
}

/// Tells proxies of those that routers use.
pub(super) fn compile(transport: &ServersTransport, out: &mut Compiled) {
    for (name, kind, ..) in AVAILABLE {
        let name = format!("{name}@{PROVIDER}");
        if out.services.contains_key(&name) {
            let message = wire::Service {
                pass_host_header: true,
                internal: (*kind).into(),
                ..encode::limits(transport)
            };
            out.resources.push(encode::resource(
                ResourceKind::Service,
                &name,
                PROVIDER,
                &[],
                Spec::Service(message),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_is_told_with_what_would_work() {
        let on = InternalServices {
            api: true,
            ping: true,
            prometheus: false,
        };
        for (name, message, suggestion) in [
            (
                "dashboard@internal",
                "service dashboard@internal is not available on its own",
                "use api@internal: it serves the API and the dashboard",
            ),
            (
                "rest@internal",
                "service rest@internal is not available: no configuration is taken over HTTP",
                "declare what it would be sent with labels",
            ),
            (
                "prometheus@internal",
                "service prometheus@internal is off, as Prometheus is not enabled",
                "start the control plane with --metrics.prometheus=true",
            ),
            (
                "pong@internal",
                "there is no internal service pong",
                "did you mean ping@internal?",
            ),
            (
                "something@internal",
                "there is no internal service something",
                "use one of api@internal, ping@internal, prometheus@internal, noop@internal",
            ),
        ] {
            let expected = Some((message.to_owned(), suggestion.to_owned()));
            assert_eq!(complaint(name, on), expected, "{name}");
            assert_eq!(is_known(name), name.starts_with("prometheus"), "{name}");
        }
        for name in [
            "api@internal",
            "ping@internal",
            "noop@internal",
            "web@docker",
        ] {
            assert_eq!(complaint(name, on), None, "{name}");
        }
    }
}
