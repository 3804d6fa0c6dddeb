//! The proxy's end against a scripted control plane on a real socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fairway_proto::MAX_MESSAGE_BYTES;
use fairway_proto::discovery::v1::client_message::Message;
use fairway_proto::discovery::v1::discovery_server::{Discovery, DiscoveryServer};
use fairway_proto::discovery::v1::{
    Ack, ClientMessage, Hello, Rejection, RejectionKind, Resource, ResourceKind, Router, Update,
};
use futures_util::FutureExt as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use super::*;
use crate::proxy::head::tests::head;
use crate::routing;
use crate::routing::fixture::*;

/// Long enough for any machine, and only waited for when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Accepts streams and hands them to the test.
struct ControlPlane {
    address: SocketAddr,
    streams: mpsc::Receiver<Stream>,
}

/// One stream, from the control plane's end. Dropping it closes it.
struct Stream {
    hello: Hello,
    messages: Streaming<ClientMessage>,
    updates: mpsc::Sender<Result<Update, Status>>,
    nonce: u64,
}

struct Script(mpsc::Sender<Stream>);

#[tonic::async_trait]
impl Discovery for Script {
    type StreamStream = ReceiverStream<Result<Update, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<ClientMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let mut messages = request.into_inner();
        let (updates, outbound) = mpsc::channel(1);
        let first = messages
            .message()
            .await?
            .and_then(|message| message.message);
        let Some(Message::Hello(hello)) = first else {
            return Err(Status::invalid_argument("hello comes first"));
        };
        let stream = Stream {
            hello,
            messages,
            updates,
            nonce: 0,
        };
        self.0
            .send(stream)
            .await
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outbound)))
    }
}

impl ControlPlane {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(8);
        let service = DiscoveryServer::new(Script(sender))
            .send_compressed(CompressionEncoding::Gzip)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, streams }
    }

    async fn accept(&mut self) -> Stream {
        timeout(PATIENCE, self.streams.recv())
            .await
            .expect("a proxy connects")
            .unwrap()
    }
}

impl Stream {
    async fn send(&mut self, update: Update) {
        self.nonce += 1;
        self.updates
            .send(Ok(Update {
                nonce: self.nonce,
                ..update
            }))
            .await
            .unwrap();
    }

    async fn ack(&mut self) -> Ack {
        let message = timeout(PATIENCE, self.messages.message())
            .await
            .expect("an answer");
        match message.unwrap().unwrap().message.unwrap() {
            Message::Ack(ack) => {
                assert_eq!(ack.nonce, self.nonce);
                ack
            }
            Message::Hello(_) => panic!("hello comes once"),
        }
    }

    async fn exchange(&mut self, update: Update) -> Ack {
        self.send(update).await;
        self.ack().await
    }

    /// The proxy ends the stream.
    async fn is_left(&mut self) {
        let message = timeout(PATIENCE, self.messages.message())
            .await
            .expect("an end");
        assert!(!matches!(message, Ok(Some(_))), "{message:?}");
    }
}

/// Binds what it is told, or refuses; can be held up.
struct Doorman {
    gate: Semaphore,
    refuses: AtomicBool,
}

impl Listeners for Doorman {
    fn reconcile<'a>(
        &'a self,
        table: &'a RouteTable,
    ) -> BoxFuture<'a, BTreeMap<String, Result<String, String>>> {
        let refuses = self.refuses.load(Ordering::Relaxed);
        let bind = move |name: &str| match refuses {
            true => (name.to_owned(), Err("the port is taken".to_owned())),
            false => (name.to_owned(), Ok("127.0.0.1:80".to_owned())),
        };
        async move {
            let _open = self.gate.acquire().await;
            table
                .entry_points()
                .map(|entry_point| bind(entry_point.name()))
                .collect()
        }
        .boxed()
    }
}

