//! The one thread that writes lines, and what reaches it: batches of the workers, within
//! a bound. It ends when the last worker has.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

/// Bytes that wait for a slow sink, in the whole process.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// How often it is told that lines are dropped, and a broken sink is opened again.
const PAUSE: Duration = Duration::from_secs(10);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Of the process.
    StandardOutput,
    /// Made if it is not there; lines are put behind what is in it.
    File(PathBuf),
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to {destination}: {source}")]
pub(crate) struct OpenError {
    destination: Destination,
    source: io::Error,
}

/// A worker's way to the writer.
#[derive(Clone)]
pub(crate) struct WriterHandle {
    messages: mpsc::UnboundedSender<Message>,
    backlog: Arc<Backlog>,
}

/// The process's way to the writer: it does not keep it alive.
pub(crate) struct WriterControl {
    messages: mpsc::WeakUnboundedSender<Message>,
    backlog: Arc<Backlog>,
    /// Closed when the writer has ended.
    ended: watch::Receiver<()>,
}

/// What waits, and what could not.
struct Backlog {
    begun: Instant,
    waiting_bytes: AtomicUsize,
    dropped_lines: AtomicU64,
    /// Milliseconds after `begun`; 0: never.
    told_at: AtomicU64,
}

/// Lines of one worker.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
}

enum Message {
    Lines(Destination, Batch),
    /// Is it possible to write there?
    Open(Destination, oneshot::Sender<Result<(), OpenError>>),
    /// The file was moved away.
    Reopen,
}

/// Starts the thread.
pub(crate) fn spawn() -> io::Result<(WriterHandle, WriterControl)> {
    let (messages, receiver) = mpsc::unbounded_channel();
    let (ending, ended) = watch::channel(());
    let backlog = Arc::new(Backlog {
        begun: Instant::now(),
        waiting_bytes: AtomicUsize::new(0),
        dropped_lines: AtomicU64::new(0),
        told_at: AtomicU64::new(0),
    });
    let writer = Writer {
        sink: None,
        broken: None,
        backlog: Arc::clone(&backlog),
    };
    std::thread::Builder::new()
        .name("access-log".to_owned())
        .spawn(move || {
            writer.run(receiver);
            drop(ending);
        })?;
    let control = WriterControl {
        messages: messages.downgrade(),
        backlog: Arc::clone(&backlog),
        ended,
    };
    Ok((WriterHandle { messages, backlog }, control))
}

impl fmt::Debug for WriterControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriterControl")
    }
}

impl WriterHandle {
    /// Hands lines over, or drops them if too much waits.
    pub(super) fn hand_over(&self, destination: Destination, batch: Batch) {
        let (bytes, lines) = (batch.bytes.len(), batch.lines);
        let waiting = self.backlog.waiting_bytes.fetch_add(bytes, Relaxed);
        if waiting.saturating_add(bytes) > MAX_WAITING_BYTES {
            self.backlog.waiting_bytes.fetch_sub(bytes, Relaxed);
            self.backlog
                .dropped(lines, &"it does not take them in time");
        } else if self
            .messages
            .send(Message::Lines(destination, batch))
            .is_err()
        {
            self.backlog.dropped(lines, &"the writer has ended");
        }
    }
}

impl WriterControl {
    /// Opens a destination, so that whoever configures it hears what is wrong.
    pub(crate) async fn open(&self, destination: &Destination) -> Result<(), OpenError> {
        let (answer, answered) = oneshot::channel();
        let Some(messages) = self.messages.upgrade() else {
            return Ok(());
        };
        let _ = messages.send(Message::Open(destination.clone(), answer));
        drop(messages);
        // A sink that hangs must not keep the configuration from being applied.
        match tokio::time::timeout(PAUSE, answered).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Opens the file anew: it was moved away.
    pub(crate) fn reopen(&self) {
        if let Some(messages) = self.messages.upgrade() {
            let _ = messages.send(Message::Reopen);
        }
    }

    /// Lines that were never written.
    pub(crate) fn dropped_lines(&self) -> u64 {
        self.backlog.dropped_lines.load(Relaxed)
    }

    /// Returns when everything is written and the writer has ended.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

impl Backlog {
    /// Counts lines that are lost, and tells of them now and then.
    fn dropped(&self, lines: u64, why: &dyn fmt::Display) {
        let all = self.dropped_lines.fetch_add(lines, Relaxed) + lines;
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told = self.told_at.load(Relaxed);
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        if told != 0 && now.saturating_sub(told) < pause {
            return;
        }
        let mine = self
            .told_at
            .compare_exchange(told, now.max(1), Relaxed, Relaxed);
        if mine.is_ok() {
            tracing::warn!(dropped = all, "lines of the access log are dropped: {why}");
        }
    }
}

struct Writer {
    sink: Option<(Destination, Sink)>,
    /// What could not be opened, and when it is tried again.
    broken: Option<(Destination, Instant)>,
    backlog: Arc<Backlog>,
}

enum Sink {
    StandardOutput,
    File(File),
}

impl Writer {
    fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = messages.blocking_recv() {
            match message {
                Message::Lines(destination, batch) => self.write(&destination, &batch),
                Message::Open(destination, answer) => {
                    self.broken = None;
                    let opened = self.open(&destination);
                    let _ = answer.send(opened.map(drop));
                }
                Message::Reopen => {
                    self.broken = None;
                    if let Some((destination, _)) = self.sink.take()
                        && let Err(error) = self.open(&destination)
                    {
                        tracing::warn!("{error}");
                    }
                }
            }
        }
    }

    fn write(&mut self, destination: &Destination, batch: &Batch) {
        let written = match self.open(destination) {
            Ok(sink) => sink.write(&batch.bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let bytes = batch.bytes.len();
        self.backlog.waiting_bytes.fetch_sub(bytes, Relaxed);
        if let Err(error) = written {
            self.sink = None;
            self.backlog.dropped(batch.lines, &error);
        }
    }

    /// The sink, opened if it is not the one in use.
    fn open(&mut self, destination: &Destination) -> Result<&mut Sink, OpenError> {
        let failed = |source| OpenError {
            destination: destination.clone(),
            source,
        };
        let known = matches!(&self.sink, Some((known, _)) if known == destination);
        if !known {
            if let Some((broken, again)) = &self.broken
                && broken == destination
                && Instant::now() < *again
            {
                return Err(failed(io::Error::other("it could not be opened before")));
            }
            match Sink::open(destination) {
                Ok(sink) => self.sink = Some((destination.clone(), sink)),
                Err(error) => {
                    self.broken = Some((destination.clone(), Instant::now() + PAUSE));
                    return Err(failed(error));
                }
            }
            self.broken = None;
        }
        match &mut self.sink {
            Some((_, sink)) => Ok(sink),
            None => Err(failed(io::ErrorKind::NotFound.into())),
        }
    }
}

impl Sink {
    fn open(destination: &Destination) -> io::Result<Self> {
        let Destination::File(path) = destination else {
            return Ok(Self::StandardOutput);
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self::File(file))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(lines),
            Self::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(lines)?;
                output.flush()
            }
        }
    }
}

impl Destination {
    /// Of a path as it is configured: none is standard output.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "" | "/dev/stdout" => Self::StandardOutput,
            path => Self::File(path.into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
