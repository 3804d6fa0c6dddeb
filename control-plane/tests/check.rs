//! Compose files in, what `check` prints out: every file of `fixtures/check`.
//!
//! A fixture's name says what it shows; the text beside it is what is printed, word
//! for word. After an intended change, write the new texts with
//! `UPDATE_FIXTURES=1 cargo test -p fairway-control --test check` and read the
//! difference.

#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fairway_control::check::{self, Changes, Files, Format, Report, Sources};
use fairway_control::model::Severity;
use proptest::prelude::*;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check")
}

/// Checks files of the fixtures' folder.
fn fixture(paths: &[&str], flags: &[&str]) -> Report {
    let files = files(paths, flags);
    let read = |path: &Path| std::fs::read_to_string(folder().join(path));
    check::check(&files, Sources { read: &read, variable: &|_| None })
}

/// Checks one text.
fn text(text: &str, flags: &[&str]) -> Report {
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(text.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    check::check(&files(&["compose.yml"], flags), Sources { read: &read, variable: &|_| None })
}

fn files(paths: &[&str], flags: &[&str]) -> Files {
    Files {
        paths: paths.iter().map(PathBuf::from).collect(),
        flags: flags.iter().map(ToString::to_string).collect(),
        directory: "shop".to_owned(),
        ..Files::default()
    }
}

#[test]
fn every_fixture_prints_what_it_should_word_for_word() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".yml"))
        .collect();
    names.sort();
    assert!(names.len() > 10, "only {} fixtures", names.len());
    let mut failures = String::new();
    for name in names {
        let printed = fixture(&[&name], &[]).print(Format::Text);
        let path = folder().join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(path, printed).unwrap();
        } else {
            let expected = std::fs::read_to_string(path).unwrap_or_default();
            if expected != printed {
                failures.push_str(&format!("\n{name}\n--- expected\n{expected}--- found\n{printed}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn json_has_the_shape_of_rawdata_and_the_place_of_every_diagnostic() {
    let report = fixture(&["an-entry-point-that-does-not-exist.yml"], &[]);
    assert!(report.has_errors());
    let json: Value = serde_json::from_str(&report.print(Format::Json)).unwrap();
    let shop = &json["routers"]["shop@docker"];
    assert_eq!((&shop["status"], &shop["rule"]), (&"disabled".into(), &"Host(`shop.test`)".into()));
    assert_eq!(json["routers"]["admin@docker"]["using"], serde_json::json!(["internal"]));
    let service = &json["services"]["shop@docker"];
    assert_eq!(service["loadBalancer"]["servers"][0]["url"], "http://shop-shop-1:8080");
    assert!(service.get("serverStatus").is_none(), "nobody has asked the servers");
    assert_eq!(json["middlewares"], serde_json::json!({}));
    assert_eq!(json["entryPoints"]["web"]["address"], ":80");
    assert_eq!(
        json["diagnostics"][0],
        serde_json::json!({
            "severity": "error",
            "file": "an-entry-point-that-does-not-exist.yml",
            "line": 12,
            "service": "shop",
            "container": "shop-shop-1",
            "label": "traefik.http.routers.shop.entrypoints",
            "object": "router shop@docker",
            "message": "none of the router's entry points exists: wbe",
            "suggestion": "did you mean web?",
        })
    );
}

#[test]
fn flags_after_the_files_decide_and_a_lone_file_gets_the_defaults() {
    let project = "services:\n  a:\n    expose: [80]\n    labels:\n    - \
                   traefik.http.routers.a.rule=Host(`a.test`)\n    - \
                   traefik.http.routers.a.entrypoints=web\n";
    assert!(text(project, &[]).has_errors());
    assert!(!text(project, &["--entrypoints.web.address=:8000"]).has_errors());
    let hidden = text(project, &["--providers.docker.exposedByDefault=false"]);
    assert_eq!(hidden.compiled.routers.len(), 0);
}

/// Values for all the variables of the corpus.
fn made_up(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    Some(match lower.as_str() {
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
    let sources = Sources { read: &read, variable: &made_up };
    check::check(&files(&["compose.yml"], &flags), sources)
}

/// Flags for the entry points that routers name and nobody configures: the file
/// that does is not in the corpus.
fn missing_entry_points(report: &Report) -> Vec<String> {
    let routers = report.compiled.routers.values().filter_map(|it| it.value.as_ref());
    let named: std::collections::BTreeSet<&String> =
        routers.flat_map(|router| &router.entry_points).collect();
    let missing = named.into_iter().filter(|name| !report.entry_points.contains_key(*name));
    let flag = |(at, name): (usize, &String)| format!("--entrypoints.{name}.address=:{}", 20_000 + at);
    missing.enumerate().map(flag).collect()
}

#[test]
fn every_label_of_the_corpus_is_used_or_named_in_a_diagnostic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus/projects.yml");
    let corpus = std::fs::read_to_string(path).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut silent = Vec::new();
    for project in corpus.split("\n---\n").skip(1) {
        *counts.entry("projects").or_default() += 1;
        let flags = missing_entry_points(&of_corpus(project, &[]));
        let report = of_corpus(project, &flags);
        let printed = report.print(Format::Json);
        let lines: Vec<&str> = project.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(item) = line.strip_prefix("    - ") else { continue };
            let label: String = serde_json::from_str(item).unwrap();
            let Some((key, _)) = label.split_once('=').filter(|(key, _)| is_routing(key)) else {
                continue;
            };
            *counts.entry("labels").or_default() += 1;
            let outcome = if is_named(&report, at + 1) {
                "labels named in a diagnostic"
            } else if is_of_rejected(&report, key) {
                "labels of an object that an error names"
            } else if is_used(&lines, at, key, &flags, &printed) {
                "labels used"
            } else {
                silent.push(format!("{label} in project {}", counts["projects"]));
                "labels in silence"
            };
            *counts.entry(outcome).or_default() += 1;
        }
        count_services(&report, &mut counts);
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
    report.findings.iter().any(|it| it.line() == Some(line) && it.diagnostic.label.is_some())
}

/// The label's object is not served, and a diagnostic says why.
fn is_of_rejected(report: &Report, key: &str) -> bool {
    let key = key.to_lowercase();
    report.findings.iter().filter(|it| it.diagnostic.severity == Severity::Error).any(|it| {
        it.diagnostic.object.as_ref().is_some_and(|id| {
            let name = id.name.trim_end_matches("@docker");
            let object = format!("traefik.http.{}s.{name}", id.kind).to_lowercase();
            key == object || key.starts_with(&(object + "."))
        })
    })
}

/// The outcome depends on the label: another value, or none, changes it.
fn is_used(lines: &[&str], at: usize, key: &str, flags: &[String], printed: &str) -> bool {
    let other = |line: String| {
        let mut lines = lines.to_vec();
        lines[at] = &line;
        of_corpus(&lines.join("\n"), flags).print(Format::Json) != printed
    };
    let with = |value: &str| format!("    - {}", serde_json::to_string(&format!("{key}={value}")).unwrap());
    other(with("\u{1}")) || other("    # nothing".to_owned())
}

/// Counts services whose labels are all understood, but for what concerns TLS, TCP
/// and UDP.
fn count_services(report: &Report, counts: &mut BTreeMap<&'static str, usize>) {
    let mut objects: BTreeMap<&str, bool> = BTreeMap::new();
    for container in report.compiled.routers.values().flat_map(|it| &it.containers) {
        objects.entry(container).or_insert(true);
    }
    for finding in &report.findings {
        let text = format!("{:?} {}", finding.diagnostic.label, finding.diagnostic.message);
        let lower = text.to_lowercase();
        let apart = ["tls", "tcp", "udp"].iter().any(|word| lower.contains(word));
        let unknown = ["unknown", "not an option", "not available", "no effect"];
        if !apart && unknown.iter().any(|word| lower.contains(word)) {
            if let Some(container) = &finding.diagnostic.container {
                objects.insert(container, false);
            }
        }
    }
    *counts.entry("containers with routers or complaints").or_default() += objects.len();
    *counts.entry("containers fully understood").or_default() +=
        objects.values().filter(|understood| **understood).count();
}
