//! `headers`: sets and deletes headers. Only the custom headers: a middleware
//! that asks for CORS or security headers is rejected before it gets here.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

/// Options of `headers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headers {
    /// Set on the way to the server; an empty value deletes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_request_headers: BTreeMap<String, String>,
    /// Set on the way to the client; an empty value deletes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_response_headers: BTreeMap<String, String>,
}

impl Headers {
    pub(super) fn encode(&self) -> proto::Headers {
        proto::Headers {
            custom_request_headers: self.custom_request_headers.clone(),
            custom_response_headers: self.custom_response_headers.clone(),
        }
    }
}
