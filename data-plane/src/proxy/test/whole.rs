//! A whole proxy as `main` starts it: from the stream to the answer.

use std::time::Duration;

use fairway_proto::discovery::v1::discovery_server::{Discovery, DiscoveryServer};
use proto::client_message::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use super::*;

/// Sends one snapshot to each stream and passes the acknowledgements on.
struct OneSnapshot {
    update: proto::ServerMessage,
    acks: mpsc::UnboundedSender<proto::Ack>,
}

#[tonic::async_trait]
impl Discovery for OneSnapshot {
    type StreamStream = ReceiverStream<Result<proto::ServerMessage, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<proto::ClientMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let mut messages = request.into_inner();
        let (updates, outbound) = mpsc::channel(1);
        let (update, acks) = (self.update.clone(), self.acks.clone());
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                match message.message {
                    Some(Message::Hello(_)) => updates.send(Ok(update.clone())).await.unwrap(),
                    Some(Message::Ack(ack)) => acks.send(ack).unwrap(),
                    Some(Message::Explanation(_) | Message::Health(_) | Message::Stats(_))
                    | None => {}
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(outbound)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_listens_with_its_first_configuration_and_serves_on_without_a_control_plane() {
    let origin = Origin::named("served");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acks, mut acknowledged) = mpsc::unbounded_channel();
    let update = proto::Update {
        nonce: 1,
        version: "v1".to_owned(),
        mode: proto::UpdateMode::Snapshot.into(),
        upserts: resources(Site::of(&[&origin])),
        removals: Vec::new(),
    };
    let update = proto::ServerMessage {
        message: Some(proto::server_message::Message::Update(update)),
    };
    let control_plane = tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(DiscoveryServer::new(OneSnapshot { update, acks }))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    let running = crate::start(Config {
        control_planes: vec![format!("http://{address}")],
        bind_address: Some([127, 0, 0, 1].into()),
        workers: 2,
        drain: crate::Drain {
            accept: Duration::ZERO,
            ..crate::Drain::default()
        },
        ..Config::default()
    })
    .unwrap();
    running.wait_ready().await;
    let ack = acknowledged.recv().await.unwrap();
    assert!(running.ready());
    assert_eq!(
        (running.version().as_str(), ack.rejections.len()),
        ("v1", 0)
    );
    let bound = running.address("web").unwrap();
    assert_eq!(ack.listeners.get("web"), Some(&bound.to_string()));

    control_plane.abort();
    let answers = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(bound);
        (0..3)
            .map(|_| {
                wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
                wire.read_message().unwrap().body
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(answers.await.unwrap(), ["served"; 3]);
    assert!(running.ready());
    tokio::time::timeout(Duration::from_secs(20), running.stop())
        .await
        .unwrap();
    assert!(std::net::TcpStream::connect(bound).is_err());
}

#[test]
fn what_is_no_control_plane_is_refused_at_the_start() {
    for wrong in ["", "control:9090", "/x"] {
        let config = Config {
            control_planes: vec![wrong.to_owned()],
            ..Config::default()
        };
        assert!(crate::start(config).is_err(), "{wrong}");
    }
}
