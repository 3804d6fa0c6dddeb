//! What a worker counts. Written by one thread, read by the admin server.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use http::StatusCode;

/// Counts of one worker since its start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Client connections open now, tunnels included.
    pub(crate) open_connections: AtomicUsize,
    /// Client connections ever accepted.
    pub(crate) connections: AtomicU64,
    /// Connections made to servers.
    pub(crate) server_connections: AtomicU64,
    /// Requests sent again, to another server or over another connection.
    pub(crate) retries: AtomicU64,
    /// Copies for mirrors that were answered.
    pub(crate) copies: AtomicU64,
    /// Copies that were due and not sent: there was too much to do.
    pub(crate) copies_left_out: AtomicU64,
    /// Answers by class of status: 1xx, 2xx, …
    answers: [AtomicU64; 5],
}

impl Counters {
    /// One more of `counter`.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    /// So many copies were not sent.
    pub(crate) fn copies_left_out(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.copies_left_out.fetch_add(count, Relaxed);
    }

    /// One more answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.answers.get(class) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Answers by class of status, `1xx` first.
    pub(crate) fn answers(&self) -> impl Iterator<Item = u64> {
        self.answers.iter().map(|counter| counter.load(Relaxed))
    }
}
