//! `headers`: sets and deletes headers. Only the custom headers: a middleware
//! that asks for CORS or security headers is rejected before it gets here.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::label::Fields;

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
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const REQUEST: &str = "headers.customRequestHeaders";
        const RESPONSE: &str = "headers.customResponseHeaders";
        let headers = Self {
            custom_request_headers: fields.map(REQUEST),
            custom_response_headers: fields.map(RESPONSE),
        };
        // One with nothing but options without effect does nothing, as in Traefik.
        if headers == Self::default() && !fields.has_remarks() && !fields.has_mistakes() {
            let suggestion = format!("write {}.<Header>=<value>", fields.key(REQUEST));
            fields.reject("", "headers sets no header", suggestion);
        }
        check(fields, REQUEST, &headers.custom_request_headers);
        check(fields, RESPONSE, &headers.custom_response_headers);
        Some(headers)
    }

    pub(super) fn encode(&self) -> proto::Headers {
        proto::Headers {
            custom_request_headers: self.custom_request_headers.clone(),
            custom_response_headers: self.custom_response_headers.clone(),
        }
    }
}

fn check(fields: &mut Fields, option: &str, headers: &BTreeMap<String, String>) {
    for (name, value) in headers {
        if HeaderName::try_from(name).is_err() {
            fields.reject(
                option,
                format!("`{name}` cannot be the name of a header"),
                "write letters, digits and dashes, such as X-Env",
            );
        }
        if HeaderValue::try_from(value).is_err() {
            fields.reject(
                option,
                format!("the value of {name} has a line break or another control character"),
                "write the value on one line",
            );
        }
    }
}
