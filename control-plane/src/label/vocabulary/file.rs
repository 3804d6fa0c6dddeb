//! What files have in place of some options of labels: a container is one server of
//! a service, a file lists them all, and a service can consist of others.

use super::Form::{Bool, Group, Int, List, Switch, Text};
use super::{Word, served};
use crate::model::ObjectKind;

pub(super) const SERVICE: &[Word] = &[
    served("loadBalancer.servers[].url", Text),
    served("loadBalancer.servers[].weight", Int),
    served("loadBalancer.servers[].preservePath", Bool),
    served("weighted", Group),
    served("weighted.services[].name", Text),
    served("weighted.services[].weight", Int),
    served("weighted.sticky", Switch),
    served("weighted.sticky.cookie", Switch),
    served("weighted.sticky.cookie.name", Text),
    served("weighted.sticky.cookie.secure", Bool),
    served("weighted.sticky.cookie.httpOnly", Bool),
    served("weighted.sticky.cookie.sameSite", Text),
    served("weighted.sticky.cookie.maxAge", Int),
    served("weighted.sticky.cookie.path", Text),
    served("weighted.sticky.cookie.domain", Text),
    served("weighted.healthCheck", Switch),
    served("highestRandomWeight", Group),
    served("highestRandomWeight.services[].name", Text),
    served("highestRandomWeight.services[].weight", Int),
    served("highestRandomWeight.healthCheck", Switch),
    served("mirroring", Group),
    served("mirroring.service", Text),
    served("mirroring.mirrors[].name", Text),
    served("mirroring.mirrors[].percent", Int),
    served("mirroring.mirrorBody", Bool),
    served("mirroring.maxBodySize", Int),
    served("mirroring.healthCheck", Switch),
    served("failover", Group),
    served("failover.service", Text),
    served("failover.fallback", Text),
    served("failover.healthCheck", Switch),
    served("failover.errors", Group),
    served("failover.errors.status", List),
    served("failover.errors.maxRequestBodyBytes", Int),
];

/// The options that only files have.
pub(super) fn words(kind: ObjectKind) -> &'static [Word] {
    match kind {
        ObjectKind::Service => SERVICE,
        _ => &[],
    }
}

/// The option of a label is written otherwise in a file.
pub(super) fn replaces(kind: ObjectKind, path: &str) -> bool {
    const HERE: [&str; 5] = [
        "loadBalancer.server",
        "weighted",
        "highestRandomWeight",
        "mirroring",
        "failover",
    ];
    let replaced = |here: &str| path == here || super::is_below(path, here);
    kind == ObjectKind::Service && HERE.into_iter().any(replaced)
}
