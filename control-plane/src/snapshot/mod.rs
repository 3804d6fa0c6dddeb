//! The compiled configuration as proxies get it: a set of resources and the
//! version of the set.
//!
//! Immutable. Made by [`crate::reconcile`], sent by [`crate::discovery`]. The
//! version is a digest of the content, so that control planes that see the same
//! containers, before and after a restart, have the same version and send nothing.

mod delta;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fairway_proto::discovery::v1::{Resource, ResourceId, ResourceKind};
use prost::Message as _;

pub use delta::Delta;

/// Bytes of the digest that make the version: 128 bits, printed as hex.
const VERSION_BYTES: usize = 16;

/// Versions before this one that a snapshot still knows the order of.
const PAST_VERSIONS: usize = 256;

/// Orders and finds resources: by kind, then name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    kind: i32,
    name: String,
}

/// What a resource adds to the version: of those that stay it is not found again.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Print {
    digest: blake3::Hash,
    /// Of its encoding with the length before it.
    bytes: usize,
}

/// One version of the whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    version: String,
    sequence: u64,
    encoded_len: usize,
    resources: BTreeMap<ResourceKey, Arc<Resource>>,
    /// Of each resource, in the same order.
    prints: Vec<Print>,
    /// Versions before this one with their sequence numbers, newest first.
    past: VecDeque<(String, u64)>,
}

impl ResourceKey {
    /// The key of `id`.
    pub fn of(id: &ResourceId) -> Self {
        Self {
            kind: id.kind,
            name: id.name.clone(),
        }
    }

    /// What the resource is.
    pub fn kind(&self) -> ResourceKind {
        ResourceKind::try_from(self.kind).unwrap_or_default()
    }

    /// Its name, `name@provider`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key as the wire has it.
    pub fn id(&self) -> ResourceId {
        ResourceId {
            kind: self.kind,
            name: self.name.clone(),
        }
    }
}

impl Snapshot {
    /// The set of `resources`, following `previous` if there is one: what did not
    /// change shares its memory, which makes comparing two snapshots cheap.
    /// Resources without an id are left out; of two with one id the last stays.
    pub fn following(previous: Option<&Self>, resources: Vec<Resource>) -> Self {
        let mut set = BTreeMap::new();
        for resource in resources {
            let Some(key) = resource.id.as_ref().map(ResourceKey::of) else {
                continue;
            };
            let shared = previous
                .and_then(|previous| previous.resources.get(&key))
                .filter(|old| ***old == resource)
                .cloned();
            set.insert(key, shared.unwrap_or_else(|| Arc::new(resource)));
        }
        let prints = prints(&set, previous);
        let version = version(&prints);
        let encoded_len = prints.iter().map(|print| print.bytes).sum();
        let sequence = previous.map_or(1, |previous| previous.sequence + 1);
        let past = previous.map(Self::with_past).unwrap_or_default();
        Self {
            version,
            sequence,
            encoded_len,
            resources: set,
            prints,
            past,
        }
    }

    /// Hex digest of the content.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Position in the life of this process, rising: tells which of two
    /// snapshots is newer, which versions cannot.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Position of this or a recent earlier version; `None` if it was never
    /// published or is long gone.
    pub fn sequence_of(&self, version: &str) -> Option<u64> {
        if self.version == version {
            return Some(self.sequence);
        }
        self.past
            .iter()
            .find(|(past, _)| past == version)
            .map(|(_, sequence)| *sequence)
    }

    fn with_past(&self) -> VecDeque<(String, u64)> {
        let mut past = self.past.clone();
        past.push_front((self.version.clone(), self.sequence));
        past.truncate(PAST_VERSIONS);
        past
    }

    /// Bytes of all resources on the wire, uncompressed.
    pub fn encoded_len(&self) -> usize {
        self.encoded_len
    }

    /// Every resource, ordered by kind and name.
    pub fn resources(&self) -> &BTreeMap<ResourceKey, Arc<Resource>> {
        &self.resources
    }
}

/// The print of each resource. One that shares its memory with `previous` has its
/// print, too.
fn prints(
    resources: &BTreeMap<ResourceKey, Arc<Resource>>,
    previous: Option<&Snapshot>,
) -> Vec<Print> {
    let known = previous.map(|it| it.resources.iter().zip(&it.prints));
    let mut known = known.into_iter().flatten().peekable();
    let mut buffer = Vec::new();
    let mut prints = Vec::with_capacity(resources.len());
    for (key, resource) in resources {
        // Both are in the order of their keys.
        while known.next_if(|((known, _), _)| *known < key).is_some() {}
        let same = known
            .peek()
            .filter(|((_, before), _)| Arc::ptr_eq(before, resource));
        prints.push(match same {
            Some((_, print)) => **print,
            None => Print::of(resource, &mut buffer),
        });
    }
    prints
}

