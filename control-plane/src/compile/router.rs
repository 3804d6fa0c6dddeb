//! Routers: references resolved, rules parsed, priorities filled in.

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, ResourceKind};

use super::entry_point::EntryPoints;
use super::name::{self, Guesses};
use super::shadow::{self, Served, Shadowed};
use super::{
    Compiled, Input, Object, Outcome, composition, encode, internal, middleware, observability,
    service,
};
use crate::config::{InternalServices, ObservabilityOptions};
use crate::model::{self, Diagnostic, DynamicConfig, ObjectId, ObjectKind, Observability};
use crate::rule::{self, Matcher, RuleSyntax};

/// Traefik keeps the priorities above this one for its own routers.
const MAX_PRIORITY: i64 = i64::MAX - 1000;

/// A router with every reference resolved, for people; proxies get the
/// [`wire::Router`] made from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Rule as written or generated.
    pub rule: String,
    /// The rule came from the provider's default rule.
    pub rule_generated: bool,
    /// How the rule is written.
    pub rule_syntax: RuleSyntax,
    /// Names of the entry points that exist.
    pub entry_points: Vec<String>,
    /// Qualified names as written: chains are still chains.
    pub middlewares: Vec<String>,
    /// Qualified name.
    pub service: String,
    /// Effective: the length of the rule in bytes unless set.
    pub priority: i64,
    /// What is told about its requests; what it does not say is as its first entry point
    /// says.
    pub observability: Observability,
}

/// Why a router is not served.
struct Rejected {
    option: &'static str,
    message: String,
    suggestion: String,
}

pub(super) fn take_over(provider: &str, config: &DynamicConfig, out: &mut Compiled) {
    for (name, declared) in &config.routers {
        let router = Router::declared(provider, &declared.value);
        let object = Object::declared(provider, &declared.containers, router);
        out.routers.insert(name::qualify(name, provider), object);
    }
    for (id, declared) in &config.rejected {
        if id.kind == ObjectKind::Router {
            let object = Object::rejected(provider, &declared.containers);
            out.routers
                .entry(name::qualify(&id.name, provider))
                .or_insert(object);
        }
    }
}

pub(super) fn compile(input: Input<'_>, entry_points: &EntryPoints, out: &mut Compiled) {
    let guesses = Guesses::of(input);
    let mut served = Vec::new();
    for (qualified, mut object) in std::mem::take(&mut out.routers) {
        if let Some(router) = &mut object.value {
            let subject = Subject {
                qualified: &qualified,
                provider: &object.provider,
                containers: &object.containers,
                internal_services: input.internal_services,
                told: input.observability,
            };
            match subject.resolve(router, entry_points, &guesses, out) {
                Ok((message, matcher)) => {
                    let entry_point = router.entry_points.first();
                    let above = entry_point.and_then(|name| input.entry_points.get(name));
                    let above = above.map(|it| it.observability).unwrap_or_default();
                    router.observability = router.observability.or(above);
                    // A redirection takes everything, as it was asked to.
                    if object.provider != internal::PROVIDER {
                        served.push(Served {
                            name: qualified.clone(),
                            priority: router.priority,
                            entry_points: router.entry_points.clone(),
                            matcher,
                        });
                    }
                    subject.mark_used(router, entry_points, &mut object.outcome, out);
                    out.resources.push(encode::resource(
                        ResourceKind::Router,
                        &qualified,
                        &object.provider,
                        &object.containers,
                        Spec::Router(message),
                    ));
                }
                Err(rejected) => {
                    object.outcome = Outcome::Rejected;
                    let diagnostic = Diagnostic::error(rejected.message, rejected.suggestion);
                    subject.report(diagnostic, rejected.option, out);
                }
            }
        }
        out.routers.insert(qualified, object);
    }
    tell_shadowed(&served, out);
}

