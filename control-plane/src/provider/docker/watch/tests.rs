//! The whole loop against an engine of our own making, in paused time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::provider::docker::engine::EngineError;
use crate::provider::docker::event::{Event, Signal};
use crate::provider::docker::reply::{Details, List, Listed};
use crate::provider::docker::{Network, Port, PortType, State};

type EventSender = mpsc::UnboundedSender<Result<Event, EngineError>>;

/// What the fake engine is and does.
#[derive(Default)]
struct Truth {
    containers: BTreeMap<String, Listed>,
    started: i64,
    /// Inspections of these hang.
    slow: BTreeSet<String>,
    /// Inspections of these fail.
    broken: BTreeSet<String>,
    away: bool,
    /// As many of the next lists are empty.
    empty_lists: u32,
    lists: u32,
    connects: u32,
    events: Option<EventSender>,
}

struct Fake(Arc<Mutex<Truth>>);

impl Engine for Fake {
    type Target = Arc<Mutex<Truth>>;
    type Events = BoxStream<'static, Result<Event, EngineError>>;

    async fn connect(target: &Self::Target) -> Result<Self, EngineError> {
        let mut truth = target.lock().unwrap();
        truth.connects += 1;
        if truth.away {
            Err(EngineError::NotFound)
        } else {
            Ok(Self(Arc::clone(target)))
        }
    }

    async fn events(&self) -> Result<Self::Events, EngineError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.lock().unwrap().events = Some(sender);
        Ok(UnboundedReceiverStream::new(receiver).boxed())
    }

    async fn list(&self) -> Result<List, EngineError> {
        sleep(Duration::from_millis(5)).await;
        let mut truth = self.0.lock().unwrap();
        truth.lists += 1;
        let mut list = List::default();
        if truth.empty_lists > 0 {
            truth.empty_lists -= 1;
        } else {
            list.containers = truth.containers.values().cloned().collect();
        }
        Ok(list)
    }

    async fn inspect(&self, id: &str) -> Result<Details, EngineError> {
        sleep(Duration::from_millis(2)).await;
        if self.0.lock().unwrap().slow.contains(id) {
            sleep(Duration::from_secs(30)).await;
        }
        let truth = self.0.lock().unwrap();
        if truth.broken.contains(id) {
            return Err(EngineError::Ended);
        }
        Ok(Details {
            started: Some(truth.started),
            stop_signal: Signal::TERM,
            stop_timeout: Duration::from_secs(10),
        })
    }
}

/// The provider at work on a fake engine.
struct Harness {
    truth: Arc<Mutex<Truth>>,
    out: watch::Receiver<Option<Arc<ProviderState>>>,
    _provider: AbortOnDropHandle<()>,
}

impl Harness {
    fn start(options: DockerOptions, change: impl FnOnce(&mut Truth)) -> Self {
        let mut truth = Truth {
            started: 1,
            ..Truth::default()
        };
        change(&mut truth);
        let truth = Arc::new(Mutex::new(truth));
        let (sender, out) = watch::channel(None);
        let target = Arc::clone(&truth);
        let provider = tokio::spawn(async move {
            follow::<Fake>(options, &target, sender, DockerVitals::default()).await
        });
        Self {
            truth,
            out,
            _provider: AbortOnDropHandle::new(provider),
        }
    }

    /// Two containers, inspected and published.
    async fn settled() -> Self {
        let harness = Self::start(DockerOptions::default(), |truth| {
            truth.run("a", 2);
            truth.run("b", 3);
        });
        // Past the second looks that follow a connection.
        sleep(Duration::from_millis(4_500)).await;
        assert_eq!(harness.servers("a"), ["http://10.0.0.2:80"]);
        harness
    }

    fn change(&self, change: impl FnOnce(&mut Truth)) {
        change(&mut self.truth.lock().unwrap());
    }

    fn say(&self, event: Event) {
        self.change(|truth| drop(truth.events.as_ref().map(|events| events.send(Ok(event)))));
    }

    fn lists(&self) -> u32 {
        self.truth.lock().unwrap().lists
    }

    fn state(&self) -> Option<Arc<ProviderState>> {
        self.out.borrow().clone()
    }

