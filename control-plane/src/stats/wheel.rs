//! Numbers of the last moments: a ring that turns with time.

/// Rows of numbers, one for each moment of the latest ones. It turns when it is written:
/// nothing has to be done for what is at rest.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    /// Numbers of a moment.
    width: usize,
    /// Moments it holds.
    span: u64,
    /// The latest that was written.
    latest: u64,
    cells: Box<[u32]>,
}

impl Wheel {
    pub(super) fn new(width: usize, span: u64) -> Self {
        let rows = usize::try_from(span).unwrap_or_default();
        Self {
            width,
            span,
            latest: 0,
            cells: vec![0; width * rows].into(),
        }
    }

    /// The numbers of a moment, to be added to; `None` if it is too long ago.
    pub(super) fn at(&mut self, moment: u64) -> Option<&mut [u32]> {
        if moment > self.latest {
            let passed = (moment - self.latest).min(self.span);
            for stale in moment + 1 - passed..=moment {
                self.row_mut(stale)?.fill(0);
            }
            self.latest = moment;
        }
        if moment + self.span <= self.latest {
            return None;
        }
        self.row_mut(moment)
    }

    /// The numbers of a moment; `None`: nothing is known to have happened.
    pub(super) fn get(&self, moment: u64) -> Option<&[u32]> {
        if moment > self.latest || moment + self.span <= self.latest {
            return None;
        }
        let start = self.start(moment)?;
        self.cells.get(start..start + self.width)
    }

    fn row_mut(&mut self, moment: u64) -> Option<&mut [u32]> {
        let start = self.start(moment)?;
        self.cells.get_mut(start..start + self.width)
    }

    fn start(&self, moment: u64) -> Option<usize> {
        let row = usize::try_from(moment.checked_rem(self.span)?).ok()?;
        Some(row * self.width)
    }
}

/// As much as fits.
pub(super) fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(wheel: &mut Wheel, moment: u64, count: u32) -> bool {
        let row = wheel.at(moment);
        row.map(|row| row[0] += count).is_some()
    }

    fn read(wheel: &Wheel, moments: std::ops::Range<u64>) -> Vec<u32> {
        let row = |moment| wheel.get(moment).map_or(0, |row| row[0]);
        moments.map(row).collect()
    }

    #[test]
    fn it_holds_the_latest_moments_and_no_older_ones() {
        let mut wheel = Wheel::new(1, 4);
        for moment in [10, 11, 11, 13] {
            assert!(add(&mut wheel, moment, 1));
        }
        assert_eq!(read(&wheel, 9..15), [0, 1, 2, 0, 1, 0]);
        assert!(add(&mut wheel, 14, 1), "10 falls out");
        assert_eq!(read(&wheel, 9..15), [0, 0, 2, 0, 1, 1]);
        assert!(add(&mut wheel, 12, 5), "late, and in time");
        assert!(!add(&mut wheel, 10, 5), "too late");
        assert_eq!(read(&wheel, 9..15), [0, 0, 2, 5, 1, 1]);
        assert!(add(&mut wheel, 1_000_000, 7));
        assert_eq!(read(&wheel, 999_995..1_000_001), [0, 0, 0, 0, 0, 7]);
    }
}