/// Tells of routers that other ones leave nothing to.
fn tell_shadowed(served: &[Served], out: &mut Compiled) {
    for Shadowed {
        router,
        entry_points,
        by,
    } in shadow::find(served)
    {
        let Some(object) = out.routers.get(&router.name) else {
            continue;
        };
        let (provider, containers) = (object.provider.clone(), object.containers.clone());
        let subject = Subject {
            qualified: &router.name,
            provider: &provider,
            containers: &containers,
            internal_services: InternalServices::default(),
            told: &ObservabilityOptions::default(),
        };
        let names: Vec<_> = by
            .iter()
            .map(|by| format!("{} (priority {})", by.name, by.priority))
            .collect();
        let takes = if names.len() == 1 { "takes" } else { "take" };
        let message = format!(
            "router {} (priority {}) never gets a request on {}: {} {takes} all of them first",
            router.name,
            router.priority,
            entry_points.join(", "),
            names.join(", "),
        );
        let highest = by.iter().map(|by| by.priority).max().unwrap_or_default();
        let suggestion = format!(
            "set {}={} or higher, or narrow the other rule",
            name::option("routers", &router.name, "priority"),
            highest.saturating_add(1),
        );
        subject.report(Diagnostic::warning(message, suggestion), "priority", out);
    }
}

impl Router {
    fn declared(provider: &str, router: &model::Router) -> Self {
        let length = i64::try_from(router.rule.len()).unwrap_or(i64::MAX);
        Self {
            rule: router.rule.clone(),
            rule_generated: router.rule_generated,
            rule_syntax: router.rule_syntax,
            entry_points: router.entry_points.clone(),
            middlewares: router
                .middlewares
                .iter()
                .map(|reference| name::qualify(reference, provider))
                .collect(),
            service: name::qualify(&router.service, provider),
            priority: if router.priority == 0 {
                length
            } else {
                router.priority
            },
            observability: router.observability,
        }
    }
}

/// The router being compiled.
#[derive(Clone, Copy)]
struct Subject<'a> {
    qualified: &'a str,
    provider: &'a str,
    containers: &'a [String],
    /// Those that it may use.
    internal_services: InternalServices,
    /// What is told about requests.
    told: &'a ObservabilityOptions,
}

