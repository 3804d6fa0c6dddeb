//! The loop between providers and proxies: whenever a provider speaks, compile
//! everything and publish the result, if it is another than before.
//!
//! Level-triggered: it looks at what providers say now, never at what happened.
//! Nothing is published before every provider has spoken once, so that a control
//! plane that has just started never empties the proxies.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::select_all;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::compile::{self, Compiled, Finding, Input};
use crate::config::{EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions};
use crate::label_file::{self, LabelFiles};
use crate::model::{ProviderState, ServersTransport, Severity};
use crate::provider::DOCKER_PROVIDER;
use crate::snapshot::Snapshot;

/// A provider's latest word; `None` until it has spoken once.
pub type ProviderReceiver = watch::Receiver<Option<Arc<ProviderState>>>;

/// What the loop needs and where its results go.
#[derive(Debug)]
pub struct Reconciler {
    /// Entry points of the static configuration.
    pub entry_points: BTreeMap<String, EntryPointOptions>,
    /// Entry points that stay closed, and why.
    pub closed_entry_points: BTreeMap<String, String>,
    /// Which of Fairway's own services routers may use.
    pub internal_services: InternalServices,
    /// How requests are counted.
    pub metrics: MetricsOptions,
    /// How to speak to servers of services that name no servers transport; what is in
    /// its files is in it.
    pub servers_transport: ServersTransport,
    /// What the proxies tell about requests.
    pub observability: ObservabilityOptions,
    /// Which files labels may name.
    pub label_files: LabelFiles,
    /// What the keys are made from that nonces are signed with.
    pub nonce_key: [u8; 32],
    /// Providers by name.
    pub providers: BTreeMap<String, ProviderReceiver>,
    /// For people.
    pub compiled: watch::Sender<Option<Arc<Compiled>>>,
    /// For proxies.
    pub snapshot: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Reconciler {
    /// Runs until the providers end.
    pub async fn run(mut self) {
        loop {
            let spoken = self.providers.iter_mut().map(|(name, provider)| {
                provider
                    .borrow_and_update()
                    .clone()
                    .map(|state| (name.clone(), state))
            });
            if let Some(states) = spoken.collect::<Option<BTreeMap<_, _>>>() {
                self.publish(&states);
            }
            if !self.changed().await {
                return;
            }
        }
    }

    fn publish(&self, providers: &BTreeMap<String, Arc<ProviderState>>) {
        let started = std::time::Instant::now();
        let files = self.read_files(providers);
        let mut compiled = compile::compile(Input {
            entry_points: &self.entry_points,
            closed_entry_points: &self.closed_entry_points,
            internal_services: self.internal_services,
            metrics: &self.metrics,
            servers_transport: &self.servers_transport,
            observability: &self.observability,
            providers,
            files: &files,
            nonce_key: &self.nonce_key,
        });
        let previous = self.snapshot.borrow().clone();
        let resources = std::mem::take(&mut compiled.resources);
        let next = Snapshot::following(previous.as_deref(), resources);
        self.log_findings(&compiled.diagnostics);
        let counts = (
            compiled.routers.len(),
            compiled.services.len(),
            compiled.diagnostics.len(),
        );
        self.compiled.send_replace(Some(Arc::new(compiled)));
        if previous.is_some_and(|previous| previous.version() == next.version()) {
            debug!(version = %next.version(), "nothing changed for the proxies");
            return;
        }
        info!(
            version = %next.version(), routers = counts.0, services = counts.1,
            diagnostics = counts.2, bytes = next.encoded_len(),
            took_us = started.elapsed().as_micros(), "configuration published"
        );
        self.snapshot.send_replace(Some(Arc::new(next)));
    }

    /// What is in the files that objects name. What labels name is restricted; a
    /// file of the operator's may name any other.
    fn read_files(&self, providers: &BTreeMap<String, Arc<ProviderState>>) -> compile::Files {
        let mut files = compile::Files::new();
        for (provider, state) in providers {
            for file in compile::named_files(&state.config) {
                let text = match provider.as_str() {
                    DOCKER_PROVIDER => self.label_files.read(file.path),
                    _ => label_file::read(Path::new(file.path)),
                };
                files.insert((provider.clone(), file.path.to_owned()), text.map(Some));
            }
        }
        files
    }

    /// Logs what was not found the last time.
    fn log_findings(&self, findings: &[Finding]) {
        let before = self.compiled.borrow().clone();
        let before = before.iter().flat_map(|before| &before.diagnostics);
        // There may be one for each of thousands of containers.
        let known: HashSet<&Finding> = before.collect();
        for finding in findings.iter().filter(|it| !known.contains(it)) {
            let Finding {
                provider,
                diagnostic,
            } = finding;
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            warn!(
                provider,
                severity,
                container = diagnostic.container.as_deref().unwrap_or_default(),
                label = diagnostic.label.as_deref().unwrap_or_default(),
                object = diagnostic
                    .object
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                suggestion = diagnostic.suggestion,
                "{}",
                diagnostic.message
            );
        }
    }

    /// Waits for any provider to speak; `false` when the process is ending:
    /// providers keep their end of the channel for as long as it lives.
    async fn changed(&mut self) -> bool {
        let waits = self
            .providers
            .values_mut()
            .map(|provider| Box::pin(provider.changed()));
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() {
            // Without a provider there is one configuration: the entry points.
            return false;
        }
        select_all(waits).await.0.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::model::{Diagnostic, ObjectId};

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn take(&self) -> String {
            let bytes = std::mem::take(&mut *self.0.lock().expect("nobody panicked"));
            String::from_utf8(bytes).expect("text")
        }
    }

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panicked").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn reconciler() -> Reconciler {
        let entry = EntryPointOptions {
            address: ":80".into(),
            ..EntryPointOptions::default()
        };
        Reconciler {
            entry_points: BTreeMap::from([("http".to_owned(), entry)]),
            closed_entry_points: BTreeMap::new(),
            internal_services: InternalServices::default(),
            metrics: MetricsOptions::default(),
            servers_transport: ServersTransport::default(),
            observability: ObservabilityOptions::default(),
            label_files: LabelFiles::default(),
            nonce_key: [0; 32],
            providers: BTreeMap::new(),
            compiled: watch::Sender::new(None),
            snapshot: watch::Sender::new(None),
        }
    }

