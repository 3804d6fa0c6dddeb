//! The file provider: routers, services and middlewares from YAML and TOML files.
//!
//! [`run`] reads the files (`reader`), publishes what they declare together, and does
//! it again whenever one of them changes (`watch`). Invariants: a file that cannot be
//! read or parsed costs nobody anything, for what it last declared stays in force;
//! files are only ever read.

mod reader;
mod watch;

use std::path::PathBuf;

pub use watch::run;

use crate::model::ProviderState;
use crate::rule::RuleSyntax;

/// Options of the provider, `--providers.file.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// What is read.
    pub source: FileSource,
    /// Follow changes; false: read once.
    pub watch: bool,
    /// How rules are written that do not say it.
    pub rule_syntax: RuleSyntax,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// One file.
    File(PathBuf),
    /// Every YAML and TOML file in a directory and those below it.
    Directory(PathBuf),
}

/// What the files declare now.
#[must_use]
pub fn read(options: &FileOptions) -> ProviderState {
    reader::Reader::new(options).read()
}
