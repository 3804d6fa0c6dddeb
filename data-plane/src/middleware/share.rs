//! What part of a budget this proxy has: all that are connected share it.
//!
//! One for the process, carried from table to table. Written by the discovery session,
//! read by the middlewares that limit. The parts of all proxies make up the whole,
//! except where there is less than one for each of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The part in force.
#[derive(Debug)]
pub(crate) struct Share(AtomicU64);

/// One of several equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// How many there are; at least 1.
    pub(crate) proxies: u32,
    /// Which one it is, from 0.
    pub(crate) place: u32,
}

impl Part {
    /// The whole.
    pub(crate) const ALONE: Self = Self {
        proxies: 1,
        place: 0,
    };

    /// Of a rate.
    pub(crate) fn of_rate(self, rate: f64) -> f64 {
        rate / f64::from(self.proxies.max(1))
    }

    /// Of a number of things; at least 1.
    pub(crate) fn of_amount(self, amount: u64) -> u64 {
        let proxies = u64::from(self.proxies.max(1));
        let rest = u64::from(u64::from(self.place) < amount % proxies);
        (amount / proxies + rest).max(1)
    }

    /// For explanations: nothing, if there are no others.
    pub(super) fn described(self) -> String {
        match self.proxies {
            0 | 1 => String::new(),
            proxies => format!(" on this proxy, one of {proxies} that share the budget"),
        }
    }
}

impl Share {
    pub(crate) fn part(&self) -> Part {
        let both = self.0.load(Relaxed);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Part {
            proxies: half(both >> 32),
            place: half(both),
        }
    }

    pub(crate) fn set(&self, part: Part) {
        let both = u64::from(part.proxies) << 32 | u64::from(part.place);
        self.0.store(both, Relaxed);
    }
}

impl Default for Share {
    fn default() -> Self {
        let share = Self(AtomicU64::new(0));
        share.set(Part::ALONE);
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_up_the_whole_and_none_is_empty() {
        for (amount, proxies, sum) in [(10, 1, 10), (10, 4, 10), (7, 2, 7), (8, 4, 8), (1, 3, 3)] {
            let share = Share::default();
            let parts = (0..proxies).map(|place| {
                share.set(Part { proxies, place });
                assert_eq!(share.part(), Part { proxies, place });
                share.part().of_amount(amount)
            });
            assert_eq!(parts.sum::<u64>(), sum, "{amount} of {proxies}");
        }
        assert_eq!(Share::default().part(), Part::ALONE);
    }
}
