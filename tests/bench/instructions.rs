//! `bench instructions`: instructions per request in user space, counted by valgrind.
//!
//! The same work gives nearly the same count on a busy machine as on a quiet one, so
//! that a change for the worse shows without a machine of one's own. Two runs of
//! different lengths: what happens once cancels out.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, ensure};
use fairway_tests::raw_client::RawClient;

use super::peer::{Ground, HOST, PATH, Scene};

/// Requests of the shorter run.
const FEW: u64 = 1_000;
/// Requests of the longer one.
const MANY: u64 = 5_000;

/// Client connections, asked in turn.
const CONNECTIONS: usize = 8;

/// Measures and prints.
pub(crate) async fn measure() -> anyhow::Result<()> {
    for (name, scene) in [("plain", Scene::Plain), ("observed", Scene::Observed)] {
        let ground = Ground::prepare(scene).await?;
        let few = count(&ground, FEW).await?;
        let many = count(&ground, MANY).await?;
        println!(
            "{name:<10} {:>8} instructions per request",
            (many - few) / (MANY - FEW)
        );
    }
    Ok(())
}

/// Of a whole life of the proxy with so many requests.
async fn count(ground: &Ground, requests: u64) -> anyhow::Result<u64> {
    let (running, report) = ground.start_counted().await?;
    ask(running.address, requests).await?;
    running.process.stop()?;
    read(&report)
}

async fn ask(address: SocketAddr, requests: u64) -> anyhow::Result<()> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(RawClient::connect(address).await?);
    }
    for number in 0..requests {
        let client = &mut clients[usize::try_from(number)? % CONNECTIONS];
        let reply = client.get(HOST, PATH).await?;
        ensure!(reply.status() == 200, "{}", reply.text());
    }
    Ok(())
}

/// The line `summary: 123456`.
fn read(report: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(report).with_context(|| report.display().to_string())?;
    let mut lines = text.lines();
    let sum = lines.find_map(|line| line.strip_prefix("summary: "));
    Ok(sum.context("valgrind wrote no summary")?.trim().parse()?)
}
