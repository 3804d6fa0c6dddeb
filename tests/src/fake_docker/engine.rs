//! The engine's state and the commands that change it. Every command logs the
//! events Docker logs, in Docker's order for the generation played.
//!
//! Containers are named by their name; a name that does not exist is a mistake
//! of the test and panics.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::container::{Container, ContainerSpec, Phase};
use super::event::Event;
use super::fault::Faults;
use super::generation::Generation;
use super::state::State;

/// Commands to the fake engine. Clones command the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    state: Arc<Mutex<State>>,
}

impl Engine {
    pub(crate) fn new(generation: Generation, seed: u64) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(generation, seed))),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes what is wrong with the engine.
    pub fn fault(&self, change: impl FnOnce(&mut Faults)) {
        let mut state = self.state();
        change(&mut state.faults);
        state.announce_faults();
    }

    /// `docker create`; answers the id.
    pub fn create(&self, spec: ContainerSpec) -> String {
        self.state().create(spec)
    }

    /// `docker start`: `network connect` for each network, then `start`.
    pub fn start(&self, name: &str) {
        self.state().start(name);
    }

    /// `docker run -d`; answers the id.
    pub fn run(&self, spec: ContainerSpec) -> String {
        let mut state = self.state();
        let name = spec.name.clone();
        let id = state.create(spec);
        state.start(&name);
        id
    }

    /// Logs `kill` with this signal and does nothing else: what the process
    /// makes of it is for the test to say ([`Engine::exit`]).
    pub fn signal(&self, name: &str, signal: i32) {
        self.state().signal(name, signal);
    }

    /// The process ends by itself with this code.
    pub fn exit(&self, name: &str, code: i32) {
        let mut state = self.state();
        for step in state.exit_steps(name) {
            state.exit_step(name, code, &step);
        }
    }

    /// As [`Engine::exit`], with a pause between freeing addresses and `die`
    /// (or the other way round, as the generation has it).
    pub async fn exit_slowly(&self, name: &str, code: i32, pause: Duration) {
        let steps = self.state().exit_steps(name);
        for step in steps {
            self.state().exit_step(name, code, &step);
            tokio::time::sleep(pause).await;
        }
    }

    /// `docker kill` with signal 9.
    pub fn kill(&self, name: &str) {
        self.signal(name, 9);
        self.exit(name, 137);
    }

    /// First half of `docker stop`: the stop signal is sent.
    pub fn begin_stop(&self, name: &str) {
        let signal = self.state().find(name).stop_signal_number();
        self.signal(name, signal);
    }

    /// Second half of `docker stop`: the process is gone.
    pub fn end_stop(&self, name: &str) {
        self.exit(name, 0);
        self.state().log_container(name, "stop", &[]);
    }

    /// `docker stop` of a process that obeys at once.
    pub fn stop(&self, name: &str) {
        self.begin_stop(name);
        self.end_stop(name);
    }

    /// `docker restart`.
    pub fn restart(&self, name: &str) {
        self.stop(name);
        let mut state = self.state();
        state.start(name);
        state.log_container(name, "restart", &[]);
    }

    /// The kernel kills the process for want of memory.
    pub fn run_out_of_memory(&self, name: &str) {
        self.state().log_container(name, "oom", &[]);
        self.exit(name, 137);
    }

    /// `docker pause`.
    pub fn pause(&self, name: &str) {
        let mut state = self.state();
        state.find_mut(name).phase = Phase::Paused;
        state.log_container(name, "pause", &[]);
    }

    /// `docker unpause`.
    pub fn unpause(&self, name: &str) {
        let mut state = self.state();
        state.find_mut(name).phase = Phase::Running;
        state.log_container(name, "unpause", &[]);
    }

    /// `docker rename`.
    pub fn rename(&self, name: &str, new_name: &str) {
        let mut state = self.state();
        state.find_mut(name).name = new_name.to_owned();
        state.log_container(new_name, "rename", &[("oldName", &format!("/{name}"))]);
    }

    /// `docker rm -f`.
    pub fn remove(&self, name: &str) {
        if self.state().find(name).phase.is_alive() {
            self.kill(name);
        }
        self.state().destroy(name);
    }

    /// The health check's verdict: `healthy`, `unhealthy` or `starting`.
    pub fn health(&self, name: &str, verdict: &'static str) {
        let mut state = self.state();
        state.find_mut(name).health = Some(verdict);
        state.log_container(name, &format!("health_status: {verdict}"), &[]);
    }

    /// `docker network create`.
    pub fn create_network(&self, name: &str) {
        self.state().create_network(name);
    }

    /// `docker network connect`; answers the address, if the container runs.
    pub fn connect(&self, network: &str, name: &str) -> Option<Ipv4Addr> {
        self.state().connect(network, name, None)
    }

    /// `docker network connect --ip`.
    pub fn connect_with_address(&self, network: &str, name: &str, address: Ipv4Addr) {
        self.state().connect(network, name, Some(address));
    }

    /// `docker network disconnect`.
    pub fn disconnect(&self, network: &str, name: &str) {
        self.state().disconnect(network, name);
    }

    /// The address of a container: on `network`, or on its first one.
    pub fn address(&self, name: &str, network: Option<&str>) -> Option<Ipv4Addr> {
        let state = self.state();
        let networks = &state.find(name).networks;
        let attachment = match network {
            Some(network) => networks.get(network),
            None => networks.values().next(),
        };
        attachment?.address
    }

    /// Where a container is in its life.
    pub fn phase(&self, name: &str) -> Phase {
        self.state().find(name).phase
    }

    /// Full id of a container.
    pub fn id(&self, name: &str) -> String {
        self.state().find(name).id.clone()
    }

    /// Everything logged so far, whether or not anybody heard it.
    pub fn log(&self) -> Vec<Event> {
        self.state().log.clone()
    }

    /// Ends every event stream: cleanly, or in the middle of a chunk.
    pub fn cut_events(&self, cleanly: bool) {
        self.state().cut_events(cleanly);
    }

    /// Number of open event streams.
    pub fn subscribers(&self) -> usize {
        self.state().subscribers()
    }

    /// Runs `action` once, after the next list was made and before it is sent.
    pub fn after_next_list(&self, action: impl FnOnce(&Engine) + Send + 'static) {
        self.state().after_list = Some(Box::new(action));
    }

    /// How often each kind of call was made: `_ping`, `version`, `list`,
    /// `inspect`, `events`, `networks`, `unknown`, `forbidden`, `connection`.
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.state().calls.clone()
    }

    /// How often one kind of call was made.
    pub fn count(&self, call: &str) -> usize {
        self.state().calls.get(call).copied().unwrap_or_default()
    }
}

/// What [`Engine::after_next_list`] keeps.
pub(crate) type ListHook = Box<dyn FnOnce(&Engine) + Send>;

/// A container by name or id prefix, as the API finds it.
pub(crate) fn find_by_reference<'a>(
    containers: &'a BTreeMap<String, Container>,
    reference: &str,
) -> Option<&'a Container> {
    containers
        .values()
        .find(|container| container.name == reference)
        .or_else(|| {
            containers
                .values()
                .find(|container| container.id.starts_with(reference))
        })
}