    fn state(diagnostics: Vec<Diagnostic>) -> BTreeMap<String, Arc<ProviderState>> {
        let state = ProviderState {
            diagnostics,
            ..ProviderState::default()
        };
        BTreeMap::from([("docker".to_owned(), Arc::new(state))])
    }

    fn diagnostic(container: &str) -> Diagnostic {
        Diagnostic::error("option rul is unknown", "did you mean rule?")
            .container(container)
            .label("traefik.http.routers.web.rul")
            .object(ObjectId::router("web"))
    }

    #[test]
    fn a_finding_is_logged_once_with_all_that_helps_to_mend_it() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let reconciler = reconciler();
            reconciler.publish(&state(vec![diagnostic("shop-1")]));
            let first = log.take();
            for part in [
                "WARN",
                "option rul is unknown",
                "container=\"shop-1\"",
                "label=\"traefik.http.routers.web.rul\"",
                "object=\"router web@docker\"",
                "suggestion=\"did you mean rule?\"",
                "severity=\"error\"",
            ] {
                assert!(first.contains(part), "no {part} in {first}");
            }
            reconciler.publish(&state(vec![diagnostic("shop-1"), diagnostic("shop-2")]));
            let second = log.take();
            assert!(
                second.contains("shop-2") && !second.contains("shop-1"),
                "{second}"
            );
        });
    }

    #[test]
    fn the_same_content_is_not_published_twice() {
        let reconciler = reconciler();
        let mut published = reconciler.snapshot.subscribe();
        reconciler.publish(&state(Vec::new()));
        assert!(published.has_changed().expect("the sender lives"));
        published.mark_unchanged();
        reconciler.publish(&state(vec![diagnostic("shop-1")]));
        assert!(!published.has_changed().expect("the sender lives"));
    }

    #[tokio::test]
    async fn nothing_is_published_before_every_provider_has_spoken() {
        let (docker, docker_seen) = watch::channel(None);
        let (file, file_seen) = watch::channel(None);
        let mut reconciler = reconciler();
        reconciler.providers = BTreeMap::from([
            ("docker".to_owned(), docker_seen),
            ("file".to_owned(), file_seen),
        ]);
        let mut published = reconciler.snapshot.subscribe();
        let running = tokio::spawn(reconciler.run());
        docker.send_replace(Some(Arc::default()));
        tokio::task::yield_now().await;
        assert!(published.borrow().is_none());
        file.send_replace(Some(Arc::default()));
        published.changed().await.expect("it runs");
        assert!(published.borrow().is_some());
        running.abort();
    }
}
