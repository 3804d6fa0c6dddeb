//! How a service does: its answers of the last seconds, counted without a lock.
//!
//! Counters stand in slots of time that are used in turn. Whoever comes first to a slot
//! whose time has come empties it; an answer that is counted in the same instant may be
//! lost, and nobody relies on a single one.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fairway_proto::discovery::v1::CodeRatio;
use http::StatusCode;

use super::super::buffering::is_network_error;
use super::super::expression::{Facts, Operand, Value};

/// Seconds that counts go back.
const SECONDS: usize = 10;
/// Times of ten seconds that latencies go back.
const DECADES: usize = 6;
/// Latencies are told apart by a sixteenth, up to more than an hour.
const STEPS: usize = 16;
const BINS: usize = STEPS * 30;

/// Of one breaker.
#[derive(Debug)]
pub(super) struct Measure {
    ratios: Box<[CodeRatio]>,
    /// Of answers; of those with status 502 or 504; then for each ratio of its two kinds.
    counts: Slots<SECONDS>,
    /// `None`: nobody asks.
    latencies: Option<Slots<DECADES>>,
}

#[derive(Debug)]
struct Slots<const N: usize> {
    slots: [Slot; N],
}

#[derive(Debug)]
struct Slot {
    /// Number of the time it counts, from 1; 0: none.
    time: AtomicU64,
    counters: Box<[AtomicU32]>,
}

/// What is known at one time.
pub(super) struct Look<'m> {
    measure: &'m Measure,
    now: Duration,
}

impl Measure {
    /// Of what these operands ask for.
    pub(super) fn of(operands: &[&Operand]) -> Self {
        let ratio = |operand: &&Operand| match operand {
            Operand::CodeRatio(ratio) => Some(*ratio),
            _ => None,
        };
        let ratios: Box<[_]> = operands.iter().filter_map(ratio).collect();
        let latency = |operand: &&Operand| matches!(operand, Operand::LatencyAtQuantile(_));
        Self {
            counts: Slots::new(2 + 2 * ratios.len()),
            latencies: operands.iter().any(latency).then(|| Slots::new(BINS)),
            ratios,
        }
    }

    /// An answer with this status, after this time.
    pub(super) fn record(&self, status: StatusCode, latency: Duration, now: Duration) {
        let slot = self.counts.at(now.as_secs());
        let Some(slot) = slot else { return };
        slot.count(0);
        if is_network_error(status) {
            slot.count(1);
        }
        let code = u32::from(status.as_u16());
        for (at, ratio) in self.ratios.iter().enumerate() {
            if (ratio.first..ratio.before).contains(&code) {
                slot.count(2 + 2 * at);
            }
            if (ratio.of_first..ratio.of_before).contains(&code) {
                slot.count(3 + 2 * at);
            }
        }
        let latencies = self.latencies.as_ref();
        if let Some(slot) = latencies.and_then(|it| it.at(now.as_secs() / 10)) {
            slot.count(bin(latency));
        }
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        self.counts.reset();
        if let Some(latencies) = &self.latencies {
            latencies.reset();
        }
    }

    pub(super) fn look(&self, now: Duration) -> Look<'_> {
        Look { measure: self, now }
    }
}

impl Look<'_> {
    fn sum(&self, counter: usize) -> f64 {
        let counts = &self.measure.counts;
        counts
            .sum(self.now.as_secs(), counter)
            .min(u32::MAX.into())
            .into_f64()
    }

    /// 0 of nothing is 0.
    fn ratio(&self, part: usize, whole: usize) -> f64 {
        let whole = self.sum(whole);
        if whole > 0.0 {
            self.sum(part) / whole
        } else {
            0.0
        }
    }

    fn latency(&self, share: f64) -> Option<f64> {
        let latencies = self.measure.latencies.as_ref()?;
        let decade = self.now.as_secs() / 10;
        let bins: Vec<u64> = (0..BINS).map(|it| latencies.sum(decade, it)).collect();
        let all: u64 = bins.iter().sum();
        let wanted = all.into_f64() * share / 100.0;
        let mut seen = 0;
        let found = bins.iter().position(|count| {
            seen += count;
            *count > 0 && seen.into_f64() >= wanted
        });
        Some(found.map_or(0.0, |bin| upper(bin) / 1000.0))
    }
}

impl Facts for Look<'_> {
    fn value(&self, of: &Operand) -> Option<Value<'_>> {
        let number = match of {
            Operand::NetworkErrorRatio => self.ratio(1, 0),
            Operand::CodeRatio(ratio) => {
                let at = self.measure.ratios.iter().position(|it| it == ratio)?;
                self.ratio(2 + 2 * at, 3 + 2 * at)
            }
            Operand::LatencyAtQuantile(share) => self.latency(*share)?,
            Operand::Requests => self.sum(0),
            _ => return None,
        };
        Some(Value::Number(number))
    }

    fn network_error(&self) -> bool {
        false
    }
}

impl<const N: usize> Slots<N> {
    fn new(counters: usize) -> Self {
        let slot = |_| Slot {
            time: AtomicU64::new(0),
            counters: (0..counters).map(|_| AtomicU32::new(0)).collect(),
        };
        Self {
            slots: std::array::from_fn(slot),
        }
    }