impl Subject<'_> {
    fn resolve(
        self,
        router: &mut Router,
        entry_points: &EntryPoints,
        guesses: &Guesses,
        out: &mut Compiled,
    ) -> Result<(wire::Router, Matcher), Rejected> {
        self.entry_points(router, entry_points, guesses, out)?;
        let matcher =
            rule::parse_as(router.rule_syntax, &router.rule).map_err(|error| Rejected {
                option: "rule",
                message: format!("rule `{}` does not parse: {error}", router.rule),
                suggestion: error.suggestion.clone(),
            })?;
        for warning in rule::warnings(&matcher) {
            let diagnostic = Diagnostic::warning(warning.message, warning.suggestion);
            self.report(diagnostic, "rule", out);
        }
        if router.priority > MAX_PRIORITY && self.provider != internal::PROVIDER {
            return Err(Rejected {
                option: "priority",
                message: format!("priority {} is above the largest allowed", router.priority),
                suggestion: format!("use {MAX_PRIORITY} or less"),
            });
        }
        let mut middlewares = Vec::new();
        for reference in &router.middlewares {
            let flat =
                middleware::flatten(reference, guesses, out).map_err(|(message, suggestion)| {
                    Rejected {
                        option: "middlewares",
                        message,
                        suggestion,
                    }
                })?;
            middlewares.extend(flat);
        }
        self.service(router, guesses, out)?;
        let after = service::chain(&router.service, guesses, out);
        middlewares.extend(after.map_err(|(message, suggestion)| Rejected {
            option: "service",
            message,
            suggestion,
        })?);
        let message = wire::Router {
            rule: router.rule.clone(),
            matcher: Some(matcher.encode()),
            priority: router.priority,
            entry_points: router.entry_points.clone(),
            middlewares,
            service: router.service.clone(),
            loop_guard: match router.rule_generated {
                true => loop_guard(self.qualified),
                false => String::new(),
            },
            observability: observability::of_router(router, self.told),
        };
        Ok((message, matcher))
    }

    /// Fills in the default entry points and takes out those that do not exist.
    fn entry_points(
        self,
        router: &mut Router,
        entry_points: &EntryPoints,
        guesses: &Guesses,
        out: &mut Compiled,
    ) -> Result<(), Rejected> {
        let served = &entry_points.served;
        if router.entry_points.is_empty() {
            router.entry_points.clone_from(&entry_points.default);
        }
        let is_closed = |name: &String| entry_points.closed.contains_key(name);
        if served.is_empty() && !router.entry_points.iter().any(is_closed) {
            return Err(Rejected {
                option: "entrypoints",
                message: "no entry point is open".to_owned(),
                suggestion: "start the control plane with --entrypoints.web.address=:80".to_owned(),
            });
        }
        let (known, unknown): (Vec<_>, Vec<_>) = router
            .entry_points
            .iter()
            .cloned()
            .partition(|wanted| served.contains(wanted));
        let Some(first_unknown) = unknown.first() else {
            return Ok(());
        };
        let closed = entry_points.closed.get(first_unknown);
        let suggestion = match guesses.nearest(first_unknown, served) {
            _ if closed.is_some() && served.is_empty() => {
                format!("mend entry point {first_unknown}")
            }
            _ if closed.is_some() => format!("use {}", served.join(" or ")),
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "use {}, or start the control plane with --entrypoints.{first_unknown}.address=:PORT",
                served.join(" or ")
            ),
        };
        let unknown = unknown.join(", ");
        if known.is_empty() {
            let message = match closed {
                Some(reason) => format!("entry point {first_unknown} is closed: {reason}"),
                None => format!("none of the router's entry points exists: {unknown}"),
            };
            return Err(Rejected {
                option: "entrypoints",
                message,
                suggestion,
            });
        }
        let message = format!(
            "entry point {unknown} is not there; the router works on {}",
            known.join(", ")
        );
        router.entry_points = known;
        self.report(Diagnostic::warning(message, suggestion), "entrypoints", out);
        Ok(())
    }

    fn service(
        self,
        router: &Router,
        guesses: &Guesses,
        out: &mut Compiled,
    ) -> Result<(), Rejected> {
        if out.services.contains_key(&router.service) {
            return Ok(());
        }
        let rejected = |(message, suggestion)| Rejected {
            option: "service",
            message,
            suggestion,
        };
        if internal::local(&router.service).is_some() {
            let complaint = internal::complaint(&router.service, self.internal_services);
            complaint.map_or(Ok(()), |complaint| Err(rejected(complaint)))?;
            out.services
                .insert(router.service.clone(), internal::object());
            return Ok(());
        }
        let suggestion = match guesses.nearest(&router.service, out.services.keys()) {
            Some(near) => format!("did you mean {near}?"),
            None => guesses.unread(&router.service).unwrap_or_else(|| {
                "leave the service label away to use the container's own service".to_owned()
            }),
        };
        let message = format!("service {} does not exist", router.service);
        Err(rejected((message, suggestion)))
    }

    /// Notes in the service and the middlewares who uses them; a service
    /// without a server degrades its routers.
    fn mark_used(
        self,
        router: &Router,
        entry_points: &EntryPoints,
        outcome: &mut Outcome,
        out: &mut Compiled,
    ) {
        if let Some(service) = out.services.get(&router.service)
            && service.outcome != Outcome::Routed
        {
            *outcome = Outcome::Degraded;
        }
        for reached in composition::reached(&router.service, out) {
            if let Some(service) = out.services.get_mut(&reached) {
                service.used_by.insert(self.qualified.to_owned());
            }
        }
        let of_entry_points = router
            .entry_points
            .iter()
            .filter_map(|name| entry_points.middlewares.get(name))
            .flatten();
        let of_service = service::middlewares(&router.service, out);
        for reference in of_entry_points
            .chain(&router.middlewares)
            .chain(&of_service)
        {
            if let Some(middleware) = out.middlewares.get_mut(reference) {
                middleware.used_by.insert(self.qualified.to_owned());
            }
        }
    }

    fn report(self, mut diagnostic: Diagnostic, option: &str, out: &mut Compiled) {
        diagnostic.object = Some(ObjectId::router(self.qualified));
        diagnostic.container = self.containers.first().cloned();
        diagnostic.label = Some(name::option("routers", self.qualified, option));
        out.report(self.provider, diagnostic);
    }
}

/// Value of `X-Traefik-Router` that tells a router its own requests: hex FNV-1
/// (64 bits) of its name, as Traefik has it.
fn loop_guard(qualified: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = qualified.bytes().fold(OFFSET, |hash, byte| {
        hash.wrapping_mul(PRIME) ^ u64::from(byte)
    });
    format!("{hash:x}")
}
