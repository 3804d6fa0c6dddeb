//! Command lines in, configurations or errors out.

use std::num::NonZeroU32;

use super::*;
use crate::config::{ForwardedHeaders, Http2, ProxyProtocol, WaitTarget};
use crate::model::{ClientTls, Pem};
use crate::provider::docker::DockerOptions;

fn parse(line: &[&str]) -> Result<StaticConfig, ConfigError> {
    static_config(line.iter().map(|word| (*word).to_owned()), |_| None)
}

/// Neither variables nor files.
fn nothing() -> Outside<'static> {
    Outside {
        variables: BTreeMap::new(),
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
    }
}

fn refused(line: &[&str]) -> String {
    parse(line).unwrap_err().to_string()
}

#[test]
fn the_seed_line_starts_it() {
    let config = parse(&["--api.insecure=true", "--providers.docker"]).unwrap();
    assert_eq!(config.docker, Some(DockerOptions::default()));
    assert_eq!(config.api_address(), Some(":8080"));
    let names: Vec<_> = config.entry_points.keys().collect();
    assert_eq!(names, ["http", "traefik"]);
    assert_eq!(config.entry_points["http"].address, ":80");
    assert_eq!(config.grpc_address.to_string(), "0.0.0.0:9090");
    assert_eq!(config.warnings, []);
}

#[test]
fn names_ignore_case_and_dashes_and_values_come_in_two_ways() {
    let config = parse(&[
        "-PROVIDERS.docker.ExposedByDefault=false",
        "--providers.docker.network",
        "front",
        "--entrypoints.Web.Address=:8000/tcp",
        "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.0/8, fd00::1",
        "--entryPoints.WEB.forwardedHeaders.trustedIPs=192.168.0.1",
        "--entryPoints.web.proxyProtocol.trustedIPs=10.0.0.9",
        "--entryPoints.web.proxyprotocol.trustedips=fd00::/8",
        "--entryPoints.web.http2.maxConcurrentStreams=250",
        "--ping",
        "--log.level",
        "debug",
        "--serversTransport.forwardingTimeouts.dialTimeout=250ms",
    ])
    .unwrap();
    let docker = config.docker.unwrap();
    assert!(!docker.exposed_by_default);
    assert_eq!(docker.network, "front");
    assert_eq!(
        config.entry_points["Web"],
        EntryPointOptions {
            address: ":8000".to_owned(),
            as_default: false,
            forwarded_headers: ForwardedHeaders {
                insecure: false,
                trusted_ips: ["10.0.0.0/8", "fd00::1", "192.168.0.1"]
                    .map(str::to_owned)
                    .into(),
                ..ForwardedHeaders::default()
            },
            proxy_protocol: Some(ProxyProtocol {
                insecure: false,
                trusted_ips: ["10.0.0.9", "fd00::/8"].map(str::to_owned).into(),
            }),
            http2: Http2 {
                max_concurrent_streams: NonZeroU32::new(250),
                max_decoder_header_table_size: None,
            },
            ..EntryPointOptions::default()
        }
    );
    assert!(config.ping);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(
        config.servers_transport.dial_timeout,
        Duration::from_millis(250)
    );
}

