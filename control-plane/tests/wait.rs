//! `fairway-control wait` as a script sees it: exit codes and what is printed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

use std::process::{Command, Output};

use fairway_control::StaticConfig;

async fn wait(flags: &[String]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairway-control"));
    command.arg("wait").args(flags);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_tells_what_went_wrong() {
    // A control plane whose Docker is never there.
    let flags = [
        "--providers.docker.endpoint=unix:///nonexistent/docker.sock",
        "--grpc.address=127.0.0.1:0",
    ];
    let config = StaticConfig::parse(flags.map(str::to_owned)).unwrap();
    let running = fairway_control::start(config).await.unwrap();
    let server = format!("--server=http://{}", running.grpc_address());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = format!("--server=http://{free}");
    let short = "--timeout=200ms".to_owned();
    for (flags, code, said) in [
        (
            vec![server, short.clone()],
            3,
            "not within 0.2s: there is no configuration yet",
        ),
        (
            vec![nobody.clone(), short],
            1,
            "no control plane answers on http://127.0.0.1:",
        ),
        (
            vec![nobody, "--contaner=x".to_owned()],
            2,
            "did you mean --container?",
        ),
    ] {
        let output = wait(&flags).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{flags:?}: {stderr}");
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
    running.stop().await;
}