    /// The slot of this time, empty if it is the first to come to it.
    fn at(&self, time: u64) -> Option<&Slot> {
        let number = time.saturating_add(1);
        let slot = self.slots.get(usize::try_from(number).ok()? % N)?;
        let known = slot.time.load(Relaxed);
        if known != number
            && slot
                .time
                .compare_exchange(known, number, Relaxed, Relaxed)
                .is_ok()
        {
            slot.empty();
        }
        Some(slot)
    }

    fn sum(&self, time: u64, counter: usize) -> u64 {
        let last = time.saturating_add(1);
        let first = last
            .saturating_sub(u64::try_from(N).unwrap_or(u64::MAX) - 1)
            .max(1);
        let slots = self.slots.iter();
        slots
            .filter(|slot| (first..=last).contains(&slot.time.load(Relaxed)))
            .filter_map(|slot| slot.counters.get(counter))
            .map(|counter| u64::from(counter.load(Relaxed)))
            .sum()
    }

    fn reset(&self) {
        for slot in &self.slots {
            slot.time.store(0, Relaxed);
            slot.empty();
        }
    }
}

impl Slot {
    fn count(&self, counter: usize) {
        if let Some(counter) = self.counters.get(counter) {
            counter.fetch_add(1, Relaxed);
        }
    }

    fn empty(&self) {
        for counter in &self.counters {
            counter.store(0, Relaxed);
        }
    }
}

/// Microseconds up to 16 by themselves, then sixteen steps to the double.
fn bin(latency: Duration) -> usize {
    let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
    let Some(power) = micros.checked_ilog2().filter(|power| *power >= 4) else {
        return usize::try_from(micros).unwrap_or_default();
    };
    let step = (micros >> (power - 4)) & 15;
    usize::try_from((power - 3) * 16 + step).unwrap_or_default()
}

/// The longest of a bin, in microseconds.
fn upper(bin: usize) -> f64 {
    let bin = u32::try_from(bin).unwrap_or_default();
    let (power, step) = (bin / 16, bin % 16);
    if power == 0 {
        return f64::from(step);
    }
    let width = 2_f64.powf(f64::from(power - 1));
    (f64::from(16 + step + 1)) * width - 1.0
}

/// A count as it is compared.
trait Count {
    fn into_f64(self) -> f64;
}

impl Count for u64 {
    fn into_f64(self) -> f64 {
        u32::try_from(self).map_or(f64::from(u32::MAX), f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: StatusCode = StatusCode::OK;

    fn number(look: &Look<'_>, of: &Operand) -> f64 {
        match look.value(of) {
            Some(Value::Number(number)) => number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn shares_are_of_the_last_ten_seconds() {
        let errors = CodeRatio {
            first: 500,
            before: 600,
            of_first: 0,
            of_before: 600,
        };
        let ratio = Operand::CodeRatio(errors);
        let measure = Measure::of(&[&ratio]);
        let at = Duration::from_secs;
        assert_eq!(number(&measure.look(at(0)), &ratio), 0.0);
        for (second, status) in [(0, 200), (0, 502), (5, 500), (9, 200)] {
            let status = StatusCode::from_u16(status).unwrap();
            measure.record(status, Duration::ZERO, at(second));
        }
        for (second, share, network, requests) in [
            (9, 0.5, 0.25, 4.0),
            (10, 0.5, 0.0, 2.0),
            (15, 0.0, 0.0, 1.0),
            (19, 0.0, 0.0, 0.0),
        ] {
            let look = measure.look(at(second));
            assert_eq!(number(&look, &ratio), share, "{second}");
            assert_eq!(number(&look, &Operand::NetworkErrorRatio), network);
            assert_eq!(number(&look, &Operand::Requests), requests, "{second}");
        }
        measure.record(OK, Duration::ZERO, at(15));
        measure.reset();
        assert_eq!(number(&measure.look(at(15)), &Operand::Requests), 0.0);
    }

    #[test]
    fn latencies_are_told_to_a_sixteenth() {
        for micros in [0, 1, 15, 16, 17, 100, 1_000, 123_456, 60_000_000, u32::MAX] {
            let bin = bin(Duration::from_micros(micros.into()));
            assert!(bin < BINS, "{micros}");
            let (found, micros) = (upper(bin), f64::from(micros));
            assert!(
                (micros..=micros * 1.07).contains(&found),
                "{micros}: {found}"
            );
        }
    }

    #[test]
    fn a_quantile_is_the_latency_that_so_many_do_not_exceed() {
        let [half, most, all] = [50.0, 90.0, 100.0].map(Operand::LatencyAtQuantile);
        let measure = Measure::of(&[&half]);
        let now = Duration::from_secs(1);
        for millis in [10, 10, 10, 10, 10, 20, 20, 20, 20, 1000] {
            measure.record(OK, Duration::from_millis(millis), now);
        }
        let look = measure.look(now);
        for (operand, expected) in [(half, 10.0), (most, 20.0), (all, 1000.0)] {
            let found = number(&look, &operand);
            assert!((expected..expected * 1.07).contains(&found), "{found}");
        }
        assert_eq!(look.value(&Operand::Attempts), None);
    }
}
