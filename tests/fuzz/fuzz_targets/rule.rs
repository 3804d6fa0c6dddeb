//! Any text as a rule: it is one or it is told what is wrong, at a place that the text
//! has.

#![no_main]

use fairway_control::rule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match rule::parse(text) {
        Ok(matcher) => drop(rule::warnings(&matcher)),
        Err(error) => {
            assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
            assert!(!error.message.is_empty());
        }
    }
});
