//! The Docker provider: containers and their labels in, routers and services out.
//!
//! [`run`] keeps a picture of the engine's containers (`picture`), fed by
//! listing (`engine`) and, between two lists, by events (`event`); each change of
//! the picture is turned into a [`ProviderState`](crate::model::ProviderState) by [`assemble()`],
//! which is pure.
//! Invariants: the engine is only ever asked with GET; an engine that is away,
//! slow or wrong leaves the last state in force; one container's mistakes cost
//! that container alone. Swarm services are not read.

mod access;
mod address;
mod assemble;
mod constraint;
mod container;
mod debounce;
mod declare;
mod default_rule;
mod endpoint;
mod engine;
mod event;
mod merge;
mod picture;
mod reply;
mod site;
mod vitals;
mod watch;

pub use access::{Access, ApiVersion, Credentials};
pub use assemble::{Surroundings, assemble};
pub use constraint::{Constraint, ConstraintError};
pub(crate) use container::normalize;
pub use container::{Container, Health, Network, Port, PortType, State};
pub use default_rule::{DefaultRule, DefaultRuleError};
pub use endpoint::{Endpoint, EndpointError};
pub use vitals::DockerVitals;
pub use watch::run;

use crate::rule::RuleSyntax;

/// Options of the provider, `--providers.docker.*`.
#[derive(Clone, Debug, PartialEq)]
pub struct DockerOptions {
    /// How the engine is reached.
    pub access: Access,
    /// Containers without `traefik.enable` take part.
    pub exposed_by_default: bool,
    /// Network whose address is used where the container is on it; empty: none.
    pub network: String,
    /// Rule of routers without one.
    pub default_rule: DefaultRule,
    /// How rules are written that do not say it.
    pub rule_syntax: RuleSyntax,
    /// Follow changes; false: list once.
    pub watch: bool,
    /// Which containers take part; `None`: all.
    pub constraint: Option<Constraint>,
    /// Use the published address and port of a container's port, if it is
    /// published on one address.
    pub use_bind_port_ip: bool,
    /// Containers that do not serve (stopped, unhealthy, starting) keep their
    /// routers, which answer 503. False: they vanish, as with Traefik.
    pub allow_empty_services: bool,
}

impl Default for DockerOptions {
    fn default() -> Self {
        Self {
            access: Access::default(),
            exposed_by_default: true,
            network: String::new(),
            default_rule: DefaultRule::default(),
            rule_syntax: RuleSyntax::default(),
            watch: true,
            constraint: None,
            use_bind_port_ip: false,
            allow_empty_services: true,
        }
    }
}
