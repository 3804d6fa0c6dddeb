//! Publishes what the picture declares: only when it changed, at once where a
//! server has to leave, and never so often that nothing else gets done.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::debounce::Debounce;
use super::super::picture::Picture;
use super::super::{DockerOptions, DockerVitals, Surroundings, assemble};
use crate::model::{Diagnostic, Occurrence, ProviderState};

/// Occurrences that are kept.
const MAX_OCCURRENCES: usize = 64;

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
    /// What has happened lately, to containers by their ids or, once known, names.
    occurrences: VecDeque<Occurrence>,
    /// Of the last occurrence.
    number: u64,
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
            occurrences: VecDeque::new(),
            number: 0,
        }
    }

    /// Something happened to the container of this id.
    pub(super) fn note(&mut self, container: &str, action: String, picture: &Picture) {
        self.number += 1;
        self.occurrences.push_back(Occurrence {
            number: self.number,
            at: SystemTime::now(),
            // Before it is gone; that of a new one is known once it was listed.
            subject: picture.name(container).unwrap_or(container).to_owned(),
            action,
        });
        if self.occurrences.len() > MAX_OCCURRENCES {
            self.occurrences.pop_front();
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
        let mut state = assemble(&picture.containers(), &self.options, &self.surroundings);
        for occurrence in &mut self.occurrences {
            if let Some(name) = picture.name(&occurrence.subject) {
                name.clone_into(&mut occurrence.subject);
            }
        }
        state.occurrences = self.occurrences.iter().cloned().collect();
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
            if shown
                .as_deref()
                .is_some_and(|shown| shown.declares_the_same_as(&state))
            {
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
