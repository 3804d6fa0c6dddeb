//! Questions to a proxy, on the stream that brings its updates.
//!
//! A question changes nothing on either side. Few are on their way at a time and the
//! rest are turned away: updates always have room.

use std::collections::BTreeMap;
use std::time::Duration;

use fairway_proto::discovery::v1::server_message::Message;
use fairway_proto::discovery::v1::{Explanation, Question, RequestHead, ServerMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::node::Nodes;

/// Questions of one stream that are not written to the socket yet.
pub(super) const MAX_UNSENT: usize = 8;

/// Longest wait for the answer of a proxy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A question and where its answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    request: RequestHead,
    answer: oneshot::Sender<Explanation>,
}

/// The questions of one stream that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct OpenQuestions {
    /// Of the question asked last.
    id: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Explanation>>,
}

/// Why a proxy gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Its stream has ended.
    #[error("the proxy is not connected")]
    Disconnected,
    /// Too many questions at once, or its connection does not take any.
    #[error("the proxy has too many questions to answer, or its connection is stuck")]
    Busy,
    /// It does not answer in time, as one of an earlier version would not.
    #[error("the proxy did not answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Late,
}

impl Nodes {
    /// What this request would meet at the proxy with this instance id.
    ///
    /// # Errors
    /// If the proxy gives no answer.
    pub async fn explain(
        &self,
        instance: &str,
        request: RequestHead,
    ) -> Result<Explanation, AskError> {
        let (answer, answered) = oneshot::channel();
        self.questions(instance)
            .ok_or(AskError::Disconnected)?
            .try_send(Asked { request, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => AskError::Busy,
                mpsc::error::TrySendError::Closed(_) => AskError::Disconnected,
            })?;
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Ok(explanation)) => Ok(explanation),
            Ok(Err(_)) if self.is_connected(instance) => Err(AskError::Busy),
            Ok(Err(_)) => Err(AskError::Disconnected),
            Err(_) => Err(AskError::Late),
        }
    }
}

impl OpenQuestions {
    /// The message that asks it.
    pub(super) fn ask(&mut self, asked: Asked) -> ServerMessage {
        // Whoever went away does not want the answer any more.
        self.waiting.retain(|_, answer| !answer.is_closed());
        self.id += 1;
        self.waiting.insert(self.id, asked.answer);
        let question = Question {
            id: self.id,
            request: Some(asked.request),
        };
        ServerMessage {
            message: Some(Message::Question(question)),
        }
    }

    /// Passes an answer on, if somebody still waits for it.
    pub(super) fn answered(&mut self, explanation: Explanation) {
        if let Some(answer) = self.waiting.remove(&explanation.id) {
            // The asker may have gone just now.
            let _ = answer.send(explanation);
        }
    }
}
