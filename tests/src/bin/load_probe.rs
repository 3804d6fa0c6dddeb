//! The load probe as a program, for tests that run against containers. Ends
//! after `--seconds`, on SIGINT or SIGTERM, or when its input is closed (with
//! `--until-input-ends`), and prints its report as JSON. Exit code 1: something
//! failed.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use fairway_tests::probe::{Probe, ProbeConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

#[derive(Debug, Parser)]
#[command(about = "Sends requests at a fixed rate and counts every kind of failure")]
struct Arguments {
    /// Where to connect, host:port; repeatable
    #[arg(long, required = true)]
    address: Vec<SocketAddr>,
    /// Host header
    #[arg(long)]
    host: String,
    /// Request target
    #[arg(long, default_value = "/")]
    path: String,
    /// Requests per second
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// End after this many seconds; 0: go on until told to end
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
    /// Keep-alive connections
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds until an answer must be there
    #[arg(long, default_value_t = 10.0)]
    timeout: f64,
    /// Name of a container that may answer, `prefix*` too; repeatable
    #[arg(long)]
    expect: Vec<String>,
    /// The backends do not echo X-Nonce
    #[arg(long)]
    no_nonce: bool,
    /// Send a request again when a reused connection ended without any answer
    #[arg(long)]
    retry_unanswered: bool,
    /// End when the standard input is closed
    #[arg(long)]
    until_input_ends: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut interrupted = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let input_ended = input_end(arguments.until_input_ends);
    let seconds = arguments.seconds;
    let probe = Probe::start(config(arguments)?);
    let time_over = async {
        if seconds > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = time_over => {}
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        _ = input_ended => {}
    }
    let report = probe.finish().await;
    println!("{}", serde_json::to_string_pretty(&report)?);
    let flawless = report.counts.failed == 0 && report.counts.ok > 0;
    Ok(if flawless {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn config(arguments: Arguments) -> anyhow::Result<ProbeConfig> {
    anyhow::ensure!(arguments.rate > 0.0, "--rate must be above 0");
    anyhow::ensure!(arguments.connections > 0, "--connections must be above 0");
    let timeout = Duration::try_from_secs_f64(arguments.timeout).context("--timeout")?;
    Ok(ProbeConfig {
        addresses: arguments.address,
        host: arguments.host,
        path: arguments.path,
        method: "GET".to_owned(),
        rate: arguments.rate,
        connections: arguments.connections,
        timeout,
        expected: arguments.expect,
        check_nonce: !arguments.no_nonce,
        retry_unanswered: arguments.retry_unanswered,
    })
}

/// Reading the input blocks: that is a thread's work.
async fn input_end(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (sender, receiver) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut sink = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut sink);
        drop(sender);
    });
    let _ = receiver.await;
}
