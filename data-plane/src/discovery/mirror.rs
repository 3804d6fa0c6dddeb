//! The resources exactly as sent: what "held" means in the protocol.
//!
//! Applying an update cannot fail, whatever is in it, so that the version of the
//! mirror never stands for anything but the whole set of that version. Whether the
//! resources make sense is decided afterwards, by the table that is built from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_proto::discovery::v1::{Resource, ResourceId, ResourceKind, Update, UpdateMode};

/// Kind, as on the wire and possibly unknown here, and name.
pub(crate) type Key = (i32, String);

/// The whole set at one version.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    version: String,
    resources: BTreeMap<Key, Arc<Resource>>,
}

impl Mirror {
    /// Version of the set; empty before the first update.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Takes an update. A snapshot replaces everything; anything else is a delta, in
    /// which a resource that is both removed and sent is there afterwards.
    pub(crate) fn apply(&mut self, update: Update) {
        let Update {
            nonce: _,
            version,
            mode,
            upserts,
            removals,
        } = update;
        let known = if mode == i32::from(UpdateMode::Snapshot) {
            std::mem::take(&mut self.resources)
        } else {
            BTreeMap::new()
        };
        for id in removals {
            self.resources.remove(&key(Some(id)));
        }
        for resource in upserts {
            let key = key(resource.id.clone());
            // What did not change keeps its place in memory, so that building the
            // table sees at a glance that it did not.
            let same = known
                .get(&key)
                .filter(|known| ***known == resource)
                .map(Arc::clone);
            self.resources
                .insert(key, same.unwrap_or_else(|| Arc::new(resource)));
        }
        self.version = version;
    }

    /// Is there such a resource, whatever became of it?
    pub(crate) fn contains(&self, kind: ResourceKind, name: &str) -> bool {
        self.resources.contains_key(&(kind.into(), name.to_owned()))
    }

    /// The resource of this name, whatever became of it.
    pub(crate) fn find(&self, kind: ResourceKind, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(kind.into(), name.to_owned()))
    }

    /// The resources of a kind, by name.
    pub(crate) fn of_kind(
        &self,
        kind: ResourceKind,
    ) -> impl Iterator<Item = (&str, &Arc<Resource>)> {
        let kind = i32::from(kind);
        let from = (kind, String::new());
        self.resources
            .range(from..)
            .take_while(move |((found, _), _)| *found == kind)
            .map(|((_, name), resource)| (name.as_str(), resource))
    }

    /// Everything, by kind and name.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&Key, &Arc<Resource>)> {
        self.resources.iter()
    }
}

/// A resource without an id is kept under the unspecified kind, which nobody serves.
fn key(id: Option<ResourceId>) -> Key {
    let ResourceId { kind, name } = id.unwrap_or_default();
    (kind, name)
}

#[cfg(test)]
mod tests {
    use fairway_proto::discovery::v1::Origin;

    use super::*;

    fn resource(name: &str, provider: &str) -> Resource {
        Resource {
            id: Some(id(name)),
            origin: Some(Origin {
                provider: provider.to_owned(),
                containers: vec![],
            }),
            spec: None,
        }
    }

    fn id(name: &str) -> ResourceId {
        ResourceId {
            kind: ResourceKind::Service.into(),
            name: name.to_owned(),
        }
    }

    fn update(mode: UpdateMode, upserts: &[(&str, &str)], removals: &[&str]) -> Update {
        Update {
            nonce: 1,
            version: format!("{mode:?}"),
            mode: mode.into(),
            upserts: upserts
                .iter()
                .map(|(name, provider)| resource(name, provider))
                .collect(),
            removals: removals.iter().map(|name| id(name)).collect(),
        }
    }

    fn held(mirror: &Mirror) -> Vec<(String, String)> {
        let services = mirror.of_kind(ResourceKind::Service);
        services
            .map(|(name, resource)| {
                (
                    name.to_owned(),
                    resource.origin.clone().unwrap_or_default().provider,
                )
            })
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn a_snapshot_replaces_and_a_delta_changes() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.version(), "");
        mirror.apply(update(UpdateMode::Snapshot, &[("a", "1"), ("b", "1")], &[]));
        assert_eq!(mirror.version(), "Snapshot");
        mirror.apply(update(
            UpdateMode::Delta,
            &[("b", "2"), ("c", "2")],
            &["a", "none"],
        ));
        assert_eq!(held(&mirror), pairs(&[("b", "2"), ("c", "2")]));
        assert_eq!(mirror.version(), "Delta");
        mirror.apply(update(UpdateMode::Snapshot, &[("c", "3")], &[]));
        assert_eq!(held(&mirror), pairs(&[("c", "3")]));
        mirror.apply(update(UpdateMode::Snapshot, &[], &[]));
        assert_eq!(held(&mirror), []);
    }

    #[test]
    fn what_is_removed_and_sent_in_one_delta_is_there() {
        let mut mirror = Mirror::default();
        mirror.apply(update(UpdateMode::Delta, &[("a", "1")], &["a"]));
        assert_eq!(held(&mirror), pairs(&[("a", "1")]));
    }

    #[test]
    fn an_equal_resource_of_a_snapshot_keeps_its_place() {
        let mut mirror = Mirror::default();
        mirror.apply(update(UpdateMode::Snapshot, &[("a", "1"), ("b", "1")], &[]));
        let before: Vec<_> = mirror
            .resources()
            .map(|(_, resource)| Arc::clone(resource))
            .collect();
        mirror.apply(update(UpdateMode::Snapshot, &[("a", "1"), ("b", "2")], &[]));
        let after = mirror.resources().map(|(_, resource)| resource);
        let same: Vec<_> = before
            .iter()
            .zip(after)
            .map(|(a, b)| Arc::ptr_eq(a, b))
            .collect();
        assert_eq!(same, [true, false]);
    }

    #[test]
    fn kinds_are_kept_apart_also_unknown_ones() {
        let mut mirror = Mirror::default();
        let mut strange = update(UpdateMode::Snapshot, &[("a", "1"), ("b", "1")], &[]);
        strange.upserts[0].id = Some(ResourceId {
            kind: 99,
            name: "a".to_owned(),
        });
        strange.upserts[1].id = None;
        mirror.apply(strange);
        assert_eq!(held(&mirror), []);
        assert_eq!(mirror.resources().count(), 2);
    }
}
