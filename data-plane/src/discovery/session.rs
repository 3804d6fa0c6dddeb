//! One stream to one control plane, from `Hello` to its end.
//!
//! The control plane has one update in flight: each is applied and acknowledged before
//! the next is read. Questions between updates are answered from the table in force;
//! what this proxy's share is comes at any time. Once a second at most it is told which
//! servers are not well, and what was counted.
//! A stream never ends well; how it ended is for the log.

use std::convert::Infallible;
use std::time::Duration;

use fairway_proto::discovery::v1::client_message::Message;
use fairway_proto::discovery::v1::discovery_client::DiscoveryClient;
use fairway_proto::discovery::v1::server_message::Message as Said;
use fairway_proto::discovery::v1::{ClientMessage, Hello, Node, ServerMessage, Update, UpdateMode};
use fairway_proto::{KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_MESSAGE_BYTES};
use http::Uri;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;
use tonic::{Status, Streaming};
use tracing::{debug, info};

use super::backoff::Backoff;
use super::replica::Replica;
use super::report::Reporter;
use crate::middleware::Part;
use crate::stats::{self, Collector};

/// To resolve the name and connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// To be accepted as a stream. The first update may take longer: the control plane
/// waits until it knows the world.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two reports of the health of servers, and of what was counted.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("cannot connect")]
    Connect(#[source] tonic::transport::Error),
    #[error("the stream was refused")]
    Open(#[source] Status),
    #[error("the stream was not accepted in {} s", OPEN_TIMEOUT.as_secs())]
    OpenTimeout,
    #[error("the stream broke")]
    Stream(#[source] Status),
    #[error("the stream was closed")]
    Closed,
    #[error("the update has mode {0}, which this proxy does not know")]
    Mode(i32),
    #[error("the update is a difference to a set that this proxy does not hold")]
    NoBase,
}

/// Runs one stream until it ends.
pub(super) async fn run(
    control_plane: &Uri,
    node: &Node,
    replica: &mut Replica,
    collector: &Collector,
    backoff: &mut Backoff,
) -> Result<Infallible, SessionError> {
    let (messages, outbound) = mpsc::channel(1);
    let held_version = replica.version().to_owned();
    let hello = Message::Hello(Hello {
        node: Some(node.clone()),
        held_version,
    });
    send(&messages, hello).await?;
    let mut said = timeout(OPEN_TIMEOUT, open(control_plane, outbound))
        .await
        .map_err(|_| SessionError::OpenTimeout)??;
    info!(control_plane = %control_plane, "connected to the control plane");
    let mut reporter = Reporter::default();
    let mut stats = stats::Reporter::default();
    let mut report = interval(REPORT_INTERVAL);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    replica.connected();
    loop {
        let message = tokio::select! {
            message = said.message() => message.map_err(SessionError::Stream)?,
            () = replica.grow() => continue,
            _ = report.tick() => {
                if let Some(report) = reporter.report(&replica.table()) {
                    send(&messages, Message::Health(report)).await?;
                }
                collector.collect().await;
                send(&messages, Message::Stats(stats.report(collector))).await?;
                continue;
            }
        };
        match message.ok_or(SessionError::Closed)?.message {
            Some(Said::Update(update)) => {
                check(&update, replica)?;
                backoff.reset();
                let ack = replica.apply(update).await;
                send(&messages, Message::Ack(ack)).await?;
            }
            Some(Said::Question(question)) => {
                let explanation = replica.explain(question).await;
                send(&messages, Message::Explanation(explanation)).await?;
            }
            Some(Said::Share(share)) => replica.take_share(Part {
                proxies: share.proxies.max(1),
                place: share.place,
            }),
            // Of a newer control plane. Nothing that changes the table comes this way.
            None => debug!("the control plane said something that this proxy does not know"),
        }
    }
}

async fn open(
    control_plane: &Uri,
    outbound: mpsc::Receiver<ClientMessage>,
) -> Result<Streaming<ServerMessage>, SessionError> {
    let channel = Endpoint::from(control_plane.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect()
        .await
        .map_err(SessionError::Connect)?;
    let response = DiscoveryClient::new(channel)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
        .stream(ReceiverStream::new(outbound))
        .await
        .map_err(SessionError::Open)?;
    Ok(response.into_inner())
}

/// An update that does not say what it means must not touch the mirror, whose version
/// would then lie.
fn check(update: &Update, replica: &Replica) -> Result<(), SessionError> {
    match UpdateMode::try_from(update.mode) {
        Ok(UpdateMode::Snapshot) => Ok(()),
        Ok(UpdateMode::Delta) if replica.version().is_empty() => Err(SessionError::NoBase),
        Ok(UpdateMode::Delta) => Ok(()),
        Ok(UpdateMode::Unspecified) | Err(_) => Err(SessionError::Mode(update.mode)),
    }
}

async fn send(
    messages: &mpsc::Sender<ClientMessage>,
    message: Message,
) -> Result<(), SessionError> {
    let message = ClientMessage {
        message: Some(message),
    };
    messages
        .send(message)
        .await
        .map_err(|_| SessionError::Closed)
}
