//! When to list after events: the first at once, then when they pause, and never
//! later than a set time after the first that waits.

use std::time::Duration;

use tokio::time::Instant;

/// Events this close together are one change.
const QUIET: Duration = Duration::from_millis(20);
/// Longest wait while events keep coming.
const LONGEST: Duration = Duration::from_millis(200);

/// Collects marks and says when to act on them.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    acted: Option<Instant>,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Debounce {
    /// Something changed.
    pub(super) fn mark(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When to act; `None`: nothing changed.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        let rested = self
            .acted
            .is_none_or(|acted| first.duration_since(acted) >= QUIET);
        Some(if rested {
            first
        } else {
            (last + QUIET).min(first + LONGEST)
        })
    }

    /// The marks are being acted on.
    pub(super) fn act(&mut self, now: Instant) {
        *self = Self {
            acted: Some(now),
            first: None,
            last: None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_at_once_and_a_burst_waits_for_quiet_but_not_for_ever() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.mark(at(0));
        assert_eq!(debounce.due(), Some(at(0)));
        debounce.act(at(0));
        debounce.mark(at(5));
        debounce.mark(at(10));
        assert_eq!(debounce.due(), Some(at(30)));
        for ms in (15..300).step_by(10) {
            debounce.mark(at(ms));
        }
        assert_eq!(debounce.due(), Some(at(205)));
        debounce.act(at(205));
        assert_eq!(debounce.due(), None);
        debounce.mark(at(400));
        assert_eq!(debounce.due(), Some(at(400)));
    }
}
