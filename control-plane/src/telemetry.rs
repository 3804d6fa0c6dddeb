//! The process's own log: on standard error, or in a file.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use fairway_control::config::{LogFormat, LogOptions};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging. `RUST_LOG`, if it is set, overrules the level.
pub(crate) fn start(options: &LogOptions) -> anyhow::Result<()> {
    let level = options.level.as_str();
    let filter = EnvFilter::try_from_default_env()
        // The libraries' debug lines are about themselves.
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,fairway_control={level}")));
    let (writer, is_terminal) = match options.file_path.as_str() {
        "" => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
        path => {
            let file = open(Path::new(path))
                .with_context(|| format!("cannot write the log to {path} (--log.filePath)"))?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal && !options.no_color)
        .with_writer(writer);
    match options.format {
        LogFormat::Common => lines.with_target(false).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Made if it is not there; lines are put behind what is in it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).open(path)
}
