//! HTTP/2 as a weapon, by a stack of another language, beside requests of good clients:
//! none of those may fail, and the proxy may not grow by more than the attacker pays for.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::world::{Setting, World, routed};
use serde::Deserialize;

/// What the attacker says it did, and what was done to it.
#[derive(Debug, Deserialize)]
struct Found {
    sent: u64,
    connections: u64,
    closed: u64,
    goaways: std::collections::BTreeMap<u32, u64>,
    resets: std::collections::BTreeMap<u32, u64>,
    answers: u64,
    streams: u64,
}

impl Found {
    fn ended(&self) -> u64 {
        self.closed + self.goaways.values().sum::<u64>()
    }

    fn resets(&self) -> u64 {
        self.resets.values().sum()
    }
}

/// How long a flood goes on.
const FLOOD_SECONDS: u64 = 4;
/// How long an attacker waits at most who holds what it has got: longer than any limit
/// of the proxy of this world. It ends with its connections.
const HOLD_SECONDS: u64 = 20;
const MIB: u64 = 1024 * 1024;

/// `a.test` for the good, `bad.test` for the attacker: `/large` is a megabyte, `/slow`
/// takes its time. One second is the longest that the proxy waits for a client.
async fn world() -> World {
    let second = Duration::from_secs(1);
    let timeouts = fairway_proxy::Timeouts {
        head: second,
        idle: second * 2,
        body: second,
        write: second,
    };
    let world = Setting::new().timeouts(timeouts).start().await;
    world.run_site(1).await;
    for (name, mode) in [
        ("bad", Mode::Normal),
        ("large", Mode::Bulk(MIB)),
        ("slow", Mode::Slow(Duration::from_secs(20))),
    ] {
        let rule = match name {
            "bad" => "Host(`bad.test`)".to_owned(),
            path => format!("Host(`bad.test`) && Path(`/{path}`)"),
        };
        world.run(routed(name, name, &rule)).await;
        world.wait_rotation("bad.test", "/", &["bad"]).await;
        world.mode(name, mode);
    }
    world
}

async fn attack(world: &World, name: &str, seconds: u64) -> Found {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../target/grpc-clients/bin/python");
    assert!(
        python.exists(),
        "{} is missing: make grpc-clients",
        python.display()
    );
    let mut command = Command::new(python);
    command
        .arg(root.join("attack/http2_attack.py"))
        .args([name, &world.http().to_string(), "bad.test"])
        .arg(seconds.to_string());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Memory of this process, which the proxy is in, in bytes. The high-water mark too.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Runs one attack. What it may cost: good requests nothing; memory of the whole
/// process, backends included, a hundred times what was sent or 64 KiB for each stream
/// that is held open, and never more than 64 MiB.
async fn endure(name: &str, seconds: u64) -> Found {
    let world = world().await;
    let probe = world.probe("web.test", "/");
    probe.wait_ok(300).await;
    let (before, _) = memory();
    // The mark from here on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let found = attack(&world, name, seconds).await;
    let (_, peak) = memory();
    probe.wait_ok(100).await;
    let report = probe.finish().await;
    println!(
        "{name}: {found:?}, {} KiB more at most, p99 {} ms",
        peak.saturating_sub(before) / 1024,
        report.latency_ms.p99
    );
    report.assert_flawless();
    let growth = peak.saturating_sub(before);
    assert!(growth <= 64 * MIB, "{name}: {growth} bytes for {found:?}");
    // Backends, one connection for each stream, are in this process too.
    let floor = (16 * MIB).max(found.streams * 64 * 1024);
    assert!(
        growth <= floor.max(found.sent * 100),
        "{name}: {growth} bytes for {found:?}"
    );
    assert_eq!(world.get("web.test", "/").await.status(), 200);
    found
}

/// One test for each attack; what must have become of the attacker.
macro_rules! attacks {
    ($($name:ident, $seconds:expr, $fate:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let found = endure(stringify!($name), $seconds).await;
            let fate: fn(&Found) -> bool = $fate;
            assert!(found.sent > 0 && found.connections > 0);
            assert!(fate(&found), "{found:?}");
        }
    )*};
}

attacks! {
    rapid_reset, FLOOD_SECONDS, |it| it.ended() > 0;
    late_reset, FLOOD_SECONDS, |it| it.ended() > 0;
    made_you_reset, FLOOD_SECONDS, |it| it.ended() > 0;
    continuation, FLOOD_SECONDS, |it| it.ended() > 0;
    empty_continuation, FLOOD_SECONDS, |it| it.ended() > 0;
    settings_flood, HOLD_SECONDS, |it| it.ended() > 0;
    ping_flood, HOLD_SECONDS, |it| it.ended() > 0;
    priority_flood, FLOOD_SECONDS, |_| true;
    hpack_bomb, FLOOD_SECONDS, |it| it.answers + it.resets() + it.ended() > 0;
    crumb_bomb, HOLD_SECONDS, |it| it.answers + it.resets() + it.ended() > 0;
    empty_data, FLOOD_SECONDS, |it| it.ended() + it.resets() > 0;
    tiny_data, FLOOD_SECONDS, |it| it.ended() + it.resets() + it.answers > 0;
    zero_window, HOLD_SECONDS, |it| it.resets() >= 200;
    one_byte_window, HOLD_SECONDS, |it| it.resets() >= 50;
    no_reading, HOLD_SECONDS, |it| it.closed > 0;
    stream_hog, HOLD_SECONDS, |it| it.resets() >= 100;
    over_streams, FLOOD_SECONDS, |it| it.resets() + it.ended() > 0;
    silence, HOLD_SECONDS, |it| it.ended() >= 200;
}
