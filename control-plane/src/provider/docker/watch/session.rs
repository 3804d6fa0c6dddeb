//! One connection to an engine, from subscribing to its loss.
//!
//! A task of its own reads the events, so that they are read however long the
//! rest takes; lists and inspections are tasks too, so that an event never waits
//! for them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::super::Surroundings;
use super::super::debounce::Debounce;
use super::super::engine::{CALL_TIMEOUT, Engine, EngineError};
use super::super::event::Event;
use super::super::picture::{Generation, Picture, Verdict};
use super::super::reply::{Details, List};
use super::describe;
use super::publisher::Publisher;
use crate::provider::Backoff;

/// Longest time between two lists: it bounds what a lost event can do.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// Lists after the last event, for engines that log an event before their list
/// shows its effect, and for marks that outlive their cause.
const SECOND_LOOKS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_millis(3500),
];
/// Pause before a doubtful list is checked by another.
const DOUBT_PAUSE: Duration = Duration::from_millis(100);
/// Inspections at one time.
const INSPECTIONS: usize = 8;
/// Longest the first publication waits for inspections.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// Events that wait to be taken in.
const QUEUE: usize = 4096;
/// Failed lists in a row after which the connection is given up.
const MOST_FAILURES: u32 = 3;
/// Longest wait for a name to resolve.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// Names of the host inside containers, of Docker and of Podman.
const HOST_NAMES: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// One connection.
pub(super) struct Session<'a, E> {
    engine: Arc<E>,
    events: mpsc::Receiver<Result<Event, EngineError>>,
    _reader: AbortOnDropHandle<()>,
    picture: &'a mut Picture,
    publisher: &'a mut Publisher,
    work: JoinSet<Done>,
    /// Inspections that wait for their turn.
    waiting: VecDeque<(String, Generation)>,
    inspecting: usize,
    listing: bool,
    resolving: bool,
    resolved: bool,
    debounce: Debounce,
    next_list: Instant,
    /// Second looks that are still to come, the next one first.
    looks: VecDeque<Instant>,
    doubted: bool,
    failures: u32,
    backoff: Backoff,
    /// When the first list of this connection was taken in.
    listed: Option<Instant>,
}

/// What a task came back with.
enum Done {
    List {
        begun: Instant,
        result: Result<List, EngineError>,
    },
    Inspect {
        id: String,
        generation: Generation,
        result: Result<Details, EngineError>,
    },
    Host(IpAddr),
}