    fn servers(&self, service: &str) -> Vec<String> {
        let state = self.state().unwrap_or_default();
        let service = state.config.services.get(service);
        service.map_or(Vec::new(), |it| {
            it.value.servers().iter().map(|it| it.url()).collect()
        })
    }

    fn server_id(&self, service: &str) -> Option<String> {
        let state = self.state()?;
        Some(
            state
                .config
                .services
                .get(service)?
                .value
                .servers()
                .first()?
                .id
                .clone(),
        )
    }
}

impl Truth {
    fn run(&mut self, id: &str, address: u8) {
        let network = Network {
            ipv4: Some([10, 0, 0, address].into()),
            ipv6: None,
        };
        let port = Port {
            private: 80,
            protocol: PortType::Tcp,
            published: None,
        };
        let listed = Listed {
            id: id.to_owned(),
            name: id.to_owned(),
            networks: [("front".to_owned(), network)].into(),
            ports: vec![port],
            ..Listed::default()
        };
        self.containers.insert(id.to_owned(), listed);
    }

    fn set(&mut self, id: &str, state: &str) {
        self.containers.get_mut(id).unwrap().state = State::from_word(state);
    }
}

fn start(container: &str) -> Event {
    Event::Start {
        container: container.to_owned(),
    }
}

fn die(container: &str) -> Event {
    Event::Die {
        container: container.to_owned(),
    }
}

