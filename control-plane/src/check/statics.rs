//! The static configuration that goes with the files: the flags of the router they
//! start, then those of the command line.

use super::entrypoint::Origin;
use super::finding::Finding;
use crate::compose::{self, Project};
use crate::config::{ConfigError, StaticConfig};
use crate::model::Diagnostic;

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
        let mut all = of_file;
        all.extend(flags.iter().cloned());
        let (config, mut diagnostics) = read(all);
        diagnostics.extend(config.warnings.iter().cloned());
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
