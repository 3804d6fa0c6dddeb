//! One container in, what it declares out: labels, with what was left unsaid
//! generated and linked.

use std::collections::{BTreeMap, BTreeSet};

use super::address::{self, Trouble};
use super::default_rule::Subject;
use super::site::Site;
use super::{Container, DockerOptions};
use crate::label::{Labels, RouterLabels, ServiceLabels};
use crate::model::{
    Diagnostic, LoadBalancer, Middleware, ObjectId, ObjectKind, Router, Server, Severity,
};
use crate::rule::RuleSyntax;
use crate::server_url::ServerUrl;

/// What one container declares.
#[derive(Debug)]
pub(super) struct Declaration<'a> {
    pub(super) container: &'a Container,
    pub(super) routers: BTreeMap<String, Router>,
    pub(super) services: BTreeMap<String, Offer>,
    pub(super) middlewares: &'a BTreeMap<String, Middleware>,
    pub(super) rejected: BTreeMap<ObjectId, String>,
}

/// What a container brings to a service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offer {
    /// Its options; servers come from all containers.
    pub(super) load_balancer: LoadBalancer,
    /// Its server, or why it has none.
    pub(super) server: Result<Server, String>,
}

/// Why a router is not declared, and the option that would mend it.
struct Refusal {
    option: &'static str,
    message: String,
    suggestion: String,
}

/// Reads the declaration of a container that takes part.
pub(super) fn declare<'a>(
    container: &'a Container,
    site: &Site<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Declaration<'a> {
    let decoded = &container.decoded;
    diagnostics.extend(decoded.diagnostics.iter().cloned());
    let mut declaration = Declaration {
        container,
        routers: BTreeMap::new(),
        services: BTreeMap::new(),
        middlewares: &decoded.labels.middlewares,
        rejected: decoded.labels.rejected.clone(),
    };
    if decoded.labels.wants_http() {
        let labels = &decoded.labels;
        let mut build = Build {
            labels,
            site,
            base: container.base_name(),
            declaration,
            diagnostics,
        };
        build.routers();
        build.services();
        declaration = build.declaration;
    }
    declaration
}

struct Build<'b, 'a> {
    labels: &'a Labels,
    site: &'b Site<'b>,
    /// Name of what is generated.
    base: String,
    declaration: Declaration<'a>,
    diagnostics: &'b mut Vec<Diagnostic>,
}

impl Build<'_, '_> {
    fn routers(&mut self) {
        let services = self.service_names();
        if self.labels.has_routers() {
            for (name, labels) in &self.labels.routers {
                match self.router(name, labels, &services) {
                    Ok(router) => {
                        self.declaration.routers.insert(name.clone(), router);
                    }
                    Err(refusal) => self.reject(name, refusal),
                }
            }
        } else if services.len() > 1 {
            self.tell(
                Severity::Warning,
                format!(
                    "{} are declared and no router leads to them",
                    list(&services)
                ),
                "declare a router, as in traefik.http.routers.NAME.service=SERVICE".to_owned(),
            );
        } else if !self.options().default_rule.is_empty() {
            self.generated_router(&services);
        }
    }

    /// The services a router without one may be linked to.
    fn service_names(&self) -> BTreeSet<String> {
        if !self.labels.has_services() {
            return BTreeSet::from([self.base.clone()]);
        }
        let rejected = self
            .labels
            .rejected
            .keys()
            .filter(|id| id.kind == ObjectKind::Service);
        self.labels
            .services
            .keys()
            .chain(rejected.map(|id| &id.name))
            .cloned()
            .collect()
    }

    fn generated_router(&mut self, services: &BTreeSet<String>) {
        let name = self.base.clone();
        match self.router(&name, &RouterLabels::default(), services) {
            Ok(router) => {
                self.declaration.routers.insert(name, router);
            }
            Err(refusal) => self.tell(Severity::Warning, refusal.message, refusal.suggestion),
        }
    }

