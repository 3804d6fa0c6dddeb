//! The proxies, as their streams show them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use fairway_proto::discovery::v1::{Node, Rejection, Share};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::health::Unhealthy;
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
    /// Instances that have a stream, in order: what they share is shared by these.
    connected: Arc<watch::Sender<Vec<String>>>,
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
    /// Servers it does not send requests to; none once its stream has ended.
    pub unhealthy: Unhealthy,
    /// Takes questions to it while its stream is open.
    questions: mpsc::Sender<Asked>,
}

impl Nodes {
    /// Nobody yet.
    pub fn new() -> Self {
        Self {
            by_instance: Arc::new(DashMap::new()),
            changes: Arc::new(watch::Sender::new(0)),
            connected: Arc::new(watch::Sender::default()),
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

    /// Changes whenever a proxy comes or goes.
    pub(super) fn connected(&self) -> watch::Receiver<Vec<String>> {
        self.connected.subscribe()
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
            unhealthy: Unhealthy::default(),
            questions,
        };
        self.by_instance.insert(instance.clone(), status);
        self.connected.send_if_modified(|connected| {
            let place = connected.binary_search(&instance);
            place
                .map_err(|at| connected.insert(at, instance.clone()))
                .is_err()
        });
        self.changed();
        stream
    }

    /// A stream has ended. Nothing, if a newer one took its place.
    pub(super) fn disconnect(&self, instance: &str, stream: u64) {
        self.update(instance, stream, |status| {
            status.disconnected_at = Some(Instant::now());
            status.pending = None;
            status.unhealthy = Unhealthy::default();
        });
        self.connected.send_if_modified(|connected| {
            // Asked here, where no stream of the instance can begin meanwhile unseen.
            let place = connected.binary_search_by(|it| it.as_str().cmp(instance));
            let gone = place.ok().filter(|_| !self.is_connected(instance));
            gone.map(|at| connected.remove(at)).is_some()
        });
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

/// The part of an instance in what all that are connected share; `None` if it is
/// not among them.
pub(super) fn share_of(instance: &str, connected: &[String]) -> Option<Share> {
    let place = connected.binary_search_by(|it| it.as_str().cmp(instance));
    Some(Share {
        proxies: u32::try_from(connected.len()).ok()?,
        place: u32::try_from(place.ok()?).ok()?,
    })
}

impl Default for Nodes {
    fn default() -> Self {
        Self::new()
    }
}

impl NodeStatus {
    /// It is connected and acknowledged this version last.
    pub fn serves(&self, version: &str) -> bool {
        let acked = self.acked.as_ref();
        self.is_connected() && acked.is_some_and(|(acked, _)| acked == version)
    }

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
        nodes.disconnect("i", old);
        assert!(nodes.list()[0].is_connected());
        assert_eq!(*nodes.connected().borrow(), ["i"]);
        nodes.disconnect("i", new);
        assert!(!nodes.list()[0].is_connected());
        assert!(nodes.connected().borrow().is_empty());
    }

    #[test]
    fn each_that_is_connected_has_a_place_of_its_own() {
        let nodes = Nodes::new();
        let streams = ["b", "a", "c"].map(|instance| {
            let stream = nodes.connect(node(instance), String::new(), nobody_asks());
            (instance, stream)
        });
        let share = |instance| {
            let share = share_of(instance, &nodes.connected().borrow());
            share.map(|share| (share.place, share.proxies))
        };
        assert_eq!(
            ["a", "b", "c"].map(share),
            [(0, 3), (1, 3), (2, 3)].map(Some)
        );
        nodes.disconnect(streams[1].0, streams[1].1);
        assert_eq!(
            ["a", "b", "c"].map(share),
            [None, Some((0, 2)), Some((1, 2))]
        );
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
        nodes.disconnect("i", stream);
        tokio::time::advance(REMEMBER_DISCONNECTED - Duration::from_secs(1)).await;
        assert_eq!(nodes.list().len(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(nodes.list().is_empty());
    }
}
