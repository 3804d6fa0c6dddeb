//! Asks proxies what a request would meet, and compares what they say.

use std::collections::{BTreeMap, BTreeSet};

use fairway_proto::discovery::v1::{Explanation, RequestHead};
use fairway_proto::inspection::v1::explain_request::Proxies;
use fairway_proto::inspection::v1::{
    Diagnostic, ExplainRequest, ExplainResponse, ProxyExplanation, Severity,
};
use futures_util::future::join_all;
use tonic::Status;

use super::{InspectionServer, view};
use crate::discovery::NodeStatus;

/// Diagnostics in one answer at most.
const MAX_DIAGNOSTICS: usize = 20;

/// Something that two proxies can disagree about, and how one stands there.
type Aspect = (&'static str, fn(&Explanation) -> String);

const ASPECTS: [Aspect; 6] = [
    ("configuration", |told| told.version.clone()),
    ("entry point", |told| told.entry_point.clone()),
    ("router", |told| told.router.clone()),
    ("status", |told| match told.status {
        0 => "the server's".to_owned(),
        status => status.to_string(),
    }),
    ("reason", |told| told.reason.clone()),
    ("servers", |told| {
        let urls: BTreeSet<_> = told
            .servers
            .iter()
            .map(|server| server.url.as_str())
            .collect();
        Vec::from_iter(urls).join(" ")
    }),
];

impl InspectionServer {
    /// Asks and compares.
    pub(crate) async fn ask(&self, asked: ExplainRequest) -> Result<ExplainResponse, Status> {
        let request = asked.request.unwrap_or_default();
        let nodes = self.nodes.list();
        let proxies = match asked.proxies {
            Some(Proxies::Node(name)) => self.ask_named(&nodes, &name, request).await?,
            Some(Proxies::All(true)) => self.ask_all(&nodes, request).await?,
            Some(Proxies::All(false)) | None => vec![self.ask_any(nodes.clone(), request).await?],
        };
        Ok(ExplainResponse {
            differences: differences(&proxies),
            diagnostics: self.related(&proxies, &nodes),
            proxies,
        })
    }

    /// The first that answers; those that are up to date come first.
    async fn ask_any(
        &self,
        mut nodes: Vec<NodeStatus>,
        request: RequestHead,
    ) -> Result<ProxyExplanation, Status> {
        nodes.retain(NodeStatus::is_connected);
        nodes.sort_by_key(|node| node.behind_since.is_some());
        let mut last = "no proxy is connected".to_owned();
        for node in &nodes {
            let told = self.ask_one(node, request.clone()).await;
            if told.explanation.is_some() {
                return Ok(told);
            }
            last = format!("{}: {}", node.node.id, told.error);
        }
        Err(Status::unavailable(last))
    }

    async fn ask_named(
        &self,
        nodes: &[NodeStatus],
        name: &str,
        request: RequestHead,
    ) -> Result<Vec<ProxyExplanation>, Status> {
        // Processes that were given one id are told apart by the other.
        let named = |node: &&NodeStatus| node.node.id == name || node.node.instance_id == name;
        let named: Vec<_> = nodes.iter().filter(named).collect();
        if named.is_empty() {
            let known: BTreeSet<_> = nodes.iter().map(|node| node.node.id.as_str()).collect();
            let known = Vec::from_iter(known).join(", ");
            return Err(Status::not_found(match known.is_empty() {
                true => format!("no proxy `{name}`: none has connected so far"),
                false => format!("no proxy `{name}`; there are {known}"),
            }));
        }
        let connected = named.iter().filter(|node| node.is_connected());
        let told = join_all(connected.map(|node| self.ask_one(node, request.clone()))).await;
        match told.iter().all(|told| told.explanation.is_none()) {
            false => Ok(told),
            true => Err(Status::unavailable(match told.first() {
                Some(first) => format!("{name}: {}", first.error),
                None => format!("{name}: the proxy is not connected"),
            })),
        }
    }

    async fn ask_all(
        &self,
        nodes: &[NodeStatus],
        request: RequestHead,
    ) -> Result<Vec<ProxyExplanation>, Status> {
        if !nodes.iter().any(NodeStatus::is_connected) {
            return Err(Status::unavailable("no proxy is connected"));
        }
        Ok(join_all(nodes.iter().map(|node| self.ask_one(node, request.clone()))).await)
    }

    async fn ask_one(&self, node: &NodeStatus, request: RequestHead) -> ProxyExplanation {
        let answer = self.nodes.explain(&node.node.instance_id, request).await;
        let (explanation, error) = match answer {
            Ok(explanation) => (Some(explanation), String::new()),
            Err(error) => (None, error.to_string()),
        };
        ProxyExplanation {
            node: Some(node.node.clone()),
            explanation,
            error,
        }
    }

    /// What may have to do with the outcome.
    fn related(&self, proxies: &[ProxyExplanation], nodes: &[NodeStatus]) -> Vec<Diagnostic> {
        let told = || {
            proxies
                .iter()
                .filter_map(|proxy| proxy.explanation.as_ref())
        };
        let unserved = told().any(|told| told.router.is_empty());
        let middlewares = told()
            .flat_map(|told| &told.middlewares)
            .map(|step| &step.name);
        let concerned: BTreeSet<&String> = told()
            .flat_map(|told| {
                let parts = told.services.iter().map(|step| &step.next);
                [&told.router, &told.service].into_iter().chain(parts)
            })
            .chain(middlewares)
            .filter(|name| !name.is_empty())
            .collect();
        let wanted = |diagnostic: &Diagnostic| {
            let object = diagnostic.object.as_ref();
            (unserved && diagnostic.severity() == Severity::Error)
                || object.is_some_and(|object| concerned.contains(&object.name))
        };
        let compiled = self.compiled.borrow().clone();
        let found = compiled
            .iter()
            .flat_map(|compiled| &compiled.diagnostics)
            .map(view::diagnostic);
        let asked: BTreeSet<_> = proxies
            .iter()
            .filter_map(|proxy| Some(proxy.node.as_ref()?.instance_id.as_str()))
            .collect();
        let rejected = nodes
            .iter()
            .filter(|node| asked.contains(node.node.instance_id.as_str()))
            .flat_map(|node| {
                node.rejections.iter().map(|rejection| Diagnostic {
                    severity: Severity::Error.into(),
                    object: rejection.id.clone(),
                    message: format!("rejected by proxy {}: {}", node.node.id, rejection.reason),
                    ..Diagnostic::default()
                })
            });
        found
            .chain(rejected)
            .filter(wanted)
            .take(MAX_DIAGNOSTICS)
            .collect()
    }
}

/// One sentence for each aspect in which the answers are not the same.
fn differences(proxies: &[ProxyExplanation]) -> Vec<String> {
    let name = |proxy: &ProxyExplanation| {
        proxy
            .node
            .as_ref()
            .map(|node| node.id.clone())
            .unwrap_or_default()
    };
    let mut sentences = Vec::new();
    for (aspect, of) in ASPECTS {
        let mut by_value: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for proxy in proxies {
            if let Some(told) = &proxy.explanation {
                by_value.entry(of(told)).or_default().push(name(proxy));
            }
        }
        if by_value.len() > 1 {
            let values = by_value.iter().map(|(value, names)| {
                let value = if value.is_empty() { "none" } else { value };
                format!("{value} at {}", names.join(", "))
            });
            sentences.push(format!("{aspect}: {}", Vec::from_iter(values).join("; ")));
        }
    }
    let silent = proxies.iter().filter(|proxy| proxy.explanation.is_none());
    sentences
        .extend(silent.map(|proxy| format!("{} gave no answer: {}", name(proxy), proxy.error)));
    sentences
}

#[cfg(test)]
mod tests {
    use fairway_proto::discovery::v1::{Candidate, Node};

    use super::*;

    fn told(id: &str, router: &str, servers: &[&str]) -> ProxyExplanation {
        let servers = servers.iter().map(|url| Candidate {
            url: (*url).to_owned(),
            ..Candidate::default()
        });
        ProxyExplanation {
            node: Some(Node {
                id: id.to_owned(),
                ..Node::default()
            }),
            explanation: Some(Explanation {
                router: router.to_owned(),
                servers: servers.collect(),
                ..Explanation::default()
            }),
            error: String::new(),
        }
    }

    #[test]
    fn answers_that_differ_are_told_by_aspect_and_the_turn_is_none() {
        let same = [told("p1", "r", &["a", "b"]), told("p2", "r", &["b", "a"])];
        assert_eq!(differences(&same), Vec::<String>::new());
        let other = [
            told("p1", "r", &["a"]),
            told("p2", "r", &["a"]),
            told("p3", "", &["a"]),
            ProxyExplanation {
                explanation: None,
                error: "it sleeps".into(),
                ..told("p4", "", &[])
            },
        ];
        assert_eq!(
            differences(&other),
            [
                "router: none at p3; r at p1, p2",
                "p4 gave no answer: it sleeps"
            ]
        );
    }
}
