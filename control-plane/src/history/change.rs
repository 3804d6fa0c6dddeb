//! What became of one resource from one version to the next, in words.

use std::collections::BTreeSet;

use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{Resource, ResourceKind, Router, Service};

use crate::snapshot::{ResourceKey, Snapshot};

/// Longest text of a value.
const MAX_VALUE: usize = 200;

/// What became of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `router`, `service`, …
    pub kind: &'static str,
    /// Qualified name.
    pub name: String,
    /// What happened to it.
    pub action: Action,
    /// Provider that declares it.
    pub provider: String,
    /// Containers (or files) that declare it.
    pub containers: Vec<String>,
    /// What is different, one thing each.
    pub details: Vec<String>,
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Added,
    /// It is another.
    Changed,
    /// It is not there any more.
    Removed,
}

impl Action {
    /// Its name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// How many resources came, changed and went, and what became of the first `most`.
pub(super) fn changes(
    before: Option<&Snapshot>,
    now: &Snapshot,
    most: usize,
) -> ([usize; 3], Vec<Change>) {
    let mut counts = [0; 3];
    let mut changes = Vec::new();
    let mut note = |key: &ResourceKey, action, old: Option<&Resource>, new: Option<&Resource>| {
        let [added, changed, removed] = &mut counts;
        *match action {
            Action::Added => added,
            Action::Changed => changed,
            Action::Removed => removed,
        } += 1;
        if changes.len() < most {
            changes.push(Change::new(key, action, old, new));
        }
    };
    let old = |key| before.and_then(|before| before.resources().get(key));
    for (key, new) in now.resources() {
        match old(key) {
            None => note(key, Action::Added, None, Some(new)),
            // What did not change shares its memory.
            Some(old) if !std::sync::Arc::ptr_eq(old, new) && old != new => {
                note(key, Action::Changed, Some(old), Some(new));
            }
            Some(_) => {}
        }
    }
    for (key, old) in before.iter().flat_map(|before| before.resources()) {
        if !now.resources().contains_key(key) {
            note(key, Action::Removed, Some(old), None);
        }
    }
    (counts, changes)
}

/// The word for a kind of resource.
pub(crate) fn kind_word(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::EntryPoint => "entry point",
        ResourceKind::Router => "router",
        ResourceKind::Middleware => "middleware",
        ResourceKind::Service => "service",
        ResourceKind::ServersTransport => "servers transport",
        ResourceKind::AccessLog => "access log",
        ResourceKind::Tracing => "tracing",
        ResourceKind::Unspecified => "resource",
    }
}

impl Change {
    fn new(
        key: &ResourceKey,
        action: Action,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Self {
        let origin = new.or(old).and_then(|it| it.origin.clone());
        let origin = origin.unwrap_or_default();
        Self {
            kind: kind_word(key.kind()),
            name: key.name().to_owned(),
            action,
            provider: origin.provider,
            containers: origin.containers,
            details: details(old, new),
        }
    }
}

/// What is different. Options of middlewares may hold secrets and are not told.
fn details(old: Option<&Resource>, new: Option<&Resource>) -> Vec<String> {
    let spec = |of: Option<&'_ Resource>| of.and_then(|it| it.spec.clone());
    let mut details = match (spec(old), spec(new)) {
        (Some(Spec::Router(old)), Some(Spec::Router(new))) => router(&old, &new),
        (Some(Spec::Service(old)), Some(Spec::Service(new))) => service(&old, &new),
        (None, Some(Spec::Router(new))) => vec![text(&new.rule)],
        (None, Some(Spec::Service(new))) => service(&Service::default(), &new),
        (Some(Spec::Service(old)), None) => servers(&old, &Service::default()),
        _ => Vec::new(),
    };
    if let (Some(old), Some(new)) = (old, new) {
        let containers = |of: &Resource| of.origin.clone().unwrap_or_default().containers;
        let (was, is) = (containers(old).join(", "), containers(new).join(", "));
        if was != is {
            details.push(format!("declared by {is}, before by {was}"));
        }
        if details.is_empty() {
            details.push("other options".to_owned());
        }
    }
    details
}

fn router(old: &Router, new: &Router) -> Vec<String> {
    let rows = [
        ("rule", old.rule.clone(), new.rule.clone()),
        (
            "priority",
            old.priority.to_string(),
            new.priority.to_string(),
        ),
        (
            "entry points",
            old.entry_points.join(", "),
            new.entry_points.join(", "),
        ),
        (
            "middlewares",
            old.middlewares.join(", "),
            new.middlewares.join(", "),
        ),
        ("service", old.service.clone(), new.service.clone()),
    ];
    let changed = rows.into_iter().filter(|(_, old, new)| old != new);
    changed
        .map(|(option, old, new)| format!("{option}: {} → {}", text(&old), text(&new)))
        .collect()
}

/// The servers that came and went, and why there is none.
fn service(old: &Service, new: &Service) -> Vec<String> {
    let mut details = servers(old, new);
    if new.unavailable_reason != old.unavailable_reason {
        details.push(match new.unavailable_reason.as_str() {
            "" => "has a server again".to_owned(),
            reason => format!("no server: {}", text(reason)),
        });
    }
    details
}

/// The servers that came and went.
fn servers(old: &Service, new: &Service) -> Vec<String> {
    let servers = |of: &Service| -> BTreeSet<(String, String, String)> {
        let all = of.servers.iter();
        all.map(|it| (it.id.clone(), it.container.clone(), it.address.clone()))
            .collect()
    };
    let (was, is) = (servers(old), servers(new));
    let row = |word: &str, (_, container, address): &(String, String, String)| match container
        .is_empty()
    {
        true => format!("{word} {address}"),
        false => format!("{word} {container} ({address})"),
    };
    let joined = is.difference(&was).map(|it| row("joined:", it));
    let left = was.difference(&is).map(|it| row("left:", it));
    joined.chain(left).collect()
}

fn text(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        _ if value.is_empty() => "none".to_owned(),
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}
