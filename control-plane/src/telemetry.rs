//! The process's own log, on standard error.

use std::io::IsTerminal as _;

use fairway_control::config::{LogFormat, LogOptions};
use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG`, if it is set, overrules the level.
pub(crate) fn start(options: LogOptions) {
    let level = options.level.as_str();
    let filter = EnvFilter::try_from_default_env()
        // The libraries' debug lines are about themselves.
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,fairway_control={level}")));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match options.format {
        LogFormat::Common => lines.with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
