//! The engine's state behind its lock, and the event log with its subscribers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use tokio::sync::{mpsc, watch};

use super::clock::Clock;
use super::container::{Attachment, Container, ContainerSpec, Phase};
use super::engine::ListHook;
use super::event::{Event, Filter};
use super::fault::{Faults, ListFault};
use super::generation::Generation;
use super::network::Network;

/// Docker replays at most this many events to a `since`.
const REPLAY: usize = 256;

/// One act of an ending process.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Free(String),
    Die,
}

/// What an event stream is told.
#[derive(Debug)]
pub(crate) enum Signal {
    Event(Event),
    End { cleanly: bool },
}

struct Subscriber {
    filter: Filter,
    sender: mpsc::UnboundedSender<Signal>,
}

/// The world as the engine knows it.
pub(crate) struct State {
    pub(crate) generation: Generation,
    pub(crate) seed: u64,
    /// By id.
    pub(crate) containers: BTreeMap<String, Container>,
    /// By name.
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) log: Vec<Event>,
    pub(crate) faults: Faults,
    /// The faults again, for tasks that wait for one to end.
    pub(crate) announced: watch::Sender<Faults>,
    pub(crate) after_list: Option<ListHook>,
    pub(crate) calls: BTreeMap<&'static str, usize>,
    subscribers: Vec<Subscriber>,
    clock: Clock,
    next_id: u64,
}

impl State {
    pub(crate) fn new(generation: Generation, seed: u64) -> Self {
        let mut state = Self {
            generation,
            seed,
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            log: Vec::new(),
            faults: Faults::default(),
            announced: watch::Sender::default(),
            after_list: None,
            calls: BTreeMap::new(),
            subscribers: Vec::new(),
            clock: Clock::default(),
            next_id: 0,
        };
        state.create_network("bridge");
        state
    }

    pub(crate) fn announce_faults(&self) {
        self.announced.send_replace(self.faults.clone());
    }

    pub(crate) fn count(&mut self, call: &'static str) {
        *self.calls.entry(call).or_default() += 1;
    }

    /// Oldest and newest API version in force.
    pub(crate) fn api_window(&self) -> (u16, u16) {
        self.faults
            .api_window
            .unwrap_or_else(|| self.generation.api_window())
    }

    /// The fault of this list; one of the times it has is used up.
    pub(crate) fn take_list_fault(&mut self) -> Option<ListFault> {
        let fault = self.faults.list?;
        if self.faults.list_times > 0 {
            self.faults.list_times -= 1;
            if self.faults.list_times == 0 {
                self.faults.list = None;
            }
        }
        Some(fault)
    }

    pub(crate) fn find(&self, name: &str) -> &Container {
        self.containers
            .values()
            .find(|container| container.name == name)
            .unwrap_or_else(|| panic!("there is no container {name}"))
    }

    pub(crate) fn find_mut(&mut self, name: &str) -> &mut Container {
        self.containers
            .values_mut()
            .find(|container| container.name == name)
            .unwrap_or_else(|| panic!("there is no container {name}"))
    }

    pub(crate) fn create(&mut self, mut spec: ContainerSpec) -> String {
        assert!(
            !self
                .containers
                .values()
                .any(|container| container.name == spec.name),
            "there is already a container {}",
            spec.name
        );
        if spec.networks.is_empty() && spec.network_mode.is_none() {
            spec.networks.push(("bridge".to_owned(), None));
        }
        let id = self.next_id();
        let mut networks = BTreeMap::new();
        for (name, wanted) in &spec.networks {
            if !self.networks.contains_key(name) {
                self.create_network(name);
            }
            let attachment = Attachment {
                wanted: *wanted,
                ..Attachment::default()
            };
            networks.insert(name.clone(), attachment);
        }
        let name = spec.name.clone();
        let container = Container {
            id: id.clone(),
            name: name.clone(),
            spec,
            phase: Phase::Created,
            health: None,
            created_at: self.clock.tick(),
            started_at: None,
            finished_at: None,
            exit_code: 0,
            restarts: 0,
            networks,
        };
        self.containers.insert(id.clone(), container);
        self.log_container(&name, "create", &[]);
        id
    }

    pub(crate) fn start(&mut self, name: &str) {
        let container = self.find(name);
        assert!(!container.phase.is_alive(), "{name} runs already");
        let networks: Vec<String> = container.networks.keys().cloned().collect();
        for network in &networks {
            self.attach(network, name);
        }
        let now = self.clock.tick();
        let container = self.find_mut(name);
        container.phase = Phase::Running;
        container.started_at = Some(now);
        container.health = container.spec.healthcheck.then_some("starting");
        self.log_container(name, "start", &[]);
    }

    pub(crate) fn signal(&mut self, name: &str, signal: i32) {
        assert!(self.find(name).phase.is_alive(), "{name} does not run");
        self.log_container(name, "kill", &[("signal", &signal.to_string())]);
    }

    pub(crate) fn exit_steps(&self, name: &str) -> Vec<Step> {
        let container = self.find(name);
        assert!(container.phase.is_alive(), "{name} does not run");
        let mut steps: Vec<Step> = container.networks.keys().cloned().map(Step::Free).collect();
        let die_at = if self.generation.frees_address_before_die() {
            steps.len()
        } else {
            0
        };
        steps.insert(die_at, Step::Die);
        steps
    }

