//! The difference between two snapshots, found by comparing them.
//!
//! Never made by forwarding events, so that a removal cannot be lost.

use std::sync::Arc;

use fairway_proto::discovery::v1::{Resource, ResourceId};
use prost::Message as _;

use super::Snapshot;

/// What leads from one snapshot to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// New and changed resources.
    pub upserts: Vec<Arc<Resource>>,
    /// Resources that are gone.
    pub removals: Vec<ResourceId>,
}

impl Delta {
    /// The difference that, applied to `old`, gives `new`.
    pub fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let upserts = new.resources().iter().filter(|(key, resource)| {
            old.resources()
                .get(key)
                .is_none_or(|before| !Arc::ptr_eq(before, resource) && before != *resource)
        });
        let removals = old
            .resources()
            .keys()
            .filter(|key| !new.resources().contains_key(key));
        Self {
            upserts: upserts.map(|(_, resource)| Arc::clone(resource)).collect(),
            removals: removals.map(|key| key.id()).collect(),
        }
    }

    /// Bytes on the wire, uncompressed, about.
    pub fn encoded_len(&self) -> usize {
        let upserts: usize = self
            .upserts
            .iter()
            .map(|resource| resource.encoded_len())
            .sum();
        let removals: usize = self.removals.iter().map(ResourceId::encoded_len).sum();
        upserts + removals
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::ResourceKey;
    use super::super::tests::service;
    use super::*;

    fn snapshot(of: &BTreeMap<String, u32>) -> Snapshot {
        Snapshot::following(None, of.iter().map(|(name, c)| service(name, *c)).collect())
    }

    fn apply(old: &Snapshot, delta: &Delta) -> Snapshot {
        let mut set = old.resources().clone();
        for id in &delta.removals {
            set.remove(&ResourceKey::of(id));
        }
        for resource in &delta.upserts {
            let id = resource
                .id
                .as_ref()
                .expect("every resource of a snapshot has an id");
            set.insert(ResourceKey::of(id), Arc::clone(resource));
        }
        Snapshot::following(None, set.into_values().map(|r| (*r).clone()).collect())
    }

    proptest! {
        #[test]
        fn applying_the_difference_gives_the_new_snapshot(
            old in proptest::collection::btree_map("[a-c]{1,2}", 0u32..3, 0..12),
            new in proptest::collection::btree_map("[a-c]{1,2}", 0u32..3, 0..12),
        ) {
            let (old, new) = (snapshot(&old), snapshot(&new));
            let applied = apply(&old, &Delta::between(&old, &new));
            prop_assert_eq!(applied.resources(), new.resources());
            prop_assert_eq!(applied.version(), new.version());
        }

        #[test]
        fn nothing_changed_is_an_empty_difference(
            set in proptest::collection::btree_map("[a-c]{1,2}", 0u32..3, 0..12),
        ) {
            prop_assert_eq!(Delta::between(&snapshot(&set), &snapshot(&set)), Delta::default());
        }
    }
}
