//! A proxy that is only a stream: says Hello, keeps a mirror, acknowledges when
//! it is told to. For tests of the control plane's end, and for bad behaviour.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use fairway_proto::MAX_MESSAGE_BYTES;
use fairway_proto::discovery::v1::client_message::Message;
use fairway_proto::discovery::v1::discovery_client::DiscoveryClient;
use fairway_proto::discovery::v1::server_message::Message as Said;
use fairway_proto::discovery::v1::{
    Ack, ClientMessage, Hello, Node, Rejection, Resource, ServerMessage, Update, UpdateMode,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

/// Resources by kind and name, exactly as sent.
pub type Mirror = BTreeMap<(i32, String), Resource>;

/// A connected stream.
#[derive(Debug)]
pub struct StreamClient {
    say: mpsc::UnboundedSender<ClientMessage>,
    hear: Streaming<ServerMessage>,
    /// What the acknowledged and the pending updates add up to.
    pub mirror: Mirror,
    /// Version of `mirror`.
    pub version: String,
    /// Updates heard, the empty ones too.
    pub updates: usize,
}

impl StreamClient {
    /// Opens a stream and says Hello, holding `held` (version and mirror).
    ///
    /// # Errors
    /// If there is no control plane, or it refuses.
    pub async fn connect(
        address: SocketAddr,
        node: &str,
        held: Option<(String, Mirror)>,
    ) -> anyhow::Result<Self> {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?
            .connect()
            .await?;
        let mut client = DiscoveryClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let (say, messages) = mpsc::unbounded_channel();
        let (version, mirror) = held.unwrap_or_default();
        let node = Node {
            id: node.to_owned(),
            instance_id: format!("instance-of-{node}"),
            build: "test".to_owned(),
        };
        let hello = Hello {
            node: Some(node),
            held_version: version.clone(),
        };
        say.send(ClientMessage {
            message: Some(Message::Hello(hello)),
        })?;
        let hear = client
            .stream(UnboundedReceiverStream::new(messages))
            .await?
            .into_inner();
        Ok(Self {
            say,
            hear,
            mirror,
            version,
            updates: 0,
        })
    }

    /// The next update, applied to the mirror and not acknowledged. Questions on the
    /// way to it stay without an answer.
    ///
    /// # Errors
    /// The end of the stream.
    pub async fn next(&mut self) -> Result<Update, Status> {
        let update = loop {
            let message = self.hear.message().await?;
            let message = message.ok_or_else(|| Status::unavailable("the end"))?;
            if let Some(Said::Update(update)) = message.message {
                break update;
            }
        };
        self.updates += 1;
        apply(&mut self.mirror, &update);
        self.version.clone_from(&update.version);
        Ok(update)
    }

    /// The next update within `period`, `None` if there was none.
    ///
    /// # Errors
    /// The end of the stream.
    pub async fn next_within(&mut self, period: Duration) -> Result<Option<Update>, Status> {
        match tokio::time::timeout(period, self.next()).await {
            Ok(update) => update.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Acknowledges an update.
    pub fn ack(&self, update: &Update, rejections: Vec<Rejection>) {
        let ack = Ack {
            nonce: update.nonce,
            rejections,
            listeners: BTreeMap::new(),
        };
        // A closed stream shows at the next read.
        let _ = self.say.send(ClientMessage {
            message: Some(Message::Ack(ack)),
        });
    }

    /// Takes and acknowledges updates until `version` is held.
    ///
    /// # Errors
    /// The end of the stream.
    pub async fn follow_to(&mut self, version: &str) -> Result<(), Status> {
        while self.version != version {
            let update = self.next().await?;
            self.ack(&update, Vec::new());
        }
        Ok(())
    }

    /// What a stream opened next would say it holds.
    pub fn held(self) -> (String, Mirror) {
        (self.version, self.mirror)
    }
}

/// What an update does to a mirror, as the contract says.
///
/// # Panics
/// If the update breaks the contract.
pub fn apply(mirror: &mut Mirror, update: &Update) {
    match update.mode() {
        UpdateMode::Snapshot => {
            assert!(update.removals.is_empty(), "a snapshot has no removals");
            mirror.clear();
        }
        UpdateMode::Delta => {}
        UpdateMode::Unspecified => panic!("an update without a mode"),
    }
    for id in &update.removals {
        let gone = mirror.remove(&(id.kind, id.name.clone()));
        assert!(gone.is_some(), "removal of {id:?}, which is not held");
    }
    for resource in &update.upserts {
        let id = resource.id.as_ref().expect("a resource has an id");
        mirror.insert((id.kind, id.name.clone()), resource.clone());
    }
}
