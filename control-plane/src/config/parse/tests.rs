//! Command lines in, configurations or errors out.

use super::*;
use crate::config::{ForwardedHeaders, WaitTarget};

fn parse(line: &[&str]) -> Result<StaticConfig, ConfigError> {
    static_config(line.iter().map(|word| (*word).to_owned()), |_| None)
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
            },
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
        (vec!["serve"], vec!["\"serve\"", "flags start with --"]),
    ] {
        let error = refused(&line);
        for part in parts {
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }
}

#[test]
fn flags_of_traefik_without_effect_are_warnings() {
    let config = parse(&[
        "--providers.docker",
        "--accesslog",
        "--metrics.prometheus=true",
        "--certificatesresolvers.le.acme.email=a@b",
        "--certificatesresolvers.le.acme.tlschallenge",
        "--global.sendAnonymousUsage=false",
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
            "flag --accesslog has no effect yet",
            "flag --metrics.prometheus has no effect yet",
            "flag --certificatesresolvers.le.acme.email has no effect yet",
            "flag --certificatesresolvers.le.acme.tlschallenge has no effect yet",
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
        config.docker.unwrap().endpoint.to_string(),
        "unix:///run/other.sock"
    );
    assert!(config.warnings[0].message.starts_with("DOCKER_HOST="));
}

#[test]
fn docker_switched_off_is_off_whatever_else_is_said() {
    let config = parse(&["--providers.docker.watch", "--providers.docker=false"]).unwrap();
    assert_eq!(config.docker, None);
}

#[test]
fn commands_are_told_apart() {
    let command = |line: &[&str]| command(line.iter().map(|word| (*word).to_owned()), |_| None);
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
        command(line, |_| None)
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
