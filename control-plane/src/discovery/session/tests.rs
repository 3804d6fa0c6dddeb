//! A session and a scripted proxy.

use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;

use fairway_proto::discovery::v1::{Explanation, Question, RequestHead};

use super::super::node::NodeStatus;
use super::super::question::AskError;
use super::*;
use crate::snapshot::tests::service;

type Messages = mpsc::Sender<Result<ClientMessage, Status>>;

/// A session with a scripted proxy at its other end.
struct Stage {
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    say: Messages,
    hear: mpsc::Receiver<Result<ServerMessage, Status>>,
    nodes: Nodes,
}

impl Stage {
    fn start(first: Option<Snapshot>) -> Self {
        let (publish, latest) = watch::channel(first.map(Arc::new));
        let (say, messages) = mpsc::channel(8);
        let (updates, hear) = mpsc::channel(1 + MAX_UNSENT);
        let nodes = Nodes::new();
        let session = Session::new(
            latest,
            nodes.clone(),
            Stats::default(),
            "peer".into(),
            updates,
        );
        tokio::spawn(session.run(ReceiverStream::new(messages)));
        Self {
            publish,
            say,
            hear,
            nodes,
        }
    }

    async fn hello(&self, held: &str) {
        let node = Node {
            id: "n".into(),
            instance_id: "i".into(),
            build: "b".into(),
        };
        let hello = Hello {
            node: Some(node),
            held_version: held.into(),
        };
        self.send(Message::Hello(hello)).await;
    }

    async fn ack(&self, nonce: u64) {
        self.send(Message::Ack(Ack {
            nonce,
            ..Ack::default()
        }))
        .await;
    }

    async fn send(&self, message: Message) {
        let message = ClientMessage {
            message: Some(message),
        };
        self.say
            .send(Ok(message))
            .await
            .expect("the session listens");
    }

    fn publish(&self, content: &[(&str, u32)]) {
        let previous = self.publish.borrow().clone();
        let next = snapshot_after(previous.as_deref(), content);
        self.publish.send_replace(Some(Arc::new(next)));
    }

    async fn update(&mut self) -> Update {
        match self.heard().await {
            Said::Update(update) => update,
            other => panic!("no update: {other:?}"),
        }
    }

    async fn question(&mut self) -> Question {
        match self.heard().await {
            Said::Question(question) => question,
            other => panic!("no question: {other:?}"),
        }
    }

    async fn share(&mut self) -> (u32, u32) {
        match self.heard().await {
            Said::Share(share) => (share.place, share.proxies),
            other => panic!("no share: {other:?}"),
        }
    }

    /// Another proxy comes.
    fn join(&self, instance: &str) -> u64 {
        let node = Node {
            id: instance.into(),
            instance_id: instance.into(),
            build: String::new(),
        };
        self.nodes.connect(node, String::new(), mpsc::channel(1).0)
    }

    async fn heard(&mut self) -> Said {
        let message = self
            .hear
            .recv()
            .await
            .expect("the stream is open")
            .expect("no error");
        message.message.expect("a message that says something")
    }

    /// Asks about `host` in the background.
    fn ask(&self, host: &str) -> tokio::task::JoinHandle<Result<Explanation, AskError>> {
        let request = RequestHead {
            host: host.into(),
            ..RequestHead::default()
        };
        let nodes = self.nodes.clone();
        tokio::spawn(async move { nodes.explain("i", request).await })
    }

    async fn answer(&self, id: u64, router: &str) {
        let router = router.into();
        self.send(Message::Explanation(Explanation {
            id,
            router,
            ..Default::default()
        }))
        .await;
    }

    async fn nothing_is_sent(&mut self) {
        let silence = Duration::from_secs(1);
        assert!(
            timeout(silence, self.hear.recv()).await.is_err(),
            "something was sent"
        );
    }

    fn node(&self) -> NodeStatus {
        self.nodes.list().remove(0)
    }
}

fn snapshot(content: &[(&str, u32)]) -> Snapshot {
    snapshot_after(None, content)
}

fn snapshot_after(previous: Option<&Snapshot>, content: &[(&str, u32)]) -> Snapshot {
    let resources = content
        .iter()
        .map(|(name, value)| service(name, *value))
        .collect();
    Snapshot::following(previous, resources)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_first_snapshot() {
    let mut stage = Stage::start(None);
    stage.hello("").await;
    stage.nothing_is_sent().await;
    stage.publish(&[("a", 1)]);
    assert_eq!(stage.update().await.mode(), UpdateMode::Snapshot);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_told_its_share_before_it_serves_and_whenever_proxies_come_and_go() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1)])));
    let before = stage.join("a");
    stage.hello("").await;
    assert_eq!(stage.share().await, (1, 2));
    let update = stage.update().await;
    // An update that is not acknowledged holds nothing up.
    let after = stage.join("z");
    assert_eq!(stage.share().await, (1, 3));
    stage.ack(update.nonce).await;
    stage.nodes.disconnect("a", before);
    assert_eq!(stage.share().await, (0, 2));
    // The same proxy again is no other one.
    stage.join("z");
    stage.nodes.disconnect("z", after);
    stage.nothing_is_sent().await;
    assert_eq!(update.version, snapshot(&[("a", 1)]).version());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_holds_the_latest_version_gets_an_empty_delta() {
    let first = snapshot(&[("a", 1)]);
    let version = first.version().to_owned();
    let mut stage = Stage::start(Some(first));
    stage.hello(&version).await;
    let update = stage.update().await;
    assert_eq!(
        (update.mode(), update.upserts.len()),
        (UpdateMode::Delta, 0)
    );
    assert_eq!(update.version, version);
    stage.ack(update.nonce).await;
    stage.nothing_is_sent().await;
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_holds_another_version_gets_everything() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1), ("b", 1)])));
    stage.hello("something old").await;
    let update = stage.update().await;
    assert_eq!(
        (update.mode(), update.upserts.len()),
        (UpdateMode::Snapshot, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn after_an_acknowledgement_only_the_difference_is_sent() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1), ("b", 1), ("c", 1)])));
    stage.hello("").await;
    let first = stage.update().await;
    stage.ack(first.nonce).await;
    stage.publish(&[("a", 1), ("b", 2)]);
    let update = stage.update().await;
    assert_eq!(update.mode(), UpdateMode::Delta);
    assert_eq!((update.upserts.len(), update.removals.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn while_an_update_is_in_flight_only_the_newest_version_waits() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 0)])));
    stage.hello("").await;
    let first = stage.update().await;
    for value in 1..50 {
        stage.publish(&[("a", value)]);
    }
    stage.nothing_is_sent().await;
    stage.ack(first.nonce).await;
    let second = stage.update().await;
    assert_eq!(second.version, snapshot(&[("a", 49)]).version());
    stage.ack(second.nonce).await;
    stage.nothing_is_sent().await;
}