    fn router(
        &self,
        name: &str,
        labels: &RouterLabels,
        services: &BTreeSet<String>,
    ) -> Result<Router, Refusal> {
        let (rule, rule_generated) = match labels.rule.as_deref().filter(|rule| !rule.is_empty()) {
            Some(rule) => (rule.to_owned(), false),
            None => (self.default_rule(name)?, true),
        };
        let service = match &labels.service {
            Some(service) if !service.is_empty() => service.clone(),
            _ => only(services).ok_or_else(|| Refusal {
                option: "service",
                message: format!(
                    "router {name} names no service, and there are {}",
                    list(services)
                ),
                suggestion: format!("name one with traefik.http.routers.{name}.service"),
            })?,
        };
        Ok(Router {
            rule,
            rule_generated,
            // A default rule is not the container's: it is always v3.
            rule_syntax: match labels.rule_syntax {
                _ if rule_generated => RuleSyntax::V3,
                Some(syntax) => syntax,
                None => self.options().rule_syntax,
            },
            entry_points: labels.entry_points.clone(),
            middlewares: labels.middlewares.clone(),
            service,
            priority: labels.priority,
            observability: labels.observability,
        })
    }

    fn default_rule(&self, router: &str) -> Result<String, Refusal> {
        let container = self.declaration.container;
        let subject = Subject {
            name: &self.base,
            container_name: &container.name,
            labels: &container.labels,
        };
        let refusal = |why: String| Refusal {
            option: "rule",
            message: format!("router {router} has no rule, and {why}"),
            suggestion: format!("give it one with traefik.http.routers.{router}.rule"),
        };
        let rule = &self.options().default_rule;
        if rule.is_empty() {
            return Err(refusal("there is no default rule".to_owned()));
        }
        rule.apply(&subject)
            .map_err(|error| refusal(format!("the default rule failed: {error}")))
    }

    fn services(&mut self) {
        if self.labels.has_services() {
            for (name, labels) in &self.labels.services {
                let offer = self.offer(name, labels);
                if let Err(Some(trouble)) = &offer {
                    self.tell_trouble(name, trouble, Severity::Error);
                }
                self.insert(name.clone(), labels, offer);
            }
            return;
        }
        let name = self.base.clone();
        let labels = ServiceLabels::default();
        let offer = self.offer(&name, &labels);
        if let Err(Some(trouble)) = &offer {
            if !self.is_used(&name) {
                return;
            }
            // Nothing was asked for: a container that merely exists is no error.
            let asked = self.labels.has_routers() || self.labels.has_middlewares();
            let severity = if asked {
                Severity::Error
            } else {
                Severity::Warning
            };
            if asked || !trouble.doubtful {
                self.tell_trouble(&name, trouble, severity);
            }
        }
        self.insert(name, &labels, offer);
    }

    fn is_used(&self, service: &str) -> bool {
        self.declaration.routers.values().any(|router| {
            router.service == service || router.service.strip_suffix("@docker") == Some(service)
        })
    }

    /// The container's server in a service, or why there is none; no trouble if
    /// it is only unfit to serve now.
    fn offer(&mut self, service: &str, labels: &ServiceLabels) -> Result<Server, Option<Trouble>> {
        let container = self.declaration.container;
        if container.unfit().is_some() {
            return Err(None);
        }
        let weight = labels.weight.unwrap_or(1);
        let Some(weight) = u32::try_from(weight).ok().filter(|weight| *weight > 0) else {
            let label = format!("traefik.http.services.{service}.loadbalancer.server.weight");
            return Err(Some(Trouble {
                message: format!(
                    "the weight {weight} gives container {} no requests",
                    container.name
                ),
                suggestion: "use a weight of at least 1".to_owned(),
                label: Some(label),
                doubtful: false,
            }));
        };
        let server = match &labels.url {
            Some(url) => self.server_at(url, labels)?,
            None => self.own_server(service, labels)?,
        };
        Ok(Server {
            weight,
            container: container.name.clone(),
            ..server
        })
    }

    /// The container's own address.
    fn own_server(
        &mut self,
        service: &str,
        labels: &ServiceLabels,
    ) -> Result<Server, Option<Trouble>> {
        let container = self.declaration.container;
        let port_label = format!("traefik.http.services.{service}.loadbalancer.server.port");
        let port = labels.port.as_deref();
        let address = address::server(container, self.site, port, &port_label, self.diagnostics)
            .map_err(Some)?;
        if port.is_some() {
            self.doubt_port(service, &port_label, labels);
        }
        Ok(Server {
            id: format!("{}/{}/{address}", container.id, container.started),
            scheme: labels.scheme.unwrap_or_default(),
            address: address.to_string(),
            weight: 1,
            container: String::new(),
            written_url: None,
            base_path: String::new(),
        })
    }

