//! The process's own log: on standard error or in a file, as text or JSON lines.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// What is logged, and how.
#[derive(Args, Clone, Debug)]
pub struct LogOptions {
    /// error, warn, info, debug, trace, or a filter such as `info,fairway_proxy=debug`.
    #[arg(
        long = "log.level",
        env = "FAIRWAY_LOG_LEVEL",
        default_value = "info",
        global = true
    )]
    pub level: String,

    /// Form of a line.
    #[arg(long = "log.format", env = "FAIRWAY_LOG_FORMAT", value_enum,
          default_value_t = LogFormat::Common, global = true)]
    pub format: LogFormat,

    /// No colours, also on a terminal.
    #[arg(
        long = "log.noColor",
        alias = "log.nocolor",
        env = "FAIRWAY_LOG_NOCOLOR",
        global = true
    )]
    pub no_color: bool,

    /// File that the log is written to, in place of standard error.
    #[arg(
        long = "log.filePath",
        alias = "log.filepath",
        env = "FAIRWAY_LOG_FILEPATH",
        global = true
    )]
    pub file_path: Option<PathBuf>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    #[value(alias = "text")]
    Common,
    /// One JSON object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is no filter.
    #[error("`{0}` is not a log level: one of error, warn, info, debug, trace")]
    Level(String),
    /// The file cannot be written.
    #[error("cannot write the log to {path}", path = path.display())]
    File {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else has set up a log before.
    #[error("the log is set up already")]
    Twice,
}

/// Starts the log of the process.
///
/// # Errors
/// If an option cannot be used, or there is a log already.
pub fn start(options: &LogOptions) -> Result<(), LogError> {
    let level = &options.level;
    let filter = EnvFilter::try_new(level).map_err(|_| LogError::Level(level.clone()))?;
    let (writer, is_terminal) = match &options.file_path {
        None => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
        Some(path) => {
            let file = open(path).map_err(|source| LogError::File {
                path: path.clone(),
                source,
            })?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal && !options.no_color)
        .with_writer(writer);
    let started = match options.format {
        LogFormat::Common => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogError::Twice)
}

/// Made if it is not there; lines are put behind what is in it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(level: &str, path: &Path) -> LogOptions {
        LogOptions {
            level: level.to_owned(),
            format: LogFormat::Json,
            no_color: false,
            file_path: Some(path.to_owned()),
        }
    }

    #[test]
    fn the_log_is_written_to_a_file_as_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/proxy.log");
        let wrong = start(&options("loud=loud", &path)).unwrap_err();
        assert!(wrong.to_string().contains("`loud=loud` is not a log level"));
        let wrong = start(&options("info", Path::new("/proc/not/there"))).unwrap_err();
        assert_eq!(wrong.to_string(), "cannot write the log to /proc/not/there");
        start(&options("info", &path)).unwrap();
        tracing::info!(router = "web", "a line for the file");
        tracing::debug!("a line for nobody");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let line = lines.find(|line| line["message"] == "a line for the file");
        let line = line.expect("the line");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["router"], "web");
        assert!(!text.contains("a line for nobody"));
    }
}
