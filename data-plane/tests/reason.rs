//! `docs/why` explains every reason code once, and none that does not exist.
//!
//! The codes are read from the sources: those of the proxy itself in
//! `proxy/error.rs`, those of middlewares where their answers are made.
#![allow(clippy::unwrap_used, reason = "a test may stop loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Known to explanations alone: there is no request that could get it.
const OF_EXPLAIN: &str = "no_entry_point";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Contents of every file below a folder with this extension.
fn files(folder: &Path, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// The first literal after each occurrence of `before`, as far as `until`.
fn literals<'a>(text: &'a str, before: &str, until: char) -> Vec<&'a str> {
    let after = text.split(before).skip(1);
    let parts = after.map(|rest| rest.split(until).next().unwrap_or_default());
    parts.filter_map(|part| part.split('"').nth(1)).collect()
}

/// A source without its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

fn codes_of_the_proxy() -> BTreeSet<String> {
    let source = std::fs::read_to_string(here("src/proxy/error.rs")).unwrap();
    let (_, after) = source
        .split_once("const fn as_str(self) -> &'static str {")
        .unwrap();
    let (body, _) = after.split_once("\n    }\n").unwrap();
    literals(body, "=>", ',')
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn codes_of_answers() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let sources = [here("src/middleware"), here("src/proxy")].map(|folder| files(&folder, "rs"));
    for (path, text) in sources.into_iter().flatten() {
        let of_test = |part: &std::path::Component<'_>| {
            part.as_os_str() == "test" || part.as_os_str() == "tests"
        };
        if path.components().any(|part| of_test(&part)) {
            continue;
        }
        let text = product(&text);
        let answers = [
            ("reason:", ','),
            ("::text(", ';'),
            (" own(", ')'),
            ("(own(", ')'),
        ];
        for (before, until) in answers {
            codes.extend(literals(text, before, until).into_iter().map(str::to_owned));
        }
    }
    // An answer of a container has none.
    codes.remove("");
    codes
}

/// Where each code is explained: in bold where a paragraph begins, or in the first
/// cell of a row.
fn explained() -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in files(&here("../docs/why"), "md") {
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        for line in text.lines() {
            let codes: Vec<&str> = if line.starts_with("**`") {
                let bold = line.split("**`").skip(1);
                bold.filter_map(|it| it.split("`**").next()).collect()
            } else {
                let cell = line.strip_prefix("| `").and_then(|it| it.split_once("` |"));
                // The table of options has dashes in its cells.
                cell.map(|(code, _)| code)
                    .filter(|code| !code.contains('-'))
                    .into_iter()
                    .collect()
            };
            for code in codes {
                places
                    .entry(code.to_owned())
                    .or_default()
                    .push(page.clone());
            }
        }
    }
    places
}

#[test]
fn every_reason_code_is_explained_once_and_no_other_is() {
    let proxy = codes_of_the_proxy();
    let answers = codes_of_answers();
    assert!(proxy.len() >= 16 && proxy.contains("no_route"), "{proxy:?}");
    for known in [
        "redirect",
        "preflight",
        "auth_busy",
        "ip_refused",
        "bad_host",
        "auth_denied",
        "auth_unreachable",
    ] {
        assert!(answers.contains(known), "{known}: {answers:?}");
    }
    let mut codes: BTreeSet<String> = &proxy | &answers;
    codes.insert(OF_EXPLAIN.to_owned());
    let explained = explained();
    for code in &codes {
        let places = explained.get(code).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(places.len(), 1, "{code} is explained in {places:?}");
    }
    let invented: Vec<_> = explained.keys().filter(|it| !codes.contains(*it)).collect();
    assert!(invented.is_empty(), "no such reason code: {invented:?}");
}

#[test]
fn the_table_of_symptoms_names_the_codes_of_each_page() {
    let index = std::fs::read_to_string(here("../docs/why/README.md")).unwrap();
    let explained = explained();
    for (path, _) in files(&here("../docs/why"), "md") {
        let page = path.file_name().unwrap().to_string_lossy().into_owned();
        if page == "README.md" {
            continue;
        }
        let link = format!("]({page}) |");
        let row = index.lines().find(|line| line.contains(&link));
        let cell = row.and_then(|row| row.split_once(&link)).unwrap().1;
        let listed: BTreeSet<&str> = cell.split('`').skip(1).step_by(2).collect();
        let on_page: BTreeSet<&str> = explained
            .iter()
            .filter(|(_, places)| places.contains(&page))
            .map(|(code, _)| code.as_str())
            .collect();
        assert_eq!(listed, on_page, "{page}");
    }
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let folder = here("../docs/why");
    for (path, text) in files(&folder, "md") {
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            assert!(folder.join(file).exists(), "{}: {target}", path.display());
        }
    }
}
