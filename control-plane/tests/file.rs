//! Files in, what they declare out: every file and directory of `fixtures/file`.
//!
//! A fixture's name says what it shows; beside it is a text with what comes out, one
//! line for each thing. After an intended change, write the new lines with
//! `UPDATE_FIXTURES=1 cargo test -p fairway-control --test file` and read the
//! difference.

#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

mod lines;

use std::path::{Path, PathBuf};

use fairway_control::model::{DynamicConfig, ProviderState};
use fairway_control::provider::file::{FileOptions, FileSource, read};
use fairway_control::rule::RuleSyntax;

fn state(path: &Path) -> ProviderState {
    let source = if path.is_dir() {
        FileSource::Directory(path.to_owned())
    } else {
        FileSource::File(path.to_owned())
    };
    read(&FileOptions {
        source,
        watch: false,
        rule_syntax: RuleSyntax::default(),
    })
}

/// Paths stay relative, so that files have the same names on every machine.
fn fixtures() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("tests/fixtures/file").unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_none_or(|it| it != "txt"));
    paths.sort();
    paths
}

#[test]
fn every_fixture_declares_what_it_expects() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut failures = String::new();
    let paths = fixtures();
    assert!(paths.len() >= 8, "only {} fixtures", paths.len());
    for path in paths {
        let found = lines::lines(&state(&path)).join("\n") + "\n";
        let found = found.replace("tests/fixtures/file/", "");
        let expected = PathBuf::from(format!("{}.txt", path.display()));
        if update {
            std::fs::write(&expected, found).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if found != expected {
            let name = path.display();
            failures.push_str(&format!(
                "\n{name}\n expected\n{expected}\n found\n{found}\n"
            ));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn toml_says_the_same_as_yaml() {
    let of = |ending: &str| {
        let name = format!("tests/fixtures/file/a-site-of-two-services.{ending}");
        let mut config = state(Path::new(&name)).config;
        forget_files(&mut config);
        config
    };
    assert_eq!(of("toml"), of("yml"));
    assert!(!of("toml").routers.is_empty());
}

fn forget_files(config: &mut DynamicConfig) {
    for router in config.routers.values_mut() {
        router.containers.clear();
    }
    for service in config.services.values_mut() {
        service.containers.clear();
        if let Some(balancer) = service.value.load_balancer_mut() {
            for server in &mut balancer.servers {
                server.container.clear();
            }
        }
    }
    for middleware in config.middlewares.values_mut() {
        middleware.containers.clear();
    }
}
