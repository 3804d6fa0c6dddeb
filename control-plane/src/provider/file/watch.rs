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
/// `None` until they were read once. `SIGHUP` has them read also where they are not
/// followed. Ends when it is dropped.
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
        let hangup = async {
            match &mut again {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changed.notified(), if options.watch => settle(&changed).await,
            _ = hangup => {}
            () = sleep(ROUND), if options.watch => {}
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::rule::RuleSyntax;

    type Spoken = watch::Receiver<Option<Arc<ProviderState>>>;

    /// The provider of a directory; ends with the first of the two.
    fn started(directory: &Path) -> (AbortOnDropHandle<()>, Spoken) {
        let options = FileOptions {
            source: FileSource::Directory(directory.to_owned()),
            watch: true,
            rule_syntax: RuleSyntax::default(),
        };
        let (out, spoken) = watch::channel(None);
        (
            AbortOnDropHandle::new(tokio::spawn(run(options, out))),
            spoken,
        )
    }

    async fn wait_routers(spoken: &mut Spoken, expected: &[&str]) {
        let is_there = |state: &Option<Arc<ProviderState>>| {
            let state = state.as_ref();
            state.is_some_and(|state| state.config.routers.keys().eq(expected))
        };
        spoken.wait_for(is_there).await.unwrap();
    }

    fn site(directory: &Path, router: &str) {
        std::fs::create_dir_all(directory).unwrap();
        let text = format!("http: {{routers: {{{router}: {{rule: Path(`/`), service: s}}}}}}");
        std::fs::write(directory.join("site.yml"), text).unwrap();
    }

    // A release that is switched by a link above the directory: nothing in what is
    // followed has changed.
    #[tokio::test(start_paused = true)]
    async fn what_nobody_tells_of_is_found_by_and_by() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        site(&at("release-1/dynamic"), "one");
        site(&at("release-2/dynamic"), "two");
        std::os::unix::fs::symlink(at("release-1"), at("current")).unwrap();
        let (_provider, mut spoken) = started(&at("current/dynamic"));
        wait_routers(&mut spoken, &["one"]).await;
        std::os::unix::fs::symlink(at("release-2"), at("next")).unwrap();
        std::fs::rename(at("next"), at("current")).unwrap();
        wait_routers(&mut spoken, &["two"]).await;
        site(&at("release-2/dynamic"), "three");
        wait_routers(&mut spoken, &["three"]).await;
    }

    #[tokio::test]
    async fn a_directory_that_is_gone_keeps_what_it_declared_until_it_is_back() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("dynamic");
        site(&directory, "one");
        let (_provider, mut spoken) = started(&directory);
        wait_routers(&mut spoken, &["one"]).await;
        std::fs::rename(&directory, place.path().join("away")).unwrap();
        let told = |state: &Option<Arc<ProviderState>>| {
            let state = state.as_ref();
            state.is_some_and(|state| state.diagnostics.len() == 2)
        };
        let state = spoken.wait_for(told).await.unwrap().clone().unwrap();
        assert!(state.config.routers.contains_key("one"));
        let message = &state.diagnostics[0].message;
        assert!(message.contains("stays in force"), "{message}");
        site(&directory, "two");
        wait_routers(&mut spoken, &["two"]).await;
    }
}
