//! `fairway-control check` and `diff`: what Compose files would become, without
//! running anything.
//!
//! Files become the provider's containers (`crate::compose`), and these go through
//! the very same [`assemble`] and [`compile()`](compile::compile) as those of an engine. What was found is
//! then brought back to the file and line it comes from (`finding`), and printed
//! (`text`, `json`). Nothing is written, started or sent, but what `--docker` and
//! `diff` ask: `GET` of the engine, `GetConfig` of a running control plane.

mod diff;
mod entrypoint;
mod finding;
mod json;
mod live;
mod option;
mod statics;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use diff::{Change, Changes, DiffError, between, diff};
pub use entrypoint::Origin;
pub use finding::Finding;
pub use live::{LiveError, check_docker};
pub use option::{CheckOptions, DiffOptions, Files, Format};

use crate::compile::{self, Compiled};
pub use crate::compose::Sources;
use crate::compose::{self, Guests, Project};
use crate::config::{EntryPointOptions, StaticConfig};
use crate::model::{ObjectId, ProviderState, Severity};
use crate::provider::docker::{Surroundings, assemble};
use crate::provider::file::FileSource;
use crate::provider::{DOCKER_PROVIDER, FILE_PROVIDER};
use statics::Statics;

/// What files, or the containers of an engine, become.
#[derive(Debug)]
pub struct Report {
    /// Everything that was declared and what became of it.
    pub compiled: Compiled,
    /// What is wrong, in the order of the files.
    pub findings: Vec<Finding>,
    /// The entry points that were taken for granted.
    pub entry_points: BTreeMap<String, EntryPointOptions>,
    /// How they are known.
    pub entry_points_from: Origin,
    /// Where the files of the file provider are, if any are read.
    pub files: Option<PathBuf>,
    /// Number of containers.
    pub containers: usize,
    /// Name of the project, and names of its containers; empty without files.
    project: String,
    guests: Guests,
}

/// Checks Compose files. Pure, but for what `sources` reads.
#[must_use]
pub fn check(files: &Files, sources: Sources<'_>) -> Report {
    let (project, statics) = load(files, sources);
    compiled(&project, statics, sources)
}

/// Files and the flags that go with them.
fn load(files: &Files, sources: Sources<'_>) -> (Project, Statics) {
    let request = compose::Request {
        files: files.paths.clone(),
        project: files.project.clone(),
        env_file: files.env_file.clone(),
    };
    let project = compose::load(&request, &files.directory, sources);
    let statics = Statics::of(&project, &files.flags);
    (project, statics)
}

fn compiled(project: &Project, statics: Statics, sources: Sources<'_>) -> Report {
    let (containers, guests) = compose::containers(project);
    let options = statics.config.docker.clone().unwrap_or_default();
    let mut state = assemble(&containers, &options, &Surroundings::default());
    guests.name_servers(&mut state);
    let declared = statics.config.file.as_ref().map(sources.declared);
    let compiled = compile(&statics.config, state, declared);
    let mut findings = finding::of_files(project, &guests, &compiled);
    findings.extend(statics.findings(project));
    findings.sort();
    findings.dedup();
    Report {
        compiled,
        findings,
        entry_points: entrypoint::served(&statics.config),
        entry_points_from: statics.origin,
        files: place(&statics.config),
        containers: containers.len(),
        project: project.name.clone(),
        guests,
    }
}

/// Where the files of the file provider are.
fn place(config: &StaticConfig) -> Option<PathBuf> {
    Some(match &config.file.as_ref()?.source {
        FileSource::File(path) | FileSource::Directory(path) => path.clone(),
    })
}

/// `declared`: by the files of the file provider, if there is one.
fn compile(
    config: &StaticConfig,
    containers: ProviderState,
    declared: Option<ProviderState>,
) -> Compiled {
    let declared = declared.map(|state| (FILE_PROVIDER.to_owned(), Arc::new(state)));
    let mut providers = BTreeMap::from_iter(declared);
    providers.insert(DOCKER_PROVIDER.to_owned(), Arc::new(containers));
    // Files are in the control plane's file system, which is not at hand: they are
    // taken to be there, and good.
    let mut files = compile::Files::new();
    for (provider, state) in &providers {
        for file in compile::named_files(&state.config) {
            let refusal = config.label_files.refusal(file.path);
            let text = match refusal.filter(|_| provider == DOCKER_PROVIDER) {
                Some(refusal) => Err(refusal),
                None => Ok(None),
            };
            files.insert((provider.clone(), file.path.to_owned()), text);
        }
    }
    compile::compile(compile::Input {
        files: &files,
        nonce_key: &[0; 32],
        entry_points: &config.entry_points,
        closed_entry_points: &config.closed_entry_points,
        internal_services: config.internal_services(),
        metrics: &config.metrics,
        servers_transport: &config.servers_transport,
        observability: &config.observability,
        providers: &providers,
    })
}

impl Report {
    /// Something is not served.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// The report as a person or a program reads it.
    #[must_use]
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => text::report(self),
            Format::Json => json::report(self),
        }
    }

    /// A service has no server only because images were not looked at: certain
    /// trouble is an error.
    fn is_doubtful(&self, service: &str) -> bool {
        let id = ObjectId::service(service);
        let mut about = self.compiled.diagnostics.iter().map(|it| &it.diagnostic);
        about.any(|it| it.severity == Severity::Warning && it.object.as_ref() == Some(&id))
    }

    fn count(&self, severity: Severity) -> usize {
        let found = self.findings.iter();
        found
            .filter(|it| it.diagnostic.severity == severity)
            .count()
    }
}
