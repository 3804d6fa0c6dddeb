//! What a proxy says of the health of servers.
//!
//! Bounded, whatever a proxy sends: it is for people, and nothing is decided by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_proto::discovery::v1::{HealthReport, HealthState, ServerHealth};

/// Servers that are kept for one proxy.
const MOST_SERVERS: usize = 50_000;
/// Bytes of a reason.
const LONGEST_REASON: usize = 300;

/// The servers that one proxy does not send requests to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Unhealthy {
    /// By service and server.
    servers: Arc<BTreeMap<(String, String), ServerHealth>>,
}

impl Unhealthy {
    /// What the proxy says of a server; `None`: it is up.
    pub fn of(&self, service: &str, server: &str) -> Option<&ServerHealth> {
        self.servers.get(&(service.to_owned(), server.to_owned()))
    }

    /// All of them, by service and server.
    pub fn iter(&self) -> impl Iterator<Item = &ServerHealth> {
        self.servers.values()
    }

    /// Takes a report over.
    pub(super) fn take(&mut self, report: HealthReport) {
        let servers = Arc::make_mut(&mut self.servers);
        for mut server in report.servers {
            let key = (server.service.clone(), server.server.clone());
            let is_up = matches!(server.state(), HealthState::Up | HealthState::Unspecified);
            if is_up {
                servers.remove(&key);
            } else if servers.len() < MOST_SERVERS || servers.contains_key(&key) {
                shorten(&mut server.reason);
                servers.insert(key, server);
            }
        }
    }
}

fn shorten(text: &mut String) {
    if text.len() > LONGEST_REASON {
        let end = (0..=LONGEST_REASON)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[(&str, HealthState, &str)]) -> HealthReport {
        let servers = rows.iter().map(|(server, state, reason)| ServerHealth {
            service: "s@docker".to_owned(),
            server: (*server).to_owned(),
            state: (*state).into(),
            reason: (*reason).to_owned(),
        });
        HealthReport {
            servers: servers.collect(),
        }
    }

    #[test]
    fn reports_are_differences() {
        let mut unhealthy = Unhealthy::default();
        unhealthy.take(report(&[
            ("a", HealthState::Down, "answered 500"),
            ("b", HealthState::Ejected, "did not accept connections"),
        ]));
        let before = unhealthy.clone();
        unhealthy.take(report(&[
            ("a", HealthState::Up, ""),
            ("c", HealthState::Up, ""),
            ("b", HealthState::Down, "é".repeat(500).as_str()),
        ]));
        assert!(unhealthy.of("s@docker", "a").is_none());
        let b = unhealthy.of("s@docker", "b").unwrap();
        assert_eq!((b.state(), b.reason.len()), (HealthState::Down, 300));
        assert_eq!(before.iter().count(), 2, "a copy stays as it is");
    }
}
