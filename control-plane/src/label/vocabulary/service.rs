//! Options of a service: `traefik.http.services.<name>.…`

use super::Form::{Bool, Duration, Free, Group, Int, Map, References, Switch, Text};
use super::{Word, refused, served};

const BY_LABEL: &str = "cannot be declared by label";
const USE_SERVERS: &str = "declare a loadBalancer";

pub(super) const WORDS: &[Word] = &[
    served("loadBalancer", Group),
    served("loadBalancer.server", Group),
    served("loadBalancer.server.port", Text),
    served("loadBalancer.server.scheme", Text),
    served("loadBalancer.server.weight", Int),
    served("loadBalancer.server.url", Text),
    served("loadBalancer.server.preservePath", Bool),
    served("loadBalancer.passHostHeader", Bool),
    served("loadBalancer.strategy", Text),
    served("loadBalancer.serversTransport", Text),
    served("loadBalancer.responseForwarding", Group),
    served("loadBalancer.responseForwarding.flushInterval", Duration),
    served("loadBalancer.sticky", Switch),
    served("loadBalancer.sticky.cookie", Switch),
    served("loadBalancer.sticky.cookie.name", Text),
    served("loadBalancer.sticky.cookie.secure", Bool),
    served("loadBalancer.sticky.cookie.httpOnly", Bool),
    served("loadBalancer.sticky.cookie.sameSite", Text),
    served("loadBalancer.sticky.cookie.maxAge", Int),
    served("loadBalancer.sticky.cookie.path", Text),
    served("loadBalancer.sticky.cookie.domain", Text),
    served("loadBalancer.healthCheck", Group),
    served("loadBalancer.healthCheck.path", Text),
    served("loadBalancer.healthCheck.mode", Text),
    served("loadBalancer.healthCheck.scheme", Text),
    served("loadBalancer.healthCheck.method", Text),
    served("loadBalancer.healthCheck.status", Int),
    served("loadBalancer.healthCheck.port", Int),
    served("loadBalancer.healthCheck.hostname", Text),
    served("loadBalancer.healthCheck.headers", Map),
    served("loadBalancer.healthCheck.interval", Duration),
    served("loadBalancer.healthCheck.unhealthyInterval", Duration),
    served("loadBalancer.healthCheck.timeout", Duration),
    served("loadBalancer.healthCheck.followRedirects", Bool),
    served("loadBalancer.passiveHealthCheck", Group),
    served("loadBalancer.passiveHealthCheck.failureWindow", Duration),
    served("loadBalancer.passiveHealthCheck.maxFailedAttempts", Int),
    served("middlewares", References),
    refused("weighted", Free, BY_LABEL, USE_SERVERS),
    refused("mirroring", Free, BY_LABEL, USE_SERVERS),
    refused("failover", Free, BY_LABEL, USE_SERVERS),
    refused("highestRandomWeight", Free, BY_LABEL, USE_SERVERS),
];
