//! One container as the provider sees it: what the engine says, in types that do
//! not depend on the engine's API version.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::label::{self, Labels};
use crate::model::{Diagnostic, Setting};

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Name without the leading slash.
    pub name: String,
    /// Labels as the engine has them.
    pub labels: BTreeMap<String, String>,
    /// What the labels say; made with the labels by [`Container::new`].
    pub(super) decoded: Arc<Decoded>,
    /// What it is doing.
    pub state: State,
    /// What its health check says; `None`: it has none.
    pub health: Option<Health>,
    /// It was sent a signal that ends it, and has not ended yet.
    pub stopping: bool,
    /// When it started last, in nanoseconds since 1970; of a container that has
    /// not been asked for it: when it was created.
    pub started: i64,
    /// As in `docker run --network`: `bridge`, `host`, `container:ID`, `none`, …
    pub network_mode: String,
    /// Its networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Its exposed and published ports.
    pub ports: Vec<Port>,
    /// Its image was not looked at, which may expose more ports.
    pub image_unseen: bool,
}

/// The labels of a container, decoded once for all the times they are used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) labels: Labels,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Those of them that are about objects.
    pub(super) settings: Arc<[Setting]>,
}

/// What a container is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Running; also where an engine does not say.
    #[default]
    Running,
    /// Anything else, in the engine's word: `exited`, `paused`, `created`, …
    Other(String),
}

/// What a container's health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Fit to serve.
    Healthy,
    /// Within its start period, or not yet checked.
    Starting,
    /// Failed its check.
    Unhealthy,
}

/// A container's place in one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its IPv4 address, unless it has none.
    pub ipv4: Option<IpAddr>,
    /// Its global IPv6 address, unless it has none.
    pub ipv6: Option<IpAddr>,
}

/// One port of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Port inside the container.
    pub private: u16,
    /// Transport.
    pub protocol: PortType,
    /// Address and port on the host, if it is published.
    pub published: Option<(Option<IpAddr>, u16)>,
}

/// Transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortType {
    /// TCP; before UDP where both have a say.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP or a later one.
    Other,
}

impl Container {
    /// A running container with these labels and nothing else.
    #[must_use]
    pub fn new(id: &str, name: &str, labels: BTreeMap<String, String>) -> Self {
        let name = name.trim_start_matches('/').to_owned();
        let (decoded, diagnostics) = label::decode(&name, &labels);
        let settings = labels
            .iter()
            .filter_map(|(label, value)| Setting::of(&name, label, value));
        Self {
            id: id.to_owned(),
            decoded: Arc::new(Decoded {
                labels: decoded,
                diagnostics,
                settings: settings.collect(),
            }),
            name,
            labels,
            state: State::Running,
            health: None,
            stopping: false,
            started: 0,
            network_mode: String::new(),
            networks: BTreeMap::new(),
            ports: Vec::new(),
            image_unseen: false,
        }
    }

    /// Its processes run, be they fit to serve or not.
    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Why it must not be sent requests now; `None` if it may.
    pub(super) fn unfit(&self) -> Option<String> {
        let name = &self.name;
        match (&self.state, self.stopping, self.health) {
            (State::Other(word), _, _) => Some(match word.as_str() {
                "paused" | "restarting" | "starting" => format!("container {name} is {word}"),
                word => format!("container {name} is not running ({word})"),
            }),
            (State::Running, true, _) => Some(format!("container {name} is stopping")),
            (State::Running, false, Some(Health::Starting)) => Some(format!(
                "the health check of container {name} has not passed yet"
            )),
            (State::Running, false, Some(Health::Unhealthy)) => {
                Some(format!("container {name} is unhealthy"))
            }
            (State::Running, false, None | Some(Health::Healthy)) => None,
        }
    }

    /// The value of a label that is present and not empty.
    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.labels
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The container's name for routers and services: that of its compose
    /// service and project, else its own; letters and digits joined by `-`.
    pub(super) fn base_name(&self) -> String {
        let service = self.label("com.docker.compose.service");
        let project = self.label("com.docker.compose.project");
        match (service, project) {
            (Some(service), Some(project)) => normalize(&format!("{service}_{project}")),
            _ => normalize(&self.name),
        }
    }
}

impl State {
    /// From the engine's word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "" | "running" => Self::Running,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Network {
    /// The address servers are reached at: IPv4 if there is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.ipv4.or(self.ipv6)
    }
}

/// Splits at every character that is neither letter nor number, and joins what
/// is left with `-`.
pub(crate) fn normalize(text: &str) -> String {
    let pieces: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .collect();
    pieces.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_letters_and_numbers_only() {
        for (text, expected) in [
            ("/my_app.web--1", "my-app-web-1"),
            ("web_shop", "web-shop"),
            ("Ünïcode_²", "Ünïcode-²"),
            ("--", ""),
        ] {
            assert_eq!(normalize(text), expected);
        }
    }
}
