//! `fairway-control diff`: what files would change in a control plane that runs.
//!
//! Only the project's own share is compared: what other containers declare stays
//! as it runs. Addresses are not compared, since files know none: a server is the
//! same if its container, port, scheme and weight are.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{self as wire, Resource, ResourceKind};
use fairway_proto::inspection::v1::GetConfigRequest;
use fairway_proto::inspection::v1::inspection_client::InspectionClient;
use serde_json::{Map, Value, json};
use tonic::transport::Endpoint;

use super::entrypoint::Origin;
use super::{Format, Report, Sources, json, text};
use crate::config::{EntryPointOptions, ForwardedHeaders, Http2, ProxyProtocol};
use crate::redact;

/// Longest wait for the control plane.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Largest configuration that is taken.
const MAX_SIZE: usize = 256 * 1024 * 1024;

/// Why a running control plane could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The address is none, or nothing answers there.
    #[error("no control plane answers at {server}")]
    Unreachable {
        /// As given.
        server: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// It answers that it cannot.
    #[error("the control plane at {server} gave no configuration: {}", status.message())]
    Refused {
        /// As given.
        server: String,
        /// What it says.
        status: Box<tonic::Status>,
    },
}

/// What files would change.
#[derive(Debug)]
pub struct Changes {
    /// What the files become.
    pub report: Report,
    /// Version that runs.
    pub version: String,
    /// By kind and name.
    pub changes: Vec<Change>,
}

/// One resource that would not be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `entrypoint`, `router`, `middleware` or `service`.
    pub kind: &'static str,
    /// Qualified name.
    pub name: String,
    /// What it is now, by field; `None`: it is not there.
    pub before: Option<BTreeMap<&'static str, String>>,
    /// What it would be; `None`: it would go.
    pub after: Option<BTreeMap<&'static str, String>>,
}

/// Asks the control plane at `server` and compares.
///
/// # Errors
/// If it does not answer.
pub async fn diff(
    files: &super::Files,
    server: &str,
    sources: Sources<'_>,
) -> Result<Changes, DiffError> {
    let (version, running) = ask(server).await?;
    let (project, mut statics) = super::load(files, sources);
    if statics.origin == Origin::Default {
        statics.origin = Origin::Server(server.to_owned());
        statics.config.entry_points = entry_points(&running);
    }
    let report = super::compiled(&project, statics, sources);
    Ok(Changes {
        changes: between(&report, &running),
        report,
        version,
    })
}

async fn ask(server: &str) -> Result<(String, Vec<Resource>), DiffError> {
    let unreachable = |source| DiffError::Unreachable {
        server: server.to_owned(),
        source,
    };
    let endpoint = Endpoint::from_shared(server.to_owned()).map_err(unreachable)?;
    let endpoint = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE);
    let channel = endpoint.connect().await.map_err(unreachable)?;
    let response = InspectionClient::new(channel)
        .max_decoding_message_size(MAX_SIZE)
        .get_config(GetConfigRequest::default())
        .await
        .map_err(|status| DiffError::Refused {
            server: server.to_owned(),
            status: Box::new(status),
        })?
        .into_inner();
    Ok((response.version, response.resources))
}

fn entry_points(running: &[Resource]) -> BTreeMap<String, EntryPointOptions> {
    let each = running.iter().filter_map(|it| match (&it.id, &it.spec) {
        (Some(id), Some(Spec::EntryPoint(spec))) => Some((id, spec)),
        _ => None,
    });
    each.map(|(id, spec)| {
        let forwarded = spec.forwarded_headers.clone().unwrap_or_default();
        let http2 = spec.http2.unwrap_or_default();
        let options = EntryPointOptions {
            address: spec.address.clone(),
            as_default: false,
            forwarded_headers: ForwardedHeaders {
                insecure: forwarded.insecure,
                trusted_ips: forwarded.trusted_ips,
                ..ForwardedHeaders::default()
            },
            proxy_protocol: spec.proxy_protocol.clone().map(|it| ProxyProtocol {
                insecure: it.insecure,
                trusted_ips: it.trusted_ips,
            }),
            http2: Http2 {
                max_concurrent_streams: NonZeroU32::new(http2.max_concurrent_streams),
                max_decoder_header_table_size: http2.max_decoder_header_table_size,
            },
            ..EntryPointOptions::default()
        };
        (id.name.clone(), options)
    })
    .collect()
}

