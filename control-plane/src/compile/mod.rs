//! From what providers declare to what proxies serve.
//!
//! Pure: no clock, no network, no environment; the same input gives the same
//! bytes. Names are qualified, references resolved, chains flattened, rules
//! parsed. Every object ends routed, degraded or rejected, and whoever reads
//! [`Compiled`] finds out which and why.
//!
//! Nothing here fails: what cannot be served becomes a [`Finding`] and the rest
//! lives on. A router is never sent without one of its middlewares.

mod composition;
mod encode;
mod entry_point;
pub(crate) mod internal;
mod middleware;
mod name;
mod observability;
mod router;
mod servers_transport;
mod service;
mod shadow;
mod sticky;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fairway_proto::discovery::v1::Resource;

use crate::config::{EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions};
use crate::model::{
    Diagnostic, DynamicConfig, FileText, Middleware, NamedFile, ObjectId, ProviderState,
    ServersTransport, Service, Severity,
};

pub(crate) use composition::reached;
pub(crate) use sticky::name as cookie_name;

pub use router::Router;

/// Everything a compilation depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Entry points of the static configuration, by name.
    pub entry_points: &'a BTreeMap<String, EntryPointOptions>,
    /// Entry points that stay closed, and why.
    pub closed_entry_points: &'a BTreeMap<String, String>,
    /// Which of Fairway's own services are on.
    pub internal_services: InternalServices,
    /// How requests are counted.
    pub metrics: &'a MetricsOptions,
    /// How to speak to servers of services that name no servers transport; what is in
    /// its files is in it.
    pub servers_transport: &'a ServersTransport,
    /// What the proxies tell about requests.
    pub observability: &'a ObservabilityOptions,
    /// The latest word of every provider, by provider name.
    pub providers: &'a BTreeMap<String, Arc<ProviderState>>,
    /// Files that [`named_files`] names: their text, or why they cannot be read.
    pub files: &'a Files,
    /// What the keys are made from that nonces are signed with.
    pub nonce_key: &'a [u8; 32],
}

/// What is in files, or why they cannot be read, by provider and path.
pub type Files = BTreeMap<(String, String), FileText>;

/// What a compilation makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compiled {
    /// What proxies get, in no particular order.
    pub resources: Vec<Resource>,
    /// Every router by qualified name.
    pub routers: BTreeMap<String, Object<Router>>,
    /// Every service by qualified name.
    pub services: BTreeMap<String, Object<Service>>,
    /// Every middleware by qualified name.
    pub middlewares: BTreeMap<String, Object<Middleware>>,
    /// Every declared servers transport by qualified name.
    pub servers_transports: BTreeMap<String, Object<ServersTransport>>,
    /// Everything that is not served as written, errors first.
    pub diagnostics: Vec<Finding>,
}

/// One declared object and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<T> {
    /// Provider that declares it.
    pub provider: String,
    /// Containers that declare it.
    pub containers: Vec<String>,
    /// What was declared; `None` if it could not even be read.
    pub value: Option<T>,
    /// What became of it.
    pub outcome: Outcome,
    /// What is wrong with it, for people.
    pub errors: Vec<String>,
    /// Qualified names of the routers that use it, and of the services whose own
    /// middleware it is.
    pub used_by: BTreeSet<String>,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Served as written.
    Routed,
    /// Served, but not as it may have been meant.
    Degraded,
    /// Not served.
    Rejected,
}

/// A diagnostic and the provider it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Name of the provider.
    pub provider: String,
    /// The diagnostic; objects in it have qualified names.
    pub diagnostic: Diagnostic,
}

/// Compiles the latest word of all providers.
pub fn compile(input: Input<'_>) -> Compiled {
    let mut out = Compiled::default();
    for (provider, state) in input.providers {
        out.take_over(provider, state);
    }
    entry_point::redirections(input, &mut out);
    entry_point::metrics(input, &mut out);
    servers_transport::compile(input, &mut out);
    middleware::compile(input, &mut out);
    let entry_points = entry_point::compile(input, &mut out);
    composition::check(input, &mut out);
    service::compile(input, &mut out);
    router::compile(input, &entry_points, &mut out);
    internal::compile(input.servers_transport, &mut out);
    observability::compile(input.observability, &mut out);
    out.finish();
    out
}

