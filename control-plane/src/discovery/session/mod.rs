//! One proxy's stream.
//!
//! Keeps what the proxy acknowledged last and computes every update by comparing
//! that with the latest snapshot. At most one update is in flight; while it is,
//! newer snapshots overwrite each other. Rejections never change the baseline,
//! so nothing is sent twice in the hope of a better answer. Questions go between
//! the updates and wait for none; nor does the proxy's share in what all proxies
//! together may let through, which is told when proxies come and go.

use std::sync::Arc;
use std::time::Duration;

use fairway_proto::discovery::v1::client_message::Message;
use fairway_proto::discovery::v1::server_message::Message as Said;
use fairway_proto::discovery::v1::{
    Ack, ClientMessage, HealthReport, Hello, Node, ServerMessage, Share, Update, UpdateMode,
};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Status;
use tracing::{debug, info, warn};

use super::SnapshotReceiver;
use super::node::{Nodes, share_of};
use super::question::{Asked, MAX_UNSENT, OpenQuestions};
use crate::snapshot::{Delta, Snapshot};
use crate::stats::Stats;

/// The first message must be there after this long.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// An update must be acknowledged after this long, or the stream is closed and
/// the proxy starts again with a clean one.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Of a proxy that has heard nothing else.
const ALONE: Share = Share {
    proxies: 1,
    place: 0,
};

/// One stream, from its first message to its end.
#[derive(Debug)]
pub(super) struct Session {
    latest: SnapshotReceiver,
    nodes: Nodes,
    stats: Stats,
    peer: String,
    say: mpsc::Sender<Result<ServerMessage, Status>>,
}

/// What the proxy has, and what is on the way to it.
#[derive(Debug, Default)]
struct Baseline {
    /// What it acknowledged last.
    acked: Option<Arc<Snapshot>>,
    in_flight: Option<InFlight>,
    /// Of the update sent last.
    nonce: u64,
}

#[derive(Debug)]
struct InFlight {
    nonce: u64,
    snapshot: Arc<Snapshot>,
    sent_at: Instant,
}

/// The node a session belongs to, for [`Nodes::update`].
#[derive(Debug)]
struct Identity {
    node: Node,
    stream: u64,
}

impl Session {
    pub(super) fn new(
        latest: SnapshotReceiver,
        nodes: Nodes,
        stats: Stats,
        peer: String,
        say: mpsc::Sender<Result<ServerMessage, Status>>,
    ) -> Self {
        Self {
            latest,
            nodes,
            stats,
            peer,
            say,
        }
    }

    /// Runs until the proxy goes away or breaks the protocol.
    pub(super) async fn run(
        mut self,
        mut messages: impl Stream<Item = Result<ClientMessage, Status>> + Unpin,
    ) {
        let hello = match self.hello(&mut messages).await {
            Ok(hello) => hello,
            Err(status) => {
                warn!(peer = %self.peer, error = %status.message(), "stream refused");
                // The receiver is gone only if the proxy is; nobody to tell then.
                let _ = self.say.send(Err(status)).await;
                return;
            }
        };
        let node = hello.node.unwrap_or_default();
        let (ask, questions) = mpsc::channel(MAX_UNSENT);
        let stream = self.nodes.connect(node.clone(), self.peer.clone(), ask);
        self.stats.connect(&node.instance_id, &node.id);
        let identity = Identity { node, stream };
        info!(node = %identity.node.id, peer = %self.peer, held = %hello.held_version, "proxy connected");
        let end = self
            .converse(&identity, &hello.held_version, &mut messages, questions)
            .await;
        let instance = &identity.node.instance_id;
        self.nodes.disconnect(instance, stream);
        if !self.nodes.is_connected(instance) {
            self.stats.disconnect(instance);
        }
        match end {
            Ok(()) => info!(node = %identity.node.id, "proxy disconnected"),
            Err(status) => {
                warn!(node = %identity.node.id, error = %status.message(), "proxy dropped");
                let _ = self.say.try_send(Err(status));
            }
        }
    }

