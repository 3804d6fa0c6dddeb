//! Docker labels in, declared objects out: Traefik's label language.
//!
//! Called by a provider for each container; reads one container's labels and
//! nothing else, so it neither links routers to services nor fills in defaults.
//! Never fails: a mistake becomes a [`Diagnostic`](crate::model::Diagnostic), and
//! the object it belongs to is *rejected*. The other objects of the container
//! live on.

mod container;
mod decode;
mod fields;
mod file;
mod health_check;
mod period;
mod router;
mod service;
mod suggestion;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod vocabulary;

use std::collections::BTreeMap;

pub use decode::decode;
pub(crate) use fields::Fields;
pub(crate) use file::decode_file;
pub use period::Period;
pub(crate) use value::is_port;

use crate::middleware::Middleware;
use crate::model::{LoadBalancer, ObjectId, ObjectKind, Observability, Scheme};
use crate::rule::RuleSyntax;

/// The option of this label that Traefik honours with this value and Fairway does
/// not, spelled as Traefik spells it: `forwardAuth`, `loadBalancer.sticky`. `None` also
/// for what Traefik itself refuses or ignores, and for TCP and UDP.
#[must_use]
pub fn pending(label: &str, value: &str) -> Option<&'static str> {
    let mut parts = label.splitn(5, '.');
    let mut next = || parts.next().unwrap_or_default().to_ascii_lowercase();
    let kind = match (next().as_str(), next().as_str(), next().as_str()) {
        ("traefik", "http", "routers") => ObjectKind::Router,
        ("traefik", "http", "services") => ObjectKind::Service,
        ("traefik", "http", "middlewares") => ObjectKind::Middleware,
        _ => return None,
    };
    let option = parts.nth(1)?;
    vocabulary::pending_option(kind, option, value).map(|word| word.path)
}

/// What the labels of one container declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `traefik.enable`.
    pub enable: Enable,
    /// `traefik.docker.network`; `Some("")` if it is there and empty, which
    /// cancels the provider's network.
    pub network: Option<String>,
    /// `traefik.docker.allowNonRunning`; false if absent.
    pub allow_non_running: bool,
    /// HTTP routers by name.
    pub routers: BTreeMap<String, RouterLabels>,
    /// HTTP services by name.
    pub services: BTreeMap<String, ServiceLabels>,
    /// HTTP middlewares by name.
    pub middlewares: BTreeMap<String, Middleware>,
    /// Objects that are declared but cannot be used, and why.
    pub rejected: BTreeMap<ObjectId, String>,
    /// There are TCP or UDP routers or services.
    pub non_http: bool,
}

/// What `traefik.enable` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enable {
    /// The label is absent: the provider decides.
    #[default]
    Unset,
    /// True.
    On,
    /// False.
    Off,
    /// Not a boolean: the container is skipped, for nobody knows what was meant.
    Invalid,
}

/// The options of one router, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterLabels {
    /// Rule text; `None`: the default rule applies.
    pub rule: Option<String>,
    /// Entry points by name; empty: the default ones.
    pub entry_points: Vec<String>,
    /// References to middlewares, outermost first.
    pub middlewares: Vec<String>,
    /// Reference to a service; `None`: the container's only one.
    pub service: Option<String>,
    /// Higher first; 0: length of the rule in bytes.
    pub priority: i64,
    /// How the rule is written; `None`: as is the default.
    pub rule_syntax: Option<RuleSyntax>,
    /// What is told about its requests.
    pub observability: Observability,
}

/// The options of one service, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceLabels {
    /// Port of the container; `None`: the lowest exposed one.
    pub port: Option<String>,
    /// How to speak to the server; `None`: plain HTTP.
    pub scheme: Option<Scheme>,
    /// URL of the server, in place of the container's address.
    pub url: Option<String>,
    /// Put the path of the URL before the path of every request.
    pub preserve_path: bool,
    /// Share of the requests; zero or less: the server gets none. `None`: 1.
    pub weight: Option<i64>,
    /// The options of the balancer; no servers.
    pub load_balancer: LoadBalancer,
}

impl Labels {
    /// The labels mention an HTTP router, be it a rejected one: no router may be
    /// generated in its place.
    pub fn has_routers(&self) -> bool {
        !self.routers.is_empty() || self.has_rejected(ObjectKind::Router)
    }

    /// The labels mention an HTTP service, be it a rejected one.
    pub fn has_services(&self) -> bool {
        !self.services.is_empty() || self.has_rejected(ObjectKind::Service)
    }

    /// The labels mention an HTTP middleware, be it a rejected one.
    pub fn has_middlewares(&self) -> bool {
        !self.middlewares.is_empty() || self.has_rejected(ObjectKind::Middleware)
    }

    /// HTTP objects may be generated for the container: it is not one that only
    /// declares TCP or UDP.
    pub fn wants_http(&self) -> bool {
        !self.non_http || self.has_routers() || self.has_services() || self.has_middlewares()
    }

    fn has_rejected(&self, kind: ObjectKind) -> bool {
        self.rejected.keys().any(|id| id.kind == kind)
    }
}
