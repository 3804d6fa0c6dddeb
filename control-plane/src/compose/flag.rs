//! The router's own flags, where a file starts the router too.

use super::{Project, Service};

/// Images whose command holds the flags of a router.
const ROUTERS: [&str; 2] = ["fairway-control", "traefik"];

/// The flags of the first service that is a router with any, and that service.
pub(crate) fn flags(project: &Project) -> Option<(&Service, Vec<String>)> {
    let routers = project.services.iter().filter(|service| is_router(service));
    routers
        .map(|service| (service, of(service)))
        .find(|(_, flags)| !flags.is_empty())
}

fn is_router(service: &Service) -> bool {
    let path = service.image.split(['@']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = last.split(':').next().unwrap_or_default();
    ROUTERS.contains(&name)
}

fn of(service: &Service) -> Vec<String> {
    let mut words = service
        .command
        .iter()
        .map(|word| word.trim().to_owned())
        .peekable();
    words.next_if(|word| !word.starts_with('-'));
    words.filter(|word| !word.is_empty()).collect()
}
