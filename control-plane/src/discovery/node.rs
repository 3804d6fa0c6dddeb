//! The proxies, as their streams show them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use fairway_proto::discovery::v1::{Node, Rejection};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::question::Asked;

/// A proxy that is gone is shown for this long, so that a person who comes to
/// look after a failure still finds it.
const REMEMBER_DISCONNECTED: Duration = Duration::from_secs(300);

/// Every proxy that is or was lately connected. Cheap to clone: all clones show
/// the same list.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// By instance: two processes that were given one `--node.id` stay two.
    by_instance: Arc<DashMap<String, NodeStatus>>,
    /// Counts changes, so that waiting for one needs no polling.
    changes: Arc<watch::Sender<u64>>,
}

/// One proxy.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Who it says it is.
    pub node: Node,
    /// Address of its end of the stream.
    pub peer: String,
    /// Which stream this is about: rises with every stream of the instance.
    pub(super) stream: u64,
    /// When its stream ended; `None` while it is connected.
    pub disconnected_at: Option<Instant>,
    /// Version it acknowledged last, with [`Snapshot::sequence`]; `None` before the first.
    ///
    /// [`Snapshot::sequence`]: crate::snapshot::Snapshot::sequence
    pub acked: Option<(String, u64)>,
    /// Version being sent.
    pub pending: Option<String>,
    /// Since when it does not serve the latest version.
    pub behind_since: Option<Instant>,
    /// What it holds but does not serve as sent.
    pub rejections: Vec<Rejection>,
    /// Addresses it listens on, by entry point.
    pub listeners: BTreeMap<String, String>,
    /// Takes questions to it while its stream is open.
    questions: mpsc::Sender<Asked>,
}

impl Nodes {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            by_instance: Arc::new(DashMap::new()),
            changes: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Every proxy, ordered by id; those gone for five minutes are forgotten.
    pub fn list(&self) -> Vec<NodeStatus> {
        self.by_instance.retain(|_, status| {
            status
                .disconnected_at
                .is_none_or(|at| at.elapsed() < REMEMBER_DISCONNECTED)
        });
        let mut all: Vec<_> = self
            .by_instance
            .iter()
            .map(|entry| entry.value().clone())
            .collect();
        all.sort_by(|a, b| {
            (&a.node.id, &a.node.instance_id).cmp(&(&b.node.id, &b.node.instance_id))
        });
        all
    }

    /// Changes whenever a proxy comes, goes or acknowledges.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A stream of `node` begins; the number tells it from the node's earlier
    /// streams, which may end after this one has begun.
    pub(super) fn connect(&self, node: Node, peer: String, questions: mpsc::Sender<Asked>) -> u64 {
        let instance = node.instance_id.clone();
        let earlier = self.by_instance.get(&instance).map(|status| status.stream);
        let stream = earlier.map_or(0, |stream| stream + 1);
        let status = NodeStatus {
            node,
            peer,
            stream,
            disconnected_at: None,
            acked: None,
            pending: None,
            behind_since: None,
            rejections: Vec::new(),
            listeners: BTreeMap::new(),
            questions,
        };
        self.by_instance.insert(instance, status);
        self.changed();
        stream
    }

    /// Changes what is shown of a stream, unless a newer one took its place.
    pub(super) fn update(&self, instance: &str, stream: u64, change: impl FnOnce(&mut NodeStatus)) {
        if let Some(mut status) = self.by_instance.get_mut(instance)
            && status.stream == stream
        {
            change(&mut status);
        }
        self.changed();
    }

    /// Takes questions to this proxy; `None` if it is not known.
    pub(super) fn questions(&self, instance: &str) -> Option<mpsc::Sender<Asked>> {
        self.by_instance
            .get(instance)
            .map(|status| status.questions.clone())
    }

    /// Has this proxy a stream?
    pub(super) fn is_connected(&self, instance: &str) -> bool {
        self.by_instance
            .get(instance)
            .is_some_and(|status| status.is_connected())
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self::new()
    }
}

impl NodeStatus {
    /// A stream is open.
    pub fn is_connected(&self) -> bool {
        self.disconnected_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(instance: &str) -> Node {
        Node {
            id: "n".into(),
            instance_id: instance.into(),
            build: String::new(),
        }
    }

    fn nobody_asks() -> mpsc::Sender<Asked> {
        mpsc::channel(1).0
    }

    #[test]
    fn the_end_of_an_old_stream_does_not_disconnect_the_new_one() {
        let nodes = Nodes::new();
        let old = nodes.connect(node("i"), String::new(), nobody_asks());
        let new = nodes.connect(node("i"), String::new(), nobody_asks());
        nodes.update("i", old, |status| {
            status.disconnected_at = Some(Instant::now())
        });
        assert!(nodes.list()[0].is_connected());
        nodes.update("i", new, |status| {
            status.disconnected_at = Some(Instant::now())
        });
        assert!(!nodes.list()[0].is_connected());
    }

    #[test]
    fn two_processes_with_one_given_id_are_two() {
        let nodes = Nodes::new();
        nodes.connect(node("a"), String::new(), nobody_asks());
        nodes.connect(node("b"), String::new(), nobody_asks());
        assert_eq!(nodes.list().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_is_gone_is_shown_for_a_while() {
        let nodes = Nodes::new();
        let stream = nodes.connect(node("i"), String::new(), nobody_asks());
        nodes.update("i", stream, |status| {
            status.disconnected_at = Some(Instant::now())
        });
        tokio::time::advance(REMEMBER_DISCONNECTED - Duration::from_secs(1)).await;
        assert_eq!(nodes.list().len(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(nodes.list().is_empty());
    }
}