#[tokio::test(start_paused = true)]
async fn questions_and_updates_do_not_wait_for_each_other() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 0)])));
    stage.hello("").await;
    let update = stage.update().await;
    let (one, two) = (stage.ask("one.test"), stage.ask("two.test"));
    let (first, second) = (stage.question().await, stage.question().await);
    assert_eq!(first.request.expect("a request").host, "one.test");
    // In any order, and whatever nobody asked is passed over.
    stage.answer(99, "nobody").await;
    stage.answer(second.id, "two").await;
    stage.ack(update.nonce).await;
    stage.answer(first.id, "one").await;
    assert_eq!(
        one.await.expect("no panic").expect("an answer").router,
        "one"
    );
    assert_eq!(
        two.await.expect("no panic").expect("an answer").router,
        "two"
    );
    stage.publish(&[("a", 1)]);
    let update = stage.update().await;
    stage.ack(update.nonce).await;
    stage.nothing_is_sent().await;
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_with_the_patience_or_the_stream() {
    let mut stage = Stage::start(None);
    assert_eq!(
        stage.ask("a.test").await.expect("no panic"),
        Err(AskError::Disconnected)
    );
    stage.hello("").await;
    while stage.nodes.list().is_empty() {
        tokio::task::yield_now().await;
    }
    let late = stage.ask("a.test");
    let id = stage.question().await.id;
    assert_eq!(late.await.expect("no panic"), Err(AskError::Late));
    stage.answer(id, "too late").await;
    let cut = stage.ask("a.test");
    stage.question().await;
    let Stage { say, nodes, .. } = stage;
    drop(say);
    assert_eq!(cut.await.expect("no panic"), Err(AskError::Disconnected));
    let again = nodes.explain("i", RequestHead::default()).await;
    assert_eq!(again, Err(AskError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn questions_that_are_not_taken_leave_room_for_an_update() {
    let mut stage = Stage::start(None);
    stage.hello("").await;
    while stage.nodes.list().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut turned_away = 0;
    for _ in 0..MAX_UNSENT * 3 {
        if stage.ask("a.test").await.expect("no panic") == Err(AskError::Busy) {
            turned_away += 1;
        }
    }
    assert_eq!(turned_away, MAX_UNSENT * 2);
    stage.publish(&[("a", 1)]);
    for _ in 0..MAX_UNSENT {
        stage.question().await;
    }
    assert_eq!(stage.update().await.upserts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_shown_and_not_answered_with_the_same_again() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1)])));
    stage.hello("").await;
    let nonce = stage.update().await.nonce;
    let rejections = vec![fairway_proto::discovery::v1::Rejection {
        reason: "no such thing".into(),
        ..Default::default()
    }];
    stage
        .send(Message::Ack(Ack {
            nonce,
            rejections,
            ..Ack::default()
        }))
        .await;
    stage.nothing_is_sent().await;
    assert_eq!(stage.node().rejections.len(), 1);
    assert!(stage.node().acked.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_not_acknowledged_ends_the_stream() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1)])));
    stage.hello("").await;
    stage.update().await;
    let end = stage
        .hear
        .recv()
        .await
        .expect("the reason")
        .expect_err("an error");
    assert_eq!(end.code(), tonic::Code::DeadlineExceeded);
    assert!(!stage.node().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_closed() {
    let mut stage = Stage::start(Some(snapshot(&[])));
    let end = stage
        .hear
        .recv()
        .await
        .expect("the reason")
        .expect_err("an error");
    assert_eq!(end.code(), tonic::Code::DeadlineExceeded);
    assert!(stage.nodes.list().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ack_out_of_turn_ends_the_stream() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1)])));
    stage.hello("").await;
    let nonce = stage.update().await.nonce;
    stage.ack(nonce + 7).await;
    let end = stage
        .hear
        .recv()
        .await
        .expect("the reason")
        .expect_err("an error");
    assert_eq!(end.code(), tonic::Code::FailedPrecondition);
}

#[tokio::test(start_paused = true)]
async fn the_same_content_under_a_newer_number_counts_as_acknowledged() {
    let mut stage = Stage::start(Some(snapshot(&[("a", 1)])));
    stage.hello("").await;
    let nonce = stage.update().await.nonce;
    stage.publish(&[("a", 2)]);
    stage.publish(&[("a", 1)]);
    stage.ack(nonce).await;
    stage.nothing_is_sent().await;
    let node = stage.node();
    assert_eq!(node.acked.map(|(_, sequence)| sequence), Some(3));
    assert!(node.behind_since.is_none());
}
