//! The access log of the proxy, as it is written.

use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::mpsc;

use fairway_proto::discovery::v1 as proto;

use super::super::access_log_resource;

/// A line of the access log.
#[derive(Debug)]
pub(super) struct Line(serde_json::Value);

impl Line {
    pub(super) fn of(&self, field: &str) -> &str {
        self.0.get(field).and_then(|it| it.as_str()).unwrap_or("")
    }
}

/// A pipe that the access log is written to.
pub(super) struct Witness {
    folder: tempfile::TempDir,
    lines: mpsc::Receiver<Line>,
}

impl Witness {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        // Open for both: it does not end when the log is opened anew.
        let mut both = std::fs::File::options();
        let end = both.read(true).write(true).open(&path).unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(end).lines() {
                let line = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(Line(line)).is_err() {
                    return;
                }
            }
        });
        Self { folder, lines }
    }

    /// The log, each line at once.
    pub(super) fn resource(&self) -> proto::Resource {
        let path = self.folder.path().join("access.log");
        access_log_resource(proto::AccessLog {
            format: proto::AccessLogFormat::Json.into(),
            file_path: path.display().to_string(),
            buffering_size: 1,
            ..Default::default()
        })
    }

    pub(super) fn line(&self, patience: std::time::Duration) -> Line {
        self.lines
            .recv_timeout(patience)
            .expect("a line of the log")
    }
}
