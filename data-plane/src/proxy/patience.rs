//! How long the proxy waits for a client: one small record for each connection,
//! looked at once a second by the worker.
//!
//! A timer for each wait would be set anew for every request. Instead the hot path only writes a coarse time into cells; [`Patience::verdict`]
//! finds slow heads, idle connections, stalled and trickling bodies, and clients
//! that do not read. Limits are therefore kept to within a second.
//!
//! Does not know HTTP: the socket, the bodies and the connection task report.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use crate::config::Timeouts;
use crate::routing::Terms;

/// A body slower than this many bytes a second …
const MIN_BODY_RATE: u64 = 500;
/// … over this many seconds of waiting is cut.
const RATE_WINDOW_SECONDS: u32 = 10;

/// How long the rest of a request body is read after the response has ended.
const LINGER_SECONDS: u32 = 2;

/// Seconds since the worker started, written by its sweep.
#[derive(Clone, Default)]
pub(crate) struct CoarseClock(Rc<Cell<u32>>);

/// Limits in the coarse clock's seconds.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    head: u32,
    idle: u32,
    body: u32,
    write: u32,
}

/// Where a connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connected, nothing received.
    New,
    /// A response ended, nothing received since.
    Idle,
    /// Some of a request head has arrived.
    Head,
    /// A request is being served.
    Serving,
    /// Switched to another protocol: no limits.
    Tunnel,
}

/// What the worker wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Stay,
    /// Finish the request in flight, then close; close now if there is none.
    Finish,
    /// Close now.
    Cut,
}

/// The record of one connection.
pub(crate) struct Patience {
    clock: CoarseClock,
    /// Of the entry point; they come before the process's.
    terms: Cell<Terms>,
    opened: u32,
    requests: Cell<u32>,
    /// When the request began to arrive.
    request_since: Cell<u32>,
    phase: Cell<Phase>,
    phase_since: Cell<u32>,
    /// When the wait for body bytes began; only meaningful while `body_waiting`.
    body_since: Cell<u32>,
    body_waiting: Cell<bool>,
    body_open: Cell<bool>,
    body_waited: Cell<u32>,
    body_bytes: Cell<u64>,
    /// Of the body of the request that is served, or was last.
    received: Cell<u64>,
    body_may_pause: Cell<bool>,
    write_since: Cell<u32>,
    write_waiting: Cell<bool>,
    ordered: Cell<Verdict>,
    waker: RefCell<Option<Waker>>,
}

impl CoarseClock {
    pub(crate) fn now(&self) -> u32 {
        self.0.get()
    }

    pub(crate) fn set(&self, seconds: u32) {
        self.0.set(seconds);
    }
}

impl Limits {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        Self {
            head: seconds(timeouts.head),
            idle: seconds(timeouts.idle),
            body: seconds(timeouts.body),
            write: seconds(timeouts.write),
        }
    }
}

impl Patience {
    pub(crate) fn new(clock: CoarseClock) -> Self {
        let now = clock.now();
        Self {
            clock,
            terms: Cell::new(Terms::default()),
            opened: now,
            requests: Cell::new(0),
            request_since: Cell::new(now),
            phase: Cell::new(Phase::New),
            phase_since: Cell::new(now),
            body_since: Cell::new(now),
            body_waiting: Cell::new(false),
            body_open: Cell::new(false),
            body_waited: Cell::new(0),
            body_bytes: Cell::new(0),
            received: Cell::new(0),
            body_may_pause: Cell::new(false),
            write_since: Cell::new(now),
            write_waiting: Cell::new(false),
            ordered: Cell::new(Verdict::Stay),
            waker: RefCell::new(None),
        }
    }

    /// For a connection of an entry point.
    pub(crate) fn agree(&self, terms: Terms) {
        self.terms.set(terms);
    }

    /// The answer to the request being served is to be the connection's last.
    pub(crate) fn is_worn_out(&self) -> bool {
        let asked = self.requests.get();
        let age = self.clock.now().saturating_sub(self.opened);
        self.terms
            .get()
            .max_requests
            .is_some_and(|most| asked >= most)
            || self
                .terms
                .get()
                .max_time
                .is_some_and(|most| age >= seconds(most))
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let before = self.phase.replace(phase);
        if phase == Phase::Head || (phase == Phase::Serving && before != Phase::Head) {
            self.request_since.set(self.clock.now());
        }
        if phase == Phase::Serving {
            self.requests.set(self.requests.get().saturating_add(1));
            self.received.set(0);
        }
        self.phase_since.set(self.clock.now());
        if phase != Phase::Serving {
            self.body_waiting.set(false);
        }
    }