/// Time for a list and an inspection, and no more.
async fn a_moment() {
    sleep(Duration::from_millis(8)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_the_first_list_and_its_inspections() {
    let harness = Harness::start(DockerOptions::default(), |truth| truth.run("a", 2));
    sleep(Duration::from_millis(6)).await;
    assert_eq!(harness.state(), None);
    sleep(Duration::from_millis(4)).await;
    assert_eq!(harness.servers("a"), ["http://10.0.0.2:80"]);
    assert_eq!(harness.server_id("a").unwrap(), "a/1/10.0.0.2:80");
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_containers_is_published_as_empty() {
    let harness = Harness::start(DockerOptions::default(), |_| {});
    a_moment().await;
    assert_eq!(harness.state(), Some(Arc::default()));
}

#[tokio::test(start_paused = true)]
async fn one_inspection_that_hangs_delays_the_first_publication_by_five_seconds_at_most() {
    let harness = Harness::start(DockerOptions::default(), |truth| {
        truth.run("a", 2);
        truth.run("b", 3);
        truth.slow.insert("a".to_owned());
    });
    sleep(Duration::from_millis(5_100)).await;
    assert_eq!(harness.servers("a"), ["http://10.0.0.2:80"]);
    assert_eq!(harness.servers("b"), ["http://10.0.0.3:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_container_is_served_within_a_list_and_an_inspection() {
    let harness = Harness::settled().await;
    harness.change(|truth| truth.run("c", 4));
    harness.say(start("c"));
    a_moment().await;
    assert_eq!(harness.servers("c"), ["http://10.0.0.4:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_inspection_delays_nobody_else() {
    let harness = Harness::settled().await;
    harness.change(|truth| {
        truth.run("c", 4);
        truth.run("d", 5);
        truth.slow.insert("c".to_owned());
    });
    harness.say(start("c"));
    a_moment().await;
    assert_eq!(harness.servers("d"), ["http://10.0.0.5:80"]);
    assert_eq!(harness.servers("c").len(), 0);
    sleep(Duration::from_millis(5_200)).await;
    assert_eq!(harness.servers("c"), ["http://10.0.0.4:80"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_signal_takes_the_server_out_without_a_list() {
    let harness = Harness::settled().await;
    let lists = harness.lists();
    harness.say(Event::Kill {
        container: "a".to_owned(),
        signal: Some(Signal::TERM),
    });
    sleep(Duration::from_millis(1)).await;
    assert_eq!(harness.servers("a").len(), 0);
    assert_eq!(harness.servers("b").len(), 1);
    assert_eq!(harness.lists(), lists);
}

#[tokio::test(start_paused = true)]
async fn a_death_is_published_before_the_list_and_a_stale_list_does_not_undo_it() {
    let harness = Harness::settled().await;
    harness.say(die("a"));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(harness.servers("a").len(), 0);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(harness.servers("a").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_is_another_server() {
    let harness = Harness::settled().await;
    harness.change(|truth| truth.set("a", "exited"));
    harness.say(die("a"));
    sleep(Duration::from_millis(50)).await;
    let state = harness.state().unwrap();
    let reason = state.config.services["a"].value.unavailable();
    assert_eq!(reason, Some("container a is not running (exited)"));
    harness.change(|truth| {
        truth.set("a", "running");
        truth.started = 2;
    });
    harness.say(start("a"));
    a_moment().await;
    assert_eq!(harness.server_id("a").unwrap(), "a/2/10.0.0.2:80");
}

#[tokio::test(start_paused = true)]
async fn an_inspection_that_fails_later_keeps_what_was_known() {
    let harness = Harness::settled().await;
    harness.change(|truth| {
        truth.broken.insert("a".to_owned());
        truth
            .containers
            .get_mut("a")
            .unwrap()
            .networks
            .insert("x".to_owned(), Network::default());
    });
    harness.say(Event::Changed);
    a_moment().await;
    assert_eq!(harness.server_id("a").unwrap(), "a/1/10.0.0.2:80");
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_event_is_seen_by_the_periodic_list() {
    let harness = Harness::settled().await;
    harness.change(|truth| truth.set("a", "paused"));
    sleep(Duration::from_millis(10_100)).await;
    assert_eq!(harness.servers("a").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_empty_list_is_not_believed_and_two_are() {
    let harness = Harness::settled().await;
    harness.change(|truth| truth.empty_lists = 1);
    harness.say(Event::Changed);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(harness.servers("a").len(), 1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(harness.servers("a").len(), 1);
    harness.change(|truth| truth.containers.clear());
    harness.say(Event::Changed);
    sleep(Duration::from_millis(150)).await;
    assert_eq!(harness.servers("a").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_away_leaves_its_containers_and_a_word_about_it() {
    let harness = Harness::settled().await;
    harness.change(|truth| {
        truth.away = true;
        truth.events = None;
    });
    let connects = harness.truth.lock().unwrap().connects;
    sleep(Duration::from_secs(60)).await;
    let state = harness.state().unwrap();
    assert_eq!(harness.servers("a").len(), 1);
    assert!(
        state.diagnostics[0]
            .message
            .starts_with("no connection to the Docker Engine")
    );
    let tries = harness.truth.lock().unwrap().connects - connects;
    assert!((10..=70).contains(&tries), "{tries} tries in a minute");
    harness.change(|truth| {
        truth.away = false;
        truth.run("c", 4);
    });
    sleep(Duration::from_millis(4_100)).await;
    assert_eq!(harness.servers("c").len(), 1);
    assert_eq!(harness.state().unwrap().diagnostics, []);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_keeps_ending_costs_nothing() {
    let mut harness = Harness::settled().await;
    harness.out.mark_unchanged();
    for _ in 0..12 {
        harness.change(|truth| truth.events = None);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(harness.servers("a").len(), 1);
    }
    assert!(
        !harness.out.has_changed().unwrap(),
        "not even a word about it"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_while_nothing_changes() {
    let mut harness = Harness::settled().await;
    harness.out.mark_unchanged();
    for _ in 0..100 {
        harness.say(Event::Changed);
        sleep(Duration::from_millis(700)).await;
    }
    assert!(!harness.out.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_starts_costs_few_lists() {
    let harness = Harness::settled().await;
    let lists = harness.lists();
    for at in 0..1_000 {
        harness.change(|truth| truth.run(&format!("s{at}"), 9));
        harness.say(start(&format!("s{at}")));
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(300)).await;
    assert!(harness.state().unwrap().config.routers.len() >= 1_002);
    let spent = harness.lists() - lists;
    assert!(spent <= 15, "{spent} lists");
}

#[tokio::test(start_paused = true)]
async fn without_watching_there_is_one_publication() {
    let options = DockerOptions {
        watch: false,
        ..DockerOptions::default()
    };
    let harness = Harness::start(options, |truth| truth.run("a", 2));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(harness.servers("a").len(), 1);
    harness.change(|truth| truth.run("b", 3));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(harness.servers("b").len(), 0);
    assert!(harness.out.has_changed().is_ok(), "the channel stays open");
}
