//! `docs/labels.md` says what holds: of every option in its tables that the form of its
//! value is told, that writing its default changes nothing of what proxies get, and that
//! what is required is.
//!
//! That every option is in a table, and nothing else, is tested beside the vocabulary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop loudly"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use fairway_control::compile::{Compiled, Input, Outcome, compile};
use fairway_control::config::{
    EntryPointOptions, InternalServices, MetricsOptions, ObservabilityOptions, StaticConfig,
};
use fairway_control::model::ServersTransport;
use fairway_control::provider::docker::{
    Container, Network, Port, PortType, Surroundings, assemble,
};

/// One row: an option of an object, the form of its value, and what holds without it.
#[derive(Debug)]
struct Row {
    section: &'static str,
    option: String,
    form: String,
    default: String,
}

impl Row {
    fn label(&self, option: &str) -> String {
        let (section, name) = (self.section, &self.section[..1]);
        format!("traefik.http.{section}.{name}.{option}")
    }

    /// What one would write to have the default; `None` where nothing can be written.
    fn literal(&self) -> Option<String> {
        let cell = self.default.split(": ").next().unwrap();
        let quoted = cell.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
        let text = quoted.unwrap_or(cell);
        let is_number = |text: &str| text.parse::<i64>().is_ok();
        let is_literal = match self.form.as_str() {
            "number" => is_number(text),
            "boolean" => text == "true" || text == "false",
            "duration" => {
                let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                is_number(digits)
            }
            "switch" => return (text == "off").then(|| "false".to_owned()),
            _ => quoted.is_some_and(|text| !text.contains('`')),
        };
        is_literal.then(|| text.to_owned())
    }
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/labels.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    for (heading, section) in [
        ("\n## Routers\n", "routers"),
        ("\n## Services\n", "services"),
        ("\n## Middlewares\n", "middlewares"),
    ] {
        let (_, chapter) = document.split_once(heading).unwrap();
        let chapter = chapter.split("\n## ").next().unwrap();
        let tables = chapter.lines().filter(|line| line.starts_with("| `"));
        for line in tables {
            let cells: Vec<_> = line.split(" | ").collect();
            let option = cells[0].trim_start_matches("| `").trim_end_matches('`');
            // Tables of other things have other columns.
            if let [_, form, default, ..] = cells.as_slice()
                && !option.contains('`')
            {
                rows.push(Row {
                    section,
                    option: option.to_owned(),
                    form: (*form).to_owned(),
                    default: (*default).to_owned(),
                });
            }
        }
    }
    assert!(rows.len() > 170, "only {} rows", rows.len());
    rows
}

