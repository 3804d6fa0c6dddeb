//! The control plane's end of `fairway.discovery.v1`: every proxy gets the whole
//! set once and differences after that.
//!
//! One task per stream, sharing nothing with the others but the latest snapshot
//! (a `watch`: a slow proxy skips versions) and the list of nodes.

mod health;
mod node;
mod question;
mod session;

use std::pin::Pin;
use std::sync::Arc;

use fairway_proto::COMPRESS_ABOVE_BYTES;
use fairway_proto::discovery::v1::discovery_server::Discovery;
use fairway_proto::discovery::v1::{ClientMessage, ServerMessage};
use futures_util::Stream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::SingleMessageCompressionOverride;
use tonic::{Request, Response, Status, Streaming};

pub use health::Unhealthy;
pub use node::{NodeStatus, Nodes};
pub use question::AskError;

use crate::snapshot::Snapshot;
use crate::stats::Stats;
use session::Session;

/// The latest snapshot; `None` until every provider has spoken once.
pub type SnapshotReceiver = watch::Receiver<Option<Arc<Snapshot>>>;

/// The Discovery service.
#[derive(Clone, Debug)]
pub struct DiscoveryServer {
    latest: SnapshotReceiver,
    nodes: Nodes,
    stats: Stats,
}

impl DiscoveryServer {
    /// Sends what `latest` holds, records the proxies in `nodes` and what they count in
    /// `stats`.
    pub fn new(latest: SnapshotReceiver, nodes: Nodes, stats: Stats) -> Self {
        Self {
            latest,
            nodes,
            stats,
        }
    }
}

#[tonic::async_trait]
impl Discovery for DiscoveryServer {
    type StreamStream = Pin<Box<dyn Stream<Item = Result<ServerMessage, Status>> + Send>>;

    async fn stream(
        &self,
        request: Request<Streaming<ClientMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let peer = request
            .remote_addr()
            .map(|address| address.to_string())
            .unwrap_or_default();
        // The protocol has at most one update in flight; what else is said leaves room
        // for it.
        let (say, out) = mpsc::channel(1 + question::MAX_UNSENT);
        let latest = self.latest.clone();
        let small = latest
            .borrow()
            .as_ref()
            .is_none_or(|snapshot| snapshot.encoded_len() <= COMPRESS_ABOVE_BYTES);
        let session = Session::new(latest, self.nodes.clone(), self.stats.clone(), peer, say);
        tokio::spawn(session.run(request.into_inner()));
        let mut response = Response::new(Box::pin(ReceiverStream::new(out)) as Self::StreamStream);
        if small {
            // Compression is a property of the stream in gRPC; small sets are
            // cheaper to send as they are.
            response
                .extensions_mut()
                .insert(SingleMessageCompressionOverride::Disable);
        }
        Ok(response)
    }
}