struct Proxy {
    table: Arc<ArcSwap<RouteTable>>,
    status: watch::Receiver<DiscoveryStatus>,
    doorman: Arc<Doorman>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    fn start(control_planes: &[SocketAddr]) -> Self {
        let table = Arc::new(ArcSwap::from_pointee(RouteTable::empty()));
        let (sender, status) = watch::channel(DiscoveryStatus::starting());
        let doorman = Arc::new(Doorman {
            gate: Semaphore::new(1),
            refuses: AtomicBool::new(false),
        });
        let uris = control_planes
            .iter()
            .map(|address| format!("http://{address}"));
        let config = DiscoveryConfig {
            endpoints: uris.map(|uri| uri.parse().unwrap()).collect(),
            node: Node {
                id: "n1".to_owned(),
                ..Node::default()
            },
        };
        let listeners: Arc<dyn Listeners> = Arc::clone(&doorman) as _;
        let task = tokio::spawn(run(config, Arc::clone(&table), listeners, sender));
        Self {
            table,
            status,
            doorman,
            task,
        }
    }

    fn serves(&self, host: &str) -> bool {
        self.table.load().find("web", &head(host, "/")).is_some()
    }

    async fn wait_for(&mut self, condition: impl FnMut(&DiscoveryStatus) -> bool) {
        timeout(PATIENCE, self.status.wait_for(condition))
            .await
            .expect("a status")
            .unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A router `name@docker` for the host `name.test`.
fn router_for(name: &str) -> Resource {
    let qualified = format!("{name}@docker");
    router_resource(
        &qualified,
        router(&qualified, host(&format!("{name}.test")), "s@docker"),
    )
}

fn router_with_middleware(name: &str, middleware: &str) -> Resource {
    let qualified = format!("{name}@docker");
    let router = router(&qualified, host(&format!("{name}.test")), "s@docker");
    let middlewares = vec![middleware.to_owned()];
    router_resource(
        &qualified,
        Router {
            middlewares,
            ..router
        },
    )
}

fn base() -> Vec<Resource> {
    vec![
        entry_point("web"),
        service("s@docker", &["a"]),
        router_for("one"),
    ]
}

#[tokio::test]
async fn the_first_update_makes_a_proxy_ready_and_it_stays_so() {
    let mut control_plane = ControlPlane::start().await;
    let mut proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    assert_eq!(stream.hello.node.as_ref().unwrap().id, "n1");
    assert_eq!(stream.hello.held_version, "");
    assert!(!proxy.status.borrow().ever_applied);

    let ack = stream.exchange(snapshot("v1", base())).await;
    assert_eq!(ack.rejections, []);
    assert_eq!(
        ack.listeners,
        BTreeMap::from([("web".to_owned(), "127.0.0.1:80".to_owned())])
    );
    assert!(proxy.serves("one.test"));
    proxy
        .wait_for(|status| status.ever_applied && status.connected && status.version == "v1")
        .await;

    drop(stream);
    proxy.wait_for(|status| !status.connected).await;
    let status = proxy.status.borrow().clone();
    assert!(status.ever_applied);
    assert_eq!(status.version, "v1");
    assert!(proxy.serves("one.test"));
}

#[tokio::test]
async fn an_update_is_acknowledged_only_when_it_is_in_service() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let closed = proxy.doorman.gate.acquire().await.unwrap();
    stream.send(snapshot("v1", base())).await;
    let early = timeout(Duration::from_millis(200), stream.messages.message()).await;
    assert!(early.is_err(), "acknowledged before the listeners are open");
    assert!(proxy.serves("one.test"));
    assert!(!proxy.status.borrow().ever_applied);
    drop(closed);
    stream.ack().await;
}

#[tokio::test]
async fn after_a_reconnect_an_empty_delta_keeps_the_very_table() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let bad = strip_prefix_regex("bad@docker", "(");
    let first = stream
        .exchange(snapshot("v1", base().into_iter().chain([bad])))
        .await;
    assert_eq!(first.rejections.len(), 1);
    let before = proxy.table.load_full();

    drop(stream);
    let mut stream = control_plane.accept().await;
    assert_eq!(stream.hello.held_version, "v1");
    let second = stream.exchange(delta("v1", [], [])).await;
    assert!(Arc::ptr_eq(&before, &proxy.table.load_full()));
    assert_eq!(
        (second.rejections, second.listeners),
        (first.rejections, first.listeners)
    );

