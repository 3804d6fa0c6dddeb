//! What health checks say of one server.
//!
//! Written by the prober ([`crate::probe`]) and by the request path, read whenever a
//! server is chosen. Belongs to the server and to the definition of its checks: it
//! lasts as long as both stay as they are.

mod check;
mod passive;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwapOption;
use fairway_proto::discovery::v1 as wire;
use tokio::time::Instant;

pub(crate) use self::check::{Check, CheckError, Mode};
pub(crate) use self::passive::Failing;
use self::passive::Passive;

const UNTESTED: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// The health of one server. Orderings are relaxed: nothing else depends on it.
#[derive(Debug)]
pub(crate) struct Health {
    check: Option<Check>,
    passive: Option<Passive>,
    /// Of the last check.
    verdict: AtomicU8,
    /// Why it is down.
    why: ArcSwapOption<String>,
}

/// What the last health check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is none.
    Unchecked,
    /// The first is under way.
    Untested,
    Up,
    Down,
}

impl Health {
    pub(super) fn build(
        check: Option<&wire::HealthCheck>,
        passive: Option<&wire::PassiveHealthCheck>,
        epoch: Instant,
    ) -> Result<Self, CheckError> {
        Ok(Self {
            check: check.map(Check::build).transpose()?,
            passive: passive.map(|spec| Passive::build(spec, epoch)),
            verdict: AtomicU8::new(UNTESTED),
            why: ArcSwapOption::empty(),
        })
    }

    /// Something may make it another than up.
    pub(super) fn is_watched(&self) -> bool {
        self.check.is_some() || self.passive.is_some()
    }

    /// What to ask.
    pub(crate) fn check(&self) -> Option<&Check> {
        self.check.as_ref()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match (&self.check, self.verdict.load(Ordering::Relaxed)) {
            (None, _) => Verdict::Unchecked,
            (Some(_), UP) => Verdict::Up,
            (Some(_), DOWN) => Verdict::Down,
            (Some(_), _) => Verdict::Untested,
        }
    }

    /// Why it is down; empty if it is not.
    pub(crate) fn why(&self) -> String {
        let why = self.why.load();
        why.as_deref().cloned().unwrap_or_default()
    }

    /// Whether its answers have put it out of rotation.
    pub(crate) fn failing(&self) -> Option<Failing> {
        self.passive.as_ref()?.failing()
    }

    /// The outcome of a check: why it failed. Says whether that is news.
    pub(crate) fn checked(&self, outcome: Result<(), String>) -> bool {
        let verdict = match outcome {
            Ok(()) => {
                if let Some(passive) = &self.passive {
                    passive.recovered();
                }
                UP
            }
            Err(why) => {
                self.why.store(Some(Arc::new(why)));
                DOWN
            }
        };
        let before = self.verdict.swap(verdict, Ordering::Relaxed);
        if verdict == UP {
            self.why.store(None);
        }
        before != verdict
    }

    /// A request was answered. One load where there is no passive health check.
    pub(super) fn answered(&self, failure: bool) {
        match &self.passive {
            Some(_) if failure => self.failed(),
            Some(passive) => passive.succeeded(),
            None => {}
        }
    }

    /// A request got no answer, or one that stands for none.
    pub(super) fn failed(&self) {
        if let Some(passive) = &self.passive {
            passive.failed(self.check.is_some());
        }
    }
}
