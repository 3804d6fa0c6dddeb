//! `/api/events`: says that something changed, as server-sent events. What it is now has
//! to be asked for: an event only names what is worth asking again, so that one that is
//! lost or late does no harm, and nobody can fall behind.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use super::{Api, Shared, respond, time};
use crate::compile::Compiled;
use crate::discovery::SnapshotReceiver;
use crate::history::HistoryReceiver;

/// Streams at one time.
const MAX_STREAMS: usize = 128;
/// Pause between two events of a stream.
const GAP: Duration = Duration::from_millis(100);
/// A sign of life after this long without an event.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Bounds the streams. Cheap to clone: all clones count together.
#[derive(Clone, Debug)]
pub(super) struct Streams(Arc<Semaphore>);

/// One stream.
struct Follower {
    /// When the process started: another one knows nothing of what was said before.
    process: u64,
    compiled: watch::Receiver<Option<Arc<Compiled>>>,
    latest: SnapshotReceiver,
    proxies: watch::Receiver<u64>,
    history: HistoryReceiver,
    terminating: watch::Receiver<bool>,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

/// The control plane ends.
struct Ended;

/// `GET /api/events`.
pub(super) async fn answer(State(shared): State<Shared>) -> Response {
    let Ok(permit) = Arc::clone(&shared.streams.0).try_acquire_owned() else {
        let message = format!("{MAX_STREAMS} streams are open already; close one of them");
        return respond::error(StatusCode::SERVICE_UNAVAILABLE, &message);
    };
    let follower = Follower::new(&shared.api, permit);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(follower.events())
        .keep_alive(keep_alive)
        .into_response();
    // Some reverse proxies would collect the events.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

impl Follower {
    fn new(api: &Api, permit: OwnedSemaphorePermit) -> Self {
        Self {
            process: time::unix_ms(api.started),
            compiled: api.compiled.clone(),
            latest: api.latest.clone(),
            proxies: api.nodes.changes(),
            history: api.history.clone(),
            terminating: api.terminating.clone(),
            is_first: true,
            _permit: permit,
        }
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            let event = follower.next().await.ok()?;
            Some((Ok(event), follower))
        })
    }

    /// The first says how things are, later ones what has changed.
    async fn next(&mut self) -> Result<Event, Ended> {
        if !std::mem::take(&mut self.is_first) {
            self.change().await?;
            self.still(sleep(GAP)).await?;
        }
        let changed = self.changed()?;
        let latest = self.latest.borrow_and_update();
        let version = latest.as_ref().map(|it| it.version());
        let data = json!({ "process": self.process, "version": version, "changed": changed });
        Ok(Event::default().data(data.to_string()))
    }

    /// Waits for a change.
    async fn change(&mut self) -> Result<(), Ended> {
        let ended = |_| Ended;
        tokio::select! {
            biased;
            _ = self.terminating.wait_for(|ends| *ends) => Err(Ended),
            // Waiting takes note of the change, and it is still to be told.
            it = self.compiled.changed() => it.map(|()| self.compiled.mark_changed()).map_err(ended),
            it = self.latest.changed() => it.map(|()| self.latest.mark_changed()).map_err(ended),
            it = self.proxies.changed() => it.map(|()| self.proxies.mark_changed()).map_err(ended),
            it = self.history.changed() => it.map(|()| self.history.mark_changed()).map_err(ended),
        }
    }

    /// Waits for something, unless the control plane ends.
    async fn still(&mut self, wait: impl Future<Output = ()>) -> Result<(), Ended> {
        tokio::select! {
            biased;
            _ = self.terminating.wait_for(|ends| *ends) => Err(Ended),
            () = wait => Ok(()),
        }
    }

    /// What has changed since the last event; afterwards all of it is seen.
    fn changed(&mut self) -> Result<Vec<&'static str>, Ended> {
        let ended = |_| Ended;
        let changes = [
            ("objects", self.compiled.has_changed().map_err(ended)?),
            ("configuration", self.latest.has_changed().map_err(ended)?),
            ("proxies", self.proxies.has_changed().map_err(ended)?),
            ("changes", self.history.has_changed().map_err(ended)?),
        ];
        self.compiled.mark_unchanged();
        self.latest.mark_unchanged();
        self.proxies.mark_unchanged();
        self.history.mark_unchanged();
        let changed = changes.into_iter().filter(|(_, changed)| *changed);
        Ok(changed.map(|(topic, _)| topic).collect())
    }
}