    stream.exchange(delta("v2", [router_for("two")], [])).await;
    assert!(proxy.serves("one.test") && proxy.serves("two.test"));
}

#[tokio::test]
async fn what_was_removed_while_disconnected_is_gone_after_the_snapshot() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let two = base().into_iter().chain([router_for("two")]);
    stream.exchange(snapshot("v1", two)).await;
    drop(stream);
    let mut stream = control_plane.accept().await;
    assert!(proxy.serves("two.test"));
    stream.exchange(snapshot("v2", base())).await;
    assert!(proxy.serves("one.test") && !proxy.serves("two.test"));
}

#[tokio::test]
async fn fixing_a_middleware_revives_its_routers() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let broken = [
        router_with_middleware("two", "m@docker"),
        strip_prefix_regex("m@docker", "("),
    ];
    let ack = stream
        .exchange(snapshot("v1", base().into_iter().chain(broken)))
        .await;
    let kinds: Vec<_> = ack.rejections.iter().map(Rejection::kind).collect();
    assert_eq!(kinds, [RejectionKind::Dependency, RejectionKind::Invalid]);
    assert!(proxy.serves("one.test") && !proxy.serves("two.test"));

    let ack = stream
        .exchange(delta("v2", [router_for("three")], []))
        .await;
    assert_eq!(
        ack.rejections.len(),
        2,
        "rejections of the whole set, not of the update"
    );

    let ack = stream
        .exchange(delta("v3", [strip_prefix_regex("m@docker", "/x")], []))
        .await;
    assert_eq!(ack.rejections, []);
    assert!(proxy.serves("two.test"));
}

#[tokio::test]
async fn an_entry_point_that_cannot_be_bound_is_a_rejection() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    proxy.doorman.refuses.store(true, Ordering::Relaxed);
    let mut stream = control_plane.accept().await;
    let ack = stream.exchange(snapshot("v1", base())).await;
    assert_eq!(ack.listeners, BTreeMap::new());
    let [rejection] = ack.rejections.as_slice() else {
        panic!("{:?}", ack.rejections)
    };
    assert_eq!(rejection.id, Some(id(ResourceKind::EntryPoint, "web")));
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    assert_eq!(rejection.reason, "the port is taken");

    proxy.doorman.refuses.store(false, Ordering::Relaxed);
    let ack = stream.exchange(delta("v1", [], [])).await;
    assert_eq!(
        ack.rejections,
        [],
        "tried again with the next update, even an empty one"
    );
}

#[tokio::test]
async fn an_update_that_makes_no_sense_ends_the_stream_and_changes_nothing() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    stream.send(delta("v1", base(), [])).await;
    stream.is_left().await;
    assert_eq!(proxy.table.load().version(), "");

    let mut stream = control_plane.accept().await;
    stream.exchange(snapshot("v1", base())).await;
    stream
        .send(Update {
            mode: 7,
            ..snapshot("v2", [])
        })
        .await;
    stream.is_left().await;
    assert!(proxy.serves("one.test"));
    assert_eq!(control_plane.accept().await.hello.held_version, "v1");
}

#[tokio::test]
async fn an_empty_snapshot_empties_the_table() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    stream.exchange(snapshot("v1", base())).await;
    stream.exchange(snapshot("v2", [])).await;
    assert_eq!(proxy.table.load().entry_points().count(), 0);
}

#[tokio::test]
async fn another_control_plane_is_used_when_one_is_away() {
    let away = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[away, control_plane.address]);
    control_plane
        .accept()
        .await
        .exchange(snapshot("v1", base()))
        .await;
    assert!(proxy.serves("one.test"));
}

#[tokio::test]
async fn a_snapshot_larger_than_the_default_limit_arrives() {
    let mut control_plane = ControlPlane::start().await;
    let proxy = Proxy::start(&[control_plane.address]);
    let mut stream = control_plane.accept().await;
    let rule = "x".repeat(6 * 1024 * 1024);
    let big = Router {
        rule,
        ..router("big@docker", host("big.test"), "s@docker")
    };
    let big = router_resource("big@docker", big);
    stream
        .exchange(snapshot("v1", base().into_iter().chain([big])))
        .await;
    assert!(proxy.serves("big.test"));
}