    /// Somewhere else, as the label says.
    fn server_at(&self, url: &str, labels: &ServiceLabels) -> Result<Server, Option<Trouble>> {
        let container = self.declaration.container;
        let id = format!("{}/{}/{url}", container.id, container.started);
        let parsed = ServerUrl::parse(url).map_err(|message| {
            Some(Trouble {
                message,
                suggestion: "write a URL such as http://10.0.0.2:8080".to_owned(),
                label: None,
                doubtful: false,
            })
        })?;
        Ok(parsed.server(url, labels.preserve_path, id))
    }

    /// Warns of a port that the image does not say it listens on. It is used all
    /// the same, as Traefik does: images need not say so.
    fn doubt_port(&mut self, service: &str, label: &str, labels: &ServiceLabels) {
        let container = self.declaration.container;
        let exposed: BTreeSet<u16> = container.ports.iter().map(|port| port.private).collect();
        let wanted = labels.port.as_deref().and_then(|port| port.parse().ok());
        let looked_at = !container.image_unseen && !exposed.is_empty();
        let Some(wanted) = wanted.filter(|_| looked_at) else {
            return;
        };
        if exposed.contains(&wanted) {
            return;
        }
        let exposed: Vec<_> = exposed.iter().map(ToString::to_string).collect();
        let told = Diagnostic::warning(
            format!(
                "container {} does not expose port {wanted}; it is used all the same",
                container.name
            ),
            format!(
                "use {} if that is what it listens on, or expose {wanted}",
                exposed.join(" or ")
            ),
        );
        self.diagnostics.push(
            told.container(&container.name)
                .label(label)
                .object(ObjectId::service(service)),
        );
    }

    fn insert(
        &mut self,
        name: String,
        labels: &ServiceLabels,
        offer: Result<Server, Option<Trouble>>,
    ) {
        let container = self.declaration.container;
        let server = offer.map_err(|trouble| match trouble {
            Some(trouble) => trouble.message,
            None => container.unfit().unwrap_or_default(),
        });
        let offer = Offer {
            load_balancer: labels.load_balancer.clone(),
            server,
        };
        self.declaration.services.insert(name, offer);
    }

    fn reject(&mut self, router: &str, refusal: Refusal) {
        let id = ObjectId::router(router);
        let label = format!("traefik.http.routers.{router}.{}", refusal.option);
        self.diagnostics.push(
            Diagnostic::error(refusal.message.clone(), refusal.suggestion)
                .container(&self.declaration.container.name)
                .label(label)
                .object(id.clone()),
        );
        self.declaration.rejected.insert(id, refusal.message);
    }

    fn tell(&mut self, severity: Severity, message: String, suggestion: String) {
        self.diagnostics.push(
            diagnostic(severity, message, suggestion).container(&self.declaration.container.name),
        );
    }

    fn tell_trouble(&mut self, service: &str, trouble: &Trouble, severity: Severity) {
        let Trouble {
            message,
            suggestion,
            label,
            doubtful,
        } = trouble.clone();
        let severity = if doubtful {
            Severity::Warning
        } else {
            severity
        };
        let told = diagnostic(severity, message, suggestion)
            .container(&self.declaration.container.name)
            .object(ObjectId::service(service));
        self.diagnostics.push(match label {
            Some(label) => told.label(label),
            None => told,
        });
    }

    fn options(&self) -> &DockerOptions {
        self.site.options
    }
}

fn diagnostic(severity: Severity, message: String, suggestion: String) -> Diagnostic {
    match severity {
        Severity::Warning => Diagnostic::warning(message, suggestion),
        Severity::Error => Diagnostic::error(message, suggestion),
    }
}

/// The only item, if there is exactly one.
fn only(names: &BTreeSet<String>) -> Option<String> {
    if names.len() == 1 {
        names.first().cloned()
    } else {
        None
    }
}

fn list(services: &BTreeSet<String>) -> String {
    let names: Vec<_> = services.iter().map(String::as_str).collect();
    format!("services {}", names.join(", "))
}
