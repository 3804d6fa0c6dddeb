//! Options of a service: `traefik.http.services.<name>.…`

use super::Form::{Bool, Duration, Free, Group, Int, Map, References, Switch, Text};
use super::{Word, ignored, later, part, pending, refused, served};

const BY_LABEL: &str = "cannot be declared by label";
const USE_SERVERS: &str = "declare a loadBalancer";

pub(super) const WORDS: &[Word] = &[
    served("loadBalancer", Group),
    served("loadBalancer.server", Group),
    served("loadBalancer.server.port", Text),
    served("loadBalancer.server.scheme", Text),
    served("loadBalancer.server.weight", Int),
    pending(refused(
        "loadBalancer.server.url",
        Text,
        "is not available yet",
        "use loadBalancer.server.port and .scheme to reach the container itself",
    )),
    ignored(
        "loadBalancer.server.preservePath",
        Bool,
        "has no effect without loadBalancer.server.url",
        "remove the label",
    ),
    served("loadBalancer.passHostHeader", Bool),
    served("loadBalancer.strategy", Text),
    served("loadBalancer.serversTransport", Text),
    later("loadBalancer.responseForwarding", Group),
    part("loadBalancer.responseForwarding.flushInterval", Duration),
    later("loadBalancer.sticky", Switch),
    part("loadBalancer.sticky.cookie", Switch),
    part("loadBalancer.sticky.cookie.name", Text),
    part("loadBalancer.sticky.cookie.secure", Bool),
    part("loadBalancer.sticky.cookie.httpOnly", Bool),
    part("loadBalancer.sticky.cookie.sameSite", Text),
    part("loadBalancer.sticky.cookie.maxAge", Int),
    part("loadBalancer.sticky.cookie.path", Text),
    part("loadBalancer.sticky.cookie.domain", Text),
    later("loadBalancer.healthCheck", Group),
    part("loadBalancer.healthCheck.path", Text),
    part("loadBalancer.healthCheck.mode", Text),
    part("loadBalancer.healthCheck.scheme", Text),
    part("loadBalancer.healthCheck.method", Text),
    part("loadBalancer.healthCheck.status", Int),
    part("loadBalancer.healthCheck.port", Int),
    part("loadBalancer.healthCheck.hostname", Text),
    part("loadBalancer.healthCheck.headers", Map),
    part("loadBalancer.healthCheck.interval", Duration),
    part("loadBalancer.healthCheck.unhealthyInterval", Duration),
    part("loadBalancer.healthCheck.timeout", Duration),
    part("loadBalancer.healthCheck.followRedirects", Bool),
    later("loadBalancer.passiveHealthCheck", Group),
    part("loadBalancer.passiveHealthCheck.failureWindow", Duration),
    part("loadBalancer.passiveHealthCheck.maxFailedAttempts", Int),
    pending(refused(
        "middlewares",
        References,
        "is not available yet",
        "name the middlewares in the routers that use the service",
    )),
    refused("weighted", Free, BY_LABEL, USE_SERVERS),
    refused("mirroring", Free, BY_LABEL, USE_SERVERS),
    refused("failover", Free, BY_LABEL, USE_SERVERS),
    refused("highestRandomWeight", Free, BY_LABEL, USE_SERVERS),
];
