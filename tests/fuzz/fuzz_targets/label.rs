//! Any lines as the labels of a container: never a panic, and what is not served is
//! told.

#![no_main]

use std::collections::BTreeMap;

use fairway_control::label;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let labels: BTreeMap<String, String> = text
        .lines()
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let (decoded, diagnostics) = label::decode("web", &labels);
    assert!(decoded.rejected.is_empty() || !diagnostics.is_empty());
    for diagnostic in diagnostics {
        assert!(!diagnostic.message.is_empty());
    }
});
