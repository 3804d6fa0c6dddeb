//! A long life with a control plane that changes its mind, cuts streams and sends
//! what cannot be built.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1::{Rejection, Resource, Update};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::super::Mirror;
use super::harness::*;
use crate::proxy::head::tests::head;
use crate::routing::fixture::*;
use crate::routing::{self, RouteTable};

/// The control plane's side of a long life: it changes its set at random, sends
/// snapshots and deltas, and cuts streams before or after the acknowledgement.
#[tokio::test]
async fn whatever_happened_the_proxy_ends_with_the_set_that_was_sent_last() {
    for seed in 0..8 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut control_plane = ControlPlane::start().await;
        let proxy = Proxy::start(&[control_plane.address]);
        let mut world = World::default();
        let mut stream = control_plane.accept().await;
        stream.exchange(world.snapshot()).await;
        for _ in 0..40 {
            let before = world.clone();
            world.change(&mut random);
            match random.random_range(0..10) {
                0 => drop(stream.exchange(world.snapshot()).await),
                1 => {
                    stream.send(world.delta_from(&before)).await;
                    stream = control_plane.accept_after(stream, &world).await;
                }
                2 => stream = control_plane.accept_after(stream, &world).await,
                _ => drop(stream.exchange(world.delta_from(&before)).await),
            }
        }
        let last = stream.exchange(delta(&world.version(), [], [])).await;
        let (fresh, rejections) = world.build();
        assert_eq!(last.rejections, rejections, "seed {seed}");
        for name in NAMES {
            let host = format!("{name}.test");
            let rejected = rejections.iter().any(|rejection| {
                rejection
                    .id
                    .as_ref()
                    .is_some_and(|id| id.name == format!("{name}@docker"))
            });
            let served = fresh.find("web", &head(&host, "/")).is_some();
            assert!(
                rejected || served == proxy.serves(&host),
                "seed {seed}: {host}"
            );
        }
    }
}

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

#[derive(Clone, Default)]
struct World {
    generation: u64,
    resources: BTreeMap<(i32, String), Resource>,
}

impl World {
    fn version(&self) -> String {
        format!("v{}", self.generation)
    }

    fn change(&mut self, random: &mut StdRng) {
        self.generation += 1;
        for _ in 0..random.random_range(0..4) {
            let name = NAMES[random.random_range(0..NAMES.len())];
            let middleware = format!("{name}@docker");
            let resource = match random.random_range(0..8) {
                0 => router_with_middleware(name, &middleware),
                1 | 2 => router_for(name),
                3 => strip_prefix_regex(&middleware, "("),
                4 => strip_prefix_regex(&middleware, "/x"),
                5 => service("s@docker", &["a", name]),
                6 => service("s@docker", &[]),
                _ => entry_point("web"),
            };
            let id = resource.id.clone().unwrap();
            if random.random_bool(0.3) {
                self.resources.remove(&(id.kind, id.name));
            } else {
                self.resources.insert((id.kind, id.name), resource);
            }
        }
    }

    fn snapshot(&self) -> Update {
        snapshot(&self.version(), self.resources.values().cloned())
    }

    fn delta_from(&self, before: &Self) -> Update {
        let changed = self
            .resources
            .iter()
            .filter(|(key, now)| before.resources.get(key) != Some(now));
        let removed = before
            .resources
            .iter()
            .filter(|(key, _)| !self.resources.contains_key(key));
        delta(
            &self.version(),
            changed.map(|(_, resource)| resource.clone()),
            removed.map(|(_, resource)| resource.id.clone().unwrap()),
        )
    }

    fn build(&self) -> (RouteTable, Vec<Rejection>) {
        let mut mirror = Mirror::default();
        mirror.apply(self.snapshot());
        routing::build(&mirror, &RouteTable::empty())
    }
}

impl ControlPlane {
    /// Cuts the stream and brings the next one up to date.
    async fn accept_after(&mut self, stream: Stream, world: &World) -> Stream {
        drop(stream);
        let mut stream = self.accept().await;
        if stream.hello.held_version == world.version() {
            stream.exchange(delta(&world.version(), [], [])).await;
        } else {
            stream.exchange(world.snapshot()).await;
        }
        stream
    }
}