#[test]
fn mistakes_are_named_with_what_would_work() {
    for (line, parts) in [
        (
            vec!["--provider.docker"],
            vec!["--provider.docker", "did you mean --providers.docker?"],
        ),
        (
            vec!["--entrypoint.web.adress=:80"],
            vec![
                "unknown flag --entrypoint.web.adress",
                "--entryPoints.web.address",
            ],
        ),
        (
            vec!["--api.insecure", "true"],
            vec!["\"true\"", "--api.insecure=true"],
        ),
        (
            vec!["--providers.docker=maybe"],
            vec!["\"maybe\"", "true or false"],
        ),
        (vec!["--grpc.address"], vec!["--grpc.address=VALUE"]),
        (
            vec!["--entrypoints.web.address=80"],
            vec!["\"80\"", "[HOST]:PORT"],
        ),
        (
            vec!["--entrypoints.web.proxyProtocol.trustedIPs=10.0.0.0/8,lb"],
            vec!["\"lb\" is neither"],
        ),
        (
            vec!["--entrypoints.web.http2.maxConcurrentStreams=0"],
            vec!["\"0\"", "at least 1"],
        ),
        (
            vec!["--entrypoints.web.http2.maxDecoderHeaderTableSize=9999999"],
            vec!["\"9999999\"", "up to 1048576"],
        ),
        (
            vec!["--entrypoints.web.asdefault"],
            vec!["web has no address"],
        ),
        (
            vec!["--providers.docker.swarmMode"],
            vec!["not available", "Swarm"],
        ),
        (
            vec!["--providers.docker.endpoint=ssh://x"],
            vec!["ssh:// is not available"],
        ),
        (
            vec!["--providers.docker.defaultRule={{ normalise .Name }}"],
            vec!["did you mean normalize"],
        ),
        (
            vec!["--providers.docker.constraints=Tag(`a`,`b`)"],
            vec!["no function Tag"],
        ),
        (vec!["--log.level=loud"], vec!["TRACE, DEBUG"]),
        (
            vec!["--entrypoints.a.forwardedheaders.trustedips=10.0.0.0/99"],
            vec!["\"10.0.0.0/99\" is neither"],
        ),
        (
            vec!["--entrypoints.a.address=:80", "--entrypoints.b.address=:80"],
            vec!["a and b listen on the same address :80"],
        ),
        (
            vec!["serve"],
            vec!["\"serve\"", "flags start with --, commands are check, diff"],
        ),
        (vec!["chek", "x.yml"], vec!["\"chek\"; did you mean check?"]),
        (vec!["--api", "--", "x"], vec!["unknown flag --"]),
    ] {
        let error = refused(&line);
        for part in parts {
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }
}

#[test]
fn metrics_are_served_where_they_are_asked_for() {
    let config = parse(&["--providers.docker", "--metrics.prometheus"]).unwrap();
    assert_eq!(config.metrics.scraped_at(), Some("traefik"));
    assert_eq!(config.api_address(), Some(":8080"));
    let config = parse(&[
        "--providers.docker",
        "--metrics.addInternals",
        "--metrics.prometheus.buckets=0.25, 0.5,1",
        "--metrics.prometheus.addEntryPointsLabels=false",
        "--metrics.prometheus.addRoutersLabels",
        "--metrics.prometheus.headerLabels.tenant=X-Tenant",
        "--metrics.prometheus.entryPoint=Scrape",
        "--entrypoints.scrape.address=:9191",
    ])
    .unwrap();
    assert_eq!(config.metrics.scraped_at(), Some("scrape"));
    assert_eq!(config.api_address(), None, "the proxies serve it");
    assert!(config.metrics.add_internals && config.internal_services().prometheus);
    let prometheus = config.metrics.prometheus.unwrap();
    assert_eq!(
        prometheus.buckets,
        [250, 500, 1000].map(Duration::from_millis)
    );
    let shown = prometheus.shown();
    assert!(!shown.entry_points && shown.routers && shown.services);
    assert_eq!(shown.header_labels, ["tenant"]);
    for flags in [
        &["--metrics.prometheus=false"][..],
        &["--metrics.prometheus.manualRouting"],
    ] {
        let flags = [&["--providers.docker"], flags].concat();
        assert_eq!(parse(&flags).unwrap().metrics.scraped_at(), None);
    }
    let config = parse(&["--providers.docker", "--metrics.prometheus.entryPoint=gone"]).unwrap();
    assert_eq!(config.metrics.scraped_at(), None);
    let [told] = &config.warnings[..] else {
        panic!("{:?}", config.warnings);
    };
    assert_eq!(
        told.message,
        "/metrics is not served: there is no entry point gone"
    );
}

#[test]
fn metrics_that_cannot_be_are_refused() {
    for (flag, expected) in [
        ("--metrics.prometheus.buckets=0.1,x", "numbers of seconds"),
        ("--metrics.prometheus.buckets=0", "numbers of seconds"),
        ("--metrics.prometheus.buckets=", "numbers of seconds"),
        ("--metrics.prometheus.headerLabels.code=X-A", "none of code"),
        (
            "--metrics.prometheus.headerLabels.a-b=X-A",
            "letters, digits",
        ),
        (
            "--metrics.prometheus.headerLabels.a=X A",
            "name of a header",
        ),
    ] {
        let error = parse(&["--providers.docker", flag]).unwrap_err();
        assert!(error.to_string().contains(expected), "{flag}: {error}");
    }
}

#[test]
fn flags_of_traefik_without_effect_are_warnings() {
    let config = parse(&[
        "--providers.docker",
        "--accesslog.otlp.http.endpoint=http://c:4318",
        "--metrics.statsD.address=127.0.0.1:8125",
        "--certificatesresolvers.le.acme.email=a@b",
        "--certificatesresolvers.le.acme.tlschallenge",
        "--global.sendAnonymousUsage=false",
        "--metrics",
        "--ocsp",
        "--providers.redis.endpoints=127.0.0.1:6379",
        "--tcpServersTransport.dialTimeout=5s",
        "--entrypoints.http.udp.timeout=3s",
        "--entrypoints.http.observability.else=false",
        "--entrypoints.http.address=:80",
    ])
    .unwrap();
    let messages: Vec<_> = config
        .warnings
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "flag --accesslog.otlp.http.endpoint has no effect yet",
            "flag --metrics.statsD.address has no effect yet",
            "flag --certificatesresolvers.le.acme.email has no effect yet",
            "flag --certificatesresolvers.le.acme.tlschallenge has no effect yet",
            "flag --ocsp has no effect yet",
            "flag --providers.redis.endpoints has no effect yet",
            "flag --tcpServersTransport.dialTimeout has no effect yet",
            "flag --entrypoints.http.udp.timeout has no effect yet",
            "flag --entrypoints.http.observability.else has no effect yet",
        ]
    );
}

