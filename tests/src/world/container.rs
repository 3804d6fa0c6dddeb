//! Containers with a backend in them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::backend::{Backend, Mode, Seen};
use crate::fake_docker::ContainerSpec;

use super::World;

/// A container with a router of this name and rule.
pub fn routed(name: &str, router: &str, rule: &str) -> ContainerSpec {
    ContainerSpec::new(name).label(&format!("traefik.http.routers.{router}.rule"), rule)
}

/// `count` containers `web-1`, … of one service, at host `web.test`.
pub fn site(count: usize) -> Vec<ContainerSpec> {
    (1..=count).map(|number| replica("web", number)).collect()
}

fn replica(service: &str, number: usize) -> ContainerSpec {
    routed(
        &format!("{service}-{number}"),
        service,
        &format!("Host(`{service}.test`)"),
    )
    .compose("test", service)
}

impl World {
    /// `docker run` of a container whose process listens a moment later. The
    /// port is exposed.
    pub async fn run(&self, spec: ContainerSpec) {
        let name = spec.name.clone();
        self.engine().run(spec.port(self.backend_port));
        self.begin_process(&name).await;
    }

    /// Runs several and waits until exactly they answer at `web.test`.
    pub async fn run_site(&self, count: usize) {
        for spec in site(count) {
            self.run(spec).await;
        }
        let names: Vec<String> = (1..=count).map(|number| format!("web-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.wait_rotation("web.test", "/", &names).await;
    }

    /// One more container of `web.test`.
    pub async fn run_replica(&self, number: usize) {
        self.run(replica("web", number)).await;
    }

    /// The process inside: a backend on the container's first address.
    pub async fn begin_process(&self, name: &str) {
        let Some(address) = self.engine().address(name, None) else {
            return;
        };
        self.begin_process_at(name, SocketAddr::new(address.into(), self.backend_port))
            .await;
    }

    /// A process of this container on another address.
    pub async fn begin_process_at(&self, name: &str, address: SocketAddr) {
        let backend = Backend::start(name, address).await;
        self.backends().insert(name.to_owned(), backend);
    }

    /// `docker stop`: the signal; the process finishes what it has and ends;
    /// after `grace`, so that idle connections are closed only then.
    pub async fn stop_container(&self, name: &str, grace: Duration) {
        self.engine().begin_stop(name);
        tokio::time::sleep(grace).await;
        let backend = self.backends().remove(name);
        if let Some(backend) = backend {
            backend.stop().await;
        }
        self.engine().end_stop(name);
    }

    /// `docker kill -s KILL`: the process is gone before the engine says so.
    pub async fn kill_container(&self, name: &str) {
        let backend = self.backends().remove(name);
        if let Some(backend) = backend {
            backend.kill().await;
        }
        self.engine().kill(name);
    }

    /// The process inside ends, and the container stays.
    pub async fn end_process(&self, name: &str) {
        let backend = self.backends().remove(name);
        if let Some(backend) = backend {
            backend.kill().await;
        }
    }

    /// `docker start` of a stopped container.
    pub async fn start_container(&self, name: &str) {
        self.engine().start(name);
        self.begin_process(name).await;
    }

    /// Changes how a container answers.
    ///
    /// # Panics
    /// If its process does not run.
    pub fn mode(&self, name: &str, mode: Mode) {
        self.backends()
            .get(name)
            .expect("a running process")
            .mode(mode);
    }

    /// Requests a container got.
    pub fn requests(&self, name: &str) -> usize {
        self.backends().get(name).map_or(0, Backend::requests)
    }

    /// The last request a container got, if its process runs.
    pub fn last(&self, name: &str) -> Option<Seen> {
        self.backends().get(name).and_then(Backend::last)
    }

    fn backends(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<String, Backend>> {
        self.backends
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
