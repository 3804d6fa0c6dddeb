//! `fairway-proxy`: the data plane as a process.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use fairway_proxy::{Config, LogOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the health check waits for an answer.
const HEALTHCHECK_LIMIT: Duration = Duration::from_secs(3);

/// Forwards HTTP as the control plane says.
#[derive(Parser)]
#[command(name = "fairway-proxy", version)]
struct Cli {
    #[command(flatten)]
    config: Config,

    #[command(flatten)]
    log: LogOptions,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Ask the admin address of a running proxy whether it is ready; 0 if so.
    Healthcheck {
        /// `unix:PATH` or `host:port`.
        #[arg(long = "admin.address", env = "FAIRWAY_ADMIN_ADDRESS")]
        address: Option<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // The log may not have started yet.
            eprintln!("fairway-proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Healthcheck { address }) = &cli.command {
        return healthcheck(address.as_ref().or(cli.config.admin_address.as_ref()));
    }
    fairway_proxy::start_log(&cli.log)?;
    anyhow::ensure!(
        !cli.config.control_planes.is_empty(),
        "where is the control plane? Give --control-plane=http://HOST:9090"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(cli.config))?;
    Ok(ExitCode::SUCCESS)
}

fn healthcheck(address: Option<&String>) -> anyhow::Result<ExitCode> {
    let address = address.context("which proxy? Give --admin.address")?;
    match fairway_proxy::healthcheck(address, HEALTHCHECK_LIMIT) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Until a signal: the first drains, the second ends at once. SIGUSR1 is for the access
/// log.
async fn serve(config: Config) -> anyhow::Result<()> {
    // Before anything starts: a stop must never find the default handler.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reopen = signal(SignalKind::user_defined1())?;
    let running = fairway_proxy::start(config)?;
    loop {
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => break,
            _ = reopen.recv() => running.reopen_access_log(),
        }
    }
    tokio::select! {
        () = running.stop() => {}
        () = either(&mut terminate, &mut interrupt) => tracing::warn!("ended at once"),
    }
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
