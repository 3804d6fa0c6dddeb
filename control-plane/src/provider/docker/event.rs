//! What an engine's event means to the picture of its containers.
//!
//! Events are hints: they may be lost, doubled or late, and a list always has the
//! last word. They matter because they are fast.

/// One event that concerns the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A signal was sent to the container's main process.
    Kill {
        container: String,
        signal: Option<Signal>,
    },
    /// The main process started.
    Start { container: String },
    /// The main process ended.
    Die { container: String },
    /// The container was suspended.
    Pause { container: String },
    /// The container was resumed.
    Unpause { container: String },
    /// The container was removed.
    Destroy { container: String },
    /// The container was attached to a network.
    Connect { container: String, network: String },
    /// The container was detached from a network.
    Disconnect { container: String, network: String },
    /// The container's health check came to another result.
    Health { container: String, status: String },
    /// Something else happened that only a list can tell.
    Changed,
}

/// A signal by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signal(pub(super) u8);

/// What the engine's API says of an event, in strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEvent<'a> {
    /// `container` or `network`.
    pub(super) kind: &'a str,
    /// What happened: `die`, `health_status: healthy`, …
    pub(super) action: &'a str,
    /// Id of the container or network.
    pub(super) id: &'a str,
    /// Attribute `signal`.
    pub(super) signal: Option<&'a str>,
    /// Attribute `container`.
    pub(super) container: Option<&'a str>,
    /// Attribute `name`.
    pub(super) name: Option<&'a str>,
}

impl Event {
    /// Reads an event; `None` if it does not concern the picture.
    pub(super) fn read(raw: &RawEvent<'_>) -> Option<Self> {
        let container = raw.id.to_owned();
        match (raw.kind, raw.action) {
            ("container", "kill") => Some(Self::Kill {
                container,
                signal: raw.signal.and_then(Signal::parse),
            }),
            ("container", "start") => Some(Self::Start { container }),
            ("container", "die") => Some(Self::Die { container }),
            ("container", "pause") => Some(Self::Pause { container }),
            ("container", "unpause") => Some(Self::Unpause { container }),
            ("container", "destroy" | "remove") => Some(Self::Destroy { container }),
            ("container", "create" | "rename" | "update" | "oom" | "restart" | "stop") => {
                Some(Self::Changed)
            }
            ("container", action) if action.starts_with("health_status") => Some(Self::Health {
                container,
                status: action.to_owned(),
            }),
            ("network", "connect") => Self::network(raw, |container, network| Self::Connect {
                container,
                network,
            }),
            ("network", "disconnect") => Self::network(raw, |container, network| {
                Self::Disconnect { container, network }
            }),
            _ => None,
        }
    }

    /// The container it happened to and what it was, in the engine's words; `None`: only
    /// a list can tell.
    pub(super) fn occurrence(&self) -> Option<(&str, String)> {
        let (container, action) = match self {
            Self::Kill { container, signal } => {
                let signal = signal.map(|Signal(number)| format!(" (signal {number})"));
                (container, format!("kill{}", signal.unwrap_or_default()))
            }
            Self::Start { container } => (container, "start".to_owned()),
            Self::Die { container } => (container, "die".to_owned()),
            Self::Pause { container } => (container, "pause".to_owned()),
            Self::Unpause { container } => (container, "unpause".to_owned()),
            Self::Destroy { container } => (container, "destroy".to_owned()),
            Self::Connect { container, network } => {
                (container, format!("connect to network {network}"))
            }
            Self::Disconnect { container, network } => {
                (container, format!("disconnect from network {network}"))
            }
            Self::Health { container, status } => (container, status.clone()),
            Self::Changed => return None,
        };
        Some((container, action))
    }

    fn network(raw: &RawEvent<'_>, make: impl FnOnce(String, String) -> Self) -> Option<Self> {
        let network = raw.name?.to_owned();
        Some(make(raw.container?.to_owned(), network))
    }
}

impl Signal {
    /// Sent by `docker stop` where the image names no other.
    pub(super) const TERM: Self = Self(15);

    /// From a number or a name with or without `SIG`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<u8>() {
            return Some(Self(number));
        }
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        let number = match name {
            "HUP" => 1,
            "INT" => 2,
            "QUIT" => 3,
            "ABRT" => 6,
            "KILL" => 9,
            "USR1" => 10,
            "USR2" => 12,
            "ALRM" => 14,
            "TERM" => 15,
            "CONT" => 18,
            "STOP" => 19,
            "TSTP" => 20,
            "WINCH" => 28,
            "PWR" => 30,
            "RTMIN" => 34,
            _ => {
                return name
                    .strip_prefix("RTMIN+")?
                    .parse::<u8>()
                    .ok()?
                    .checked_add(34)
                    .map(Self);
            }
        };
        Some(Self(number))
    }

    /// The signal ends a container whose image asks to be stopped by
    /// `stop_signal`. INT and QUIT count although a few programs reload on them:
    /// a wrong guess takes one server out for a while, a missed one fails
    /// requests.
    pub(super) fn ends(self, stop_signal: Self) -> bool {
        self == stop_signal || matches!(self.0, 2 | 3 | 9 | 15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw<'a>(kind: &'a str, action: &'a str) -> RawEvent<'a> {
        RawEvent {
            kind,
            action,
            id: "c1",
            signal: None,
            container: None,
            name: None,
        }
    }

    #[test]
    fn events_that_do_not_concern_the_picture_are_nothing() {
        for (kind, action) in [
            ("container", "exec_start: sh"),
            ("container", "attach"),
            ("image", "pull"),
            ("network", "create"),
            ("pod", "start"),
        ] {
            assert_eq!(Event::read(&raw(kind, action)), None, "{kind} {action}");
        }
    }

    #[test]
    fn a_health_event_asks_for_a_list() {
        let event = Event::read(&raw("container", "health_status: healthy"));
        let expected = Event::Health {
            container: "c1".into(),
            status: "health_status: healthy".into(),
        };
        assert_eq!(event, Some(expected));
    }

    #[test]
    fn a_network_event_names_the_container_and_the_network() {
        let event = RawEvent {
            container: Some("c1"),
            name: Some("front"),
            ..raw("network", "disconnect")
        };
        assert_eq!(
            Event::read(&event),
            Some(Event::Disconnect {
                container: "c1".into(),
                network: "front".into()
            })
        );
    }

    #[test]
    fn signals_are_read_by_number_and_by_name() {
        for (text, expected) in [
            ("15", Some(15)),
            ("SIGTERM", Some(15)),
            ("quit", Some(3)),
            ("SIGRTMIN+3", Some(37)),
            ("SIGNONE", None),
            ("", None),
        ] {
            assert_eq!(Signal::parse(text), expected.map(Signal), "{text}");
        }
    }

    #[test]
    fn a_reload_is_not_a_stop_unless_the_image_says_so() {
        let hup = Signal(1);
        assert!(!hup.ends(Signal::TERM));
        assert!(hup.ends(hup));
        for number in [2, 3, 9, 15] {
            assert!(Signal(number).ends(Signal(28)));
        }
    }
}
