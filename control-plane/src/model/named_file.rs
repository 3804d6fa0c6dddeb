//! Files that objects name: they are read by the compiler's caller, and what is in
//! them goes to the proxies.

use std::fmt;

/// A file that an object names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedFile<'a> {
    /// The option that names it.
    pub option: &'static str,
    /// As written.
    pub path: &'a str,
}

/// What is in a file. `Ok(None)`: it is taken to be there and good, as the file system
/// that it is in is not at hand. `Err`: why it cannot be read.
pub type FileText = Result<Option<String>, String>;

/// Why the file that an option names, or the text in its place, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// The option.
    pub(crate) option: &'static str,
    /// The file as written; `None`: the option holds the text itself.
    pub(crate) path: Option<String>,
    /// What is wrong, without a word of what is in it.
    pub(crate) error: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            path,
            error,
        } = self;
        match path {
            Some(path) => write!(f, "the {option} {path} cannot be used: {error}"),
            None => write!(f, "the {option} cannot be used: {error}"),
        }
    }
}
