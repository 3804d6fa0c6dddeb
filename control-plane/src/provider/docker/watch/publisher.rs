//! Publishes what the picture declares: only when it changed, at once where a
//! server has to leave, and never so often that nothing else gets done.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::debounce::Debounce;
use super::super::picture::Picture;
use super::super::{DockerOptions, DockerVitals, Surroundings, assemble};
use crate::model::{Diagnostic, ProviderState};

/// The writing end of the provider.
pub(super) struct Publisher {
    options: DockerOptions,
    out: watch::Sender<Option<Arc<ProviderState>>>,
    pub(super) surroundings: Surroundings,
    /// What was last assembled.
    state: Option<ProviderState>,
    debounce: Debounce,
    urgent: bool,
    /// Assembling takes at most half of the time.
    rest_until: Instant,
    pub(super) vitals: DockerVitals,
}

impl Publisher {
    pub(super) fn new(
        options: DockerOptions,
        out: watch::Sender<Option<Arc<ProviderState>>>,
        vitals: DockerVitals,
    ) -> Self {
        Self {
            options,
            out,
            surroundings: Surroundings::default(),
            state: None,
            debounce: Debounce::default(),
            urgent: false,
            rest_until: Instant::now(),
            vitals,
        }
    }

    /// The picture changed.
    pub(super) fn mark(&mut self, now: Instant) {
        self.debounce.mark(now);
    }

    /// The picture changed in a way that should not wait for more: a server has to
    /// leave, or all that was waited for is there.
    pub(super) fn mark_urgent(&mut self, now: Instant) {
        self.debounce.mark(now);
        self.urgent = true;
    }

    /// Something has been published.
    pub(super) fn has_published(&self) -> bool {
        self.state.is_some()
    }

    /// When to call [`Self::publish`]; `None`: there is nothing new.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.debounce.due()?;
        Some(if self.urgent {
            self.rest_until
        } else {
            due.max(self.rest_until)
        })
    }

    /// Publishes the picture, if it says something else than the last time.
    pub(super) fn publish(&mut self, picture: &Picture) {
        let begun = Instant::now();
        let state = assemble(&picture.containers(), &self.options, &self.surroundings);
        let now = Instant::now();
        self.rest_until = now + now.duration_since(begun);
        self.urgent = false;
        if self.show(state.clone()) {
            self.debounce.act(now);
        } else {
            // Nobody heard anything: the next change is again a first one.
            self.debounce = Debounce::default();
        }
        self.state = Some(state);
    }

    /// The engine is away: says so beside the last state.
    pub(super) fn lost(&self, error: &str) {
        let Some(mut state) = self.state.clone() else {
            return;
        };
        state.diagnostics.push(Diagnostic::warning(
            format!("no connection to the Docker Engine ({error}); its last known containers stay in service"),
            "check that the engine runs and that its socket is mounted",
        ));
        self.show(state);
    }

    fn show(&self, state: ProviderState) -> bool {
        self.out.send_if_modified(|shown| {
            if shown.as_deref() == Some(&state) {
                return false;
            }
            tracing::debug!(
                provider = "docker",
                routers = state.config.routers.len(),
                services = state.config.services.len(),
                diagnostics = state.diagnostics.len(),
                "containers changed"
            );
            *shown = Some(Arc::new(state));
            true
        })
    }
}
