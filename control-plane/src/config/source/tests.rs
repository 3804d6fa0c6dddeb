//! Files, flags and variables in, configurations or errors out.

use super::*;
use crate::config::parse::command;
use crate::config::{Command, StaticConfig};
use crate::provider::file::FileSource;

/// What a machine with these files and variables makes of a command line.
fn run(
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
    line: &[&str],
) -> Result<StaticConfig, String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let files: BTreeMap<_, _> = files.iter().map(own).collect();
    let outside = Outside {
        variables: variables.iter().map(own).collect(),
        read: &|path| {
            let text = files.get(&path.display().to_string()).cloned();
            text.ok_or_else(|| io::ErrorKind::NotFound.into())
        },
    };
    match command(line.iter().map(|word| (*word).to_owned()), &outside) {
        Ok(Command::Run(config)) => Ok(*config),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

const YAML: &str = "\
entryPoints:
  Web:
    address: \":8000\"
    forwardedHeaders:
      trustedIPs:
        - 10.0.0.0/8
        - 127.0.0.1
providers:
  docker:
    exposedByDefault: false
    network: front
  file:
    directory: /etc/dynamic
    watch: false
api: {}
ping: {}
accessLog: {}
log:
  level: DEBUG
serversTransport:
  forwardingTimeouts:
    dialTimeout: 250ms
certificatesResolvers:
  le:
    acme:
      email: a@b.test
";

#[test]
fn a_file_says_what_flags_say() {
    let flags = [
        "--entrypoints.Web.address=:8000",
        "--entrypoints.Web.forwardedHeaders.trustedIPs=10.0.0.0/8,127.0.0.1",
        "--providers.docker.exposedByDefault=false",
        "--providers.docker.network=front",
        "--providers.file.directory=/etc/dynamic",
        "--providers.file.watch=false",
        "--api",
        "--ping",
        "--log.level=DEBUG",
        "--accesslog",
        "--serversTransport.forwardingTimeouts.dialTimeout=250ms",
    ];
    let toml = "[entryPoints.Web]\naddress = \":8000\"\n\
        forwardedHeaders.trustedIPs = [\"10.0.0.0/8\", \"127.0.0.1\"]\n\
        [providers.docker]\nexposedByDefault = false\nnetwork = \"front\"\n\
        [providers.file]\ndirectory = \"/etc/dynamic\"\nwatch = false\n[api]\n[ping]\n\
        [accessLog]\n[log]\nlevel = \"DEBUG\"\n[serversTransport.forwardingTimeouts]\ndialTimeout = \"250ms\"\n";
    let mut expected = run(&[], &[], &flags).unwrap();
    expected.warnings.clear();
    for (name, text) in [("/x/fairway.yml", YAML), ("/x/traefik.toml", toml)] {
        let flag = format!("--configFile={name}");
        let mut config = run(&[(name, text)], &[], &[&flag]).unwrap();
        config.warnings.clear();
        assert_eq!(format!("{config:?}"), format!("{expected:?}"), "{name}");
    }
    let source = expected.file.unwrap().source;
    assert_eq!(source, FileSource::Directory("/etc/dynamic".into()));
}

#[test]
fn what_has_no_effect_in_a_file_is_told_with_its_line() {
    let config = run(&[("./traefik.yml", YAML)], &[], &[]).unwrap();
    let told: Vec<_> = config
        .warnings
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    assert_eq!(
        told,
        ["option certificatesResolvers.le.acme.email (./traefik.yml, line 26) has no effect yet",]
    );
}

#[test]
fn variables_say_what_flags_say() {
    let variables = [
        ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":8000"),
        ("TRAEFIK_PROVIDERS_DOCKER", "true"),
        ("TRAEFIK_PROVIDERS_DOCKER_NETWORK", "back"),
        ("FAIRWAY_PROVIDERS_DOCKER_NETWORK", "front"),
        ("FAIRWAY_GRPC_ADDRESS", ":9999"),
        // A container that is linked, and the proxies' own.
        ("TRAEFIK_PORT_80_TCP", "tcp://10.0.0.2:80"),
        ("FAIRWAY_NODE_ID", "a"),
        ("DOCKER_HOST", "tcp://proxy:2375"),
    ];
    let config = run(&[], &variables, &[]).unwrap();
    assert_eq!(config.entry_points["web"].address, ":8000");
    assert_eq!(config.grpc_address.port(), 9999);
    let docker = config.docker.unwrap();
    assert_eq!(docker.network, "front");
    assert_eq!(docker.access.endpoint.to_string(), "tcp://proxy:2375");
    assert_eq!(config.warnings, []);
}

