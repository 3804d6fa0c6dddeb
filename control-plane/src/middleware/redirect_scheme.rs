//! `redirectScheme`: sends the client to the same URL with another scheme.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::{Fields, is_port};

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
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const SCHEME: &str = "redirectScheme.scheme";
        const PORT: &str = "redirectScheme.port";
        let Some(scheme) = fields.some_text(SCHEME) else {
            let suggestion = format!("write {}=https", fields.key(SCHEME));
            fields.reject(SCHEME, "redirectScheme lacks its scheme", suggestion);
            return None;
        };
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letters) {
            fields.reject(
                SCHEME,
                format!("`{scheme}` is not a scheme"),
                "write https or http",
            );
        }
        let port = fields.some_text(PORT).unwrap_or_default();
        if !port.is_empty() && !is_port(&port) {
            fields.reject(
                PORT,
                format!("`{port}` is not a port"),
                "write a number from 1 to 65535, or remove the label",
            );
        }
        let permanent = fields
            .boolean("redirectScheme.permanent")
            .unwrap_or_default();
        Some(Self {
            scheme,
            port,
            permanent,
        })
    }

    pub(super) fn encode(&self) -> proto::RedirectScheme {
        proto::RedirectScheme {
            scheme: self.scheme.clone(),
            port: self.port.clone(),
            permanent: self.permanent,
        }
    }
}
