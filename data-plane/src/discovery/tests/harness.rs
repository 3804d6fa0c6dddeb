//! A scripted control plane, a proxy's discovery, and the resources they talk about.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use fairway_proto::MAX_MESSAGE_BYTES;
use fairway_proto::discovery::v1::client_message::Message;
use fairway_proto::discovery::v1::discovery_server::{Discovery, DiscoveryServer};
use fairway_proto::discovery::v1::server_message::Message as Said;
use fairway_proto::discovery::v1::{
    Ack, ClientMessage, Explanation, Hello, Node, Question, Resource, Router, ServerMessage, Update,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use super::super::{DiscoveryConfig, DiscoveryStatus, Listeners, run};
use crate::proxy::head::tests::head;
use crate::routing::RouteTable;
use crate::routing::fixture::*;
use crate::stats::Collector;

/// Long enough for any machine, and only waited for when a test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Accepts streams and hands them to the test.
pub(super) struct ControlPlane {
    pub(super) address: SocketAddr,
    pub(super) streams: mpsc::Receiver<Stream>,
}

/// One stream, from the control plane's end. Dropping it closes it.
pub(super) struct Stream {
    pub(super) hello: Hello,
    pub(super) messages: Streaming<ClientMessage>,
    pub(super) say: mpsc::Sender<Result<ServerMessage, Status>>,
    pub(super) nonce: u64,
}

struct Script(mpsc::Sender<Stream>);

#[tonic::async_trait]
impl Discovery for Script {
    type StreamStream = ReceiverStream<Result<ServerMessage, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<ClientMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let mut messages = request.into_inner();
        let (say, outbound) = mpsc::channel(1);
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
            say,
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
    pub(super) async fn start() -> Self {
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

    pub(super) async fn accept(&mut self) -> Stream {
        timeout(PATIENCE, self.streams.recv())
            .await
            .expect("a proxy connects")
            .unwrap()
    }
}

impl Stream {
    pub(super) async fn send(&mut self, update: Update) {
        self.nonce += 1;
        let nonce = self.nonce;
        self.say(Some(Said::Update(Update { nonce, ..update })))
            .await;
    }

    pub(super) async fn say(&mut self, message: Option<Said>) {
        self.say.send(Ok(ServerMessage { message })).await.unwrap();
    }

    pub(super) async fn ask(&mut self, question: Question) -> Explanation {
        self.say(Some(Said::Question(question))).await;
        match self.hear().await {
            Message::Explanation(explanation) => explanation,
            other => panic!("no explanation: {other:?}"),
        }
    }

    async fn hear(&mut self) -> Message {
        let message = timeout(PATIENCE, self.next()).await.expect("an answer");
        message.unwrap().unwrap()
    }

    /// The next message that is not about what was counted.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Status> {
        loop {
            match self.messages.message().await?.map(|it| it.message.unwrap()) {
                Some(Message::Stats(_)) => {}
                message => return Ok(message),
            }
        }
    }

    pub(super) async fn ack(&mut self) -> Ack {
        match self.hear().await {
            Message::Ack(ack) => {
                assert_eq!(ack.nonce, self.nonce);
                ack
            }
            other => panic!("no acknowledgement: {other:?}"),
        }
    }

    pub(super) async fn exchange(&mut self, update: Update) -> Ack {
        self.send(update).await;
        self.ack().await
    }

    /// The proxy ends the stream.
    pub(super) async fn is_left(&mut self) {
        let message = timeout(PATIENCE, self.next()).await.expect("an end");
        assert!(!matches!(message, Ok(Some(_))), "{message:?}");
    }
}

/// Binds what it is told, or refuses; can be held up.
pub(super) struct Doorman {
    pub(super) gate: Semaphore,
    pub(super) refuses: AtomicBool,
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

pub(super) struct Proxy {
    pub(super) table: Arc<ArcSwap<RouteTable>>,
    pub(super) status: watch::Receiver<DiscoveryStatus>,
    pub(super) doorman: Arc<Doorman>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(super) fn start(control_planes: &[SocketAddr]) -> Self {
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
            access_log: None,
            draining: watch::channel(false).1,
            collector: Arc::new(Collector::new(Vec::new(), Arc::clone(&table))),
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

    pub(super) fn serves(&self, host: &str) -> bool {
        self.table.load().find("web", &head(host, "/")).is_some()
    }

    pub(super) async fn wait_for(&mut self, condition: impl FnMut(&DiscoveryStatus) -> bool) {
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
pub(super) fn router_for(name: &str) -> Resource {
    let qualified = format!("{name}@docker");
    router_resource(
        &qualified,
        router(&qualified, host(&format!("{name}.test")), "s@docker"),
    )
}

pub(super) fn router_with_middleware(name: &str, middleware: &str) -> Resource {
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

pub(super) fn base() -> Vec<Resource> {
    vec![
        entry_point("web"),
        service("s@docker", &["a"]),
        router_for("one"),
    ]
}
