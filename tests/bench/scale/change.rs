//! One container among many comes and goes: time until four proxies serve the
//! change, and what of it travels.
//!
//! The engine is the fake one, spoken to by the real client. The other containers
//! have no process: nobody asks for them.

use std::time::{Duration, Instant};

use fairway_tests::discovery_client::StreamClient;
use fairway_tests::world::{Setting, routed};
use prost::Message as _;
use tokio::sync::mpsc;

use super::{at, ms};
use crate::change::until_all;

const CONTAINERS: usize = 10_000;
const PER_NETWORK: usize = 200;
const PROXIES: usize = 4;
const CHANGES: usize = 100;
const TARGET: Duration = Duration::from_millis(50);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(150);

/// Measures and prints.
pub(super) async fn measure() -> anyhow::Result<()> {
    let world = Setting::new().proxies(PROXIES).start().await;
    for number in 0..CONTAINERS {
        // A network of the fake engine has 253 addresses.
        let network = format!("net-{}", number / PER_NETWORK);
        if number % PER_NETWORK == 0 {
            world.engine().create_network(&network);
        }
        let name = format!("app-{number}");
        let spec = routed(&name, &name, &format!("Host(`{name}.test`)"));
        let spec = spec.network(&network).port(world.backend_port());
        world.engine().create(spec);
        world.engine().start(&name);
    }
    let last = format!("app-{}.test", CONTAINERS - 1);
    until_all(&world, &last, |status| status != 404).await;
    let (sizes, mut seen) = mpsc::unbounded_channel();
    let mut listener = StreamClient::connect(world.grpc_address(), "listener", None).await?;
    let listening = tokio::spawn(async move {
        while let Ok(update) = listener.next().await {
            listener.ack(&update, Vec::new());
            // The measurement may be over.
            let _ = sizes.send(update.encoded_len());
        }
    });
    let (mut joins, mut leaves) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let name = format!("one-{number}");
        let host = format!("{name}.test");
        let spec = routed(&name, &name, &format!("Host(`{host}`)"));
        world.engine().create(spec.port(world.backend_port()));
        world.engine().start(&name);
        let started = Instant::now();
        until_all(&world, &host, |status| status != 404).await;
        joins.push(started.elapsed());
        tokio::time::sleep(PAUSE).await;
        world.engine().stop(&name);
        world.engine().remove(&name);
        let stopped = Instant::now();
        until_all(&world, &host, |status| status == 404).await;
        leaves.push(stopped.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    println!("\nOne container among {CONTAINERS}, until all of {PROXIES} proxies serve the change");
    for (what, times) in [("started", &mut joins), ("removed", &mut leaves)] {
        println!(
            "{what:<8} p50 {:>6.1} ms   p99 {:>6.1} ms   (target p99 ≤ {} ms)",
            ms(at(times, 50)),
            ms(at(times, 99)),
            TARGET.as_millis()
        );
    }
    listening.abort();
    let mut sizes: Vec<usize> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
    // The first one is the whole set.
    let whole = if sizes.is_empty() { 0 } else { sizes.remove(0) };
    sizes.sort_unstable();
    let middle = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    let most = sizes.last().copied().unwrap_or_default();
    println!("an update has {middle} bytes, at most {most}; the whole set has {whole}");
    Ok(())
}
