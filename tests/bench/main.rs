//! `make bench`: Fairway beside HAProxy and nginx, and the time from a Docker
//! event to all proxies. `make bench-slow`: thousands of slow clients. `bench scale`: what
//! many containers and routers cost.
//!
//! Everything is on loopback and on this machine: the proxy under test alone on
//! core 0, load and backends on core 1. Peers run in turn within each round, so
//! that what else the machine does falls on all of them; the figure for each is
//! the median of its rounds, and what counts is the ratio.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a measurement stops loudly"
)]

mod change;
mod load;
mod peer;
mod process;
mod scale;
mod slow;

use anyhow::Context as _;
use peer::Peer;

/// Connections held open by the load, one table each.
const CONNECTIONS: [u32; 2] = [64, 1000];

/// Rounds of all peers; the median counts.
const ROUNDS: usize = 5;

/// Targets of the first benchmark.
const TARGET_CPU: f64 = 1.15;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("scale") => return scale::measure(),
        Some("slow") => return runtime()?.block_on(slow::measure()),
        _ => {}
    }
    for tool in ["haproxy", "nginx", "wrk", "taskset"] {
        process::version(tool).with_context(|| {
            format!("{tool} is missing: apt-get install haproxy nginx wrk util-linux")
        })?;
    }
    runtime()?.block_on(async {
        for connections in CONNECTIONS {
            compare(connections).await?;
        }
        change::measure().await
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    Ok(runtime.worker_threads(2).enable_all().build()?)
}

/// One table: every peer at this many connections.
async fn compare(connections: u32) -> anyhow::Result<()> {
    let ground = peer::Ground::prepare().await?;
    let mut measured: Vec<(Peer, Vec<load::Sample>)> = Peer::ALL
        .into_iter()
        .map(|peer| (peer, Vec::new()))
        .collect();
    for _ in 0..ROUNDS {
        for (peer, samples) in &mut measured {
            let running = ground.start(*peer).await?;
            samples.push(load::measure(&running, connections)?);
        }
    }
    println!(
        "\nHost + Path route, path replaced, forwarded headers, two keep-alive backends, \
         {connections} connections, median of {ROUNDS} rounds"
    );
    println!(
        "{:<10} {:>14} {:>10} {:>14} {:>10}",
        "", "µs CPU/request", "ratio", "requests/s", "ratio"
    );
    let median = |samples: &[load::Sample], of: fn(&load::Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let base = &measured[0].1;
    let base = (median(base, |s| s.cpu_us), median(base, |s| s.rate));
    for (peer, samples) in &measured {
        let (cpu, rate) = (median(samples, |s| s.cpu_us), median(samples, |s| s.rate));
        let failed: u64 = samples.iter().map(|sample| sample.failed).sum();
        print!(
            "{:<10} {cpu:>14.2} {:>10.2} {rate:>14.0} {:>10.2}",
            peer.name(),
            cpu / base.0,
            rate / base.1
        );
        println!(
            "{}",
            if failed == 0 {
                String::new()
            } else {
                format!("  {failed} failed")
            }
        );
    }
    if let Some((_, samples)) = measured.iter().find(|(peer, _)| *peer == Peer::Fairway) {
        let ratio = median(samples, |s| s.cpu_us) / base.0;
        println!("CPU per request {ratio:.2} × HAProxy's (target ≤ {TARGET_CPU})");
    }
    Ok(())
}
