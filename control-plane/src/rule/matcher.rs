//! A rule as a tree, and the table of matchers.

use std::fmt;

use fairway_proto::discovery::v1 as proto;

use super::Pattern;

/// A rule as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// Every part.
    And(Vec<Matcher>),
    /// One part.
    Or(Vec<Matcher>),
    /// Not the part.
    Not(Box<Matcher>),
    /// Host name in lower case.
    Host(String),
    /// Expression over the host.
    HostRegexp(Pattern),
    /// The whole path.
    Path(String),
    /// Start of the path.
    PathPrefix(String),
    /// Expression over the path.
    PathRegexp(Pattern),
    /// Method in upper case.
    Method(String),
    /// A header line with this value.
    Header {
        /// Header name as written.
        name: String,
        /// Value.
        value: String,
    },
    /// A header line that fits.
    HeaderRegexp {
        /// Header name as written.
        name: String,
        /// Expression over the value.
        pattern: Pattern,
    },
    /// A query parameter with this value; empty: present without a value.
    Query {
        /// Parameter.
        key: String,
        /// Value.
        value: String,
    },
    /// A query parameter that fits.
    QueryRegexp {
        /// Parameter.
        key: String,
        /// Expression over the value.
        pattern: Pattern,
    },
    /// Address or CIDR of the peer.
    ClientIp(String),
}

impl Matcher {
    /// As the proxies read it.
    pub fn encode(&self) -> proto::Matcher {
        proto::Matcher { matcher: None }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("")
    }
}