/// The control plane's side of a long life: it changes its set at random, sends
/// snapshots and deltas, and cuts streams before or after the acknowledgement.
#[tokio::test]
async fn whatever_happened_the_proxy_ends_with_the_set_that_was_sent_last() {
    for seed in 0..8 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut control_plane = ControlPlane::start().await;
        let proxy = Proxy::start(&[control_plane.address]);
        let mut world = World::default();
        let mut stream = control_plane.accept().await;
        stream.exchange(world.snapshot()).await;
        for _ in 0..40 {
            let before = world.clone();
            world.change(&mut random);
            match random.random_range(0..10) {
                0 => drop(stream.exchange(world.snapshot()).await),
                1 => {
                    stream.send(world.delta_from(&before)).await;
                    stream = control_plane.accept_after(stream, &world).await;
                }
                2 => stream = control_plane.accept_after(stream, &world).await,
                _ => drop(stream.exchange(world.delta_from(&before)).await),
            }
        }
        let last = stream.exchange(delta(&world.version(), [], [])).await;
        let (fresh, rejections) = world.build();
        assert_eq!(last.rejections, rejections, "seed {seed}");
        for name in NAMES {
            let host = format!("{name}.test");
            let rejected = rejections.iter().any(|rejection| {
                rejection
                    .id
                    .as_ref()
                    .is_some_and(|id| id.name == format!("{name}@docker"))
            });
            let served = fresh.find("web", &head(&host, "/")).is_some();
            assert!(
                rejected || served == proxy.serves(&host),
                "seed {seed}: {host}"
            );
        }
    }
}

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

#[derive(Clone, Default)]
struct World {
    generation: u64,
    resources: BTreeMap<(i32, String), Resource>,
}

impl World {
    fn version(&self) -> String {
        format!("v{}", self.generation)
    }

    fn change(&mut self, random: &mut StdRng) {
        self.generation += 1;
        for _ in 0..random.random_range(0..4) {
            let name = NAMES[random.random_range(0..NAMES.len())];
            let middleware = format!("{name}@docker");
            let resource = match random.random_range(0..8) {
                0 => router_with_middleware(name, &middleware),
                1 | 2 => router_for(name),
                3 => strip_prefix_regex(&middleware, "("),
                4 => strip_prefix_regex(&middleware, "/x"),
                5 => service("s@docker", &["a", name]),
                6 => service("s@docker", &[]),
                _ => entry_point("web"),
            };
            let id = resource.id.clone().unwrap();
            if random.random_bool(0.3) {
                self.resources.remove(&(id.kind, id.name));
            } else {
                self.resources.insert((id.kind, id.name), resource);
            }
        }
    }

    fn snapshot(&self) -> Update {
        snapshot(&self.version(), self.resources.values().cloned())
    }

    fn delta_from(&self, before: &Self) -> Update {
        let changed = self
            .resources
            .iter()
            .filter(|(key, now)| before.resources.get(key) != Some(now));
        let removed = before
            .resources
            .iter()
            .filter(|(key, _)| !self.resources.contains_key(key));
        delta(
            &self.version(),
            changed.map(|(_, resource)| resource.clone()),
            removed.map(|(_, resource)| resource.id.clone().unwrap()),
        )
    }

    fn build(&self) -> (RouteTable, Vec<Rejection>) {
        let mut mirror = Mirror::default();
        mirror.apply(self.snapshot());
        routing::build(&mirror, &RouteTable::empty())
    }
}

impl ControlPlane {
    /// Cuts the stream and brings the next one up to date.
    async fn accept_after(&mut self, stream: Stream, world: &World) -> Stream {
        drop(stream);
        let mut stream = self.accept().await;
        if stream.hello.held_version == world.version() {
            stream.exchange(delta(&world.version(), [], [])).await;
        } else {
            stream.exchange(world.snapshot()).await;
        }
        stream
    }
}
