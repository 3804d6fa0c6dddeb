//! Any bytes as a Compose file: `check` says what is wrong with them and never
//! panics.

#![no_main]

use std::path::{Path, PathBuf};

use fairway_control::check::{self, Files, Format, Sources};
use fairway_control::model::ProviderState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(text.clone().into_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let files = Files {
        paths: vec![PathBuf::from("compose.yml")],
        directory: "fuzz".to_owned(),
        ..Files::default()
    };
    let sources = Sources {
        read: &read,
        variable: &|_| None,
        declared: &|_| ProviderState::default(),
    };
    let report = check::check(&files, sources);
    let _ = report.print(Format::Text);
    let _ = report.print(Format::Json);
});
