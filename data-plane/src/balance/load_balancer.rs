//! Servers and how requests are spread over them.
//!
//! Taking turns, the usual strategy, is one that a person can see: with k servers, k
//! requests in a row reach k different ones.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;

use super::Standing;
use super::health::Verdict;
use super::schedule::Schedule;
use super::selection::Selection;
use super::server::{Server, ServerError, ServerKey};
use super::sticky::Sticky;
use super::strategy::Strategy;
use crate::stats::Subject;

/// For a service that does not say: long for a network of containers, and short of
/// the patience of people.
const DEFAULT_DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Servers of which it is told why they are down.
const MOST_REASONS: usize = 3;

/// What a service of Fairway's own is answered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Internal {
    /// The API of a control plane: those that are known are its servers.
    Api,
    /// The metrics of a control plane: likewise.
    Prometheus,
    /// This process: whether it goes on.
    Ping,
    /// This process, always the same: for routers whose middlewares answer.
    Noop,
}

/// Servers and how to reach them.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    pub(crate) name: String,
    /// Whom requests to its servers are counted for.
    pub(crate) subject: Arc<Subject>,
    /// Send the client's `Host` (true) or the server's address.
    pub(crate) pass_host_header: bool,
    /// Why there is no server; empty if there are some.
    unavailable_reason: String,
    /// Until another server is tried.
    pub(crate) dial_timeout: Duration,
    /// Until the response head must be there.
    pub(crate) response_header_timeout: Option<Duration>,
    /// One of Fairway's own.
    pub(crate) internal: Option<Internal>,
    servers: Box<[Arc<Server>]>,
    /// Health checks may forbid some of them.
    watched: bool,
    /// Of each server, in the same order.
    weights: Box<[u32]>,
    pub(super) strategy: Strategy,
    /// Clients keep to the server they got first.
    pub(super) sticky: Option<Box<Sticky>>,
    schedule: Schedule,
    /// Next turn. Shared by all workers, so that they take turns together.
    turn: AtomicUsize,
}

impl Internal {
    fn of(spec: &wire::Service) -> Result<Option<Self>, ServerError> {
        match wire::Internal::try_from(spec.internal) {
            Ok(wire::Internal::Unspecified) => Ok(None),
            Ok(wire::Internal::Api) => Ok(Some(Self::Api)),
            Ok(wire::Internal::Prometheus) => Ok(Some(Self::Prometheus)),
            Ok(wire::Internal::Ping) => Ok(Some(Self::Ping)),
            Ok(wire::Internal::Noop) => Ok(Some(Self::Noop)),
            Err(_) => Err(ServerError::Internal(spec.internal)),
        }
    }
}

impl LoadBalancer {
    /// From the resource of this name. The rotation goes on where that of `previous`,
    /// the same service in the table before, stands.
    pub(crate) fn build(
        name: &str,
        spec: &wire::Service,
        previous: Option<&Self>,
        mut enlist: impl FnMut(&wire::Server, &wire::Service) -> Result<Arc<Server>, ServerError>,
    ) -> Result<Self, ServerError> {
        let strategy = Strategy::of(spec).ok_or(ServerError::Strategy)?;
        let servers: Box<[Arc<Server>]> = spec
            .servers
            .iter()
            .map(|server| enlist(server, spec))
            .collect::<Result<_, _>>()?;
        let weights: Box<[u32]> = spec.servers.iter().map(|server| server.weight).collect();
        let schedule = Schedule::new(&weights);
        let turn = previous.map_or(0, |previous| previous.turn_in(&servers, &schedule));
        let dial_timeout = Duration::from_millis(spec.dial_timeout_ms.into());
        let response_timeout = Duration::from_millis(spec.response_header_timeout_ms.into());
        let subject = previous.map(|previous| Arc::clone(&previous.subject));
        Ok(Self {
            name: name.to_owned(),
            subject: subject.unwrap_or_else(|| Subject::new(name)),
            pass_host_header: spec.pass_host_header,
            unavailable_reason: spec.unavailable_reason.clone(),
            dial_timeout: if dial_timeout.is_zero() {
                DEFAULT_DIAL_TIMEOUT
            } else {
                dial_timeout
            },
            response_header_timeout: (!response_timeout.is_zero()).then_some(response_timeout),
            sticky: spec
                .sticky
                .as_ref()
                .map(|cookie| Box::new(sticky(cookie, spec, &servers))),
            internal: Internal::of(spec)?,
            watched: servers.iter().any(|server| server.health.is_watched()),
            servers,
            weights,
            strategy,
            schedule,
            turn: AtomicUsize::new(turn),
        })
    }

