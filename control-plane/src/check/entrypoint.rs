//! Which entry points are taken for granted, and why.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::{API_ENTRY_POINT, EntryPointOptions, StaticConfig};

/// How the entry points are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave any: what a router without flags has.
    Default,
    /// From the command of a service of the files, perhaps with more flags.
    Service(String),
    /// From flags on the command line.
    Flags,
    /// From a control plane that runs.
    Server(String),
}

/// The entry points that take traffic.
pub(super) fn served(config: &StaticConfig) -> BTreeMap<String, EntryPointOptions> {
    let entry_points = config.entry_points.iter();
    entry_points
        .filter(|(name, _)| *name != API_ENTRY_POINT)
        .map(|(name, options)| (name.clone(), options.clone()))
        .collect()
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(
                "the default; give others after --, as in -- --entrypoints.web.address=:80",
            ),
            Self::Service(name) => write!(f, "of service {name}"),
            Self::Flags => f.write_str("of the command line"),
            Self::Server(server) => write!(f, "of {server}"),
        }
    }
}