/// Hex digest over the prints.
fn version(prints: &[Print]) -> String {
    let mut hasher = blake3::Hasher::new();
    for print in prints {
        hasher.update(print.digest.as_bytes());
    }
    let digest = hasher.finalize();
    let bytes = digest.as_bytes().iter().take(VERSION_BYTES);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

impl Print {
    fn of(resource: &Resource, buffer: &mut Vec<u8>) -> Self {
        buffer.clear();
        // Encoding into a Vec cannot run out of room.
        let _infallible = resource.encode_length_delimited(buffer);
        Self {
            digest: blake3::hash(buffer),
            bytes: buffer.len(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use fairway_proto::discovery::v1::{Service, resource::Spec};
    use proptest::prelude::*;

    use super::*;

    /// A service named `name` whose content depends on `content`.
    pub(crate) fn service(name: &str, content: u32) -> Resource {
        Resource {
            id: Some(ResourceId {
                kind: ResourceKind::Service.into(),
                name: name.to_owned(),
            }),
            origin: None,
            spec: Some(Spec::Service(Service {
                dial_timeout_ms: content,
                ..Service::default()
            })),
        }
    }

    #[test]
    fn an_unchanged_resource_is_shared_with_the_previous_snapshot() {
        let old = Snapshot::following(None, vec![service("a", 1), service("b", 1)]);
        let new = Snapshot::following(Some(&old), vec![service("a", 1), service("b", 2)]);
        let arcs = |snapshot: &Snapshot| snapshot.resources.values().cloned().collect::<Vec<_>>();
        assert!(Arc::ptr_eq(&arcs(&old)[0], &arcs(&new)[0]));
        assert!(!Arc::ptr_eq(&arcs(&old)[1], &arcs(&new)[1]));
        assert_eq!(new.sequence(), 2);
    }

    #[test]
    fn an_earlier_version_keeps_its_place() {
        let first = Snapshot::following(None, vec![service("a", 1)]);
        let second = Snapshot::following(Some(&first), vec![service("a", 2)]);
        assert_eq!(second.sequence_of(first.version()), Some(1));
        assert_eq!(second.sequence_of(second.version()), Some(2));
        assert_eq!(second.sequence_of("never"), None);
    }

    #[test]
    fn the_same_content_has_the_same_version_whatever_came_before() {
        let direct = Snapshot::following(None, vec![service("a", 1)]);
        let detour = Snapshot::following(
            Some(&Snapshot::following(None, vec![service("z", 9)])),
            vec![service("a", 1)],
        );
        assert_eq!(direct.version(), detour.version());
    }

    proptest! {
        #[test]
        fn what_is_kept_of_the_previous_snapshot_does_not_show(
            old in proptest::collection::btree_map("[a-e]{1,2}", 0u32..3, 0..12),
            new in proptest::collection::btree_map("[a-e]{1,2}", 0u32..3, 0..12),
        ) {
            let of = |set: &BTreeMap<String, u32>| {
                let resources = set.iter().map(|(name, content)| service(name, *content));
                resources.collect::<Vec<_>>()
            };
            let old = Snapshot::following(None, of(&old));
            let followed = Snapshot::following(Some(&old), of(&new));
            let alone = Snapshot::following(None, of(&new));
            prop_assert_eq!(followed.version(), alone.version());
            prop_assert_eq!(followed.encoded_len(), alone.encoded_len());
        }

        #[test]
        fn the_version_ignores_the_order_resources_come_in(
            mut names in proptest::collection::btree_map("[a-z]{1,4}", 0u32..5, 0..20)
                .prop_map(|map| map.into_iter().collect::<Vec<_>>())
                .prop_shuffle(),
        ) {
            let make = |names: &[(String, u32)]| {
                Snapshot::following(None, names.iter().map(|(n, c)| service(n, *c)).collect())
            };
            let one = make(&names);
            names.reverse();
            let other = make(&names);
            prop_assert_eq!(one.version(), other.version());
        }

        #[test]
        fn different_content_has_a_different_version(a in 0u32..100, b in 0u32..100) {
            let one = Snapshot::following(None, vec![service("a", a)]);
            let other = Snapshot::following(None, vec![service("a", b)]);
            prop_assert_eq!(a == b, one.version() == other.version());
        }
    }
}
