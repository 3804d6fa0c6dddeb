//! What providers declare, in Traefik's vocabulary: routers, services, middlewares and
//! servers transports by their unqualified names, with where each came from.
//!
//! Written by providers, read by [`crate::compile`]. Values here are decoded and
//! merged but not yet resolved: a router may still name a middleware that does
//! not exist. Nothing in here does work.

mod diagnostic;
mod health_check;
mod load_balancer;
mod named_file;
mod observability;
mod occurrence;
mod router;
mod servers_transport;
mod service;
mod setting;
mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use diagnostic::{Diagnostic, Severity};
pub use health_check::{HealthCheck, HealthCheckMode, PassiveHealthCheck};
pub use load_balancer::{LoadBalancer, Scheme, Server};
pub(crate) use named_file::Unusable;
pub use named_file::{FileText, NamedFile};
pub use observability::{Observability, TraceVerbosity};
pub use occurrence::Occurrence;
pub use router::Router;
pub(crate) use servers_transport::limit_ms;
pub use servers_transport::{ClientCertificate, ServersTransport, TlsVersion};
pub use service::{
    Cookie, Failover, FailoverErrors, HighestRandomWeight, Mirror, Mirroring, SameSite, Service,
    Strategy, Weighted, WeightedService,
};
pub use setting::Setting;
pub use tls::{ClientTls, Pem};

pub use crate::middleware::Middleware;

/// Everything one provider declares at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DynamicConfig {
    /// Routers by unqualified name.
    pub routers: BTreeMap<String, Declared<Router>>,
    /// Services by unqualified name.
    pub services: BTreeMap<String, Declared<Service>>,
    /// Middlewares by unqualified name.
    pub middlewares: BTreeMap<String, Declared<Middleware>>,
    /// Servers transports by unqualified name.
    pub servers_transports: BTreeMap<String, Declared<ServersTransport>>,
    /// Objects that were declared but cannot be used, and why. What refers to
    /// one of them is told this reason instead of "does not exist".
    pub rejected: BTreeMap<ObjectId, Declared<String>>,
}

/// A value with the containers that declare it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared<T> {
    /// What is declared.
    pub value: T,
    /// Names of the containers (or files) that declare it, in byte order.
    pub containers: Vec<String>,
}

/// Names one object of a [`DynamicConfig`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name: unqualified in a [`DynamicConfig`], `name@provider` once compiled.
    pub name: String,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A router.
    Router,
    /// A middleware.
    Middleware,
    /// A service.
    Service,
    /// A servers transport.
    ServersTransport,
}

/// A provider's latest word: its configuration and what it had to complain about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderState {
    /// The declared objects.
    pub config: DynamicConfig,
    /// What was ignored, degraded or rejected while reading them. Object names
    /// in here are unqualified; [`crate::compile`] qualifies them.
    pub diagnostics: Vec<Diagnostic>,
    /// The labels that say it, by container; empty where there are none.
    pub settings: Vec<Arc<[Setting]>>,
    /// What happened lately, oldest first.
    pub occurrences: Vec<Occurrence>,
}

impl ProviderState {
    /// Whether it declares what `other` does, whatever has happened.
    pub fn declares_the_same_as(&self, other: &Self) -> bool {
        self.config == other.config
            && self.diagnostics == other.diagnostics
            && self.settings == other.settings
    }
}

impl ObjectId {
    /// The router of this name.
    pub fn router(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Router,
            name: name.into(),
        }
    }

    /// The middleware of this name.
    pub fn middleware(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Middleware,
            name: name.into(),
        }
    }

    /// The service of this name.
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::Service,
            name: name.into(),
        }
    }

    /// The servers transport of this name.
    pub fn servers_transport(name: impl Into<String>) -> Self {
        Self {
            kind: ObjectKind::ServersTransport,
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Router => "router",
            Self::Middleware => "middleware",
            Self::Service => "service",
            Self::ServersTransport => "servers transport",
        })
    }
}