    pub(crate) fn exit_step(&mut self, name: &str, code: i32, step: &Step) {
        match step {
            Step::Free(network) => self.detach(network, name),
            Step::Die => {
                let now = self.clock.tick();
                let container = self.find_mut(name);
                container.phase = Phase::Exited;
                container.finished_at = Some(now);
                container.exit_code = code;
                container.health = None;
                let code = code.to_string();
                let attributes: &[(&str, &str)] = match self.generation {
                    Generation::V20_10 => &[("exitCode", &code)],
                    _ => &[("exitCode", &code), ("execDuration", "1")],
                };
                self.log_container(name, "die", attributes);
            }
        }
    }

    pub(crate) fn destroy(&mut self, name: &str) {
        let id = self.find(name).id.clone();
        // The event still carries the name and the labels.
        let event = self.container_event(name, "destroy", &[]);
        self.containers.remove(&id);
        self.publish(event);
    }

    pub(crate) fn create_network(&mut self, name: &str) {
        let id = self.next_id();
        let network = Network::new(id, name, self.clock.tick());
        self.networks.insert(name.to_owned(), network);
        self.log_network(name, "create", None);
    }

    pub(crate) fn connect(
        &mut self,
        network: &str,
        name: &str,
        wanted: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        assert!(
            self.networks.contains_key(network),
            "there is no network {network}"
        );
        let attachment = Attachment {
            wanted,
            ..Attachment::default()
        };
        let container = self.find_mut(name);
        let previous = container.networks.insert(network.to_owned(), attachment);
        assert!(
            previous.is_none(),
            "{name} is already connected to {network}"
        );
        if container.phase.is_alive() {
            self.attach(network, name);
        }
        self.find(name)
            .networks
            .get(network)
            .and_then(|attachment| attachment.address)
    }

    pub(crate) fn disconnect(&mut self, network: &str, name: &str) {
        let alive = self.find(name).phase.is_alive();
        if alive {
            self.detach(network, name);
        }
        self.find_mut(name).networks.remove(network);
    }

    /// Gives an address and logs `connect`.
    fn attach(&mut self, network: &str, name: &str) {
        let endpoint = self.next_id();
        let wanted = self.find(name).networks.get(network).and_then(|a| a.wanted);
        let address = self
            .networks
            .get_mut(network)
            .map(|network| network.take(wanted));
        if let Some(attachment) = self.find_mut(name).networks.get_mut(network) {
            attachment.address = address;
            attachment.endpoint = endpoint;
        }
        self.log_network(network, "connect", Some(name));
    }

    /// Frees the address and logs `disconnect`.
    fn detach(&mut self, network: &str, name: &str) {
        let attachment = self.find_mut(name).networks.get_mut(network);
        let attachment = attachment.unwrap_or_else(|| panic!("{name} is not on {network}"));
        let address = attachment.address.take();
        attachment.endpoint.clear();
        if let (Some(address), Some(network)) = (address, self.networks.get_mut(network)) {
            network.free(address);
        }
        self.log_network(network, "disconnect", Some(name));
    }

    pub(crate) fn log_container(&mut self, name: &str, action: &str, more: &[(&str, &str)]) {
        let event = self.container_event(name, action, more);
        self.publish(event);
    }

    fn container_event(&mut self, name: &str, action: &str, more: &[(&str, &str)]) -> Event {
        let time_nano = self.clock.tick();
        let container = self.find(name);
        let mut attributes = container.spec.labels.clone();
        attributes.insert("name".to_owned(), container.name.clone());
        attributes.insert("image".to_owned(), container.spec.image.clone());
        attributes.extend(
            more.iter()
                .map(|(key, value)| ((*key).into(), (*value).into())),
        );
        let id = container.id.clone();
        Event {
            kind: "container",
            action: action.to_owned(),
            id,
            attributes,
            time_nano,
        }
    }

    fn log_network(&mut self, network: &str, action: &str, container: Option<&str>) {
        let time_nano = self.clock.tick();
        let mut attributes = BTreeMap::from([
            ("name".to_owned(), network.to_owned()),
            ("type".to_owned(), "bridge".to_owned()),
        ]);
        if let Some(name) = container {
            attributes.insert("container".to_owned(), self.find(name).id.clone());
        }
        let id = self
            .networks
            .get(network)
            .map(|network| network.id.clone())
            .unwrap_or_default();
        let action = action.to_owned();
        self.publish(Event {
            kind: "network",
            action,
            id,
            attributes,
            time_nano,
        });
    }

    fn publish(&mut self, event: Event) {
        self.subscribers.retain(|subscriber| {
            let wanted = subscriber.filter.matches(&event);
            !subscriber.sender.is_closed()
                && (!wanted || subscriber.sender.send(Signal::Event(event.clone())).is_ok())
        });
        self.log.push(event);
    }

    /// Opens an event stream; `since` replays what is remembered.
    pub(crate) fn subscribe(
        &mut self,
        filter: Filter,
        since: Option<u64>,
    ) -> mpsc::UnboundedReceiver<Signal> {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(since) = since {
            let remembered = self.log.len().saturating_sub(REPLAY);
            for event in self.log.iter().skip(remembered) {
                if event.time_nano >= since && filter.matches(event) {
                    let _ = sender.send(Signal::Event(event.clone()));
                }
            }
        }
        self.subscribers.push(Subscriber { filter, sender });
        receiver
    }

    pub(crate) fn cut_events(&mut self, cleanly: bool) {
        for subscriber in self.subscribers.drain(..) {
            let _ = subscriber.sender.send(Signal::End { cleanly });
        }
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers
            .iter()
            .filter(|subscriber| !subscriber.sender.is_closed())
            .count()
    }

    /// 64 hexadecimal digits; the same for the same seed and order of commands.
    fn next_id(&mut self) -> String {
        self.next_id += 1;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.next_id.to_le_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("State")
            .field("generation", &self.generation)
            .field("containers", &self.containers)
            .finish_non_exhaustive()
    }
}
