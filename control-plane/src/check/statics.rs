//! The static configuration that goes with the files: the flags of the router they
//! start, then those of the command line.
//!
//! The router's flags name files as its container sees them, those of the command line
//! as this machine does.

use super::entrypoint::Origin;
use super::finding::Finding;
use crate::compose::{self, Project};
use crate::config::{ConfigError, StaticConfig};
use crate::model::Diagnostic;
use crate::provider::file::FileSource;

/// Flags as a configuration, without those that cannot be used.
#[derive(Debug)]
pub(super) struct Statics {
    pub(super) config: StaticConfig,
    pub(super) origin: Origin,
    diagnostics: Vec<Diagnostic>,
    /// The service the flags are from.
    service: Option<String>,
}

impl Statics {
    pub(super) fn of(project: &Project, flags: &[String]) -> Self {
        let router = compose::flags(project);
        let service = router.as_ref().map(|(service, _)| service.name.clone());
        let of_file = router.map(|(_, flags)| flags).unwrap_or_default();
        let names = |flags: &[String]| {
            let mut flags = flags.iter().map(|flag| flag.to_lowercase());
            flags.any(|flag| flag.trim_start_matches('-').starts_with("entrypoints."))
        };
        let origin = match &service {
            _ if names(flags) => Origin::Flags,
            Some(service) if names(&of_file) => Origin::Service(service.clone()),
            _ => Origin::Default,
        };
        let is_inside = !flags.iter().any(|flag| is_of_files(flag));
        let mut all = of_file;
        all.retain(|flag| is_inside || !is_of_files(flag));
        all.extend(flags.iter().cloned());
        let (mut config, mut diagnostics) = read(all);
        diagnostics.extend(config.warnings.iter().cloned());
        if let Some((router, _)) = compose::flags(project).filter(|_| is_inside) {
            diagnostics.extend(take_outside(&mut config, router));
        }
        Self {
            config,
            origin,
            diagnostics,
            service,
        }
    }

    pub(super) fn findings<'a>(
        &'a self,
        project: &'a Project,
    ) -> impl Iterator<Item = Finding> + 'a {
        let service = self.service.as_deref();
        let service = service.and_then(|name| project.services.iter().find(|it| it.name == name));
        self.diagnostics
            .iter()
            .map(move |diagnostic| Finding::of_service(project, service, diagnostic.clone()))
    }
}

/// Is it a flag of the file provider?
fn is_of_files(flag: &str) -> bool {
    let name = flag.trim_start_matches('-').to_lowercase();
    name.starts_with("providers.file")
}

/// Finds the files of the file provider on this machine; if they are not there, none
/// are read.
fn take_outside(config: &mut StaticConfig, router: &compose::Service) -> Option<Diagnostic> {
    let options = config.file.as_mut()?;
    let (FileSource::File(path) | FileSource::Directory(path)) = &mut options.source;
    if let Some(outside) = compose::outside(&router.mounts, path) {
        *path = outside;
        return None;
    }
    let message = format!(
        "{} is not known here: no bind mount of service {} leads there, so what its files \
         declare is missing",
        path.display(),
        router.name
    );
    config.file = None;
    let advice = "name the files as they are here: \
                  fairway-control check … -- --providers.file.directory=DIRECTORY";
    Some(Diagnostic::warning(message, advice))
}

/// Reads flags, leaving out those that cannot be used: one wrong flag stops a
/// router, but here the rest is worth looking at.
fn read(mut flags: Vec<String>) -> (StaticConfig, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    loop {
        let error = match StaticConfig::parse_without_environment(flags.iter().cloned()) {
            Ok(config) => return (config, diagnostics),
            Err(error) => error,
        };
        let advice = "correct the flag: the router does not start with it";
        diagnostics.push(Diagnostic::error(error.to_string(), advice));
        let before = flags.len();
        match culprit(&error) {
            Some(word) => flags.retain(|flag| !is(flag, &word)),
            None => flags.clear(),
        }
        if flags.len() == before {
            flags.clear();
        }
    }
}

/// The flag an error is about, as written and without its value.
fn culprit(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::UnexpectedArgument { word, .. } => Some(word.clone()),
        ConfigError::UnknownFlag { flag, .. }
        | ConfigError::UnavailableFlag { flag, .. }
        | ConfigError::MissingValue { flag, .. }
        | ConfigError::InvalidValue { flag, .. }
        | ConfigError::DefaultRule { flag, .. }
        | ConfigError::Constraint { flag, .. } => Some(flag.clone()),
        ConfigError::Endpoint { .. } => Some("--providers.docker.endpoint".to_owned()),
        ConfigError::NoAddress { name } | ConfigError::SameAddress { second: name, .. } => {
            Some(format!("--entrypoints.{name}"))
        }
        _ => None,
    }
}

fn is(flag: &str, culprit: &str) -> bool {
    let lower = |text: &str| text.trim_start_matches('-').to_lowercase();
    let (flag, culprit) = (lower(flag), lower(culprit));
    flag.strip_prefix(&culprit)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', '.']))
}
