//! Time from a Docker event to all of four proxies serving the change.
//!
//! The engine is the fake one, spoken to by the real client; control plane and
//! proxies are the real ones. A container with a router of its own starts, and
//! each proxy is asked for it until it answers; then the container is stopped,
//! and each is asked until it does not.

use std::time::{Duration, Instant};

use fairway_tests::raw_client;
use fairway_tests::world::{Setting, World, routed};
use tokio::task::JoinSet;

const PROXIES: usize = 4;
const CHANGES: usize = 200;
const TARGET: Duration = Duration::from_millis(50);

/// Measures and prints.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let world = Setting::new().proxies(PROXIES).start().await;
    let (mut joins, mut leaves) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let name = format!("app-{number}");
        let host = format!("{name}.test");
        let rule = format!("Host(`{host}`)");
        let spec = routed(&name, &name, &rule).port(world.backend_port());
        world.engine().create(spec);
        // Like a container that is quick: listening by the time it is started.
        world.engine().start(&name);
        let started = Instant::now();
        until_all(&world, &host, |status| status != 404).await;
        joins.push(started.elapsed());
        tokio::time::sleep(Duration::from_millis(30)).await;
        world.engine().stop(&name);
        world.engine().remove(&name);
        let stopped = Instant::now();
        until_all(&world, &host, |status| status == 404).await;
        leaves.push(stopped.elapsed());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    println!("\nDocker event to all of {PROXIES} proxies serving the change, {CHANGES} times each");
    print("container started", joins);
    print("container removed", leaves);
    Ok(())
}

/// Waits until every proxy answers `host` with a status that `is`.
pub(crate) async fn until_all(world: &World, host: &str, is: fn(u16) -> bool) {
    let mut asking = JoinSet::new();
    for proxy in 0..world.proxies() {
        let (address, host) = (world.http_of(proxy), host.to_owned());
        asking.spawn(async move {
            while !raw_client::get(address, &host, "/")
                .await
                .is_ok_and(|reply| is(reply.status()))
            {
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        });
    }
    while asking.join_next().await.is_some() {}
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:<20} p50 {:>6.2} ms   p99 {:>6.2} ms   max {:>6.2} ms   (target p99 ≤ {} ms)",
        ms(at(50)),
        ms(at(99)),
        ms(at(100)),
        TARGET.as_millis()
    );
}
