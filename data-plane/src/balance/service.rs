//! Servers and how requests are spread over them: round robin that a person can see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;

use super::schedule::Schedule;
use super::server::{Server, ServerError, ServerKey};

/// For a service that does not say: long for a network of containers, and short of
/// the patience of people.
const DEFAULT_DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Servers and how to reach them.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Send the client's `Host` (true) or the server's address.
    pub(crate) pass_host_header: bool,
    /// Why there is no server; empty if there are some.
    pub(crate) unavailable_reason: String,
    /// Until another server is tried.
    pub(crate) dial_timeout: Duration,
    /// Until the response head must be there.
    pub(crate) response_header_timeout: Option<Duration>,
    servers: Box<[Arc<Server>]>,
    schedule: Schedule,
    /// Next turn. Shared by all workers, so that they take turns together.
    turn: AtomicUsize,
}

impl Service {
    /// From the resource of this name. The rotation goes on where that of `previous`,
    /// the same service in the table before, stands.
    pub(crate) fn build(
        name: &str,
        spec: &wire::Service,
        previous: Option<&Self>,
        mut enlist: impl FnMut(&wire::Server) -> Result<Arc<Server>, ServerError>,
    ) -> Result<Self, ServerError> {
        let servers: Box<[_]> = spec
            .servers
            .iter()
            .map(&mut enlist)
            .collect::<Result<_, _>>()?;
        let weights: Vec<u32> = spec.servers.iter().map(|server| server.weight).collect();
        let schedule = Schedule::new(&weights);
        let turn = previous.map_or(0, |previous| previous.turn_in(&servers, &schedule));
        let dial_timeout = Duration::from_millis(spec.dial_timeout_ms.into());
        let response_timeout = Duration::from_millis(spec.response_header_timeout_ms.into());
        Ok(Self {
            name: name.to_owned(),
            pass_host_header: spec.pass_host_header,
            unavailable_reason: spec.unavailable_reason.clone(),
            dial_timeout: if dial_timeout.is_zero() {
                DEFAULT_DIAL_TIMEOUT
            } else {
                dial_timeout
            },
            response_header_timeout: (!response_timeout.is_zero()).then_some(response_timeout),
            servers,
            schedule,
            turn: AtomicUsize::new(turn),
        })
    }

    /// The next server in rotation that is not in `tried` and not ejected; an
    /// ejected one if there is no other; `None` if all were tried or there are none.
    pub(crate) fn pick(&self, tried: &[ServerKey]) -> Option<Arc<Server>> {
        // A server that is passed over uses up its turn: were it given to the next in
        // line, that one would carry the load of two.
        for _ in 0..self.servers.len() {
            let server = self.next_turn()?;
            if !tried.contains(&server.key) && server.ejection.admits() {
                return Some(Arc::clone(server));
            }
        }
        // Other requests take turns too, and heavy servers have several in a cycle, so
        // not every server was seen yet.
        let start = self
            .schedule
            .server_at(self.turn.fetch_add(1, Ordering::Relaxed))?;
        let (before, after) = self.servers.split_at_checked(start)?;
        let untried = || {
            after
                .iter()
                .chain(before)
                .filter(|server| !tried.contains(&server.key))
        };
        untried()
            .find(|server| server.ejection.admits())
            .or_else(|| untried().next())
            .map(Arc::clone)
    }

    /// In rotation order.
    pub(crate) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Every server once, in the order of their next turns. Takes no turn.
    pub(crate) fn upcoming(&self) -> Vec<&Arc<Server>> {
        let turn = self.turn.load(Ordering::Relaxed);
        let mut seen = vec![false; self.servers.len()];
        (0..self.schedule.len())
            .filter_map(|step| self.schedule.server_at(turn.wrapping_add(step)))
            .filter(|server| {
                let seen = seen.get_mut(*server);
                seen.is_some_and(|seen| !std::mem::replace(seen, true))
            })
            .filter_map(|server| self.servers.get(server))
            .collect()
    }