/// Files that objects need read before a compilation.
pub fn named_files(config: &DynamicConfig) -> impl Iterator<Item = NamedFile<'_>> {
    let middlewares = config.middlewares.values();
    let transports = config.servers_transports.values();
    let of_middlewares = middlewares.flat_map(|declared| declared.value.files());
    of_middlewares.chain(transports.flat_map(|declared| declared.value.files()))
}

impl Input<'_> {
    /// What is in a file that an object of this provider names.
    fn file(&self, provider: &str, path: &str) -> FileText {
        match self.files.get(&(provider.to_owned(), path.to_owned())) {
            Some(read) => read.clone(),
            None => Err("it was not read".to_owned()),
        }
    }
}

impl Compiled {
    /// Takes in what `provider` found and rejected by itself.
    fn take_over(&mut self, provider: &str, state: &ProviderState) {
        for diagnostic in &state.diagnostics {
            let mut diagnostic = diagnostic.clone();
            if let Some(object) = &mut diagnostic.object {
                object.name = name::qualify(&object.name, provider);
            }
            self.diagnostics.push(Finding {
                provider: provider.to_owned(),
                diagnostic,
            });
        }
        middleware::take_over(provider, &state.config, self);
        servers_transport::take_over(provider, &state.config, self);
        service::take_over(provider, &state.config, self);
        router::take_over(provider, &state.config, self);
    }

    fn report(&mut self, provider: &str, diagnostic: Diagnostic) {
        self.diagnostics.push(Finding {
            provider: provider.to_owned(),
            diagnostic,
        });
    }

    /// Marks every object with what was found about it, and orders the findings.
    fn finish(&mut self) {
        self.diagnostics.sort_by(|a, b| {
            let rank = |of: &Finding| std::cmp::Reverse(of.diagnostic.severity);
            rank(a)
                .cmp(&rank(b))
                .then_with(|| (&a.provider, &a.diagnostic).cmp(&(&b.provider, &b.diagnostic)))
        });
        self.diagnostics.dedup();
        for Finding { diagnostic, .. } in &self.diagnostics {
            let Some(id) = &diagnostic.object else {
                continue;
            };
            let Some((outcome, errors)) = marks(
                id,
                &mut self.routers,
                &mut self.services,
                &mut self.middlewares,
                &mut self.servers_transports,
            ) else {
                continue;
            };
            *outcome = (*outcome).max(Outcome::Degraded);
            if diagnostic.severity == Severity::Error || *outcome == Outcome::Degraded {
                errors.push(diagnostic.message.clone());
            }
        }
    }
}

/// The mutable part of the object `id` names.
fn marks<'a>(
    id: &ObjectId,
    routers: &'a mut BTreeMap<String, Object<Router>>,
    services: &'a mut BTreeMap<String, Object<Service>>,
    middlewares: &'a mut BTreeMap<String, Object<Middleware>>,
    servers_transports: &'a mut BTreeMap<String, Object<ServersTransport>>,
) -> Option<(&'a mut Outcome, &'a mut Vec<String>)> {
    use crate::model::ObjectKind;
    match id.kind {
        ObjectKind::Router => routers.get_mut(&id.name).map(Object::marks),
        ObjectKind::Service => services.get_mut(&id.name).map(Object::marks),
        ObjectKind::Middleware => middlewares.get_mut(&id.name).map(Object::marks),
        ObjectKind::ServersTransport => servers_transports.get_mut(&id.name).map(Object::marks),
    }
}

impl<T> Object<T> {
    fn declared(provider: &str, containers: &[String], value: T) -> Self {
        Self {
            provider: provider.to_owned(),
            containers: containers.to_vec(),
            value: Some(value),
            outcome: Outcome::Routed,
            errors: Vec::new(),
            used_by: BTreeSet::new(),
        }
    }

    fn rejected(provider: &str, containers: &[String]) -> Self {
        Self {
            provider: provider.to_owned(),
            containers: containers.to_vec(),
            value: None,
            outcome: Outcome::Rejected,
            errors: Vec::new(),
            used_by: BTreeSet::new(),
        }
    }

    fn marks(&mut self) -> (&mut Outcome, &mut Vec<String>) {
        (&mut self.outcome, &mut self.errors)
    }
}

impl Outcome {
    /// The word Traefik's API has for it.
    pub fn status(self) -> &'static str {
        match self {
            Self::Routed => "enabled",
            Self::Degraded => "warning",
            Self::Rejected => "disabled",
        }
    }
}