impl<'a, E: Engine> Session<'a, E> {
    /// Connects and subscribes.
    pub(super) async fn open(
        target: &E::Target,
        picture: &'a mut Picture,
        publisher: &'a mut Publisher,
    ) -> Result<Self, EngineError> {
        let engine = E::connect(target).await?;
        // Before the first list: what happens during it must be heard.
        let events = engine.events().await?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let reader = tokio::spawn(read_events(events, sender));
        let now = Instant::now();
        let mut debounce = Debounce::default();
        debounce.mark(now);
        picture.reconnected();
        Ok(Self {
            engine: Arc::new(engine),
            events: receiver,
            _reader: AbortOnDropHandle::new(reader),
            picture,
            publisher,
            work: JoinSet::new(),
            waiting: VecDeque::new(),
            inspecting: 0,
            listing: false,
            resolving: false,
            resolved: false,
            debounce,
            next_list: now + LIST_EVERY,
            // An engine answers before it has subscribed us: look again.
            looks: SECOND_LOOKS.iter().map(|after| now + *after).collect(),
            doubted: false,
            failures: 0,
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(2)),
            listed: None,
        })
    }

    /// Follows the engine until it is lost; without `watch`, until the first
    /// publication.
    pub(super) async fn run(mut self, watch: bool) -> Result<(), EngineError> {
        loop {
            self.start_work();
            if self.publish() && !watch {
                return Ok(());
            }
            let wake = self.wake();
            tokio::select! {
                biased;
                event = self.events.recv() => self.event(event.unwrap_or(Err(EngineError::Ended))?),
                Some(done) = self.work.join_next() => match done {
                    Ok(Done::List { begun, result }) => self.list(begun, result)?,
                    Ok(Done::Inspect { id, generation, result }) => {
                        self.inspected(&id, generation, result);
                    }
                    Ok(Done::Host(host)) => self.host(host),
                    Err(error) => tracing::error!(provider = "docker", %error, "a task failed"),
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    fn start_work(&mut self) {
        let now = Instant::now();
        let events_settled = self.debounce.due().is_some_and(|due| due <= now);
        let look_due = self.looks.front().is_some_and(|due| *due <= now);
        let periodic = self.next_list <= now;
        if !self.listing && (events_settled || look_due || periodic) {
            self.debounce.act(now);
            self.looks.retain(|due| *due > now);
            self.next_list = now + LIST_EVERY;
            if periodic {
                self.picture.retry();
            }
            self.listing = true;
            let engine = Arc::clone(&self.engine);
            self.work.spawn(async move {
                Done::List {
                    begun: now,
                    result: engine.list().await,
                }
            });
        }
        while self.inspecting < INSPECTIONS {
            let Some((id, generation)) = self.waiting.pop_front() else {
                break;
            };
            self.inspecting += 1;
            let engine = Arc::clone(&self.engine);
            self.work.spawn(async move {
                let result = timeout(CALL_TIMEOUT, engine.inspect(&id)).await;
                let late = EngineError::Timeout {
                    call: "inspecting a container",
                    limit: CALL_TIMEOUT,
                };
                Done::Inspect {
                    id,
                    generation,
                    result: result.unwrap_or(Err(late)),
                }
            });
        }
    }

    /// Publishes if it is time to; says whether it did.
    fn publish(&mut self) -> bool {
        let Some(listed) = self.listed else {
            return false;
        };
        let now = Instant::now();
        if !self.publisher.has_published() {
            // The first state is what proxies may replace a richer one with: it
            // has to be complete.
            let complete = self.waiting.is_empty() && self.inspecting == 0 && !self.resolving;
            if !complete && now < listed + FIRST_WAIT {
                return false;
            }
            self.picture.stop_waiting();
        } else if self.publisher.due().is_none_or(|due| due > now) {
            return false;
        }
        self.publisher.publish(self.picture);
        true
    }

    fn wake(&self) -> Instant {
        let list = if self.listing {
            None
        } else {
            let events = self.debounce.due();
            let look = self.looks.front().copied();
            [events, look, Some(self.next_list)]
                .into_iter()
                .flatten()
                .min()
        };
        let publish = match self.listed {
            Some(listed) if !self.publisher.has_published() => Some(listed + FIRST_WAIT),
            Some(_) => self.publisher.due(),
            None => None,
        };
        let soonest = [list, publish].into_iter().flatten().min();
        soonest.unwrap_or_else(|| Instant::now() + LIST_EVERY)
    }

    fn event(&mut self, event: Event) {
        let now = Instant::now();
        tracing::trace!(provider = "docker", ?event, "event");
        self.publisher.vitals.event();
        if let Some((container, action)) = event.occurrence() {
            self.publisher.note(container, action, self.picture);
        }
        let reaction = self.picture.event(event, now);
        if reaction.publish {
            self.publisher.mark_urgent(now);
        }
        if reaction.list {
            self.debounce.mark(now);
            self.looks = SECOND_LOOKS.iter().map(|after| now + *after).collect();
        }
    }

    fn list(
        &mut self,
        begun: Instant,
        result: Result<List, EngineError>,
    ) -> Result<(), EngineError> {
        self.listing = false;
        let now = Instant::now();
        let list = match result {
            Ok(list) => list,
            Err(error) if self.failures + 1 >= MOST_FAILURES => return Err(error),
            Err(error) => {
                self.failures += 1;
                self.next_list = now + self.backoff.delay();
                let error = describe(&error);
                tracing::warn!(provider = "docker", %error, "a list failed; the last one stays in force");
                return Ok(());
            }
        };
        self.failures = 0;
        self.backoff.reset();
        if self.picture.list(list, begun, self.doubted) == Verdict::Doubted {
            self.doubted = true;
            self.next_list = now + DOUBT_PAUSE;
            tracing::warn!(
                provider = "docker",
                "more than half of the containers are missing from a list; asking again"
            );
            return Ok(());
        }
        self.doubted = false;
        self.listed.get_or_insert(now);
        self.publisher.vitals.synced();
        self.waiting.extend(self.picture.ask());
        self.publisher.mark(now);
        self.resolve_host();
        Ok(())
    }

    fn inspected(
        &mut self,
        id: &str,
        generation: Generation,
        result: Result<Details, EngineError>,
    ) {
        self.inspecting -= 1;
        let now = Instant::now();
        match result {
            Ok(details) => self.picture.inspected(id, generation, Some(details)),
            Err(EngineError::NotFound) => self.picture.vanished(id, now),
            Err(error) => {
                let error = describe(&error);
                tracing::warn!(
                    provider = "docker", container = id, %error,
                    "an inspection failed; what was known of the container stays in force"
                );
                self.picture.inspected(id, generation, None);
            }
        }
        if self.waiting.is_empty() && self.inspecting == 0 {
            self.publisher.mark_urgent(now);
        } else {
            self.publisher.mark(now);
        }
    }

    /// Finds the host's address, once per connection, if a container needs it.
    fn resolve_host(&mut self) {
        if self.resolved || !self.picture.uses_host() {
            return;
        }
        (self.resolved, self.resolving) = (true, true);
        self.work.spawn(async {
            for name in HOST_NAMES {
                let lookup = timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((name, 0)));
                if let Ok(Ok(mut found)) = lookup.await
                    && let Some(address) = found.next()
                {
                    return Done::Host(address.ip());
                }
            }
            Done::Host(IpAddr::V4(Ipv4Addr::LOCALHOST))
        });
    }

    fn host(&mut self, host: IpAddr) {
        self.resolving = false;
        self.publisher.surroundings = Surroundings { host };
        self.publisher.mark(Instant::now());
    }
}

/// Hands events on without ever waiting. An event that finds the queue full is
/// dropped: those before it ask for a list that will be later than it.
async fn read_events<S>(mut events: S, queue: mpsc::Sender<Result<Event, EngineError>>)
where
    S: Stream<Item = Result<Event, EngineError>> + Send + Unpin,
{
    loop {
        match events.next().await {
            Some(Ok(event)) => {
                if let Err(mpsc::error::TrySendError::Closed(_)) = queue.try_send(Ok(event)) {
                    return;
                }
            }
            end => {
                let error = end.unwrap_or(Err(EngineError::Ended));
                let _ = queue.send(error).await;
                return;
            }
        }
    }
}
