//! `make bench-slow`: thousands of connections of clients that are slow, silent or idle;
//! what each costs the proxy in memory, when it lets go of them, and how somebody else
//! is served meanwhile.
//!
//! The proxy is a process of its own, at its defaults. This process holds the other
//! ends: with a limit of 20 000 open files each, 15 000 connections fit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use fairway_tests::raw_client::RawClient;
use fairway_tests::swarm::{Aim, Ended, Manner, Swarm};

use super::peer::{Ground, HOST, PATH, Peer, SINK, Scene};
use super::process::Process;

/// Connections of the kinds that cost a socket and little else.
const MANY: usize = 15_000;
/// Connections that hold one to a server, too.
const FEWER: usize = 5_000;

const BEAT: Duration = Duration::from_secs(5);

/// The target for an idle keep-alive connection.
const IDLE_KIB: u64 = 16;
/// The target for one that has not asked for anything.
const SILENT_KIB: u64 = 32;

/// How long everybody else is asked to wait at most between two answers.
const PAUSE: Duration = Duration::from_millis(20);

struct Kind {
    name: &'static str,
    host: &'static str,
    manner: Manner,
    count: usize,
    /// Closed after this long, and a sweep or two.
    limit: Duration,
    /// KiB of memory each.
    most: u64,
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "idle keep-alive",
        host: HOST,
        manner: Manner::Idle,
        count: MANY,
        limit: Duration::from_secs(60),
        most: IDLE_KIB,
    },
    Kind {
        name: "silent",
        host: HOST,
        manner: Manner::Silent,
        count: MANY,
        limit: Duration::from_secs(10),
        most: SILENT_KIB,
    },
    Kind {
        name: "slow head",
        host: HOST,
        manner: Manner::SlowHead(BEAT),
        count: MANY,
        limit: Duration::from_secs(10),
        most: SILENT_KIB,
    },
    Kind {
        name: "slow body",
        host: SINK,
        manner: Manner::SlowBody(BEAT),
        count: FEWER,
        limit: Duration::from_secs(15),
        most: 2 * SILENT_KIB,
    },
    Kind {
        name: "slow chunks",
        host: SINK,
        manner: Manner::SlowChunk(BEAT),
        count: FEWER,
        limit: Duration::from_secs(15),
        most: 2 * SILENT_KIB,
    },
];

/// What else a proxy may need to let go of the last: two sweeps of a second each, and
/// the time it took to open them all.
const SLACK: Duration = Duration::from_secs(2);

/// Every kind in turn, each on a fresh proxy.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let ground = Ground::prepare(Scene::Plain).await?;
    let _sink = ground.sink().await;
    println!(
        "{:<16} {:>11} {:>9} {:>9} {:>8} {:>9} {:>9} {:>7} {:>9}",
        "",
        "connections",
        "RSS MiB",
        "then",
        "KiB each",
        "closed s",
        "answers",
        "failed",
        "worst ms"
    );
    let mut missed = Vec::new();
    for kind in KINDS {
        let running = ground.start(Peer::Fairway).await?;
        if let Err(error) = one(&kind, running.address, &running.process).await {
            missed.push(format!("{}: {error}", kind.name));
        }
    }
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

async fn one(kind: &Kind, address: SocketAddr, process: &Process) -> anyhow::Result<()> {
    let aim = Aim {
        address,
        host: HOST.to_owned(),
        target: PATH.to_owned(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let good = tokio::spawn(ask(aim.clone(), Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = process.resident_kib()?;
    let began = Instant::now();
    let at = Aim {
        host: kind.host.to_owned(),
        ..aim
    };
    let swarm = Swarm::gather(&at, kind.manner, kind.count).await?;
    let opened = began.elapsed();
    let (with, open) = (process.resident_kib()?, swarm.open());
    let Ended {
        closed,
        left,
        longest,
    } = swarm.outlast(kind.limit * 2 + opened + SLACK).await;
    stop.store(true, Ordering::Relaxed);
    let (answers, failed, worst) = good.await?;
    let each = with.saturating_sub(before) / u64::try_from(open.max(1))?;
    println!(
        "{:<16} {open:>11} {:>9} {:>9} {each:>8} {:>9.1} {answers:>9} {failed:>7} {:>9}",
        kind.name,
        before / 1024,
        with / 1024,
        longest.as_secs_f64(),
        worst.as_millis(),
    );
    // What was let go before the last had come was not measured.
    ensure!(
        open * 20 >= kind.count * 19,
        "only {open} were open at once"
    );
    ensure!(left == 0 && closed == kind.count, "{left} were not let go");
    ensure!(failed == 0, "{failed} good requests failed");
    ensure!(each <= kind.most, "{each} KiB each, not {}", kind.most);
    let most = kind.limit + SLACK;
    ensure!(longest <= most, "{longest:?} until the last, not {most:?}");
    Ok(())
}

/// Somebody else: answers, failures, and the longest wait for one.
async fn ask(aim: Aim, stop: Arc<AtomicBool>) -> (u64, u64, Duration) {
    let (mut answers, mut failed, mut worst) = (0, 0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        // A connection each: who is new has to be let in.
        let asked = async {
            let mut client = RawClient::connect(aim.address).await?;
            client.get(&aim.host, &aim.target).await
        };
        match asked.await {
            Ok(reply) if reply.status() == 200 => answers += 1,
            _ => failed += 1,
        }
        worst = worst.max(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    (answers, failed, worst)
}
