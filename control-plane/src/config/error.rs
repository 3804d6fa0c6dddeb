//! Why a command line cannot be used.

use crate::provider::docker::{ConstraintError, DefaultRuleError, EndpointError};

/// Why a static configuration cannot be used. Each names the flag as it was written;
/// an option of a file with its line, and a variable, are flags, too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A word that is neither a flag nor a command.
    #[error("unexpected argument {word:?}{hint}")]
    UnexpectedArgument {
        /// As written.
        word: String,
        /// What was probably meant; empty or after a separator.
        hint: String,
    },
    /// A flag that does not exist.
    #[error("unknown {}{hint}", subject(flag))]
    UnknownFlag {
        /// As written.
        flag: String,
        /// The nearest known flag; empty or after a separator.
        hint: String,
    },
    /// A flag of an earlier Traefik, or one that Fairway solves otherwise.
    #[error("{} is not available: {reason}", subject(flag))]
    UnavailableFlag {
        /// As written.
        flag: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A flag that needs a value has none.
    #[error("{} needs a value, as in {example}", subject(flag))]
    MissingValue {
        /// As written.
        flag: String,
        /// The flag with a value.
        example: String,
    },
    /// A value that does not fit its flag.
    #[error("{}: {value:?} is not {expected}", subject(flag))]
    InvalidValue {
        /// As written.
        flag: String,
        /// As written.
        value: String,
        /// What would fit.
        expected: String,
    },
    /// `--providers.docker.endpoint` or `DOCKER_HOST`.
    #[error("{origin}: {source}")]
    Endpoint {
        /// The flag or variable.
        origin: String,
        /// What is wrong.
        source: EndpointError,
    },
    /// One of two flags that go together.
    #[error("flag {has} needs {lacks}")]
    Together {
        /// The one that is there.
        has: String,
        /// The other one.
        lacks: String,
    },
    /// `--providers.docker.defaultRule`.
    #[error("{}: {source}", subject(flag))]
    DefaultRule {
        /// As written.
        flag: String,
        /// What is wrong.
        source: DefaultRuleError,
    },
    /// `--providers.docker.constraints`.
    #[error("{}: {source}", subject(flag))]
    Constraint {
        /// As written.
        flag: String,
        /// What is wrong.
        source: ConstraintError,
    },
    /// An entry point without an address.
    #[error("entry point {name} has no address; set --entrypoints.{name}.address=:PORT")]
    NoAddress {
        /// Name of the entry point.
        name: String,
    },
    /// Two entry points of one name.
    #[error("entry points {first} and {second} listen on the same address {address}")]
    SameAddress {
        /// Name of one.
        first: String,
        /// Name of the other.
        second: String,
        /// Where.
        address: String,
    },
    /// Arguments of a command that has its own.
    #[error("{0}")]
    Usage(String),
    /// The file of the static configuration.
    #[error("{place}: {message}")]
    File {
        /// Its name, and where in it.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The file provider without a file.
    #[error(
        "--providers.file has nothing to read; set --providers.file.filename or --providers.file.directory"
    )]
    NoFile,
    /// Nothing to watch.
    #[error("no provider is switched on; add --providers.docker")]
    NoProvider,
}

/// What an option is called: people know flags by their dashes.
pub(super) fn subject(written: &str) -> String {
    if written.starts_with('-') {
        format!("flag {written}")
    } else {
        format!("option {written}")
    }
}
