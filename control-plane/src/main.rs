//! `fairway-control`: a thin shell around the library.

mod healthcheck;
mod telemetry;

use std::process::ExitCode;

use anyhow::Context as _;
use fairway_control::config::{Command, StaticConfig, WaitOptions};
use fairway_control::explain::ExplainOptions;
use fairway_control::wait::WaitError;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("fairway-control: {error}");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Help => {
            print!("{}", Command::help());
            Ok(())
        }
        Command::Version => {
            println!("fairway-control {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Explain(options) => block_on(async move {
            print!("{}", fairway_control::explain::explain(&options).await?);
            Ok(())
        }),
        Command::ExplainHelp => {
            print!("{}", ExplainOptions::help());
            Ok(())
        }
        Command::Healthcheck(config) => block_on(healthcheck::ask(&config)),
        Command::Wait(options) => block_on(wait(options)),
        Command::Run(config) => {
            telemetry::start(config.log);
            block_on(run(*config))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fairway-control: {error:#}");
            let waited = error.downcast_ref::<WaitError>();
            waited.map_or(ExitCode::FAILURE, |error| ExitCode::from(error.exit_code()))
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}

async fn run(config: StaticConfig) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let running = fairway_control::start(config).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping");
    running.stop().await;
    Ok(())
}

async fn wait(options: WaitOptions) -> anyhow::Result<()> {
    let waited = fairway_control::wait::wait(&options).await?;
    println!("{waited}");
    for node in &waited.disconnected {
        eprintln!(
            "fairway-control: proxy {node} is disconnected; if it runs, it serves what it had"
        );
    }
    Ok(())
}
