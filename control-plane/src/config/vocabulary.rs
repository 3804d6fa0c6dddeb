//! The flags that exist: Fairway's and Traefik's, in one table.
//!
//! A path is compared without regard to case; `*` stands for a name the user
//! chooses, `**` at the end for anything below. The first row that fits wins.

use crate::spelling;

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// Dotted path in Traefik's spelling.
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
    /// One line for `--help`; empty: not shown.
    pub(super) help: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A truth value, or the head of a group: may stand alone.
    Switch,
    /// A text that may be the next argument.
    Text,
    /// Like a text; given again, it is appended.
    List,
}

/// What becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It does what it says.
    Full,
    /// Nothing is lost by its absence.
    Moot,
    /// Accepted with a warning: not built yet, serving without it does no harm.
    NotYet,
    /// Accepted with a warning, which says what to do instead.
    Never(&'static str),
    /// The entry point stays closed: serving without it would do harm.
    Closes(&'static str),
    /// An error: what to do instead.
    Gone(&'static str),
}

use Effect::{Closes, Full, Gone, Moot, Never, NotYet};
use Kind::{List, Switch, Text};

const fn flag(path: &'static str, kind: Kind, effect: Effect, help: &'static str) -> Flag {
    Flag {
        path,
        kind,
        effect,
        help,
    }
}

/// Of what Traefik does with files of its log.
const ROTATION: &str =
    "leave the log on standard error, which Docker rotates, or use logrotate with copytruncate";

/// All flags.
pub(super) const FLAGS: &[Flag] = &[
    flag("help", Switch, Full, "print this text"),
    flag("version", Switch, Full, "print the version"),
    flag("providers.docker", Switch, Full, "watch a Docker Engine"),
    flag(
        "providers.docker.endpoint",
        Text,
        Full,
        "unix://PATH, tcp://HOST:PORT or https://HOST:PORT; DOCKER_HOST overrides it (unix:///var/run/docker.sock)",
    ),
    flag(
        "providers.docker.exposedByDefault",
        Switch,
        Full,
        "containers without traefik.enable take part (true)",
    ),
    flag(
        "providers.docker.network",
        Text,
        Full,
        "network whose address is used where a container is on it",
    ),
    flag(
        "providers.docker.defaultRule",
        Text,
        Full,
        "rule of routers without one (Host(`{{ normalize .Name }}`))",
    ),
    flag(
        "providers.docker.watch",
        Switch,
        Full,
        "follow changes (true)",
    ),
    flag(
        "providers.docker.constraints",
        Text,
        Full,
        "which containers take part: Label(`key`, `value`), LabelRegex, &&, ||, !",
    ),
    flag(
        "providers.docker.useBindPortIP",
        Switch,
        Full,
        "use the published address and port of a container (false)",
    ),
    flag(
        "providers.docker.allowEmptyServices",
        Switch,
        Full,
        "routers of containers that do not serve answer 503 instead of 404 (true)",
    ),
    flag(
        "providers.docker.labelFiles",
        List,
        Full,
        "directories whose files labels may name; empty: none (/etc/fairway,/etc/traefik)",
    ),
    flag("providers.docker.httpClientTimeout", Text, Moot, ""),
    flag(
        "providers.docker.swarmMode",
        Switch,
        Gone("Swarm services are not read yet; remove it to watch containers"),
        "",
    ),
    flag(
        "providers.docker.swarmModeRefreshSeconds",
        Text,
        Gone("Swarm services are not read yet; remove it to watch containers"),
        "",
    ),
    flag(
        "providers.docker.username",
        Text,
        Full,
        "name for what stands before the engine and asks for one",
    ),
    flag("providers.docker.password", Text, Full, "its password"),
    flag(
        "providers.docker.tls.ca",
        Text,
        Full,
        "file with the authorities that the engine's certificate may be of, or PEM (the system's)",
    ),
    flag(
        "providers.docker.tls.cert",
        Text,
        Full,
        "file with the certificate that is shown to the engine, or PEM",
    ),
    flag("providers.docker.tls.key", Text, Full, "its key, likewise"),
    flag(
        "providers.docker.tls.insecureSkipVerify",
        Switch,
        Full,
        "take any certificate of the engine (false)",
    ),
    flag("providers.docker.tls.caOptional", Switch, Moot, ""),
    flag("providers.providersThrottleDuration", Text, Moot, ""),
    flag("providers.precedence", List, Moot, ""),
    flag(
        "entryPoints.*.address",
        Text,
        Full,
        "where an entry point listens: [HOST]:PORT (http on :80 if there is none)",
    ),
    flag(
        "entryPoints.*.asDefault",
        Switch,
        Full,
        "serve routers that name no entry point",
    ),
    flag(
        "entryPoints.*.forwardedHeaders.insecure",
        Switch,
        Full,
        "believe everybody's X-Forwarded-* headers (false)",
    ),
    flag(
        "entryPoints.*.forwardedHeaders.trustedIPs",
        List,
        Full,
        "whose X-Forwarded-* headers are believed: addresses and networks",
    ),
    flag(
        "entryPoints.*.forwardedHeaders.connection",
        List,
        Full,
        "headers that middlewares see although Connection names them",
    ),
    flag(
        "entryPoints.*.forwardedHeaders.notAppendXForwardedFor",
        Switch,
        Full,
        "do not append the client to X-Forwarded-For (false)",
    ),
    flag(
        "entryPoints.*.forwardedHeaders.addXForwardedSchemeHeaders",
        Switch,
        Full,
        "write X-Forwarded-Scheme and X-Scheme, too (false)",
    ),
    flag("entryPoints.*.forwardedHeaders.**", Text, NotYet, ""),
    flag("entryPoints.*.http.tls", Switch, Closes("TLS"), ""),
    flag("entryPoints.*.http.tls.**", Text, Closes("TLS"), ""),
    flag(
        "entryPoints.*.http.middlewares",
        List,
        Full,
        "middlewares before those of every router, as in auth@docker",
    ),
    flag(
        "entryPoints.*.http.redirections.entryPoint.to",
        Text,
        Full,
        "send every client to this entry point or :PORT",
    ),
    flag(
        "entryPoints.*.http.redirections.entryPoint.scheme",
        Text,
        Full,
        "scheme of that redirection (https)",
    ),
    flag(
        "entryPoints.*.http.redirections.entryPoint.permanent",
        Switch,
        Full,
        "permanent redirection (true)",
    ),
    flag(
        "entryPoints.*.http.redirections.entryPoint.priority",
        Text,
        Full,
        "priority of the router that redirects (before all others)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedSlash",
        Switch,
        Full,
        "paths may have %2F (false)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedBackSlash",
        Switch,
        Full,
        "paths may have %5C (false)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedNullCharacter",
        Switch,
        Full,
        "paths may have %00 (false)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedSemicolon",
        Switch,
        Full,
        "paths may have %3B (true)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedPercent",
        Switch,
        Full,
        "paths may have %25 (true)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedQuestionMark",
        Switch,
        Full,
        "paths may have %3F (true)",
    ),
    flag(
        "entryPoints.*.http.encodedCharacters.allowEncodedHash",
        Switch,
        Full,
        "paths may have %23 (true)",
    ),
    flag(
        "entryPoints.*.http.sanitizePath",
        Switch,
        Full,
        "resolve //, . and .. in paths (true)",
    ),
    flag(
        "entryPoints.*.http.encodeQuerySemicolons",
        Switch,
        Full,
        "; in a query becomes %3B and not & (false)",
    ),
    flag(
        "entryPoints.*.http.maxHeaderBytes",
        Text,
        Full,
        "longest head of a request (65536)",
    ),
    flag(
        "entryPoints.*.http.underscoreHeadersStrategy",
        Text,
        Full,
        "headers with _ in their names: keep, delete or reject (delete)",
    ),
    flag("entryPoints.*.http.**", Text, NotYet, ""),
    flag("entryPoints.*.proxyProtocol", Switch, Full, ""),
    flag(
        "entryPoints.*.proxyProtocol.insecure",
        Switch,
        Full,
        "read everybody's PROXY header (false)",
    ),
    flag(
        "entryPoints.*.proxyProtocol.trustedIPs",
        List,
        Full,
        "whose PROXY header is read: addresses and networks",
    ),
    flag(
        "entryPoints.*.proxyProtocol.**",
        Text,
        Closes("the PROXY protocol"),
        "",
    ),
    flag("entryPoints.*.reusePort", Switch, Moot, ""),
    flag("entryPoints.*.allowACMEByPass", Switch, NotYet, ""),
    flag(
        "entryPoints.*.http2.maxConcurrentStreams",
        Text,
        Full,
        "HTTP/2 requests of one connection at the same time (100)",
    ),
    flag(
        "entryPoints.*.http2.maxDecoderHeaderTableSize",
        Text,
        Full,
        "bytes of the table that HTTP/2 headers are read with (4096)",
    ),
    flag("entryPoints.*.http2.**", Text, NotYet, ""),
    flag("entryPoints.*.http3", Switch, NotYet, ""),
    flag("entryPoints.*.http3.**", Text, NotYet, ""),
    flag("entryPoints.*.udp.**", Text, NotYet, ""),
    flag(
        "entryPoints.*.transport.respondingTimeouts.readTimeout",
        Text,
        Full,
        "longest time for a whole request to arrive; 0: no such limit (0)",
    ),
    flag(
        "entryPoints.*.transport.respondingTimeouts.writeTimeout",
        Text,
        Full,
        "longest time from a request's head to the end of its answer; 0: none (0)",
    ),
    flag(
        "entryPoints.*.transport.respondingTimeouts.idleTimeout",
        Text,
        Full,
        "longest pause between two requests of a connection (60s)",
    ),
    flag(
        "entryPoints.*.transport.lifeCycle.requestAcceptGraceTimeout",
        Text,
        Full,
        "how long a proxy that stops goes on accepting (as the proxy is told)",
    ),
    flag(
        "entryPoints.*.transport.lifeCycle.graceTimeOut",
        Text,
        Full,
        "how long it then waits for requests (as the proxy is told)",
    ),
    flag(
        "entryPoints.*.transport.keepAliveMaxRequests",
        Text,
        Full,
        "requests of one connection; 0: no limit (0)",
    ),
    flag(
        "entryPoints.*.transport.keepAliveMaxTime",
        Text,
        Full,
        "age at which a connection takes its last request; 0: none (0)",
    ),
    flag("entryPoints.*.transport.**", Text, NotYet, ""),
    flag(
        "entryPoints.*.observability.accessLogs",
        Switch,
        Full,
        "log requests whose router does not say (true)",
    ),
    flag(
        "entryPoints.*.observability.metrics",
        Switch,
        Full,
        "count requests whose router does not say (true)",
    ),
    flag(
        "entryPoints.*.observability.tracing",
        Switch,
        Full,
        "trace requests whose router does not say (true)",
    ),
    flag(
        "entryPoints.*.observability.traceVerbosity",
        Text,
        Full,
        "spans of requests whose router does not say: minimal or detailed (minimal)",
    ),
    flag("entryPoints.*.observability.**", Switch, NotYet, ""),
    flag("api", Switch, Full, "switch the API on"),
    flag(
        "api.insecure",
        Switch,
        Full,
        "serve the API on the entry point traefik (:8080) without authentication",
    ),
    flag(
        "api.dashboard",
        Switch,
        Full,
        "serve the dashboard with the API (true)",
    ),
    flag(
        "api.dashboardName",
        Text,
        Full,
        "what the dashboard is called besides its name",
    ),
    flag("api.disableDashboardAd", Switch, Moot, ""),
    flag("api.debug", Switch, NotYet, ""),
    flag("api.basePath", Text, NotYet, ""),
    flag(
        "ping",
        Switch,
        Full,
        "answer /ping on the entry point traefik (:8080)",
    ),
    flag("ping.entryPoint", Text, NotYet, ""),
    flag("ping.manualRouting", Switch, NotYet, ""),
    flag("ping.terminatingStatusCode", Text, NotYet, ""),
    flag("log", Switch, Full, ""),
    flag(
        "log.level",
        Text,
        Full,
        "TRACE, DEBUG, INFO, WARN or ERROR (INFO)",
    ),
    flag("log.format", Text, Full, "common or json (common)"),
    flag(
        "log.noColor",
        Switch,
        Full,
        "no colours, also on a terminal (false)",
    ),
    flag(
        "log.filePath",
        Text,
        Full,
        "file that the log is written to (standard error)",
    ),
    flag("log.maxSize", Text, Never(ROTATION), ""),
    flag("log.maxAge", Text, Never(ROTATION), ""),
    flag("log.maxBackups", Text, Never(ROTATION), ""),
    flag("log.compress", Switch, Never(ROTATION), ""),
    flag("log.**", Text, NotYet, ""),
    flag(
        "grpc.address",
        Text,
        Full,
        "where the proxies and grpcurl connect (:9090)",
    ),
    flag(
        "serversTransport.forwardingTimeouts.dialTimeout",
        Text,
        Full,
        "longest wait for a connection to a server, without TLS; 0: for ever (1s)",
    ),
    flag(
        "serversTransport.forwardingTimeouts.responseHeaderTimeout",
        Text,
        Full,
        "longest wait for a response's head; 0: for ever (0)",
    ),
    flag(
        "serversTransport.forwardingTimeouts.idleConnTimeout",
        Text,
        Full,
        "how long an idle connection to a server is kept; 0: until the server closes it (90s)",
    ),
    flag(
        "serversTransport.insecureSkipVerify",
        Switch,
        Full,
        "take any certificate of servers (false)",
    ),
    flag(
        "serversTransport.rootCAs",
        List,
        Full,
        "files with the authorities that servers' certificates may be of, or PEM (the system's)",
    ),
    flag(
        "serversTransport.maxIdleConnsPerHost",
        Text,
        Full,
        "idle connections that each worker of a proxy keeps for one server; -1: none (200)",
    ),
    flag("serversTransport.spiffe.**", Text, NotYet, ""),
    flag("tcpServersTransport.**", Text, NotYet, ""),
    flag("global.checkNewVersion", Switch, Moot, ""),
    flag(
        "global.notAppendXForwardedFor",
        Switch,
        Full,
        "no entry point appends the client to X-Forwarded-For (false)",
    ),
    flag("global.sendAnonymousUsage", Switch, Moot, ""),
    flag("global", Switch, Moot, ""),
    flag(
        "accessLog",
        Switch,
        Full,
        "one line for each request, written by each proxy (false)",
    ),
    flag(
        "accessLog.filePath",
        Text,
        Full,
        "file that each proxy writes (its standard output)",
    ),
    flag(
        "accessLog.format",
        Text,
        Full,
        "common, genericCLF or json (common)",
    ),
    flag(
        "accessLog.bufferingSize",
        Text,
        Full,
        "lines that are gathered before they are written (0)",
    ),
    flag(
        "accessLog.filters.statusCodes",
        List,
        Full,
        "log requests answered with these, as in 404,500-599",
    ),
    flag(
        "accessLog.filters.retryAttempts",
        Switch,
        Full,
        "log requests that were sent more than once (false)",
    ),
    flag(
        "accessLog.filters.minDuration",
        Text,
        Full,
        "log requests that took longer",
    ),
    flag("accessLog.filters", Switch, Moot, ""),
    flag(
        "accessLog.fields.defaultMode",
        Text,
        Full,
        "fields that are not named: keep or drop (keep)",
    ),
    flag(
        "accessLog.fields.names.*",
        Text,
        Full,
        "a field of the access log: keep or drop",
    ),
    flag(
        "accessLog.fields.headers.defaultMode",
        Text,
        Full,
        "headers that are not named: keep, drop or redact (drop)",
    ),
    flag(
        "accessLog.fields.headers.names.*",
        Text,
        Full,
        "a header: keep, drop or redact",
    ),
    flag(
        "accessLog.fields.queryParameters.defaultMode",
        Text,
        Full,
        "query parameters that are not named: keep, drop or redact (keep)",
    ),
    flag(
        "accessLog.fields.queryParameters.names.*",
        Text,
        Full,
        "a query parameter: keep, drop or redact",
    ),
    flag(
        "accessLog.addInternals",
        Switch,
        Full,
        "log requests to api@internal and ping@internal, too (false)",
    ),
    flag(
        "accessLog.requestId",
        Switch,
        Full,
        "give an X-Request-Id to requests without one, and log it (false)",
    ),
    flag("accessLog.**", Text, NotYet, ""),
    flag(
        "metrics.addInternals",
        Switch,
        Full,
        "count the requests for Fairway's own services, too (false)",
    ),
    flag(
        "metrics.prometheus",
        Switch,
        Full,
        "serve /metrics on the entry point traefik (:8080)",
    ),
    flag(
        "metrics.prometheus.entryPoint",
        Text,
        Full,
        "entry point that serves /metrics (traefik)",
    ),
    flag(
        "metrics.prometheus.manualRouting",
        Switch,
        Full,
        "serve it nowhere but through routers to prometheus@internal (false)",
    ),
    flag(
        "metrics.prometheus.buckets",
        List,
        Full,
        "upper bounds of the buckets of durations, in seconds (0.1,0.3,1.2,5)",
    ),
    flag(
        "metrics.prometheus.addEntryPointsLabels",
        Switch,
        Full,
        "show requests by entry point (true)",
    ),
    flag(
        "metrics.prometheus.addRoutersLabels",
        Switch,
        Full,
        "show requests by router (false)",
    ),
    flag(
        "metrics.prometheus.addServicesLabels",
        Switch,
        Full,
        "show requests by service (true)",
    ),
    flag(
        "metrics.prometheus.headerLabels.*",
        Text,
        Full,
        "label of the counts of requests whose value is that of a header",
    ),
    flag("metrics.**", Switch, NotYet, ""),
    flag(
        "tracing",
        Switch,
        Full,
        "send spans of requests to an OpenTelemetry collector (false)",
    ),
    flag(
        "tracing.serviceName",
        Text,
        Full,
        "service.name of the spans (traefik)",
    ),
    flag(
        "tracing.sampleRate",
        Text,
        Full,
        "share of the requests that begin a trace, 0 to 1 (1)",
    ),
    flag(
        "tracing.capturedRequestHeaders",
        List,
        Full,
        "request headers that become attributes",
    ),
    flag(
        "tracing.capturedResponseHeaders",
        List,
        Full,
        "response headers that become attributes",
    ),
    flag(
        "tracing.safeQueryParams",
        List,
        Full,
        "query parameters that are shown; others are redacted",
    ),
    flag(
        "tracing.resourceAttributes.**",
        Text,
        Full,
        "an attribute of the resource that all spans belong to",
    ),
    flag("tracing.globalAttributes.**", Text, Full, ""),
    flag(
        "tracing.addInternals",
        Switch,
        Full,
        "trace requests to api@internal and ping@internal, too (false)",
    ),
    flag("tracing.otlp", Switch, Full, ""),
    flag(
        "tracing.otlp.http",
        Switch,
        Full,
        "send OTLP over HTTP (true)",
    ),
    flag(
        "tracing.otlp.http.endpoint",
        Text,
        Full,
        "URL of the collector (https://localhost:4318/v1/traces)",
    ),
    flag(
        "tracing.otlp.http.headers.*",
        Text,
        Full,
        "a header that is sent to it",
    ),
    flag(
        "tracing.otlp.http.tls.ca",
        Text,
        Full,
        "PEM or file of the authorities to trust (the system's)",
    ),
    flag(
        "tracing.otlp.http.tls.cert",
        Text,
        Full,
        "PEM or file: who the proxies are",
    ),
    flag(
        "tracing.otlp.http.tls.key",
        Text,
        Full,
        "PEM or file: the key to it",
    ),
    flag(
        "tracing.otlp.http.tls.insecureSkipVerify",
        Switch,
        Full,
        "take any certificate (false)",
    ),
    flag(
        "tracing.otlp.grpc",
        Switch,
        Full,
        "send OTLP over gRPC (false)",
    ),
    flag(
        "tracing.otlp.grpc.endpoint",
        Text,
        Full,
        "HOST:PORT of the collector (localhost:4317)",
    ),
    flag(
        "tracing.otlp.grpc.insecure",
        Switch,
        Full,
        "without TLS (false)",
    ),
    flag(
        "tracing.otlp.grpc.headers.*",
        Text,
        Full,
        "a header that is sent to it",
    ),
    flag(
        "tracing.otlp.grpc.tls.ca",
        Text,
        Full,
        "PEM or file of the authorities to trust (the system's)",
    ),
    flag(
        "tracing.otlp.grpc.tls.cert",
        Text,
        Full,
        "PEM or file: who the proxies are",
    ),
    flag(
        "tracing.otlp.grpc.tls.key",
        Text,
        Full,
        "PEM or file: the key to it",
    ),
    flag(
        "tracing.otlp.grpc.tls.insecureSkipVerify",
        Switch,
        Full,
        "take any certificate (false)",
    ),
    flag("tracing.**", Text, NotYet, ""),
    flag(
        "core.defaultRuleSyntax",
        Text,
        Full,
        "syntax of rules whose router does not say it: v3 or v2 (v3)",
    ),
    flag("hostResolver", Switch, NotYet, ""),
    flag("hostResolver.**", Text, NotYet, ""),
    flag("certificatesResolvers.**", Text, NotYet, ""),
    flag("providers.file", Switch, Full, ""),
    flag(
        "providers.file.filename",
        Text,
        Full,
        "YAML or TOML file with routers, services and middlewares",
    ),
    flag(
        "providers.file.directory",
        Text,
        Full,
        "directory of such files; has precedence over filename",
    ),
    flag(
        "providers.file.watch",
        Switch,
        Full,
        "follow changes of the files (true)",
    ),
    flag("providers.file.debugLogGeneratedTemplate", Switch, Moot, ""),
    flag("providers.swarm", Switch, NotYet, ""),
    flag("providers.swarm.**", Text, NotYet, ""),
    flag(
        "configFile",
        Text,
        Full,
        "static configuration in YAML or TOML, instead of flags (fairway.yml or traefik.yml in /etc/fairway, /etc/traefik, ~/.config or here)",
    ),
    flag(
        "pilot.**",
        Text,
        Gone("Traefik Pilot does not exist any more; remove it"),
        "",
    ),
    flag("metrics", Switch, Moot, ""),
    flag("ocsp", Switch, NotYet, ""),
    flag("ocsp.**", Text, NotYet, ""),
    flag("spiffe.**", Text, NotYet, ""),
    flag("providers.http", Switch, NotYet, ""),
    flag("providers.http.**", Text, NotYet, ""),
    flag("providers.rest", Switch, NotYet, ""),
    flag("providers.rest.**", Text, NotYet, ""),
    flag("providers.redis", Switch, NotYet, ""),
    flag("providers.redis.**", Text, NotYet, ""),
    flag("providers.etcd", Switch, NotYet, ""),
    flag("providers.etcd.**", Text, NotYet, ""),
    flag("providers.consul", Switch, NotYet, ""),
    flag("providers.consul.**", Text, NotYet, ""),
    flag("providers.zooKeeper", Switch, NotYet, ""),
    flag("providers.zooKeeper.**", Text, NotYet, ""),
    flag("providers.consulCatalog", Switch, NotYet, ""),
    flag("providers.consulCatalog.**", Text, NotYet, ""),
    flag("providers.nomad", Switch, NotYet, ""),
    flag("providers.nomad.**", Text, NotYet, ""),
    flag("providers.ecs", Switch, NotYet, ""),
    flag("providers.ecs.**", Text, NotYet, ""),
    flag("providers.plugin.**", Text, NotYet, ""),
    flag("experimental.**", Text, NotYet, ""),
];

/// A flag's row, and the names that stand for its `*`.
pub(super) fn find(name: &str) -> Option<(&'static Flag, Vec<String>)> {
    let written: Vec<&str> = name.split('.').collect();
    FLAGS
        .iter()
        .find_map(|flag| Some((flag, fit(flag.path, &written)?)))
}

/// There are flags whose first word is this one.
pub(super) fn is_first(word: &str) -> bool {
    let first = |flag: &Flag| flag.path.split('.').next().unwrap_or_default();
    FLAGS
        .iter()
        .any(|flag| first(flag).eq_ignore_ascii_case(word))
}

/// The names that stand for `*` if the path fits.
fn fit(path: &str, written: &[&str]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut written = written.iter();
    for part in path.split('.') {
        if part == "**" {
            let rest: Vec<&str> = written.copied().collect();
            names.push(rest.join("."));
            return (!rest.is_empty()).then_some(names);
        }
        let word = written.next()?;
        if part == "*" {
            names.push((*word).to_owned());
        } else if !part.eq_ignore_ascii_case(word) {
            return None;
        }
    }
    if written.next().is_some() || names.iter().any(String::is_empty) {
        None
    } else {
        Some(names)
    }
}

/// The known flag that is nearest to what was written, with the user's names in it.
pub(super) fn nearest(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split('.').collect();
    let with_names = |flag: &Flag| {
        let parts = flag.path.split('.').enumerate();
        let parts = parts.map(|(at, part)| match words.get(at) {
            Some(word) if part == "*" => word,
            None if part == "*" => "NAME",
            _ => part,
        });
        parts.collect::<Vec<_>>().join(".")
    };
    let working = FLAGS.iter().filter(|flag| matches!(flag.effect, Full));
    let known: Vec<String> = working.map(with_names).collect();
    spelling::nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The text of `--help`.
pub(super) fn help() -> String {
    let mut text = "\
fairway-control: watches Docker, compiles Traefik-style labels, pushes routing to the proxies

Usage: fairway-control [FLAGS]
       fairway-control healthcheck [FLAGS]   ask the control plane that runs with these flags
       fairway-control check FILE...         what Compose files become; see check --help
       fairway-control diff FILE...          what they would change; see diff --help
       fairway-control wait --container=NAME [--gone] [--timeout=30s] [--server=http://127.0.0.1:9090]
                                             until every proxy uses a container (or no longer does)
       fairway-control wait [--version=V]    until every proxy serves a version, or the current one
       fairway-control explain URL           tell what a request would meet; see explain --help
       fairway-control version

Flags (case does not matter; --name=value, and --name value unless it is true or false):
"
    .to_owned();
    for flag in FLAGS.iter().filter(|flag| !flag.help.is_empty()) {
        let path = flag.path.replace("**", "NAME").replace('*', "NAME");
        text.push_str(&format!("  --{path}\n        {}\n", flag.help));
    }
    text
}
