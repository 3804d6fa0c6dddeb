//! `/api/diagnostics`: everything that is not served as written, newest first.

use std::cmp::{Ordering, Reverse};

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::list::Listed;
use super::view::DiagnosticView;
use super::{Shared, object, time};
use crate::compile::Finding;
use crate::discovery::NodeStatus;
use crate::history::{History, kind_word};

/// Where findings of proxies come from, in the place of a provider.
const PROXY: &str = "proxy";

/// A diagnostic or a rejection, with its date.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Found {
        #[serde(flatten)]
        view: DiagnosticView<'a>,
        since: Option<u64>,
        #[serde(skip)]
        finding: &'a Finding,
    },
    Rejected {
        severity: &'static str,
        provider: &'static str,
        /// The proxy.
        node: &'a str,
        object: String,
        message: &'a str,
        suggestion: &'static str,
    },
}

/// `GET /api/diagnostics`.
pub(super) async fn answer(State(shared): State<Shared>, uri: Uri) -> Response {
    let history = shared.api.history.borrow().clone();
    shared.with_catalog(|catalog| {
        let found = catalog.compiled.diagnostics.iter();
        let found = found.map(|finding| Entry::found(finding, &history));
        let nodes = catalog.nodes().iter().filter(|node| node.is_connected());
        let rejected = nodes.flat_map(Entry::rejected);
        object::list(rejected.chain(found).collect(), &uri)
    })
}

impl<'a> Entry<'a> {
    fn found(finding: &'a Finding, history: &History) -> Self {
        Self::Found {
            view: DiagnosticView::new(finding),
            since: history.since(finding).map(time::unix_ms),
            finding,
        }
    }

    fn rejected(node: &'a NodeStatus) -> impl Iterator<Item = Self> {
        node.rejections.iter().map(|rejection| {
            let id = rejection.id.as_ref();
            let kind = kind_word(id.map(|id| id.kind()).unwrap_or_default());
            Self::Rejected {
                severity: "error",
                provider: PROXY,
                node: &node.node.id,
                object: format!("{kind} {}", id.map_or("", |id| &id.name)),
                message: &rejection.reason,
                suggestion: "",
            }
        })
    }

    /// Those of proxies come first.
    fn since(&self) -> u64 {
        match self {
            Self::Found { since, .. } => since.unwrap_or(0),
            Self::Rejected { .. } => u64::MAX,
        }
    }
}

impl Listed for Entry<'_> {
    /// The order of equal ones.
    fn name(&self) -> &str {
        match self {
            Self::Found { finding, .. } => &finding.diagnostic.message,
            Self::Rejected { object, .. } => object,
        }
    }

    /// Its severity.
    fn status(&self) -> &str {
        match self {
            Self::Found { view, .. } => view.severity,
            Self::Rejected { severity, .. } => severity,
        }
    }

    fn searched(&self) -> Vec<&str> {
        match self {
            Self::Found { view, finding, .. } => {
                let of = &finding.diagnostic;
                let object = view.object.as_deref();
                let texts = [of.container.as_deref(), of.label.as_deref(), object];
                let mut searched: Vec<_> = texts.into_iter().flatten().collect();
                searched.extend([of.message.as_str(), of.suggestion.as_str()]);
                searched
            }
            Self::Rejected {
                node,
                object,
                message,
                ..
            } => vec![node, object, message],
        }
    }

    fn provider(&self) -> &str {
        match self {
            Self::Found { finding, .. } => &finding.provider,
            Self::Rejected { provider, .. } => provider,
        }
    }

    fn compare(&self, other: &Self, key: &str) -> Ordering {
        let is_warning = |entry: &Self| entry.status() == "warning";
        match key {
            "severity" => is_warning(self).cmp(&is_warning(other)),
            "provider" => self.provider().cmp(other.provider()),
            // Newest first, and of one moment errors first.
            _ => (Reverse(self.since()), is_warning(self))
                .cmp(&(Reverse(other.since()), is_warning(other))),
        }
    }
}