/// What would change in what runs.
#[must_use]
pub fn between(report: &Report, running: &[Resource]) -> Vec<Change> {
    let own = Own {
        project: &report.project,
        names: report.guests.containers(),
    };
    let running: BTreeMap<_, _> = running
        .iter()
        .filter_map(|it| Some((key(it)?, it)))
        .collect();
    // What runs is told without secrets; and none belongs on a screen.
    let redacted: Vec<Resource> = report
        .compiled
        .resources
        .iter()
        .map(redact::resource)
        .collect();
    let planned: BTreeMap<_, _> = redacted
        .iter()
        .filter_map(|it| Some((key(it)?, it)))
        .collect();
    let keys: BTreeSet<_> = running.keys().chain(planned.keys()).copied().collect();
    let changes = keys.into_iter().filter_map(|key| {
        let (kind, name) = key;
        let (now, then) = (running.get(&key).copied(), planned.get(&key).copied());
        let before = now.map(|it| fields(it, None));
        let after = match (now, then) {
            // What others declare too goes on without the project.
            (Some(now), None) => own.rest(now),
            (now, Some(then)) => Some(own.joined(report, name, now, then)),
            (None, None) => None,
        };
        let kind = match kind {
            ResourceKind::EntryPoint if report.entry_points_from == Origin::Default => return None,
            ResourceKind::EntryPoint => "entrypoint",
            ResourceKind::Router => "router",
            ResourceKind::Middleware => "middleware",
            ResourceKind::AccessLog => "accesslog",
            ResourceKind::Tracing => "tracing",
            _ => "service",
        };
        (before != after).then(|| Change {
            kind,
            name: name.to_owned(),
            before,
            after,
        })
    });
    changes.collect()
}

fn key(resource: &Resource) -> Option<(ResourceKind, &str)> {
    let id = resource.id.as_ref()?;
    Some((id.kind(), &id.name))
}

/// Which containers are the project's.
struct Own<'a> {
    project: &'a str,
    names: BTreeSet<&'a str>,
}

impl Own<'_> {
    fn has(&self, container: &str) -> bool {
        let numbered = || {
            let rest = container
                .strip_prefix(self.project)?
                .strip_prefix(['-', '_'])?;
            let (_, number) = rest.rsplit_once(['-', '_'])?;
            number.parse::<u32>().ok()
        };
        self.names.contains(container) || numbered().is_some()
    }

    /// What stays of something that runs and the project does not declare any more.
    fn rest(&self, now: &Resource) -> Option<BTreeMap<&'static str, String>> {
        let containers = now.origin.as_ref().map(|it| it.containers.as_slice());
        let containers = containers.unwrap_or_default();
        if !containers.is_empty() && containers.iter().all(|it| self.has(it)) {
            return None;
        }
        let mut fields = fields(now, None);
        if let Some(Spec::Service(service)) = &now.spec {
            let others = service.servers.iter().filter(|it| !self.has(&it.container));
            fields.insert("servers", servers(others));
        }
        Some(fields)
    }

    /// What the project declares, with the servers that others add to it.
    fn joined(
        &self,
        report: &Report,
        name: &str,
        now: Option<&Resource>,
        then: &Resource,
    ) -> BTreeMap<&'static str, String> {
        let Some(Spec::Service(running)) = now.and_then(|now| now.spec.as_ref()) else {
            return fields(then, None);
        };
        let Some(Spec::Service(planned)) = &then.spec else {
            return fields(then, None);
        };
        // Ports of an image are not known from files; what runs knows them.
        let unseen = planned.servers.is_empty() && report.is_doubtful(name);
        let kept = running
            .servers
            .iter()
            .filter(|it| match self.has(&it.container) {
                true => unseen && self.names.contains(it.container.as_str()),
                false => true,
            });
        let all: Vec<&wire::Server> = kept.chain(&planned.servers).collect();
        fields(then, Some(servers(all.into_iter())))
    }
}

/// What is compared of a resource, in words.
fn fields(resource: &Resource, servers_are: Option<String>) -> BTreeMap<&'static str, String> {
    match &resource.spec {
        Some(Spec::EntryPoint(it)) => BTreeMap::from([("address", it.address.clone())]),
        Some(Spec::Router(it)) => BTreeMap::from([
            ("rule", it.rule.clone()),
            ("priority", it.priority.to_string()),
            ("entryPoints", it.entry_points.join(", ")),
            ("middlewares", it.middlewares.join(", ")),
            ("service", it.service.clone()),
        ]),
        Some(Spec::Middleware(it)) => {
            let options = it.kind.as_ref().map(|kind| format!("{kind:?}"));
            BTreeMap::from([("options", options.unwrap_or_default())])
        }
        Some(Spec::Service(it)) => service(it, servers_are),
        Some(Spec::ServersTransport(it)) => BTreeMap::from([
            ("serverName", it.server_name.clone()),
            ("insecureSkipVerify", it.insecure_skip_verify.to_string()),
            ("rootCAs", it.root_cas.len().to_string()),
            ("certificates", it.certificates.len().to_string()),
            ("peerCertURI", it.peer_cert_uri.clone()),
            ("disableHTTP2", it.disable_http2.to_string()),
            (
                "maxIdleConnsPerHost",
                it.max_idle_conns_per_host.to_string(),
            ),
        ]),
        Some(Spec::AccessLog(it)) => BTreeMap::from([("options", format!("{it:?}"))]),
        Some(Spec::Tracing(it)) => BTreeMap::from([("options", format!("{it:?}"))]),
        None => BTreeMap::new(),
    }
}

