//! Something kept for each source of requests.
//!
//! Shards with a lock each, held for a look and a little arithmetic, never while
//! anything waits. A source is kept as a digest that nobody outside can aim at: what
//! clients send is not stored.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

pub(super) const SHARDS: usize = 16;

/// A source, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SourceKey(u64);

/// By source.
pub(super) struct Sources<T> {
    hasher: RandomState,
    shards: [Mutex<HashMap<SourceKey, T>>; SHARDS],
}

impl<T> Sources<T> {
    /// Sources in one shard, if there may be `most` of them.
    pub(super) const fn per_shard(most: usize) -> usize {
        most / SHARDS
    }

    pub(super) fn key(&self, source: impl Hash) -> SourceKey {
        SourceKey(self.hasher.hash_one(source))
    }

    /// Reads and changes the shard of a source.
    pub(super) fn with<R>(
        &self,
        key: SourceKey,
        change: impl FnOnce(&mut HashMap<SourceKey, T>) -> R,
    ) -> Option<R> {
        let shard = usize::try_from(key.0).ok()? % SHARDS;
        // A panic in the middle of arithmetic leaves nothing half done.
        let shard = self.shards.get(shard)?.lock();
        Some(change(&mut shard.unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T> Default for Sources<T> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl<T> fmt::Debug for Sources<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}
