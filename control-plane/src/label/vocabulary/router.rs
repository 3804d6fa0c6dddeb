//! Options of a router: `traefik.http.routers.<name>.…`

use super::Form::{Bool, Group, Int, List, References, Switch, Text};
use super::{Word, ignored, part, pending, refused, served};

pub(super) const WORDS: &[Word] = &[
    served("rule", Text),
    served("ruleSyntax", Text),
    served("entryPoints", List),
    served("middlewares", References),
    served("service", Text),
    served("priority", Int),
    pending(refused(
        "tls",
        Switch,
        "TLS is not available yet",
        "remove the tls labels of this router to serve it over plain HTTP",
    )),
    part("tls.options", Text),
    part("tls.certResolver", Text),
    part("tls.domains[].main", Text),
    part("tls.domains[].sans", List),
    served("observability", Group),
    served("observability.accessLogs", Bool),
    served("observability.metrics", Bool),
    served("observability.tracing", Bool),
    served("observability.traceVerbosity", Text),
    ignored(
        "parentRefs",
        List,
        "has no effect in a label",
        "remove the label",
    ),
];
