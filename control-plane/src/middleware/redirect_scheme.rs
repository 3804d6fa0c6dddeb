//! `redirectScheme`: sends the client to the same URL with another scheme.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

/// Options of `redirectScheme`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedirectScheme {
    /// The new scheme.
    pub scheme: String,
    /// The new port; empty: the scheme's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub port: String,
    /// 301 or 308 instead of 302 or 307.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

impl RedirectScheme {
    pub(super) fn encode(&self) -> proto::RedirectScheme {
        proto::RedirectScheme {
            scheme: self.scheme.clone(),
            port: self.port.clone(),
            permanent: self.permanent,
        }
    }
}