    /// A request with a body was taken.
    pub(crate) fn body_begins(&self) {
        self.body_open.set(true);
    }

    /// The request body has not been received to its end.
    pub(crate) fn body_is_open(&self) -> bool {
        self.body_open.get()
    }

    /// The request body is one side of a conversation: its pauses have no limit.
    pub(crate) fn let_body_pause(&self) {
        self.body_may_pause.set(true);
    }

    /// The request body was asked for and has nothing yet.
    pub(crate) fn body_pending(&self) {
        if !self.body_may_pause.get() && !self.body_waiting.replace(true) {
            self.body_since.set(self.clock.now());
        }
    }

    /// A piece of the request body arrived.
    pub(crate) fn body_progress(&self, bytes: u64) {
        if self.body_waiting.replace(false) {
            let waited = self.clock.now().saturating_sub(self.body_since.get());
            self.body_waited
                .set(self.body_waited.get().saturating_add(waited));
        }
        self.body_bytes
            .set(self.body_bytes.get().saturating_add(bytes));
        self.received.set(self.received.get().saturating_add(bytes));
    }

    /// Bytes of the request's body that have arrived.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// The request body was received to its end.
    pub(crate) fn body_done(&self) {
        self.body_open.set(false);
        self.body_waiting.set(false);
        self.body_waited.set(0);
        self.body_bytes.set(0);
    }

    pub(crate) fn write_pending(&self) {
        if !self.write_waiting.replace(true) {
            self.write_since.set(self.clock.now());
        }
    }

    pub(crate) fn write_progress(&self) {
        self.write_waiting.set(false);
    }

    /// What the limits say about this connection now.
    pub(crate) fn verdict(&self, limits: &Limits) -> Verdict {
        let now = self.clock.now();
        let longer = |since: &Cell<u32>, limit: u32| now.saturating_sub(since.get()) > limit;
        let phase = self.phase.get();
        if phase == Phase::Tunnel {
            return Verdict::Stay;
        }
        if self.write_waiting.get() && longer(&self.write_since, limits.write) {
            return Verdict::Cut;
        }
        if self.breaks_terms(phase) {
            return Verdict::Cut;
        }
        let late = match phase {
            Phase::New | Phase::Head => longer(&self.phase_since, limits.head),
            Phase::Idle => {
                let limit = if self.body_open.get() {
                    LINGER_SECONDS
                } else {
                    self.terms.get().idle.map_or(limits.idle, seconds)
                };
                // Finish, not cut: a request that is just arriving is still answered.
                return if longer(&self.phase_since, limit) {
                    Verdict::Finish
                } else {
                    Verdict::Stay
                };
            }
            Phase::Serving => {
                self.body_waiting.get()
                    && (longer(&self.body_since, limits.body) || self.body_trickles(now))
            }
            Phase::Tunnel => false,
        };
        if late { Verdict::Cut } else { Verdict::Stay }
    }

    /// Takes longer than its entry point allows.
    fn breaks_terms(&self, phase: Phase) -> bool {
        let now = self.clock.now();
        let longer = |since: &Cell<u32>, limit: Option<Duration>| {
            limit.is_some_and(|limit| now.saturating_sub(since.get()) > seconds(limit))
        };
        let arriving = phase == Phase::Head || (phase == Phase::Serving && self.body_open.get());
        (arriving && longer(&self.request_since, self.terms.get().read))
            || (phase == Phase::Serving && longer(&self.phase_since, self.terms.get().write))
    }

