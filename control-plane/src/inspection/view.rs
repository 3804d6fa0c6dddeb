//! Internal state in the words of the inspection messages.

use fairway_proto::discovery::v1::{ResourceId, ResourceKind};
use fairway_proto::inspection::v1::{self as wire, WatchConfigResponse};

use crate::compile::Finding;
use crate::discovery::NodeStatus;
use crate::model::{ObjectId, ObjectKind, Severity};
use crate::redact;
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
        upserts: delta
            .upserts
            .iter()
            .map(|resource| redact::resource(resource))
            .collect(),
        removals: delta.removals,
    }
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
        unhealthy: status.unhealthy.iter().cloned().collect(),
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

fn object(id: &ObjectId) -> ResourceId {
    let kind = match id.kind {
        ObjectKind::Router => ResourceKind::Router,
        ObjectKind::Middleware => ResourceKind::Middleware,
        ObjectKind::Service => ResourceKind::Service,
        ObjectKind::ServersTransport => ResourceKind::ServersTransport,
    };
    ResourceId {
        kind: kind.into(),
        name: id.name.clone(),
    }
}