/// Options with which an object of this kind is whole, one of them more than needed.
fn whole(option: &str) -> &'static [(&'static str, &'static str)] {
    let of_service = |group: &str| option.starts_with(&format!("loadBalancer.{group}"));
    match option.split('.').next().unwrap() {
        "loadBalancer" if of_service("healthCheck") => &[
            ("loadBalancer.healthCheck.hostname", "a"),
            ("loadBalancer.healthCheck.headers.X-A", "b"),
        ],
        "loadBalancer" if of_service("passiveHealthCheck.failureWindow") => {
            &[("loadBalancer.passiveHealthCheck.maxFailedAttempts", "3")]
        }
        "loadBalancer" if of_service("passiveHealthCheck") => {
            &[("loadBalancer.passiveHealthCheck.failureWindow", "3s")]
        }
        "loadBalancer" if of_service("sticky.cookie.") => &[("loadBalancer.sticky.cookie", "true")],
        "loadBalancer" => &[("loadBalancer.server.port", "80")],
        "addPrefix" => &[("addPrefix.prefix", "/a")],
        "stripPrefix" => &[("stripPrefix.prefixes", "/a")],
        "stripPrefixRegex" => &[("stripPrefixRegex.regex", "/a")],
        "replacePath" => &[("replacePath.path", "/a")],
        "replacePathRegex" => &[
            ("replacePathRegex.regex", "a"),
            ("replacePathRegex.replacement", "b"),
        ],
        "redirectScheme" => &[
            ("redirectScheme.scheme", "https"),
            ("redirectScheme.port", "1"),
        ],
        "redirectRegex" => &[
            ("redirectRegex.regex", "a"),
            ("redirectRegex.replacement", "b"),
        ],
        "headers" => &[("headers.customRequestHeaders.X-A", "b")],
        "ipAllowList" => &[
            ("ipAllowList.sourceRange", "10.0.0.1"),
            ("ipAllowList.ipStrategy", "true"),
        ],
        "ipWhiteList" => &[
            ("ipWhiteList.sourceRange", "10.0.0.1"),
            ("ipWhiteList.ipStrategy", "true"),
        ],
        "contentType" => &[("contentType", "true")],
        "encodedCharacters" => &[
            ("encodedCharacters.allowEncodedHash", "true"),
            ("encodedCharacters.allowEncodedPercent", "true"),
        ],
        "basicAuth" => &[
            ("basicAuth.users", "a:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"),
            ("basicAuth.headerField", "X-A"),
        ],
        "digestAuth" => &[
            (
                "digestAuth.users",
                "a:traefik:0123456789abcdef0123456789abcdef",
            ),
            ("digestAuth.headerField", "X-A"),
        ],
        "forwardAuth" => &[
            ("forwardAuth.address", "http://10.0.0.1/"),
            ("forwardAuth.authRequestHeaders", "X-A"),
        ],
        "compress" => &[("compress", "true")],
        "passTLSClientCert" => &[
            ("passTLSClientCert.pem", "true"),
            ("passTLSClientCert.info.sans", "true"),
        ],
        "grpcWeb" => &[("grpcWeb.allowOrigins", "*")],
        "rateLimit" => &[("rateLimit.average", "5"), ("rateLimit.burst", "7")],
        "inFlightReq" if option.contains("ipStrategy") => &[
            ("inFlightReq.amount", "5"),
            ("inFlightReq.sourceCriterion.ipStrategy", "true"),
        ],
        "inFlightReq" => &[
            ("inFlightReq.amount", "5"),
            ("inFlightReq.sourceCriterion.requestHeaderName", "X-A"),
        ],
        "errors" => &[("errors.service", "s"), ("errors.status", "500")],
        "buffering" => &[
            ("buffering.maxRequestBodyBytes", "5"),
            ("buffering.maxResponseBodyBytes", "5"),
        ],
        "circuitBreaker" => &[
            ("circuitBreaker.expression", "NetworkErrorRatio() > 0.5"),
            ("circuitBreaker.responseCode", "500"),
        ],
        "retry" => &[("retry.attempts", "3"), ("retry.status", "503")],
        "chain" => &[("chain.middlewares", "other")],
        // Of a router, or of a service as a whole.
        _ => &[],
    }
}