    async fn hello(
        &self,
        messages: &mut (impl Stream<Item = Result<ClientMessage, Status>> + Unpin),
    ) -> Result<Hello, Status> {
        let first = timeout(HELLO_TIMEOUT, messages.next())
            .await
            .map_err(|_| Status::deadline_exceeded("no Hello within 10 s"))?;
        match first {
            Some(Ok(ClientMessage {
                message: Some(Message::Hello(hello)),
            })) => match hello.node.as_ref() {
                Some(node) if !node.id.is_empty() && !node.instance_id.is_empty() => Ok(hello),
                _ => Err(Status::invalid_argument(
                    "Hello must name node.id and instance_id",
                )),
            },
            Some(Ok(_)) => Err(Status::failed_precondition(
                "the first message must be Hello",
            )),
            Some(Err(status)) => Err(status),
            None => Err(Status::cancelled("closed before Hello")),
        }
    }

    async fn converse(
        &mut self,
        identity: &Identity,
        held_version: &str,
        messages: &mut (impl Stream<Item = Result<ClientMessage, Status>> + Unpin),
        mut questions: mpsc::Receiver<Asked>,
    ) -> Result<(), Status> {
        let mut baseline = Baseline::default();
        let mut open = OpenQuestions::default();
        let mut held = Some(held_version);
        let mut connected = self.nodes.connected();
        // As every stream begins.
        let mut told = ALONE;
        loop {
            let share = share_of(&identity.node.instance_id, &connected.borrow_and_update());
            self.tell_share(identity, share, &mut told);
            if baseline.in_flight.is_none() {
                let latest = self.latest.borrow_and_update().clone();
                match latest.and_then(|latest| baseline.next(latest, held.take())) {
                    Some(update) => self.send(identity, &baseline, update).await?,
                    None => self.mark_current(identity, &baseline),
                }
            }
            let deadline = baseline
                .in_flight
                .as_ref()
                .map(|update| update.sent_at + ACK_TIMEOUT);
            tokio::select! {
                message = messages.next() => match message {
                    None => return Ok(()),
                    Some(Err(status)) => {
                        debug!(node = %identity.node.id, error = %status, "stream broke");
                        return Ok(());
                    }
                    Some(Ok(message)) => match message.message {
                        Some(Message::Explanation(explanation)) => open.answered(explanation),
                        Some(Message::Health(report)) => self.note(identity, report),
                        Some(Message::Stats(report)) => {
                            self.stats.take(&identity.node.instance_id, report);
                        }
                        // Of a newer proxy.
                        None => debug!("a proxy said something that is not known here"),
                        message => self.take_in(identity, &mut baseline, message)?,
                    },
                },
                Some(asked) = questions.recv() => self.ask(&mut open, asked),
                _ = connected.changed() => {}
                changed = self.latest.changed() => {
                    // The sender is dropped only when the process is about to end.
                    if changed.is_err() { return Ok(()); }
                    self.mark_behind(identity);
                }
                () = self.say.closed() => return Ok(()),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Err(Status::deadline_exceeded("update not acknowledged within 30 s"));
                }
            }
        }
    }

    async fn send(
        &self,
        identity: &Identity,
        baseline: &Baseline,
        update: Update,
    ) -> Result<(), Status> {
        debug!(
            node = %identity.node.id, version = %update.version, nonce = update.nonce,
            mode = update.mode().as_str_name(), upserts = update.upserts.len(),
            removals = update.removals.len(), "update sent"
        );
        let version = update.version.clone();
        let current = baseline
            .acked
            .as_ref()
            .is_some_and(|acked| acked.version() == version);
        self.nodes
            .update(&identity.node.instance_id, identity.stream, |status| {
                status.pending = Some(version);
                if !current {
                    status.behind_since.get_or_insert_with(Instant::now);
                }
            });
        // One update in flight and room for one in the channel: this does not
        // wait on the network.
        let message = ServerMessage {
            message: Some(Said::Update(update)),
        };
        self.say
            .send(Ok(message))
            .await
            .map_err(|_| Status::cancelled("stream closed"))
    }

    /// Tells the proxy its share if that is another one than it was `told`. If only the
    /// room of an update is left, something is on its way and this is asked again.
    fn tell_share(&self, identity: &Identity, share: Option<Share>, told: &mut Share) {
        let Some(share) = share.filter(|share| share != told) else {
            return;
        };
        let message = ServerMessage {
            message: Some(Said::Share(share)),
        };
        if self.say.capacity() > 1 && self.say.try_send(Ok(message)).is_ok() {
            debug!(
                node = %identity.node.id, proxies = share.proxies, place = share.place,
                "share sent"
            );
            *told = share;
        }
    }

    /// Asks, or lets the question fall if only the room of an update is left.
    fn ask(&self, open: &mut OpenQuestions, asked: Asked) {
        if self.say.capacity() > 1 {
            // Closed: noticed by the loop, and the asker when the session ends.
            let _ = self.say.try_send(Ok(open.ask(asked)));
        }
    }

    /// Keeps what the proxy says of servers, for people.
    fn note(&self, identity: &Identity, report: HealthReport) {
        self.nodes
            .update(&identity.node.instance_id, identity.stream, |status| {
                status.unhealthy.take(report);
            });
    }

    fn take_in(
        &self,
        identity: &Identity,
        baseline: &mut Baseline,
        message: Option<Message>,
    ) -> Result<(), Status> {
        let Some(Message::Ack(ack)) = message else {
            return Err(Status::failed_precondition(
                "after Hello only answers and reports are expected",
            ));
        };
        let Some(acked) = baseline.acknowledge(ack.nonce) else {
            return Err(Status::failed_precondition(
                "Ack of an update that is not in flight",
            ));
        };
        self.record(identity, &acked, ack);
        Ok(())
    }

    fn record(&self, identity: &Identity, acked: &Snapshot, ack: Ack) {
        for rejection in &ack.rejections {
            let name = rejection.id.as_ref().map_or("", |id| id.name.as_str());
            warn!(
                node = %identity.node.id, resource = %name, version = %acked.version(),
                error = %rejection.reason, "proxy rejected a resource"
            );
        }
        self.nodes
            .update(&identity.node.instance_id, identity.stream, |status| {
                status.acked = Some((acked.version().to_owned(), acked.sequence()));
                status.pending = None;
                status.rejections = ack.rejections;
                status.listeners = ack.listeners;
            });
        debug!(node = %identity.node.id, version = %acked.version(), "update acknowledged");
    }

    /// Nothing to send: what was acknowledged is the latest.
    fn mark_current(&self, identity: &Identity, baseline: &Baseline) {
        let Some(acked) = &baseline.acked else { return };
        self.nodes
            .update(&identity.node.instance_id, identity.stream, |status| {
                status.acked = Some((acked.version().to_owned(), acked.sequence()));
                status.behind_since = None;
            });
    }

    fn mark_behind(&self, identity: &Identity) {
        self.nodes
            .update(&identity.node.instance_id, identity.stream, |status| {
                status.behind_since.get_or_insert_with(Instant::now);
            });
    }
}