    fn next_turn(&self) -> Option<&Arc<Server>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.servers.get(self.schedule.server_at(turn)?)
    }

    /// The turn in another schedule of the server whose turn is next here, or of the
    /// first after it that is still there.
    fn turn_in(&self, servers: &[Arc<Server>], schedule: &Schedule) -> usize {
        let turn = self.turn.load(Ordering::Relaxed);
        let same = |(a, b): (&Arc<Server>, &Arc<Server>)| a.key == b.key;
        if self.schedule == *schedule && self.servers.iter().zip(servers).all(same) {
            return turn;
        }
        (0..self.schedule.len())
            .filter_map(|step| self.schedule.server_at(turn.wrapping_add(step)))
            .filter_map(|server| self.servers.get(server))
            .find_map(|next| {
                (0..schedule.len()).find(|turn| {
                    let server = schedule
                        .server_at(*turn)
                        .and_then(|server| servers.get(server));
                    server.is_some_and(|server| server.key == next.key)
                })
            })
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Roster;
    use super::*;

    fn spec(servers: &[(&str, u32)]) -> wire::Service {
        let servers = servers.iter().map(|(id, weight)| wire::Server {
            id: (*id).to_owned(),
            scheme: wire::Scheme::Http.into(),
            address: "10.0.0.1:80".to_owned(),
            weight: *weight,
            container: format!("{id}-1"),
        });
        wire::Service {
            servers: servers.collect(),
            ..Default::default()
        }
    }

    /// Equal weights; one character is one server.
    fn equal(ids: &'static str) -> wire::Service {
        let servers: Vec<_> = (0..ids.len())
            .filter_map(|at| ids.get(at..=at))
            .map(|id| (id, 1))
            .collect();
        spec(&servers)
    }

    struct Bench {
        roster: Roster,
        service: Service,
    }

    impl Bench {
        fn new(spec: &wire::Service) -> Self {
            let mut roster = Roster::default();
            let none = Roster::default();
            let service =
                Service::build("s", spec, None, |server| roster.enlist(server, &none)).unwrap();
            Self { roster, service }
        }

        fn change(&mut self, spec: &wire::Service) {
            let mut roster = Roster::after(&self.roster);
            self.service = Service::build("s", spec, Some(&self.service), |server| {
                roster.enlist(server, &self.roster)
            })
            .unwrap();
            self.roster = roster;
        }

        fn server(&self, id: &str) -> Arc<Server> {
            Arc::clone(
                self.service
                    .servers()
                    .iter()
                    .find(|server| server.id == id)
                    .unwrap(),
            )
        }

        fn picks(&self, count: usize) -> String {
            (0..count)
                .map(|_| self.service.pick(&[]).unwrap().id.clone())
                .collect()
        }
    }

    #[test]
    fn requests_in_a_row_reach_every_server_in_turn() {
        assert_eq!(Bench::new(&equal("abc")).picks(7), "abcabca");
    }

    #[test]
    fn heavier_servers_get_more_turns() {
        assert_eq!(
            Bench::new(&spec(&[("a", 3), ("b", 1)])).picks(8),
            "aabaaaba"
        );
    }

    #[test]
    fn without_servers_there_is_nothing_to_pick() {
        assert!(Bench::new(&equal("")).service.pick(&[]).is_none());
    }

    #[test]
    fn a_retry_goes_to_another_server_until_all_were_tried() {
        let bench = Bench::new(&spec(&[("a", 5), ("b", 1), ("c", 1)]));
        let mut tried = Vec::new();
        while let Some(server) = bench.service.pick(&tried) {
            assert!(!tried.contains(&server.key));
            tried.push(server.key);
        }
        assert_eq!(tried.len(), 3);
    }

    #[test]
    fn an_ejected_server_loses_its_turns_and_the_others_share_evenly() {
        let bench = Bench::new(&equal("abc"));
        bench.server("b").connect_failed();
        assert_eq!(bench.picks(6), "acacac");
        bench.server("b").connected();
        let picks = bench.picks(6);
        assert_eq!(picks.matches('b').count(), 2, "{picks}");
    }

    #[test]
    fn when_all_are_ejected_they_are_tried_all_the_same_and_in_turn() {
        let bench = Bench::new(&equal("abc"));
        for id in ["a", "b", "c"] {
            bench.server(id).connect_failed();
        }
        let mut counts = BTreeMap::new();
        for id in bench.picks(9).chars() {
            *counts.entry(id).or_insert(0) += 1;
        }
        assert_eq!(counts, BTreeMap::from([('a', 3), ('b', 3), ('c', 3)]));
    }

    #[test]
    fn the_rotation_goes_on_when_servers_join_and_leave() {
        let mut bench = Bench::new(&equal("abc"));
        assert_eq!(bench.picks(4), "abca");
        bench.change(&equal("abcd"));
        assert_eq!(bench.picks(2), "bc");
        bench.change(&equal("abc"));
        assert_eq!(bench.picks(2), "ab", "d would have been next and has left");
        bench.change(&wire::Service {
            dial_timeout_ms: 9,
            ..equal("abc")
        });
        assert_eq!(bench.picks(3), "cab");
        bench.change(&equal("xy"));
        assert_eq!(bench.picks(2), "xy");
    }

    #[test]
    fn a_server_that_stays_keeps_its_key_and_its_ejection() {
        let mut bench = Bench::new(&equal("ab"));
        let (a, b) = (bench.server("a"), bench.server("b"));
        b.connect_failed();
        bench.change(&equal("bcd"));
        assert!(Arc::ptr_eq(&b, &bench.server("b")));
        assert_eq!(bench.picks(4), "cdcd");
        bench.change(&equal("a"));
        assert_ne!(bench.server("a").key, a.key, "it left and came back");
    }

    #[test]
    fn the_same_address_in_another_container_is_another_server() {
        let mut bench = Bench::new(&equal("a"));
        let key = bench.server("a").key;
        bench.change(&equal("b"));
        assert_ne!(bench.server("b").key, key);
    }

    #[test]
    fn workers_share_one_rotation() {
        let bench = Bench::new(&equal("abcd"));
        let counts = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.picks(100))).collect();
            let all: String = workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .collect();
            ["a", "b", "c", "d"].map(|id| all.matches(id).count())
        });
        assert_eq!(counts, [100; 4]);
    }

    #[test]
    fn a_server_that_cannot_be_used_is_named() {
        for (address, scheme, expected) in [
            (
                "10.0.0.1",
                1,
                "`10.0.0.1` is not the address of a server; it must be `host:port`",
            ),
            (
                "h:80",
                9,
                "the server `h:80` has a scheme that this proxy does not know",
            ),
        ] {
            let server = wire::Server {
                address: address.to_owned(),
                scheme,
                ..Default::default()
            };
            let error = Roster::default()
                .enlist(&server, &Roster::default())
                .unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
