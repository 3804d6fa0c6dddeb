//! Every command and every flag that `docs/why` tells people to use is one.
#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

use std::path::Path;

use fairway_control::config::{Command, StaticConfig};

/// The pages, all in one.
fn pages() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/why");
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap() + "\n")
        .collect()
}

/// Words of a command line as a shell splits them, with values for what stands
/// for one.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    let value = |word: String| match word.as_str() {
        "URL" | "…" => "http://shop.test/".to_owned(),
        "ADDRESS" => "10.0.0.7".to_owned(),
        "NAME" | "ID" => "web".to_owned(),
        _ => word,
    };
    words.into_iter().map(value).collect()
}

#[test]
fn every_command_of_the_pages_is_understood() {
    let pages = pages();
    let mut commands = 0;
    for place in pages.split("fairway-control ").skip(1) {
        let end = place.find(['`', '\n']).unwrap_or(place.len());
        let line = place.get(..end).unwrap();
        commands += 1;
        let parsed = Command::parse(words(line));
        assert!(parsed.is_ok(), "fairway-control {line}: {parsed:?}");
        assert!(!matches!(parsed, Ok(Command::Run(_))), "{line}");
    }
    assert!(commands >= 10, "only {commands} commands");
}

#[test]
fn every_option_of_explain_in_the_table_is_understood() {
    let pages = pages();
    let rows = pages.lines().filter(|line| line.starts_with("| `-"));
    let mut options = 0;
    for row in rows {
        let cell = row.split(" | ").next().unwrap();
        for option in cell.split('`').skip(1).step_by(2) {
            options += 1;
            let parsed = Command::parse(words(&format!("explain {option} URL")));
            assert!(parsed.is_ok(), "explain {option}: {parsed:?}");
        }
    }
    assert!(options >= 8, "only {options} options");
}

#[test]
fn every_flag_of_the_pages_is_one_that_has_an_effect() {
    let pages = pages();
    let mut flags = 0;
    for place in pages.split(['`', '\n']).filter(|it| it.starts_with("--")) {
        let known = ["--entryPoints.", "--serversTransport."];
        if !known.iter().any(|root| place.starts_with(root)) {
            continue;
        }
        flags += 1;
        let flag = match place.split_once('=') {
            Some(_) => place.to_owned(),
            None => format!("{place}=10s"),
        };
        let web = "--entryPoints.web.address=:80".to_owned();
        let config = StaticConfig::parse([web, flag]).unwrap();
        assert!(config.warnings.is_empty(), "{place}: {:?}", config.warnings);
    }
    assert!(flags >= 2, "only {flags} flags");
}