impl Baseline {
    /// The update that brings the proxy to `latest`; `None` if it has that.
    /// `held` is what the proxy said it holds, before anything was acknowledged.
    fn next(&mut self, latest: Arc<Snapshot>, held: Option<&str>) -> Option<Update> {
        let current = match (&self.acked, held) {
            (Some(acked), _) => acked.version() == latest.version(),
            (None, held) => held == Some(latest.version()),
        };
        if current && self.acked.is_some() {
            // Newer, but the same content: what was acknowledged is the latest.
            self.acked = Some(latest);
            return None;
        }
        let (mode, upserts, removals) = match &self.acked {
            None if current => (UpdateMode::Delta, Vec::new(), Vec::new()),
            None => (UpdateMode::Snapshot, all(&latest), Vec::new()),
            Some(acked) => {
                let delta = Delta::between(acked, &latest);
                if delta.encoded_len() > latest.encoded_len() {
                    (UpdateMode::Snapshot, all(&latest), Vec::new())
                } else {
                    let upserts = delta.upserts.iter().map(|resource| (**resource).clone());
                    (UpdateMode::Delta, upserts.collect(), delta.removals)
                }
            }
        };
        self.nonce += 1;
        let version = latest.version().to_owned();
        self.in_flight = Some(InFlight {
            nonce: self.nonce,
            snapshot: latest,
            sent_at: Instant::now(),
        });
        Some(Update {
            nonce: self.nonce,
            version,
            mode: mode.into(),
            upserts,
            removals,
        })
    }

    /// The snapshot that `nonce` acknowledges; `None` if it is not in flight.
    fn acknowledge(&mut self, nonce: u64) -> Option<Arc<Snapshot>> {
        let in_flight = self.in_flight.take_if(|update| update.nonce == nonce)?;
        self.acked = Some(Arc::clone(&in_flight.snapshot));
        Some(in_flight.snapshot)
    }
}

fn all(snapshot: &Snapshot) -> Vec<fairway_proto::discovery::v1::Resource> {
    snapshot
        .resources()
        .values()
        .map(|resource| (**resource).clone())
        .collect()
}

#[cfg(test)]
mod tests;
