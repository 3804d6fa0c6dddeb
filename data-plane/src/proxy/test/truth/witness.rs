//! The access log of the proxy, as it is written.

use std::collections::BTreeMap;
use std::sync::{Mutex, mpsc};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer};

use super::ENTRY_POINTS;

/// A line of the access log.
#[derive(Debug, Default)]
pub(super) struct Line(BTreeMap<&'static str, String>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Line {
    pub(super) fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
}

/// Takes the access log of this test's entry points.
pub(super) struct Witness(Mutex<mpsc::Sender<Line>>);

impl Witness {
    pub(super) fn new() -> (Self, mpsc::Receiver<Line>) {
        let (lines, log) = mpsc::channel();
        (Self(Mutex::new(lines)), log)
    }
}

impl<S: tracing::Subscriber> Layer<S> for Witness {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "access" {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        if ENTRY_POINTS.contains(&line.of("entryPointName")) {
            let _ = self.0.lock().unwrap().send(line);
        }
    }
}
