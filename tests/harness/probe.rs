//! The probe against backends that behave and that do not.

use std::time::Duration;

use fairway_tests::backend::recorder::{Recorder, Script};
use fairway_tests::backend::{Backend, Mode};
use fairway_tests::loopback::free_address;
use fairway_tests::probe::{FailureKind, Probe, ProbeConfig};

fn config(address: std::net::SocketAddr) -> ProbeConfig {
    ProbeConfig {
        connections: 4,
        ..ProbeConfig::new(address, "x", "/")
    }
}

#[tokio::test]
async fn a_good_backend_gives_a_flawless_report_at_the_rate_asked_for() {
    let backend = Backend::start_anywhere("web").await;
    let probe = Probe::start(config(backend.address()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = probe.finish().await;
    report.assert_flawless();
    assert!(
        (150..=210).contains(&report.counts.ok),
        "{}",
        report.counts.ok
    );
    assert_eq!(report.counts.containers["web"], report.counts.ok);
    assert_eq!(report.counts.connections, 4);
    assert!(report.latency_ms.p50 <= report.latency_ms.p99);
}

#[tokio::test]
async fn every_kind_of_failure_is_told_apart() {
    let backend = Backend::start_anywhere("web").await;
    let slow = Mode::Slow(Duration::from_secs(5));
    for (mode, kind) in [
        (Mode::Status(503), FailureKind::BadStatus),
        (Mode::CloseBeforeAnswer, FailureKind::InFlight),
        (Mode::CloseMidBody, FailureKind::Truncated),
        (Mode::Bulk(10), FailureKind::WrongNonce),
        (slow, FailureKind::Timeout),
    ] {
        backend.mode(mode.clone());
        let timeout = Duration::from_millis(200);
        let probe = Probe::start(ProbeConfig {
            timeout,
            ..config(backend.address())
        });
        fairway_tests::wait::wait_until("a failure", || probe.counts().failed > 0).await;
        let report = probe.finish().await;
        assert_eq!(
            report.failures(kind),
            report.counts.failed,
            "{mode:?} {report:#?}"
        );
        assert_eq!(report.counts.ok, 0, "{mode:?}");
    }
    backend.mode(Mode::Normal);
    let expected = vec!["api*".to_owned()];
    let probe = Probe::start(ProbeConfig {
        expected,
        ..config(backend.address())
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let report = probe.finish().await;
    assert_eq!(
        report.failures(FailureKind::WrongContainer),
        report.counts.sent
    );

    let address = backend.address();
    backend.kill().await;
    let probe = Probe::start(config(address));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let report = probe.finish().await;
    assert_eq!(report.failures(FailureKind::Connect), report.counts.sent);
}

#[tokio::test]
async fn an_idle_connection_closed_by_the_peer_is_no_failure() {
    // Says "keep-alive" and closes after each answer.
    let answers = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()];
    let recorder = Recorder::start(
        free_address(),
        Script {
            answers,
            close: true,
        },
    )
    .await;
    let probe = Probe::start(ProbeConfig {
        rate: 50.0,
        connections: 2,
        check_nonce: false,
        ..config(recorder.address())
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let report = probe.finish().await;
    report.assert_flawless();
    assert_eq!(report.counts.connections, report.counts.ok);
    assert_eq!(report.counts.retried, 0);
}

#[tokio::test]
async fn a_stall_shows_in_the_latency_of_what_it_held_up() {
    let backend = Backend::start_anywhere("web").await;
    let probe = Probe::start(ProbeConfig {
        connections: 1,
        ..config(backend.address())
    });
    probe.wait_ok(20).await;
    backend.mode(Mode::Slow(Duration::from_millis(300)));
    let slow_from = backend.requests();
    fairway_tests::wait::wait_until("a slow one", || backend.requests() > slow_from + 1).await;
    backend.mode(Mode::Normal);
    probe.wait_ok(100).await;
    let report = probe.finish().await;
    report.assert_flawless();
    // One connection: everything due meanwhile was late too.
    assert!(report.latency_ms.max >= 300.0, "{:?}", report.latency_ms);
    assert!(report.latency_ms.p99 >= 200.0, "{:?}", report.latency_ms);
}

#[tokio::test]
async fn the_program_prints_its_report_and_fails_with_its_requests() {
    let backend = Backend::start_anywhere("web").await;
    for (expect, code) in [("web", 0), ("api", 1)] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_load-probe"))
            .args(["--address", &backend.address().to_string(), "--host", "x"])
            .args(["--seconds", "0.3", "--connections", "2", "--expect", expect])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = tokio::task::spawn_blocking(|| output.wait_with_output()).await;
        let output = output.unwrap().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["sent"].as_u64().unwrap() > 10, "{report}");
        assert_eq!(output.status.code(), Some(code), "{report}");
    }
}
