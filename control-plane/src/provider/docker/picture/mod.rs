//! The picture of the engine's containers: the last list, corrected by what
//! events said since, with the details only an inspection gives.
//!
//! Fed by `watch`, read by `assemble`. A list is the truth; events only say
//! sooner that something *leaves*: an address must not be used a moment longer
//! than its container has it. Because engines may log an event before their list
//! shows its effect, such marks outlive a list or two ([`MARK_HOLDS`]).
//! Does no input or output and has no clock: times are given to it.

mod mark;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::assemble::takes_part;
use super::event::{Event, Signal};
use super::reply::{Details, List, Listed};
use super::{Container, DockerOptions, State};
use mark::{Down, Marks};

/// How long a mark outweighs lists that contradict it.
const MARK_HOLDS: Duration = Duration::from_secs(3);
/// How much longer than its stop timeout a signalled container may take to end
/// before it is believed to have taken the signal for something else.
const STOP_MARGIN: Duration = Duration::from_secs(20);

/// What is known of the engine's containers.
#[derive(Debug)]
pub(super) struct Picture {
    options: DockerOptions,
    containers: BTreeMap<String, Container>,
    inspections: BTreeMap<String, Inspection>,
    marks: BTreeMap<String, Marks>,
    destroyed: BTreeMap<String, Instant>,
}

/// What to do after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reaction {
    /// A server has to leave: publish without waiting for a list.
    pub(super) publish: bool,
    /// Ask the engine for a list.
    pub(super) list: bool,
}

/// What became of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the picture now.
    Applied,
    /// It lacks too much at once; only a second one like it will be believed.
    Doubted,
}

/// A container's start, to tell answers about an earlier one.
pub(super) type Generation = u64;

/// What is known of inspecting one container.
#[derive(Clone, Debug, Default)]
struct Inspection {
    generation: Generation,
    details: Option<Details>,
    progress: Progress,
    /// The details may be of an earlier start: they do not make a server.
    stale: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Needed,
    Asked,
    Done,
    /// Failed; asked again at the next periodic list.
    Failed,
}

impl Picture {
    pub(super) fn new(options: DockerOptions) -> Self {
        Self {
            options,
            containers: BTreeMap::new(),
            inspections: BTreeMap::new(),
            marks: BTreeMap::new(),
            destroyed: BTreeMap::new(),
        }
    }

    /// The name of a container that is known, by its full id.
    pub(super) fn name(&self, id: &str) -> Option<&str> {
        Some(self.containers.get(id)?.name.as_str())
    }

    /// Takes in an event.
    pub(super) fn event(&mut self, event: Event, now: Instant) -> Reaction {
        match event {
            Event::Kill { container, signal } => return self.kill(container, signal, now),
            Event::Start { container } => {
                self.restarted(&container);
                self.marks.remove(&container);
            }
            Event::Die { container } => {
                self.restarted(&container);
                let marks = self.marks.entry(container).or_default();
                marks.stopping = None;
                marks.down = Some(Down {
                    word: "exited",
                    until: now + MARK_HOLDS,
                });
                return Reaction {
                    publish: true,
                    list: true,
                };
            }
            Event::Pause { container } => {
                let marks = self.marks.entry(container).or_default();
                marks.down = Some(Down {
                    word: "paused",
                    until: now + MARK_HOLDS,
                });
                return Reaction {
                    publish: true,
                    list: true,
                };
            }
            Event::Unpause { container } => {
                if let Some(marks) = self.marks.get_mut(&container) {
                    marks.down = None;
                }
            }
            Event::Destroy { container } => {
                self.destroyed.insert(container, now + MARK_HOLDS);
                return Reaction {
                    publish: true,
                    list: true,
                };
            }
            Event::Connect { container, network } => {
                if let Some(marks) = self.marks.get_mut(&container) {
                    marks.cut.remove(&network);
                }
            }
            Event::Disconnect { container, network } => {
                let marks = self.marks.entry(container).or_default();
                marks.cut.insert(network, now + MARK_HOLDS);
                return Reaction {
                    publish: true,
                    list: true,
                };
            }
            Event::Health { .. } | Event::Changed => {}
        }
        Reaction {
            publish: false,
            list: true,
        }
    }

    /// Takes in a list that was asked for at `begun`. `confirmed` says that the
    /// list before it was doubted.
    pub(super) fn list(&mut self, list: List, begun: Instant, confirmed: bool) -> Verdict {
        if !confirmed && self.is_doubtful(&list) {
            return Verdict::Doubted;
        }
        let mut old = std::mem::take(&mut self.containers);
        for id in list.unreadable {
            if let Some(container) = old.remove(&id) {
                self.containers.insert(id, container);
            }
        }
        for listed in list.containers {
            let known = old.remove(&listed.id);
            self.take(listed, known);
        }
        let containers = &self.containers;
        self.inspections.retain(|id, _| containers.contains_key(id));
        self.destroyed.retain(|_, until| *until > begun);
        self.marks.retain(|id, marks| {
            let running = containers.get(id).is_none_or(Container::is_running);
            marks.settle(running, begun);
            !marks.is_empty()
        });
        Verdict::Applied
    }

    /// The containers that have to be inspected; each is named once.
    pub(super) fn ask(&mut self) -> Vec<(String, Generation)> {
        let mut asked = Vec::new();
        for (id, container) in &self.containers {
            if container.is_running() && takes_part(container, &self.options) {
                let inspection = self.inspections.entry(id.clone()).or_default();
                if inspection.progress == Progress::Needed {
                    inspection.progress = Progress::Asked;
                    asked.push((id.clone(), inspection.generation));
                }
            }
        }
        asked
    }