fn service(it: &wire::Service, servers_are: Option<String>) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::from([
        ("passHostHeader", it.pass_host_header.to_string()),
        (
            "servers",
            servers_are.unwrap_or_else(|| servers(it.servers.iter())),
        ),
    ]);
    if !matches!(
        it.strategy(),
        wire::Strategy::Unspecified | wire::Strategy::Wrr
    ) {
        fields.insert("strategy", strategy(it));
    }
    if let Some(it) = &it.sticky {
        fields.insert("sticky", cookie(it));
    }
    let check = it.health_check.as_ref().map(health_check);
    fields.extend(check.map(|check| ("healthCheck", check)));
    let passive = it.passive_health_check.as_ref();
    fields.extend(passive.map(|it| {
        let (attempts, window) = (it.max_failed_attempts, it.failure_window_ms);
        (
            "passiveHealthCheck",
            format!("{attempts} failures in {window} ms"),
        )
    }));
    if let Some(parts) = &it.parts {
        fields.insert("parts", format!("{parts:?}"));
    }
    fields
}

fn strategy(of: &wire::Service) -> String {
    let name = of.strategy().as_str_name();
    name.trim_start_matches("STRATEGY_").to_lowercase()
}

fn cookie(it: &wire::StickyCookie) -> String {
    let wire::StickyCookie {
        name,
        secure,
        http_only,
        same_site,
        max_age,
        path,
        domain,
    } = it;
    format!(
        "{name} (path {path}, domain {domain:?}, maxAge {max_age}, secure {secure}, \
         httpOnly {http_only}, sameSite {same_site:?})"
    )
}

/// The values of headers may be secrets and are not compared.
fn health_check(check: &wire::HealthCheck) -> String {
    let headers: Vec<_> = check.headers.keys().map(String::as_str).collect();
    let shown = wire::HealthCheck {
        headers: BTreeMap::new(),
        ..check.clone()
    };
    format!("{shown:?}, headers {}", headers.join(", "))
}

fn servers<'a>(servers: impl Iterator<Item = &'a wire::Server>) -> String {
    let mut each: Vec<String> = servers
        .map(|server| {
            let scheme = server
                .scheme()
                .as_str_name()
                .trim_start_matches("SCHEME_")
                .to_lowercase();
            let port = server.address.rsplit(':').next().unwrap_or_default();
            let weight = match server.weight {
                0 | 1 => String::new(),
                weight => format!(" (weight {weight})"),
            };
            match server.url.as_str() {
                "" => format!("{scheme}://{}:{port}{weight}", server.container),
                url if server.base_path.is_empty() => format!("{url}{weight}"),
                url => format!("{url}{weight}, path preserved"),
            }
        })
        .collect();
    each.sort();
    if each.is_empty() {
        "none".to_owned()
    } else {
        each.join(", ")
    }
}

impl Changes {
    /// The changes as a person or a program reads them.
    #[must_use]
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.report.findings {
            out.push_str(&text::finding(finding));
            out.push('\n');
        }
        for change in &self.changes {
            let sign = match (&change.before, &change.after) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '~',
            };
            out.push_str(&format!("{sign} {} {}\n", change.kind, change.name));
            for (field, before, after) in change.fields() {
                match (before, after) {
                    (Some(before), Some(after)) => {
                        out.push_str(&format!("    {field}: {before} -> {after}\n"));
                    }
                    (one, other) => {
                        let value = one.or(other).unwrap_or_default();
                        out.push_str(&format!("    {field}: {value}\n"));
                    }
                }
            }
        }
        let changes = match self.changes.len() {
            0 => "nothing would change".to_owned(),
            number => text::count(number, "change"),
        };
        out + &format!("{changes} in version {}\n", self.version)
    }

    fn json(&self) -> String {
        let change = |it: &Change| {
            let what = match (&it.before, &it.after) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            let fields: Map<String, Value> = it
                .fields()
                .map(|(field, before, after)| {
                    (
                        field.to_owned(),
                        json!({ "before": before, "after": after }),
                    )
                })
                .collect();
            json!({ "change": what, "kind": it.kind, "name": it.name, "fields": fields })
        };
        json::print(&json!({
            "version": self.version,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "diagnostics": self.report.findings.iter().map(json::finding).collect::<Vec<_>>(),
        }))
    }
}

impl Change {
    /// The fields that are not the same.
    fn fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>, Option<&str>)> {
        let names = [&self.before, &self.after].into_iter().flatten();
        let names: BTreeSet<&'static str> = names.flat_map(BTreeMap::keys).copied().collect();
        names.into_iter().filter_map(|name| {
            let before = self
                .before
                .as_ref()
                .and_then(|it| it.get(name))
                .map(String::as_str);
            let after = self
                .after
                .as_ref()
                .and_then(|it| it.get(name))
                .map(String::as_str);
            (before != after).then_some((name, before, after))
        })
    }
}
