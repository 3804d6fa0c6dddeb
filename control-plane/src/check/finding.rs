//! What was found, brought back to the file and line it comes from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::compile::{self, Compiled};
use crate::compose::{Guests, Place, Project, Service};
use crate::model::Diagnostic;
use crate::provider::FILE_PROVIDER;

/// A diagnostic with its place. Ordered by file and line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file by its order, to sort by.
    order: Option<Place>,
    /// File that holds the cause, if one does.
    pub file: Option<PathBuf>,
    /// Service that holds the cause, if one does.
    pub service: Option<String>,
    /// What was found.
    pub diagnostic: Diagnostic,
}

impl Finding {
    /// Line in the file, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.order.map(|place| place.line)
    }

    /// Something without a file.
    pub(super) fn of_engine(diagnostic: Diagnostic) -> Self {
        Self {
            order: None,
            file: None,
            service: None,
            diagnostic,
        }
    }

    /// Something in a file of the file provider; its line stands in the label.
    fn of_provider_file(diagnostic: Diagnostic) -> Self {
        Self {
            file: diagnostic.container.as_ref().map(PathBuf::from),
            ..Self::of_engine(diagnostic)
        }
    }

    /// Something about a service as a whole, or about none.
    pub(super) fn of_service(
        project: &Project,
        service: Option<&Service>,
        diagnostic: Diagnostic,
    ) -> Self {
        let place = service.map(|service| service.place);
        Self::new(
            project,
            place,
            service.map(|it| it.name.clone()),
            diagnostic,
        )
    }

    fn new(
        project: &Project,
        place: Option<Place>,
        service: Option<String>,
        diagnostic: Diagnostic,
    ) -> Self {
        Self {
            order: place,
            file: place.and_then(|place| project.files.get(place.file).cloned()),
            service,
            diagnostic,
        }
    }
}

/// Everything that was found about files.
pub(super) fn of_files(project: &Project, guests: &Guests, compiled: &Compiled) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for problem in &project.problems {
        let (service, diagnostic) = (problem.service.clone(), problem.diagnostic.clone());
        findings.push(Finding::new(project, problem.place, service, diagnostic));
    }
    let mut told = BTreeSet::new();
    for compile::Finding {
        provider,
        diagnostic,
    } in &compiled.diagnostics
    {
        if provider == FILE_PROVIDER {
            findings.push(Finding::of_provider_file(diagnostic.clone()));
            continue;
        }
        let container = diagnostic.container.as_deref().unwrap_or_default();
        let service = guests
            .service(container)
            .and_then(|at| project.services.get(at));
        // Replicas have the same labels: once is enough.
        let unnamed = match service {
            Some(service) => diagnostic.message.replace(container, &service.name),
            None => diagnostic.message.clone(),
        };
        let name = service.map(|it| it.name.as_str());
        if !told.insert((
            name,
            diagnostic.label.as_deref(),
            &diagnostic.object,
            unnamed,
        )) {
            continue;
        }
        let place = place(project, service, diagnostic.label.as_deref());
        let name = name.map(str::to_owned);
        findings.push(Finding::new(project, place, name, diagnostic.clone()));
    }
    findings
}

/// Where a label stands; if it is not there, where its object's others do, else
/// where the service does.
fn place(project: &Project, service: Option<&Service>, label: Option<&str>) -> Option<Place> {
    let written = |service: &Service| {
        let label = label?;
        let exact = service.labels.get(label).map(|(_, place)| *place);
        exact.or_else(|| first(service, |key| key.eq_ignore_ascii_case(label)))
    };
    let everywhere = || project.services.iter().find_map(written);
    service
        .and_then(written)
        .or_else(everywhere)
        .or_else(|| service.and_then(|service| of_object(service, label?)))
        .or_else(|| service.map(|service| service.place))
}

/// Where the first label of the object stands that a label belongs to.
fn of_object(service: &Service, label: &str) -> Option<Place> {
    /// Parts of `traefik.http.routers.NAME`.
    const PARTS: usize = 4;
    let parts: Vec<&str> = label.splitn(PARTS.saturating_add(1), '.').collect();
    let object = parts.get(..PARTS)?.join(".").to_lowercase() + ".";
    first(service, |key| key.to_lowercase().starts_with(&object))
}

fn first(service: &Service, fits: impl Fn(&str) -> bool) -> Option<Place> {
    let places = service.labels.iter().filter(|(key, _)| fits(key));
    places.map(|(_, (_, place))| *place).min()
}