/// A container with a router, a service and a middleware `m`, and these labels more.
fn compiled(more: &[(String, String)]) -> Compiled {
    let fixed = [
        ("traefik.http.routers.r.rule", "Host(`a.test`)"),
        ("traefik.http.routers.r.service", "s"),
        (
            "traefik.http.services.s.loadBalancer.passHostHeader",
            "true",
        ),
        ("traefik.http.middlewares.other.addprefix.prefix", "/x"),
    ];
    let fixed = fixed.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut labels = BTreeMap::from(fixed);
    labels.extend(more.iter().cloned());
    if more
        .iter()
        .any(|(key, _)| key.contains("http.middlewares.m."))
    {
        let key = "traefik.http.routers.r.middlewares".to_owned();
        labels.insert(key, "m".to_owned());
    }
    let mut container = Container::new("web", "web", labels);
    let network = Network {
        ipv4: Some([10, 0, 0, 9].into()),
        ipv6: None,
    };
    container.networks = BTreeMap::from([("net".to_owned(), network)]);
    container.network_mode = "net".to_owned();
    container.ports = vec![Port {
        private: 80,
        protocol: PortType::Tcp,
        published: None,
    }];
    let options = StaticConfig::parse(["--providers.docker".to_owned()]);
    let options = options.unwrap().docker.unwrap();
    let state = assemble(&[container], &options, &Surroundings::default());
    let entry_point = EntryPointOptions {
        address: ":80".to_owned(),
        ..EntryPointOptions::default()
    };
    compile(Input {
        entry_points: &BTreeMap::from([("web".to_owned(), entry_point)]),
        closed_entry_points: &BTreeMap::new(),
        internal_services: InternalServices {
            api: false,
            ping: false,
            prometheus: false,
        },
        metrics: &MetricsOptions::default(),
        servers_transport: &ServersTransport::default(),
        observability: &ObservabilityOptions::default(),
        providers: &BTreeMap::from([("docker".to_owned(), Arc::new(state))]),
        files: &BTreeMap::new(),
        nonce_key: &[0; 32],
    })
}

/// Labels of a whole object of the row's kind, without the option itself.
fn base(row: &Row) -> Vec<(String, String)> {
    let others = whole(&row.option)
        .iter()
        .filter(|(it, _)| *it != row.option);
    let labels = others.map(|(option, value)| (row.label(option), (*value).to_owned()));
    labels.collect()
}

#[test]
fn forms_of_values_are_told() {
    let known = [
        "text", "boolean", "number", "duration", "list", "map", "switch",
    ];
    for row in rows() {
        assert!(known.contains(&row.form.as_str()), "{row:?}");
        let wrong = match row.form.as_str() {
            "boolean" => "perhaps",
            "number" => "many",
            "duration" => "soon",
            _ => continue,
        };
        let mut labels = base(&row);
        labels.push((row.label(&row.option), wrong.to_owned()));
        let told = compiled(&labels).diagnostics;
        let word = format!("`{wrong}`");
        let about = |it: &str| it.contains(&word);
        assert!(
            told.iter().any(|it| about(&it.diagnostic.message)),
            "{row:?} takes {wrong}: {told:?}"
        );
    }
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let mut checked = 0;
    for row in rows() {
        let (Some(value), base) = (row.literal(), base(&row)) else {
            continue;
        };
        // Without another option there is nothing that could have a default.
        if base.is_empty() && row.section == "middlewares" {
            continue;
        }
        let mut written = base.clone();
        written.push((row.label(&row.option), value));
        let (with, without) = (compiled(&written), compiled(&base));
        let messages = |of: &Compiled| {
            let told = of
                .diagnostics
                .iter()
                .map(|it| it.diagnostic.message.clone());
            Vec::from_iter(told)
        };
        assert_eq!(messages(&with), messages(&without), "{row:?}");
        assert_eq!(with.resources, without.resources, "{row:?}");
        checked += 1;
    }
    println!("{checked} defaults");
    assert!(checked > 85, "only {checked} defaults");
}

#[test]
fn what_is_required_is() {
    let mut checked = 0;
    for row in rows() {
        if !row.default.starts_with("required") {
            continue;
        }
        let without = base(&row);
        if without.is_empty() {
            continue;
        }
        let mut with = without.clone();
        let own = whole(&row.option).iter().find(|(it, _)| *it == row.option);
        with.extend(own.map(|(it, value)| (row.label(it), (*value).to_owned())));
        let outcome = |labels: &[(String, String)]| {
            let compiled = compiled(labels);
            compiled.middlewares["m@docker"].outcome
        };
        assert_eq!(outcome(&without), Outcome::Rejected, "{row:?}");
        assert_ne!(outcome(&with), Outcome::Rejected, "{row:?}");
        checked += 1;
    }
    assert!(checked > 8, "only {checked} required options");
}
