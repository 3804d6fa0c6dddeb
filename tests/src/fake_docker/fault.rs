//! What the fake engine does wrong, on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that can be wrong at once; the default is a healthy engine.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// How events get lost on their way.
    pub events: EventFaults,
    /// What is wrong with the next lists.
    pub list: Option<ListFault>,
    /// How many lists `list` spoils; 0: all.
    pub list_times: u32,
    /// Time a list takes.
    pub list_delay: Duration,
    /// What is wrong with inspecting a container, by its name.
    pub inspect: BTreeMap<String, InspectFault>,
    /// Connections are accepted and nothing is ever answered or sent. What
    /// waited is answered when it becomes false, as after SIGSTOP and SIGCONT.
    pub hang: bool,
    /// Oldest and newest API version spoken (`1.N`), instead of the generation's.
    pub api_window: Option<(u16, u16)>,
}

/// Chances are between 0 and 1, for each event and subscriber.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFaults {
    /// Lost.
    pub drop: f64,
    /// Sent twice.
    pub duplicate: f64,
    /// Sent after the next one instead of before it.
    pub reorder: f64,
    /// Each event is sent this much later.
    pub delay: Duration,
}

/// What is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFault {
    /// 200 and no containers.
    Empty,
    /// 200 and the first half of the JSON, as a complete body.
    Truncated,
    /// 200, and the connection breaks in the middle of the body.
    Cut,
    /// The first container has a state that no client knows.
    UnknownState,
    /// This status and an error message.
    Status(u16),
}

/// What is wrong with an inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InspectFault {
    /// This status and an error message.
    Status(u16),
    /// Right, but late.
    Slow(Duration),
    /// 200 and half of the JSON.
    Truncated,
    /// Never answered.
    Hang,
}
