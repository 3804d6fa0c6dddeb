//! Internal state in the words of the inspection messages.

use fairway_proto::discovery::v1::middleware::Kind;
use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{Resource, ResourceId, ResourceKind};
use fairway_proto::inspection::v1::{self as wire, WatchConfigResponse};

use crate::compile::Finding;
use crate::discovery::NodeStatus;
use crate::model::{ObjectId, ObjectKind, Severity};
use crate::snapshot::{Delta, Snapshot};

/// What leads from `seen` to `now`; everything, if nothing was seen.
pub(super) fn change(seen: Option<&Snapshot>, now: &Snapshot) -> WatchConfigResponse {
    let delta = match seen {
        Some(seen) => Delta::between(seen, now),
        None => Delta {
            upserts: now.resources().values().cloned().collect(),
            removals: vec![],
        },
    };
    WatchConfigResponse {
        version: now.version().to_owned(),
        upserts: delta.upserts.iter().map(|it| resource(it)).collect(),
        removals: delta.removals,
    }
}

/// A resource as people may see it: without the hashes of passwords.
pub(super) fn resource(resource: &Resource) -> Resource {
    let mut shown = resource.clone();
    if let Some(Spec::Middleware(middleware)) = &mut shown.spec
        && let Some(Kind::BasicAuth(auth)) = &mut middleware.kind
    {
        auth.users.iter_mut().for_each(|user| user.hash.clear());
    }
    shown
}

pub(super) fn proxy(status: NodeStatus) -> wire::Proxy {
    let lag = status.behind_since.filter(|_| status.is_connected());
    wire::Proxy {
        connected: status.is_connected(),
        version: status.acked.map(|(version, _)| version).unwrap_or_default(),
        pending_version: status.pending.unwrap_or_default(),
        lag_ms: lag.map_or(0, |since| {
            u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
        }),
        rejections: status.rejections,
        listeners: status.listeners,
        peer: status.peer,
        node: Some(status.node),
    }
}

pub(super) fn diagnostic(finding: &Finding) -> wire::Diagnostic {
    let of = &finding.diagnostic;
    wire::Diagnostic {
        severity: match of.severity {
            Severity::Warning => wire::Severity::Warning,
            Severity::Error => wire::Severity::Error,
        }
        .into(),
        provider: finding.provider.clone(),
        container: of.container.clone().unwrap_or_default(),
        label: of.label.clone().unwrap_or_default(),
        object: of.object.as_ref().map(object),
        message: of.message.clone(),
        suggestion: of.suggestion.clone(),
    }
}

/// Why waiting for a version did not end: who is behind.
pub(super) fn behind(nodes: &[NodeStatus], latest: Option<&Snapshot>) -> String {
    let Some(latest) = latest else {
        return "there is no configuration yet".to_owned();
    };
    let connected: Vec<_> = nodes.iter().filter(|node| node.is_connected()).collect();
    if connected.is_empty() {
        return "no proxy is connected".to_owned();
    }
    let late: Vec<_> = connected
        .iter()
        .filter(|node| {
            node.acked
                .as_ref()
                .is_none_or(|(_, at)| *at < latest.sequence())
        })
        .map(|node| node.node.id.as_str())
        .collect();
    if late.is_empty() {
        return format!(
            "the version never came; the current one is {}",
            latest.version()
        );
    }
    format!("behind version {}: {}", latest.version(), late.join(", "))
}

fn object(id: &ObjectId) -> ResourceId {
    let kind = match id.kind {
        ObjectKind::Router => ResourceKind::Router,
        ObjectKind::Middleware => ResourceKind::Middleware,
        ObjectKind::Service => ResourceKind::Service,
    };
    ResourceId {
        kind: kind.into(),
        name: id.name.clone(),
    }
}
