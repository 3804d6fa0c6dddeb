//! The provider's loop: reads, publishes, waits for a change.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::reader::Reader;
use super::{FileOptions, FileSource};
use crate::model::ProviderState;

/// Editors write in several steps: this long it has to be quiet.
const QUIET: Duration = Duration::from_millis(30);
/// But no change waits longer than this.
const PATIENCE: Duration = Duration::from_millis(500);
/// Files are read again after this time in any case: not every file system tells of
/// its changes.
const ROUND: Duration = Duration::from_secs(10);

/// Follows the files for ever and publishes what they declare; the channel holds
/// `None` until they were read once. Ends when it is dropped.
pub async fn run(options: FileOptions, out: watch::Sender<Option<Arc<ProviderState>>>) {
    let mut reader = Reader::new(&options);
    let changed = Arc::new(Notify::new());
    let mut places = options
        .watch
        .then(|| Places::new(&options.source, &changed));
    let mut again = signal(SignalKind::hangup()).ok();
    loop {
        let reading = tokio::task::spawn_blocking(move || {
            if let Some(places) = &mut places {
                places.follow(reader.places());
            }
            let mut state = reader.read();
            // What was read for the first time is followed from before it was read.
            if let Some(places) = &mut places
                && places.follow(reader.places())
            {
                state = reader.read();
            }
            (reader, places, state)
        });
        let state;
        (reader, places, state) = match reading.await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(provider = "file", %error, "reading the files ended");
                break;
            }
        };
        publish(&out, state);
        if !options.watch {
            break;
        }
        let hangup = async {
            match &mut again {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed.notified() => settle(&changed).await,
            _ = hangup => {}
            () = sleep(ROUND) => {}
        }
    }
    // Nobody may take the end of watching for the end of the provider.
    std::future::pending::<()>().await;
}

/// Waits until it is quiet.
async fn settle(changed: &Notify) {
    let quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    let _ = timeout(PATIENCE, quiet).await;
}

fn publish(out: &watch::Sender<Option<Arc<ProviderState>>>, state: ProviderState) {
    out.send_if_modified(|shown| {
        if shown.as_deref() == Some(&state) {
            return false;
        }
        tracing::debug!(
            provider = "file",
            routers = state.config.routers.len(),
            services = state.config.services.len(),
            diagnostics = state.diagnostics.len(),
            "files changed"
        );
        *shown = Some(Arc::new(state));
        true
    });
}

/// Nothing has changed for us: a file was read, or it is a neighbour of the only one
/// that counts.
fn is_idle(event: &notify::Event, only: Option<&OsStr>) -> bool {
    let is_neighbour = |name: &OsStr| {
        let linked = |path: &PathBuf| {
            let other = path.file_name().unwrap_or_default();
            // A mount of Kubernetes changes through a link of such a name.
            other == name || other.to_string_lossy().starts_with("..")
        };
        !event.paths.is_empty() && !event.paths.iter().any(linked)
    };
    event.kind.is_access() || only.is_some_and(is_neighbour)
}

/// Files and directories that are followed.
struct Places {
    /// `None`: the system has no way, or no room for more.
    watcher: Option<RecommendedWatcher>,
    followed: BTreeSet<PathBuf>,
}

impl Places {
    fn new(source: &FileSource, changed: &Arc<Notify>) -> Self {
        let changed = Arc::clone(changed);
        let only = match source {
            FileSource::File(path) => path.file_name().map(ToOwned::to_owned),
            FileSource::Directory(_) => None,
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_idle(&event, only.as_deref())) {
                return;
            }
            changed.notify_one();
        });
        if let Err(error) = &watcher {
            tracing::warn!(
                provider = "file", %error,
                "changes of files are not told at once: they are looked for every 10 s"
            );
        }
        Self {
            watcher: watcher.ok(),
            followed: BTreeSet::new(),
        }
    }

    /// Follows these places and no others; true if there was a new one.
    fn follow(&mut self, places: Vec<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let wanted: BTreeSet<PathBuf> = places.into_iter().filter(|path| path.exists()).collect();
        for gone in self.followed.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        let is_new = !wanted.is_subset(&self.followed);
        // A file that was replaced is another one under its old name: all are told anew.
        for path in &wanted {
            if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::debug!(provider = "file", path = %path.display(), %error, "not followed");
            }
        }
        self.followed = wanted;
        is_new
    }
}
