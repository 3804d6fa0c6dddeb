//! Whose turn it is, for equal and unequal weights.
//!
//! A cycle of slots computed once: with equal weights one slot for each server, in
//! order; otherwise each server has slots in proportion to its weight, spread evenly
//! over the cycle, so that a heavy server does not get its requests in a row.

use std::num::NonZeroUsize;

/// Weights are scaled down when their slots would be more than this.
const MAX_SLOTS: u64 = 4096;

/// Positions to servers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Empty,
    /// Slot n is server n.
    Equal(NonZeroUsize),
    /// Positions of servers.
    Weighted(Box<[usize]>),
}

impl Schedule {
    /// From the weights in rotation order; 0 counts as 1.
    pub(super) fn new(weights: &[u32]) -> Self {
        let Some(count) = NonZeroUsize::new(weights.len()) else {
            return Self::Empty;
        };
        let shares = shares(weights);
        if shares.iter().all(|share| *share == 1) {
            return Self::Equal(count);
        }
        // The turn number t of a server with share s is due at (2t + 1) / 2s of the
        // cycle. Shares are at most MAX_SLOTS, so the products do not overflow.
        let mut turns: Vec<(u64, u64, usize)> = (0..)
            .zip(&shares)
            .flat_map(|(server, share)| (0..*share).map(move |turn| (2 * turn + 1, *share, server)))
            .collect();
        turns.sort_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
        Self::Weighted(turns.into_iter().map(|(_, _, server)| server).collect())
    }

    /// Slots in one cycle.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Equal(count) => count.get(),
            Self::Weighted(slots) => slots.len(),
        }
    }

    /// Position of the server whose turn it is; the cycle repeats for ever.
    pub(super) fn server_at(&self, turn: usize) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Equal(count) => Some(turn % *count),
            Self::Weighted(slots) => slots.get(turn.checked_rem(slots.len())?).copied(),
        }
    }
}

/// Slots per server: the weights without their common divisor, scaled down if need be.
fn shares(weights: &[u32]) -> Vec<u64> {
    let weights: Vec<u64> = weights
        .iter()
        .map(|weight| u64::from(*weight).max(1))
        .collect();
    let divisor = weights
        .iter()
        .copied()
        .fold(0, greatest_common_divisor)
        .max(1);
    let total: u64 = weights.iter().map(|weight| weight / divisor).sum();
    if total <= MAX_SLOTS {
        return weights.iter().map(|weight| weight / divisor).collect();
    }
    let scaled: Vec<u64> = weights
        .iter()
        .map(|weight| (weight / divisor * MAX_SLOTS / total).max(1))
        .collect();
    let divisor = scaled
        .iter()
        .copied()
        .fold(0, greatest_common_divisor)
        .max(1);
    scaled.iter().map(|share| share / divisor).collect()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(weights: &[u32]) -> Vec<usize> {
        let schedule = Schedule::new(weights);
        (0..schedule.len())
            .filter_map(|turn| schedule.server_at(turn))
            .collect()
    }

    #[test]
    fn servers_take_turns_in_proportion_and_spread_out() {
        for (weights, expected) in [
            (&[][..], &[][..]),
            (&[7], &[0]),
            (&[1, 1, 1], &[0, 1, 2]),
            (&[5, 5], &[0, 1]),
            (&[0, 1], &[0, 1]),
            (&[3, 1], &[0, 0, 1, 0]),
            (&[2, 1], &[0, 1, 0]),
            (&[4, 2, 2], &[0, 1, 2, 0]),
        ] {
            assert_eq!(cycle(weights), expected, "{weights:?}");
        }
    }

    #[test]
    fn extreme_weights_make_a_short_cycle_and_forget_nobody() {
        let slots = cycle(&[u32::MAX, 1, 1_000_000]);
        assert!(slots.len() <= 5000, "{}", slots.len());
        for server in 0..3 {
            assert!(slots.contains(&server));
        }
        assert_eq!(cycle(&[u32::MAX, u32::MAX]), [0, 1]);
    }

    #[test]
    fn the_cycle_repeats() {
        let schedule = Schedule::new(&[3, 1]);
        assert_eq!(schedule.server_at(4), schedule.server_at(0));
        assert_eq!(Schedule::new(&[1, 1]).server_at(usize::MAX), Some(1));
    }
}
