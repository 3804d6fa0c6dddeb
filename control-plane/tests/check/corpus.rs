//! Every project of `fixtures/corpus` goes through `check`: whatever people write, no
//! label is passed over in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fairway_control::check::{self, Format, Report, Sources};
use fairway_control::label;
use fairway_control::model::Severity;

use crate::{files, nothing};

/// How many services of the corpus are understood apart from TLS, TCP and UDP, at
/// least. Raise it with each option that becomes available.
const UNDERSTOOD_FLOOR: usize = 559;

fn corpus() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus/projects.yml");
    std::fs::read_to_string(path).unwrap()
}

/// Values for all the variables of the corpus.
fn made_up(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    Some(match lower.as_str() {
        "compose_project_name" => "shop".to_owned(),
        _ if lower.contains("port") => "8080".to_owned(),
        _ if lower.contains("enable") => "true".to_owned(),
        _ if lower.contains("replica") => "1".to_owned(),
        lower => format!("{}.test", lower.replace('_', "-")),
    })
}

/// Checks one project of the corpus with these flags.
fn of_corpus(project: &str, flags: &[String]) -> Report {
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(project.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let sources = Sources {
        read: &read,
        variable: &made_up,
        declared: &nothing,
    };
    check::check(&files(&["compose.yml"], &flags), sources)
}

/// Flags for the entry points that routers name and nobody configures: the file
/// that does is not in the corpus.
fn missing_entry_points(report: &Report) -> Vec<String> {
    let routers = report
        .compiled
        .routers
        .values()
        .filter_map(|it| it.value.as_ref());
    let named: BTreeSet<&String> = routers.flat_map(|router| &router.entry_points).collect();
    let missing = named
        .into_iter()
        .filter(|name| !report.entry_points.contains_key(*name));
    let flag =
        |(at, name): (usize, &String)| format!("--entrypoints.{name}.address=:{}", 20_000 + at);
    missing.enumerate().map(flag).collect()
}

#[test]
fn every_label_of_the_corpus_is_used_or_named_in_a_diagnostic() {
    let corpus = corpus();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut silent = Vec::new();
    for project in corpus.split("\n---\n").skip(1) {
        *counts.entry("projects").or_default() += 1;
        let flags = missing_entry_points(&of_corpus(project, &[]));
        let report = of_corpus(project, &flags);
        let printed = report.print(Format::Json);
        let lines: Vec<&str> = project.lines().collect();
        let mut container = String::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(name) = line
                .strip_prefix("  \"")
                .and_then(|it| it.strip_suffix("\":"))
            {
                container = format!("shop-{name}-1");
            }
            let Some(item) = line.strip_prefix("    - ") else {
                continue;
            };
            let label: String = serde_json::from_str(item).unwrap();
            let Some((key, _)) = label.split_once('=').filter(|(key, _)| is_routing(key)) else {
                continue;
            };
            *counts.entry("labels").or_default() += 1;
            let outcome = if is_named(&report, at + 1) {
                "labels named in a diagnostic"
            } else if is_of_rejected(&report, &with_values(key)) {
                "labels of an object that an error names"
            } else if is_used(&lines, at, key, &flags, &printed) {
                "labels used"
            } else if key.starts_with("traefik.constraint") {
                "labels for constraints that are not there"
            } else if is_left_out(&report, &container, project) {
                "labels of a container that takes no part, as told or asked for"
            } else if key == "traefik.docker.network" && has_no_server(&report, &container) {
                "networks of a container that has no server, as told"
            } else {
                silent.push(format!("{label} in project {}", counts["projects"]));
                "labels in silence"
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    for (what, count) in &counts {
        println!("{count:6} {what}");
    }
    assert!(silent.is_empty(), "in silence:\n{}", silent.join("\n"));
    assert!(counts["projects"] > 500 && counts["labels"] > 3000);
}

fn is_routing(key: &str) -> bool {
    key.to_lowercase().starts_with("traefik.")
}

/// A diagnostic names the label on this line.
fn is_named(report: &Report, line: usize) -> bool {
    report
        .findings
        .iter()
        .any(|it| it.line() == Some(line) && it.diagnostic.label.is_some())
}

/// The label's object is not served, and a diagnostic says why.
fn is_of_rejected(report: &Report, key: &str) -> bool {
    let object_of = |key: &str| {
        let lower = key.to_lowercase();
        lower.splitn(5, '.').take(4).collect::<Vec<_>>().join(".")
    };
    let errors = report
        .findings
        .iter()
        .filter(|it| it.diagnostic.severity == Severity::Error);
    let mut objects = errors.flat_map(|it| {
        let of_id = it.diagnostic.object.as_ref().map(|id| {
            format!(
                "traefik.http.{}s.{}",
                id.kind,
                id.name.trim_end_matches("@docker")
            )
        });
        let of_label = it.diagnostic.label.clone();
        [of_id, of_label].into_iter().flatten()
    });
    objects.any(|object| object_of(&object) == object_of(key))
}

/// A key with the values of its variables.
fn with_values(key: &str) -> String {
    let mut out = String::new();
    let mut rest = key;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{');
        let name = braced.unwrap_or(after);
        let end = name
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        out.push_str(&made_up(&name[..end]).unwrap());
        rest = match braced {
            Some(inner) => inner.split_once('}').map_or("", |(_, rest)| rest),
            None => &name[end..],
        };
    }
    out + rest
}

/// The container declares nothing, because it is told not to or a finding says so.
fn is_left_out(report: &Report, container: &str, project: &str) -> bool {
    let compiled = &report.compiled;
    let takes_part = compiled
        .routers
        .values()
        .any(|it| it.containers.iter().any(|it| it == container))
        || compiled
            .services
            .values()
            .any(|it| it.containers.iter().any(|it| it == container));
    let told = report
        .findings
        .iter()
        .any(|it| it.diagnostic.container.as_deref() == Some(container));
    let asked = project.contains(".constraints=") || project.contains("traefik.enable=false");
    !takes_part && (told || asked)
}

/// No server of the container is known, and a finding says so.
fn has_no_server(report: &Report, container: &str) -> bool {
    let services = report
        .compiled
        .services
        .values()
        .filter_map(|it| it.value.as_ref());
    let mut servers = services.flat_map(|service| service.servers());
    let told = report
        .findings
        .iter()
        .any(|it| it.diagnostic.container.as_deref() == Some(container));
    !servers.any(|server| server.container == container) && told
}

/// The outcome depends on the label: another value, or none, changes it.
fn is_used(lines: &[&str], at: usize, key: &str, flags: &[String], printed: &str) -> bool {
    let other = |line: String| {
        let mut lines = lines.to_vec();
        lines[at] = &line;
        of_corpus(&lines.join("\n"), flags).print(Format::Json) != printed
    };
    let with = |value: &str| {
        format!(
            "    - {}",
            serde_json::to_string(&format!("{key}={value}")).unwrap()
        )
    };
    other(with("\u{1}")) || other(with("true")) || other("    # nothing".to_owned())
}

/// What of a service's labels Traefik honours and Fairway does not, apart from TLS,
/// TCP and UDP.
#[derive(Default)]
struct Understanding {
    /// Services that have labels for HTTP.
    services: usize,
    /// Those of them of which nothing is pending.
    understood: usize,
    /// Services in which an option is pending, by option.
    pending: BTreeMap<&'static str, usize>,
}

impl Understanding {
    /// Adds one service by its labels.
    fn add(&mut self, labels: &BTreeMap<String, String>) {
        let mut http = labels.iter().filter(|(key, _)| {
            let lower = key.to_lowercase();
            lower.starts_with("traefik.http.")
        });
        if http.next().is_none() {
            return;
        }
        let pending: BTreeSet<_> = labels
            .iter()
            .filter_map(|(key, value)| label::pending(key, value))
            .filter(|option| *option != "tls")
            .collect();
        self.services += 1;
        self.understood += usize::from(pending.is_empty());
        for option in pending {
            *self.pending.entry(option).or_default() += 1;
        }
    }
}

/// Labels of each service of a project, with the values of their variables.
fn labels_by_service(project: &str) -> Vec<BTreeMap<String, String>> {
    let mut services = Vec::new();
    for line in project.lines() {
        if line.starts_with("  \"") {
            services.push(BTreeMap::new());
        }
        let label = line
            .strip_prefix("    - ")
            .and_then(|item| serde_json::from_str::<String>(item).ok())
            .map(|label| with_values(&label));
        if let Some((key, value)) = label.as_deref().and_then(|it| it.split_once('='))
            && is_routing(key)
            && let Some(labels) = services.last_mut()
        {
            labels.insert(key.to_owned(), value.to_owned());
        }
    }
    services
}

#[test]
fn services_are_understood_but_for_what_traefik_honours_and_fairway_does_not() {
    let mut sum = Understanding::default();
    for project in corpus().split("\n---\n").skip(1) {
        for labels in labels_by_service(project) {
            sum.add(&labels);
        }
    }
    let thousandths = sum.understood * 1000 / sum.services;
    println!(
        "{} of {} services understood apart from TLS, TCP and UDP: {}.{} %",
        sum.understood,
        sum.services,
        thousandths / 10,
        thousandths % 10
    );
    for (option, services) in &sum.pending {
        // Of this option only the value `…@internal` is pending.
        let value = if *option == "service" {
            "=…@internal"
        } else {
            ""
        };
        println!("{services:6} services with {option}{value}");
    }
    assert!(sum.services > 500, "{} services", sum.services);
    assert!(
        sum.understood >= UNDERSTOOD_FLOOR,
        "{} services understood",
        sum.understood
    );
}

/// The measure above is the vocabulary's; the diagnostics must agree with it.
#[test]
fn what_a_diagnostic_calls_not_available_is_pending() {
    let mut wrong = BTreeSet::new();
    for project in corpus().split("\n---\n").skip(1) {
        let flags = missing_entry_points(&of_corpus(project, &[]));
        let report = of_corpus(project, &flags);
        let all: BTreeMap<_, _> = labels_by_service(project).into_iter().flatten().collect();
        for finding in &report.findings {
            let diagnostic = &finding.diagnostic;
            let Some(key) = &diagnostic.label else {
                continue;
            };
            let said = ["available yet", "no effect yet", "not available on proxies"];
            if !said.iter().any(|words| diagnostic.message.contains(words)) {
                continue;
            }
            let value = all.get(key).map_or("", String::as_str);
            let apart = key.starts_with("traefik.tcp.") || key.starts_with("traefik.udp.");
            if !apart && label::pending(key, value).is_none() {
                wrong.insert(format!("{key}={value}: {}", diagnostic.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
