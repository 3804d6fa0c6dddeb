//! A service, and others that get copies of some of its requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fairway_proto::discovery::v1 as wire;

use super::composition::Service;

/// A service, and those that get copies.
#[derive(Debug)]
pub(crate) struct Mirroring {
    pub(crate) main: Arc<Service>,
    mirrors: Box<[Mirror]>,
    /// Copies have the body, too.
    pub(crate) mirror_body: bool,
    /// Bytes of a body that is copied; `None`: not said.
    pub(crate) max_body_size: Option<u64>,
    /// Requests so far.
    count: AtomicU64,
}

/// A service that gets copies.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) service: Arc<Service>,
    /// Of a hundred requests.
    pub(crate) percent: u32,
}

impl Mirroring {
    pub(super) fn build(
        spec: &wire::Mirroring,
        main: Arc<Service>,
        mirrors: Vec<Arc<Service>>,
        previous: Option<&Self>,
    ) -> Self {
        let count = previous.map_or(0, |previous| previous.count.load(Ordering::Relaxed));
        let mirrors = spec.mirrors.iter().zip(mirrors);
        Self {
            main,
            mirrors: mirrors
                .map(|(spec, service)| Mirror {
                    service,
                    percent: spec.percent.min(100),
                })
                .collect(),
            mirror_body: spec.mirror_body,
            max_body_size: spec.max_body_size,
            count: AtomicU64::new(count),
        }
    }

    /// Counts a request; those that get a copy of it. Of any n requests in a row a
    /// mirror gets its percentage, rounded up, and evenly spread.
    pub(crate) fn due(&self) -> Vec<Arc<Service>> {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        let due = |percent: u32| copies(before + 1, percent) > copies(before, percent);
        let mirrors = self.mirrors.iter().filter(|mirror| due(mirror.percent));
        mirrors.map(|mirror| Arc::clone(&mirror.service)).collect()
    }

    /// All who get copies.
    pub(crate) fn mirrors(&self) -> &[Mirror] {
        &self.mirrors
    }
}

/// Of so many requests.
fn copies(requests: u64, percent: u32) -> u64 {
    // In hundreds, so that nothing overflows however many there were.
    let (hundreds, rest) = (requests / 100, requests % 100);
    let percent = u64::from(percent);
    hundreds.wrapping_mul(percent) + (rest * percent).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_spread_evenly() {
        let due = |percent: u32, requests: u64| {
            let due = (0..requests).filter(|n| copies(n + 1, percent) > copies(*n, percent));
            Vec::from_iter(due)
        };
        assert_eq!(due(0, 500), Vec::<u64>::new());
        assert_eq!(due(10, 40), [0, 10, 20, 30]);
        assert_eq!(due(50, 6), [0, 2, 4]);
        assert_eq!(due(100, 3), [0, 1, 2]);
        assert_eq!(due(33, 1000).len(), 330);
    }
}
