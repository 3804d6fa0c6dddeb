//! `fairway-control`: a thin shell around the library.

mod healthcheck;
mod preview;
mod telemetry;

use std::process::ExitCode;

use anyhow::Context as _;
use fairway_control::config::{Command, StaticConfig, WaitOptions};
use fairway_control::explain::{ExplainError, ExplainOptions};
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
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            println!("fairway-control {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Check(options) => block_on(preview::check(*options)),
        Command::Diff(options) => block_on(preview::diff(*options)),
        Command::Healthcheck(config) => {
            block_on(healthcheck::ask(&config)).map(|()| ExitCode::SUCCESS)
        }
        Command::Explain(options) => block_on(async move {
            print!("{}", fairway_control::explain::explain(&options).await?);
            Ok(ExitCode::SUCCESS)
        }),
        Command::ExplainHelp => {
            print!("{}", ExplainOptions::help());
            Ok(ExitCode::SUCCESS)
        }
        Command::Wait(options) => block_on(wait(options)).map(|()| ExitCode::SUCCESS),
        Command::Run(config) => {
            let started = telemetry::start(&config.log);
            started.and_then(|()| block_on(run(*config)).map(|()| ExitCode::SUCCESS))
        }
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            eprintln!("fairway-control: {error:#}");
            let waited = error.downcast_ref().map(WaitError::exit_code);
            let explained = error.downcast_ref().map(ExplainError::exit_code);
            let code = waited.or(explained);
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
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