    /// Takes in the details of a container; `None`: the inspection failed.
    pub(super) fn inspected(&mut self, id: &str, asked: Generation, details: Option<Details>) {
        let Some(inspection) = self.inspections.get_mut(id) else {
            return;
        };
        if inspection.generation != asked {
            return;
        }
        // After a failure what was known before goes on to serve.
        inspection.stale = false;
        inspection.progress = Progress::Failed;
        if details.is_some() {
            inspection.details = details;
            inspection.progress = Progress::Done;
        }
    }

    /// The engine does not know a container any more.
    pub(super) fn vanished(&mut self, id: &str, now: Instant) {
        self.destroyed.insert(id.to_owned(), now + MARK_HOLDS);
    }

    /// The engine was away: containers may have restarted unseen.
    pub(super) fn reconnected(&mut self) {
        for inspection in self.inspections.values_mut() {
            inspection.generation += 1;
            inspection.progress = Progress::Needed;
        }
    }

    /// Failed inspections may be tried again.
    pub(super) fn retry(&mut self) {
        for inspection in self.inspections.values_mut() {
            if inspection.progress == Progress::Failed {
                inspection.progress = Progress::Needed;
            }
        }
    }

    /// Nobody waits for details any more: what comes later is taken in later.
    pub(super) fn stop_waiting(&mut self) {
        for inspection in self.inspections.values_mut().filter(|it| it.is_open()) {
            inspection.progress = Progress::Failed;
        }
    }

    /// Some container is in the host's network.
    pub(super) fn uses_host(&self) -> bool {
        self.containers.values().any(|it| it.network_mode == "host")
    }

    /// The containers as they are to be taken now.
    pub(super) fn containers(&self) -> Vec<Container> {
        self.containers
            .values()
            .filter_map(|container| self.current(container))
            .collect()
    }

    fn current(&self, container: &Container) -> Option<Container> {
        let id = &container.id;
        if self.destroyed.contains_key(id) {
            return None;
        }
        let mut container = container.clone();
        if let Some(marks) = self.marks.get(id) {
            marks.apply(&mut container);
        }
        let inspection = self.inspections.get(id);
        let details = inspection.and_then(|it| it.details);
        if let Some(started) = details.and_then(|details| details.started) {
            container.started = started;
        }
        let open = inspection.is_none_or(Inspection::is_open);
        if open && container.is_running() && takes_part(&container, &self.options) {
            // Without its start a server has no identity. The answer is a few
            // milliseconds away; a container that is new to us just waits.
            details?;
            container.state = State::Other("starting".to_owned());
        }
        Some(container)
    }

    /// A list in which more than half of the known containers are missing without
    /// a word about it is more likely an engine's mistake than the truth.
    fn is_doubtful(&self, list: &List) -> bool {
        let listed: BTreeSet<&str> = list
            .containers
            .iter()
            .map(|it| it.id.as_str())
            .chain(list.unreadable.iter().map(String::as_str))
            .collect();
        let known = || {
            self.containers
                .keys()
                .filter(|id| !self.destroyed.contains_key(*id))
        };
        let missing = known().filter(|id| !listed.contains(id.as_str())).count();
        missing > 0 && missing * 2 > known().count()
    }

    fn take(&mut self, listed: Listed, known: Option<Container>) {
        let mut container = match known {
            Some(known) if known.name == listed.name && known.labels == listed.labels => known,
            _ => Container::new(&listed.id, &listed.name, listed.labels),
        };
        let started_unseen = !container.is_running() && listed.state == State::Running;
        if started_unseen {
            self.restarted(&listed.id);
        } else if container.networks != listed.networks {
            self.moved(&listed.id);
        }
        container.state = listed.state;
        container.health = listed.health;
        container.started = listed.created;
        container.network_mode = listed.network_mode;
        container.networks = listed.networks;
        container.ports = listed.ports;
        self.containers.insert(listed.id, container);
    }

    fn kill(&mut self, container: String, signal: Option<Signal>, now: Instant) -> Reaction {
        let details = self.inspections.get(&container).and_then(|it| it.details);
        let stop_signal = details.map_or(Signal::TERM, |details| details.stop_signal);
        if signal.is_some_and(|signal| !signal.ends(stop_signal)) {
            return Reaction::default();
        }
        // A program that takes the signal for a reload stays, and gets its place
        // back when it outlives what Docker would have granted it. A longer
        // `docker stop --time` cannot be seen; then connecting fails over.
        let grace = details.map_or(Duration::from_secs(10), |details| details.stop_timeout);
        let marks = self.marks.entry(container).or_default();
        marks.stopping = Some(now + grace + STOP_MARGIN);
        Reaction {
            publish: true,
            list: false,
        }
    }

    fn restarted(&mut self, id: &str) {
        if let Some(inspection) = self.inspections.get_mut(id) {
            inspection.generation += 1;
            inspection.progress = Progress::Needed;
            inspection.stale = true;
        }
    }

    /// Other addresses are the only trace of a restart whose events were lost, but
    /// they may as well be a second network: ask, and serve meanwhile.
    fn moved(&mut self, id: &str) {
        if let Some(inspection) = self.inspections.get_mut(id) {
            inspection.progress = Progress::Needed;
        }
    }
}

impl Inspection {
    fn is_open(&self) -> bool {
        let asked = matches!(self.progress, Progress::Needed | Progress::Asked);
        asked && (self.stale || self.details.is_none())
    }
}

#[cfg(test)]
mod tests;