#[test]
fn the_first_source_that_says_anything_is_the_only_one_that_counts() {
    let file = (
        "/etc/traefik/traefik.yml",
        "providers: {docker: {network: file}}",
    );
    let variable = ("TRAEFIK_PROVIDERS_DOCKER_NETWORK", "variable");
    let flag = "--providers.docker.network=flag";
    let network = |config: &StaticConfig| config.docker.clone().unwrap().network;
    let warning = |config: &StaticConfig| match config.warnings.as_slice() {
        [] => String::new(),
        [one] => one.message.clone(),
        more => panic!("{more:?}"),
    };

    let config = run(&[file], &[variable], &[flag, "--ping"]).unwrap();
    assert_eq!(network(&config), "file");
    assert!(!config.ping);
    let told = warning(&config);
    for part in [
        "only the file /etc/traefik/traefik.yml counts",
        "the flags (--providers.docker.network and 1 more)",
        "the variables (TRAEFIK_PROVIDERS_DOCKER_NETWORK)",
    ] {
        assert!(told.contains(part), "{told}");
    }

    let config = run(&[], &[variable], &[flag]).unwrap();
    assert_eq!(network(&config), "flag");
    assert!(warning(&config).contains("the variables"), "{config:?}");

    let config = run(&[], &[variable], &[]).unwrap();
    assert_eq!(
        (network(&config).as_str(), warning(&config)),
        ("variable", String::new())
    );
}

#[test]
fn a_file_is_found_where_traefik_looks_and_under_both_names() {
    let variables = [("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/me")];
    let places = [
        "/etc/fairway/fairway.toml",
        "/etc/traefik/traefik.yml",
        "/xdg/fairway.yaml",
        "/xdg/traefik.yml",
        "/home/me/.config/traefik.toml",
        "./fairway.yml",
        "./traefik.yml",
    ];
    let text = |place: &str| match place.rsplit_once('.') {
        Some((_, "toml")) => format!("[providers.docker]\nnetwork = \"{place}\"\n"),
        _ => format!("providers: {{docker: {{network: {place}}}}}"),
    };
    let texts = places.map(text);
    for (at, place) in places.iter().enumerate() {
        let files = places.iter().zip(&texts).skip(at);
        let files: Vec<_> = files.map(|(place, text)| (*place, text.as_str())).collect();
        let config = run(&files, &variables, &[]).unwrap();
        assert_eq!(config.docker.unwrap().network, *place);
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_place_and_what_would_work() {
    for (text, parts) in [
        (
            "providers:\n  dokcer: {}\n",
            &[
                "providers.dokcer (./traefik.yml, line 2)",
                "did you mean providers.docker?",
            ][..],
        ),
        (
            "entryPoints:\n  web:\n    adress: :80\n",
            &["line 3", "did you mean entryPoints.web.address?"],
        ),
        (
            "log:\n  level: loud\n",
            &["log.level (./traefik.yml, line 2)", "TRACE"],
        ),
        (
            "log:\n  level: {}\n",
            &["needs a value", "log.level: VALUE"],
        ),
        (
            "http:\n  routers: {}\n",
            &["unknown option http.routers", "providers.file"],
        ),
        ("log: [\n", &["./traefik.yml, line", "column", "not YAML"]),
        ("- a\n", &["not a map"]),
        (
            "providers:\n  file: {}\n",
            &["--providers.file has nothing to read"],
        ),
        ("log: {level: INFO}\n", &["no provider is switched on"]),
        (
            "providers:\n  docker: {swarmMode: true}\n",
            &["line 2", "Swarm"],
        ),
    ] {
        let error = run(&[("./traefik.yml", text)], &[], &[]).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{text}: {error}");
        }
    }
    let error = run(&[], &[], &["--configFile=/none.yml"]).unwrap_err();
    assert!(error.contains("/none.yml: it cannot be read"), "{error}");
    let variable = ("TRAEFIK_PROVIDERS_DOKCER", "true");
    let error = run(&[], &[variable], &[]).unwrap_err();
    assert!(
        error.contains("did you mean TRAEFIK_PROVIDERS_DOCKER?"),
        "{error}"
    );
    let config = run(&[], &[("TRAEFIK_PIGN", "true")], &["--providers.docker"]).unwrap();
    let told: Vec<_> = config.warnings.iter().map(|it| &it.suggestion).collect();
    assert_eq!(told, ["did you mean TRAEFIK_PING?"]);
}
