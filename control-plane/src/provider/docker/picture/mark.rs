//! What events said about one container and its list entry does not show yet.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::super::{Container, State};

/// Marks of one container. Each has a time after which a list is believed that
/// contradicts it.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// It was sent a signal that ends it.
    pub(super) stopping: Option<Instant>,
    /// It does not run.
    pub(super) down: Option<Down>,
    /// It is not on these networks.
    pub(super) cut: BTreeMap<String, Instant>,
}

/// It does not run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Down {
    /// The engine's word for it.
    pub(super) word: &'static str,
    pub(super) until: Instant,
}

impl Marks {
    /// Corrects what a list said.
    pub(super) fn apply(&self, container: &mut Container) {
        if let Some(down) = self.down
            && container.is_running()
        {
            container.state = State::Other(down.word.to_owned());
        }
        container.stopping = self.stopping.is_some();
        container
            .networks
            .retain(|name, _| !self.cut.contains_key(name));
    }

    /// Drops what a list that was asked for at `begun` has made obsolete.
    pub(super) fn settle(&mut self, running: bool, begun: Instant) {
        let holds = |until: Instant| running && until > begun;
        self.stopping = self.stopping.filter(|until| holds(*until));
        self.down = self.down.filter(|down| holds(down.until));
        self.cut.retain(|_, until| *until > begun);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stopping.is_none() && self.down.is_none() && self.cut.is_empty()
    }
}