    /// Orders the connection task to act and wakes it. Orders only get stricter.
    pub(crate) fn order(&self, verdict: Verdict) {
        if verdict == Verdict::Stay || self.ordered.get() == Verdict::Cut {
            return;
        }
        if self.ordered.replace(verdict) != verdict
            && let Some(waker) = self.waker.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// It was ordered to close at once.
    pub(crate) fn is_cut(&self) -> bool {
        self.ordered.get() == Verdict::Cut
    }

    /// The order in force; wakes `waker` when it changes.
    pub(crate) fn ordered(&self, waker: &Waker) -> Verdict {
        let mut slot = self.waker.borrow_mut();
        if slot.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
        self.ordered.get()
    }

    /// The order in force.
    pub(crate) fn order_in_force(&self) -> Verdict {
        self.ordered.get()
    }

    fn body_trickles(&self, now: u32) -> bool {
        let waited = self
            .body_waited
            .get()
            .saturating_add(now.saturating_sub(self.body_since.get()));
        if waited < RATE_WINDOW_SECONDS {
            return false;
        }
        if self.body_bytes.get() < MIN_BODY_RATE.saturating_mul(u64::from(waited)) {
            return true;
        }
        self.body_waited.set(0);
        self.body_since.set(now);
        self.body_bytes.set(0);
        false
    }
}

/// Whole ones, rounded up.
fn seconds(time: Duration) -> u32 {
    let whole = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    whole.saturating_add(u32::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> (CoarseClock, Patience, Limits) {
        let clock = CoarseClock::default();
        let patience = Patience::new(clock.clone());
        (clock, patience, Limits::new(&Timeouts::default()))
    }

    #[test]
    fn a_silent_connection_is_cut_after_the_head_limit() {
        let (clock, patience, limits) = patience();
        clock.set(10);
        assert_eq!(patience.verdict(&limits), Verdict::Stay);
        clock.set(11);
        assert_eq!(patience.verdict(&limits), Verdict::Cut);
    }

    #[test]
    fn an_idle_connection_is_finished_after_the_idle_limit() {
        let (clock, patience, limits) = patience();
        patience.enter(Phase::Idle);
        clock.set(60);
        assert_eq!(patience.verdict(&limits), Verdict::Stay);
        clock.set(61);
        assert_eq!(patience.verdict(&limits), Verdict::Finish);
    }

    #[test]
    fn waiting_for_the_origin_has_no_limit() {
        let (clock, patience, limits) = patience();
        patience.enter(Phase::Serving);
        clock.set(100_000);
        assert_eq!(patience.verdict(&limits), Verdict::Stay);
    }

    #[test]
    fn a_stalled_body_is_cut() {
        let (clock, patience, limits) = patience();
        patience.enter(Phase::Serving);
        patience.body_pending();
        clock.set(16);
        assert_eq!(patience.verdict(&limits), Verdict::Cut);
    }

    #[test]
    fn a_body_of_one_byte_every_five_seconds_is_cut_and_a_fast_one_is_not() {
        for (bytes, expected) in [(1, Verdict::Cut), (5_000, Verdict::Stay)] {
            let (clock, patience, limits) = patience();
            patience.enter(Phase::Serving);
            let mut worst = Verdict::Stay;
            for second in 1..=30 {
                patience.body_pending();
                clock.set(second);
                if patience.verdict(&limits) == Verdict::Cut {
                    worst = Verdict::Cut;
                }
                if second % 5 == 0 {
                    patience.body_progress(bytes);
                }
            }
            assert_eq!(worst, expected, "{bytes} bytes");
        }
    }

    #[test]
    fn a_client_that_does_not_read_is_cut() {
        let (clock, patience, limits) = patience();
        patience.enter(Phase::Serving);
        patience.write_pending();
        clock.set(16);
        assert_eq!(patience.verdict(&limits), Verdict::Cut);
        patience.write_progress();
        assert_eq!(patience.verdict(&limits), Verdict::Stay);
    }

    #[test]
    fn orders_only_get_stricter() {
        let (_, patience, _) = patience();
        patience.order(Verdict::Cut);
        patience.order(Verdict::Finish);
        assert_eq!(patience.ordered(Waker::noop()), Verdict::Cut);
    }

    #[test]
    fn an_entry_point_has_limits_of_its_own() {
        let (clock, patience, limits) = patience();
        patience.agree(Terms {
            read: Some(Duration::from_secs(20)),
            write: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(100)),
            max_requests: Some(2),
            max_time: Some(Duration::from_secs(1000)),
            ..Terms::default()
        });
        patience.enter(Phase::Head);
        patience.enter(Phase::Serving);
        patience.body_begins();
        for (now, expected) in [(20, Verdict::Stay), (21, Verdict::Cut)] {
            clock.set(now);
            patience.body_progress(100_000);
            assert_eq!(patience.verdict(&limits), expected, "arriving at {now}");
        }
        patience.body_done();
        for (now, expected) in [(30, Verdict::Stay), (31, Verdict::Cut)] {
            clock.set(now);
            assert_eq!(patience.verdict(&limits), expected, "answering at {now}");
        }
        assert!(!patience.is_worn_out());
        patience.enter(Phase::Idle);
        for (now, expected) in [(131, Verdict::Stay), (132, Verdict::Finish)] {
            clock.set(now);
            assert_eq!(patience.verdict(&limits), expected, "idle at {now}");
        }
        patience.enter(Phase::Serving);
        assert!(patience.is_worn_out(), "the second request");
        let (clock, old, _) = self::patience();
        old.agree(Terms {
            max_time: Some(Duration::from_millis(500)),
            ..Terms::default()
        });
        assert!(!old.is_worn_out());
        clock.set(1);
        assert!(old.is_worn_out());
    }
}