    /// The next server by the strategy that is not in `tried` and not ejected; an
    /// ejected one if there is no other; `None` if all were tried or there are none.
    pub(super) fn pick(&self, tried: &[ServerKey], client: IpAddr) -> Option<Arc<Server>> {
        let selection = self.selection();
        let may = |server: &Server| {
            !tried.contains(&server.key) && selection.as_ref().is_none_or(|it| it.admits(server))
        };
        let picked = match self.strategy {
            Strategy::Wrr => self.in_turn(may),
            _ => self.best(may, client),
        };
        picked
            .or_else(|| self.next_ones(may).next())
            .map(Arc::clone)
    }

    fn in_turn(&self, may: impl Fn(&Server) -> bool) -> Option<&Arc<Server>> {
        // A server that is passed over uses up its turn: were it given to the next in
        // line, that one would carry the load of two.
        for _ in 0..self.servers.len() {
            let server = self.next_turn()?;
            if may(server) && server.admits() {
                return Some(server);
            }
        }
        // Other requests take turns too, and heavy servers have several in a cycle, so
        // not every server was seen yet.
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.next_ones(may).find(|server| server.admits())
    }

    fn best(&self, may: impl Fn(&Server) -> bool, client: IpAddr) -> Option<&Arc<Server>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut lost = Vec::new();
        loop {
            let best = self.best_of(turn, client, |server| {
                may(server) && !lost.contains(&server.key)
            })?;
            if best.admits() {
                return Some(best);
            }
            // Another request was first to probe it.
            lost.push(best.key);
        }
    }

    /// The best by the strategy of those that may be used.
    fn best_of(
        &self,
        turn: usize,
        client: IpAddr,
        may: impl Fn(&Server) -> bool,
    ) -> Option<&Arc<Server>> {
        let choices = || {
            self.places_from(turn).filter_map(|place| {
                let (server, weight) = (self.servers.get(place)?, *self.weights.get(place)?);
                (may(server) && server.is_usable()).then_some((place, server, weight))
            })
        };
        // Looked at once: what is in flight changes between two looks.
        let choices: Vec<_> = choices().collect();
        let best = self.strategy.best(client, choices.iter().copied())?;
        self.servers.get(best)
    }

    /// Every place once, beginning with the one whose turn this is.
    fn places_from(&self, turn: usize) -> impl Iterator<Item = usize> {
        let start = self.schedule.server_at(turn).unwrap_or(0);
        (start..self.servers.len()).chain(0..start)
    }

    /// From the server whose turn it is on, those that may be chosen.
    fn next_ones(&self, may: impl Fn(&Server) -> bool) -> impl Iterator<Item = &Arc<Server>> {
        let turn = self.turn.load(Ordering::Relaxed);
        self.places_from(turn.wrapping_sub(1))
            .filter_map(|place| self.servers.get(place))
            .filter(move |server| may(server))
    }

    /// Has it a server that would be used, or is it the proxy itself?
    pub(super) fn is_usable(&self) -> bool {
        self.is_proxy() || self.allowed().any(|server| server.is_usable())
    }

    /// Has it nobody who could answer?
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_proxy() && self.allowed().next().is_none()
    }

    /// The servers that health checks leave to choose from.
    fn allowed(&self) -> impl Iterator<Item = &Arc<Server>> {
        let selection = self.selection();
        let servers = self.servers.iter();
        servers.filter(move |server| selection.as_ref().is_none_or(|it| it.admits(server)))
    }

    /// Do health checks leave this one to choose?
    pub(super) fn allows(&self, server: &Server) -> bool {
        self.selection().is_none_or(|it| it.admits(server))
    }

    /// What health checks leave to choose from; `None`: everything.
    fn selection(&self) -> Option<Selection> {
        self.watched.then(|| Selection::of(&self.servers))
    }

    /// Why a request finds no server.
    pub(crate) fn unavailable_reason(&self) -> String {
        let down: Vec<_> = self.servers.iter().map(reason_of_down).collect();
        match (down.len(), down.get(..MOST_REASONS)) {
            (0, _) => self.unavailable_reason.clone(),
            (count, Some(first)) if count > MOST_REASONS => {
                format!(
                    "every server is down: {} and {} more",
                    first.join(", "),
                    count - MOST_REASONS
                )
            }
            _ => format!("every server is down: {}", down.join(", ")),
        }
    }

    /// The place of this server, one of its own, in the rotation. Changes nothing.
    pub(crate) fn standing(&self, server: &Server) -> Standing {
        let Some(selection) = self.selection() else {
            return server.standing();
        };
        let health = &server.health;
        match (health.verdict(), health.failing()) {
            (Verdict::Down, _) => Standing::Down(health.why()),
            (_, Some(failing)) if selection.is_left_alone(server) => {
                Standing::Failing(failing.left)
            }
            (Verdict::Untested, _) if !selection.admits(server) => Standing::Untested,
            _ => server.standing(),
        }
    }

    fn is_proxy(&self) -> bool {
        matches!(self.internal, Some(Internal::Ping | Internal::Noop))
    }

    /// The server at this place.
    pub(super) fn server(&self, place: usize) -> Option<&Arc<Server>> {
        self.servers.get(place)
    }

    /// Where this server stands.
    pub(super) fn place_of(&self, key: ServerKey) -> Option<usize> {
        self.servers.iter().position(|server| server.key == key)
    }

    /// In rotation order.
    pub(crate) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Every server once, in the order in which they would get the requests of this
    /// client. Takes no turn.
    pub(crate) fn upcoming(&self, client: IpAddr) -> Vec<&Arc<Server>> {
        let turn = self.turn.load(Ordering::Relaxed);
        if matches!(self.strategy, Strategy::Hrw | Strategy::LeastTime) {
            return self.by_rank(turn, client);
        }
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

    fn by_rank(&self, turn: usize, client: IpAddr) -> Vec<&Arc<Server>> {
        let selection = self.selection();
        let mut ranked: Vec<&Arc<Server>> = Vec::with_capacity(self.servers.len());
        loop {
            let next = self.best_of(turn, client, |server| {
                let allowed = selection.as_ref().is_none_or(|it| it.admits(server));
                allowed && !ranked.iter().any(|known| known.key == server.key)
            });
            match next {
                Some(next) => ranked.push(next),
                None => break,
            }
        }
        let rest = self
            .places_from(turn)
            .filter_map(|place| self.servers.get(place));
        let rest: Vec<_> = rest
            .filter(|server| !ranked.iter().any(|known| known.key == server.key))
            .collect();
        ranked.extend(rest);
        ranked
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

fn reason_of_down(server: &Arc<Server>) -> String {
    let who = if server.container.is_empty() {
        server.authority.to_str().unwrap_or_default()
    } else {
        &server.container
    };
    format!("{who} ({})", server.health.why())
}

fn sticky(cookie: &wire::StickyCookie, spec: &wire::Service, servers: &[Arc<Server>]) -> Sticky {
    let values = spec.servers.iter().map(|server| server.cookie.as_str());
    let urls = servers.iter().map(|server| server.url.as_str());
    Sticky::build(cookie, values.zip(urls))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Roster;
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn spec(servers: &[(&str, u32)]) -> wire::Service {
        let servers = servers.iter().map(|(id, weight)| wire::Server {
            id: (*id).to_owned(),
            scheme: wire::Scheme::Http.into(),
            address: "10.0.0.1:80".to_owned(),
            weight: *weight,
            container: format!("{id}-1"),
            ..Default::default()
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
        balancer: LoadBalancer,
    }

    impl Bench {
        fn new(spec: &wire::Service) -> Self {
            let none = Roster::default();
            let mut roster = Roster::after(&none);
            let balancer = LoadBalancer::build("s", spec, None, |server, of| {
                roster.enlist(server, of, none.transport(), &none)
            })
            .unwrap();
            Self { roster, balancer }
        }

        fn change(&mut self, spec: &wire::Service) {
            let mut roster = Roster::after(&self.roster);
            let known = Some(&self.balancer);
            self.balancer = LoadBalancer::build("s", spec, known, |server, of| {
                roster.enlist(server, of, self.roster.transport(), &self.roster)
            })
            .unwrap();
            self.roster = roster;
        }

        fn server(&self, id: &str) -> Arc<Server> {
            Arc::clone(
                self.balancer
                    .servers()
                    .iter()
                    .find(|server| server.id == id)
                    .unwrap(),
            )
        }

        fn picks(&self, count: usize) -> String {
            (0..count)
                .map(|_| self.balancer.pick(&[], CLIENT).unwrap().id.clone())
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
        assert!(Bench::new(&equal("")).balancer.pick(&[], CLIENT).is_none());
    }

    #[test]
    fn a_retry_goes_to_another_server_until_all_were_tried() {
        let bench = Bench::new(&spec(&[("a", 5), ("b", 1), ("c", 1)]));
        let mut tried = Vec::new();
        while let Some(server) = bench.balancer.pick(&tried, CLIENT) {
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
        bench.server("b").answered(http::StatusCode::OK);
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
                .enlist(&server, &spec(&[]), &Arc::default(), &Roster::default())
                .unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
