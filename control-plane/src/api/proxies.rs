//! `/api/proxies`: the proxies, as their streams show them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use fairway_proto::discovery::v1::{HealthState, Rejection, RejectionKind};
use serde::Serialize;

use super::{Shared, respond};
use crate::discovery::NodeStatus;
use crate::history::kind_word;

/// Servers that one proxy leaves out, shown of each.
const MAX_UNHEALTHY: usize = 200;

/// One proxy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProxyView<'a> {
    id: &'a str,
    instance: &'a str,
    build: &'a str,
    peer: &'a str,
    connected: bool,
    /// Since its stream ended.
    gone_ms: Option<u64>,
    /// That it serves.
    version: Option<&'a str>,
    /// It serves the latest one.
    is_current: bool,
    /// That it is being sent.
    pending: Option<&'a str>,
    /// Since when it does not serve the latest.
    lag_ms: u64,
    listeners: &'a BTreeMap<String, String>,
    rejections: Vec<RejectionView<'a>>,
    unhealthy: Vec<UnhealthyView<'a>>,
    unhealthy_total: usize,
}

/// What a proxy does not serve as sent.
#[derive(Debug, Serialize)]
pub(super) struct RejectionView<'a> {
    kind: &'static str,
    name: &'a str,
    cause: &'static str,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct UnhealthyView<'a> {
    service: &'a str,
    server: &'a str,
    state: &'static str,
    reason: &'a str,
}

/// `GET /api/proxies`.
pub(super) async fn answer(State(shared): State<Shared>) -> Response {
    let latest = shared.api.latest.borrow().clone();
    let latest = latest.as_ref().map(|it| it.version());
    let nodes = shared.api.nodes.list();
    let proxies: Vec<_> = nodes.iter().map(|it| ProxyView::new(it, latest)).collect();
    respond::json(&serde_json::json!({ "version": latest, "proxies": proxies }))
}

impl<'a> ProxyView<'a> {
    fn new(status: &'a NodeStatus, latest: Option<&str>) -> Self {
        let connected = status.is_connected();
        let version = status.acked.as_ref().map(|(version, _)| version.as_str());
        let unhealthy = status.unhealthy.iter().take(MAX_UNHEALTHY);
        Self {
            id: &status.node.id,
            instance: &status.node.instance_id,
            build: &status.node.build,
            peer: &status.peer,
            connected,
            gone_ms: status.disconnected_at.map(|at| ms(at.elapsed())),
            version,
            is_current: latest.is_some_and(|latest| status.serves(latest)),
            pending: status.pending.as_deref(),
            lag_ms: status
                .behind_since
                .filter(|_| connected)
                .map_or(0, |since| ms(since.elapsed())),
            listeners: &status.listeners,
            rejections: status.rejections.iter().map(RejectionView::new).collect(),
            unhealthy: unhealthy
                .map(|it| UnhealthyView {
                    service: &it.service,
                    server: &it.server,
                    state: match it.state() {
                        HealthState::Ejected => "ejected",
                        _ => "down",
                    },
                    reason: &it.reason,
                })
                .collect(),
            unhealthy_total: status.unhealthy.iter().count(),
        }
    }
}

impl<'a> RejectionView<'a> {
    pub(super) fn new(rejection: &'a Rejection) -> Self {
        let id = rejection.id.as_ref();
        Self {
            kind: kind_word(id.map(|id| id.kind()).unwrap_or_default()),
            name: id.map_or("", |id| &id.name),
            cause: match rejection.kind() {
                RejectionKind::Unsupported => "unsupported",
                RejectionKind::Invalid => "invalid",
                RejectionKind::Dependency => "dependency",
                RejectionKind::Unspecified => "unknown",
            },
            reason: &rejection.reason,
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