#[test]
fn an_entry_point_that_asks_for_protection_we_lack_stays_closed() {
    let config = parse(&[
        "--entrypoints.web.address=:80",
        "--entrypoints.websecure.address=:443",
        "--entrypoints.websecure.http.tls",
        "--entrypoints.dns.address=:53/udp",
    ])
    .unwrap();
    assert_eq!(config.entry_points.keys().collect::<Vec<_>>(), ["web"]);
    assert_eq!(
        config.closed_entry_points.keys().collect::<Vec<_>>(),
        ["dns", "websecure"]
    );
    assert!(
        config
            .warnings
            .iter()
            .any(|it| it.message.contains("websecure stays closed: TLS"))
    );
}

#[test]
fn docker_host_overrides_the_endpoint_and_says_so() {
    let line = ["--providers.docker.endpoint=tcp://a:1"].map(str::to_owned);
    let config = static_config(line, |name| {
        (name == "DOCKER_HOST").then(|| "unix:///run/other.sock".to_owned())
    })
    .unwrap();
    assert_eq!(
        config.docker.unwrap().access.endpoint.to_string(),
        "unix:///run/other.sock"
    );
    assert!(config.warnings[0].message.starts_with("DOCKER_HOST="));
}

#[test]
fn dockers_own_variables_say_how_an_engine_is_reached() {
    let read = |line: &[&str], env: &[(&str, &str)]| {
        static_config(line.iter().map(|word| (*word).to_owned()), |name| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let flags = [
        "--providers.docker.endpoint=tcp://engine:2376",
        "--providers.docker.tls.ca=/flag/ca.pem",
        "--providers.docker.username=ada",
        "--providers.docker.password=secret",
    ];
    let access = |config: &StaticConfig| config.docker.clone().unwrap().access;
    let config = read(&flags, &[("DOCKER_CERT_PATH", "")]).unwrap();
    let tls = access(&config).tls.unwrap();
    assert_eq!(tls.ca, Pem::new("/flag/ca.pem"));
    assert_eq!(access(&config).credentials.unwrap().username, "ada");
    assert_eq!(config.warnings, []);

    let env = [
        ("DOCKER_CERT_PATH", "/certs/"),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_API_VERSION", "1.44"),
    ];
    let config = read(&flags, &env).unwrap();
    let files = |insecure_skip_verify| ClientTls {
        ca: Pem::new("/certs/ca.pem"),
        cert: Pem::new("/certs/cert.pem"),
        key: Pem::new("/certs/key.pem"),
        insecure_skip_verify,
    };
    assert_eq!(access(&config).tls, Some(files(false)));
    let version = access(&config).api_version.unwrap();
    assert_eq!((version.major, version.minor), (1, 44));
    let [warning] = &config.warnings[..] else {
        panic!("{:?}", config.warnings);
    };
    let expected = "DOCKER_CERT_PATH=/certs/ overrides --providers.docker.tls";
    assert_eq!(warning.message, expected);

    let config = read(&["--providers.docker"], &env[..1]).unwrap();
    assert_eq!(access(&config).tls, Some(files(true)));
    let told: Vec<_> = config.warnings.iter().map(|it| &*it.message).collect();
    assert_eq!(
        told,
        [
            "DOCKER_CERT_PATH without DOCKER_TLS_VERIFY takes any certificate of the engine",
            "TLS has no effect with the endpoint unix:///var/run/docker.sock",
        ]
    );
    let config = read(&flags[2..3], &[]).unwrap();
    assert_eq!(access(&config).credentials, None);
    assert!(config.warnings[0].message.contains("neither is used"));
    let error = read(&flags, &[("DOCKER_API_VERSION", "newest")]).unwrap_err();
    assert!(error.to_string().contains("as in 1.44"), "{error}");
}

#[test]
fn the_default_servers_transport_is_set_by_flags() {
    let config = parse(&[
        "--serversTransport.insecureSkipVerify",
        "--serversTransport.rootCAs=/a.pem,/b.pem",
        "--serversTransport.maxIdleConnsPerHost=7",
        "--serversTransport.forwardingTimeouts.idleConnTimeout=5s",
    ])
    .unwrap();
    let expected = ServersTransport {
        insecure_skip_verify: true,
        root_cas: ["/a.pem", "/b.pem"].map(Pem::new).into(),
        max_idle_conns_per_host: 7,
        idle_conn_timeout: Duration::from_secs(5),
        ..ServersTransport::default()
    };
    assert_eq!(config.servers_transport, expected);
    assert_eq!(config.warnings, []);
    for (number, kept) in [("0", 2), ("-1", 0)] {
        let flag = format!("--serversTransport.maxIdleConnsPerHost={number}");
        let config = parse(&[&flag]).unwrap();
        assert_eq!(config.servers_transport.max_idle_conns_per_host, kept);
    }
    assert!(refused(&["--serversTransport.rootCA=/a.pem"]).contains("rootCAs?"));
    let many = "--serversTransport.maxIdleConnsPerHost=many";
    assert!(refused(&[many]).contains("a number"));
}

#[test]
fn docker_switched_off_is_off_whatever_else_is_said() {
    let config = parse(&["--providers.docker.watch", "--providers.docker=false"]).unwrap();
    assert_eq!(config.docker, None);
}

#[test]
fn commands_are_told_apart() {
    let command = |line: &[&str]| {
        let line = line.iter().map(|word| (*word).to_owned());
        super::command(line, &nothing())
    };
    assert!(matches!(command(&["version"]), Ok(Command::Version)));
    assert!(matches!(command(&["--help"]), Ok(Command::Help)));
    let wait = command(&["wait", "--container", "web-1"]);
    let target = WaitTarget::Container("web-1".to_owned());
    assert!(matches!(wait, Ok(Command::Wait(options)) if options.target == target));
    assert!(matches!(
        command(&["--providers.docker"]),
        Ok(Command::Run(_))
    ));
    assert!(matches!(
        command(&["healthcheck"]),
        Ok(Command::Healthcheck(_))
    ));
    assert_eq!(command(&[]).unwrap_err(), ConfigError::NoProvider);
}

#[test]
fn durations_are_seconds_or_have_units() {
    for (text, expected) in [
        ("10", Some(10_000)),
        ("0", Some(0)),
        ("300ms", Some(300)),
        ("1m30s", Some(90_000)),
        ("1.5h", Some(5_400_000)),
        ("10 s", None),
        ("-1s", None),
        ("s", None),
        ("5x", None),
        ("", None),
    ] {
        assert_eq!(
            parse_duration(text),
            expected.map(Duration::from_millis),
            "{text}"
        );
    }
}

#[test]
fn help_names_every_flag_that_works() {
    let help = Command::help();
    for flag in [
        "--providers.docker.endpoint",
        "--entryPoints.NAME.address",
        "--grpc.address",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
}

#[test]
fn explain_has_arguments_of_its_own() {
    let explain = |line: &[&str]| {
        let line = ["explain"]
            .iter()
            .chain(line)
            .map(|word| (*word).to_owned());
        command(line, &nothing())
    };
    let Ok(Command::Explain(options)) = explain(&["-X", "POST", "--all", "http://a.test/"]) else {
        panic!("not taken");
    };
    assert_eq!((options.method.as_str(), options.all), ("POST", true));
    assert_eq!(options.server, "http://127.0.0.1:9090");
    assert!(matches!(explain(&["--help"]), Ok(Command::ExplainHelp)));
    let error = explain(&["--sever=x", "http://a.test/"])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("unexpected argument '--sever'"),
        "{error}"
    );
    assert!(explain(&["--all", "--node", "a", "http://a.test/"]).is_err());
}

#[test]
fn the_default_syntax_of_rules_goes_to_every_provider() {
    let line = |syntax| {
        let flag = format!("--core.defaultRuleSyntax={syntax}");
        let flags = ["--providers.docker", "--providers.file.directory=/d", &flag];
        parse(&flags)
    };
    let config = line("v2").unwrap();
    assert_eq!(config.docker.unwrap().rule_syntax, RuleSyntax::V2);
    assert_eq!(config.file.unwrap().rule_syntax, RuleSyntax::V2);
    assert_eq!(config.warnings.len(), 1);
    let config = line("v3").unwrap();
    assert_eq!(config.file.unwrap().rule_syntax, RuleSyntax::V3);
    assert_eq!(config.warnings, []);
    let error = line("v1").unwrap_err().to_string();
    assert!(error.contains("is not v3 or v2"), "{error}");
}

#[test]
fn entry_points_have_options() {
    let config = parse(&[
        "--entrypoints.web.address=:80",
        "--entrypoints.Secure.address=127.0.0.1:8443",
        "--entrypoints.web.http.redirections.entryPoint.to=secure",
        "--entrypoints.web.http.redirections.entryPoint.permanent=false",
        "--entrypoints.secure.http.middlewares=a@docker,b@file",
        "--entrypoints.secure.http.encodedCharacters.allowEncodedSlash",
        "--entrypoints.secure.http.sanitizePath=false",
        "--entrypoints.secure.http.encodeQuerySemicolons=true",
        "--entrypoints.secure.http.maxHeaderBytes=100000",
        "--entrypoints.secure.http.underscoreHeadersStrategy=reject",
        "--entrypoints.secure.forwardedHeaders.connection=X-A",
        "--entrypoints.secure.transport.respondingTimeouts.readTimeout=0",
        "--entrypoints.secure.transport.respondingTimeouts.idleTimeout=1m30s",
        "--entrypoints.secure.transport.lifeCycle.graceTimeOut=0",
        "--entrypoints.secure.transport.keepAliveMaxRequests=7",
        "--entrypoints.secure.transport.keepAliveMaxTime=1h",
    ])
    .unwrap();
    assert_eq!(config.warnings, []);
    let redirection = config.entry_points["web"].http.redirection.as_ref();
    let redirection = redirection.unwrap();
    assert_eq!(redirection.port.as_deref(), Some("8443"));
    assert_eq!(
        (redirection.scheme.as_str(), redirection.permanent),
        ("https", false)
    );
    let EntryPointOptions {
        http, transport, ..
    } = &config.entry_points["Secure"];
    assert_eq!(http.middlewares, ["a@docker", "b@file"]);
    assert!(http.encoded_characters.slash && !http.encoded_characters.back_slash);
    assert!(!http.sanitize_path && http.encode_query_semicolons);
    assert_eq!(http.max_header_bytes, Some(100_000));
    assert_eq!(transport.read_timeout, Duration::ZERO);
    assert_eq!(transport.idle_timeout, Duration::from_secs(90));
    assert_eq!(transport.grace_timeout, Some(Duration::ZERO));
    assert_eq!(transport.keep_alive_max_requests, 7);

    for (option, part) in [
        (
            "http.redirections.entrypoint.scheme=ht tp",
            "scheme of a URL",
        ),
        ("http.maxHeaderBytes=10", "8192 to 1048576"),
        (
            "http.underscoreHeadersStrategy=drop",
            "keep, delete or reject",
        ),
        (
            "forwardedHeaders.connection=a b",
            "\"a b\" cannot be the name",
        ),
        (
            "transport.respondingTimeouts.readTimeout=10ms",
            "at least a second",
        ),
        ("transport.keepAliveMaxRequests=-1", "a number"),
    ] {
        let flag = format!("--entrypoints.web.{option}");
        let error = refused(&["--entrypoints.web.address=:80", &flag]);
        assert!(error.contains(part), "{option}: {error}");
    }
    let error = refused(&["--providers.docker.labelFiles=auth"]);
    assert!(error.contains("absolute paths"), "{error}");
}

#[test]
fn one_flag_keeps_every_entry_point_from_appending_the_client() {
    let config = parse(&[
        "--entrypoints.web.address=:80",
        "--global.notAppendXForwardedFor=true",
    ])
    .unwrap();
    let forwarded = &config.entry_points["web"].forwarded_headers;
    assert!(forwarded.not_append_x_forwarded_for);
}

#[test]
fn a_redirection_that_leads_nowhere_is_told() {
    for (to, message) in [
        (
            "nowhere",
            "entry point web redirects to nowhere, which is not there",
        ),
        (
            ":http",
            "entry point web redirects to :http, which is not there",
        ),
        (
            "",
            "the redirection of entry point web does not say where to",
        ),
    ] {
        let flag = format!("--entrypoints.web.http.redirections.entrypoint.to={to}");
        let config = parse(&["--entrypoints.web.address=:80", &flag]).unwrap();
        assert_eq!(config.entry_points["web"].http.redirection, None);
        assert_eq!(config.warnings[0].message, message);
    }
}
