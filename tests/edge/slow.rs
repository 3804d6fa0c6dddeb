//! Clients that are slow, silent or deaf are let go in time, and nobody else notices.
//!
//! A few hundred connections of each manner; `make bench-slow` has the thousands.

use std::time::{Duration, Instant};

use fairway_proxy::Timeouts;
use fairway_tests::backend::Mode;
use fairway_tests::swarm::{Aim, Manner, Swarm};
use fairway_tests::world::{Setting, World, routed};
use futures_util::future::join_all;

/// Every limit of the proxy.
const LIMIT: Duration = Duration::from_secs(1);

/// Until the last of them is let go, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// Well below every limit, so that only the whole is too slow.
const BEAT: Duration = Duration::from_millis(200);

async fn start() -> World {
    let timeouts = Timeouts {
        head: LIMIT,
        idle: LIMIT,
        body: LIMIT,
        write: LIMIT,
    };
    let world = Setting::new().timeouts(timeouts).start().await;
    world.run_site(1).await;
    let large = "Host(`large.test`)";
    world.run(routed("large", "large", large)).await;
    world.wait_rotation("large.test", "/", &["large"]).await;
    world.mode("large", Mode::Bulk(64 * 1024 * 1024));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_keeps_nobody_from_the_other() {
    let world = World::start().await;
    world.run_site(2).await;
    world.mode("web-1", Mode::Slow(Duration::from_secs(5)));
    let asked = (0..40).map(|_| async {
        let began = Instant::now();
        let reply = world.get("web.test", "/").await;
        assert_eq!(reply.status(), 200);
        (reply.seen().name, began.elapsed())
    });
    let answers = join_all(asked).await;
    let quick = answers
        .iter()
        .filter(|(name, took)| name == "web-2" && *took < LIMIT * 4);
    assert!(quick.count() >= 20, "{answers:?}");
}

/// All of these are let go, while somebody else is served as ever.
async fn are_let_go(host: &str, manners: &[(Manner, usize)]) {
    let world = start().await;
    let aim = Aim {
        address: world.http(),
        host: host.to_owned(),
        target: "/".to_owned(),
    };
    let probe = world.probe("web.test", "/");
    for (manner, count) in manners {
        let swarm = Swarm::gather(&aim, *manner, *count).await;
        let ended = swarm.expect("connections").outlast(PATIENCE).await;
        println!("{manner:?}: {ended:?}");
        assert_eq!((ended.closed, ended.left), (*count, 0), "{manner:?}");
        assert!(ended.longest >= LIMIT, "{manner:?}: {ended:?}");
    }
    probe.wait_ok(20).await;
    let report = probe.finish().await;
    report.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_say_nothing_or_too_little_are_let_go() {
    let manners = [
        (Manner::Silent, 500),
        (Manner::SlowHead(BEAT), 300),
        (Manner::Stuck("PRI * HT"), 100),
        (Manner::Stuck("PRO"), 100),
        (Manner::Stuck("\r\n"), 100),
    ];
    are_let_go("web.test", &manners).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_trickle_are_cut() {
    let beyond = LIMIT * 3;
    let manners = [
        (Manner::SlowBody(beyond), 100),
        (Manner::SlowChunk(beyond), 100),
        (Manner::SlowBody(BEAT), 50),
    ];
    are_let_go("web.test", &manners).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_clients_are_let_go() {
    are_let_go("web.test", &[(Manner::Idle, 500)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_are_let_go() {
    are_let_go("large.test", &[(Manner::Deaf(LIMIT * 5), 30)]).await;
}
