//! `errors`: puts a page of a service in place of answers with certain statuses.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use http::HeaderName;
use http::uri::PathAndQuery;
use serde::Serialize;

use super::status;
use crate::label::Fields;

const STATUS: &str = "errors.status";
const REWRITES: &str = "errors.statusRewrites";
const SERVICE: &str = "errors.service";
const QUERY: &str = "errors.query";
const HEADERS: &str = "errors.errorRequestHeaders";
/// What stands for something of the request.
const PLACEHOLDERS: [&str; 3] = ["{status}", "{originalStatus}", "{url}"];

/// Options of `errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Errors {
    /// Statuses and ranges of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// What the client gets instead of the statuses of a range.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub status_rewrites: BTreeMap<String, u16>,
    /// Service that has the page. As written; qualified where proxies get it.
    pub service: String,
    /// Path and query of the page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Headers of the request that the service gets; `None`: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_request_headers: Option<Vec<String>>,
}

impl Errors {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let status = status::ranges(fields, STATUS);
        if status.is_empty() {
            let suggestion = format!("write {}=500-599", fields.key(STATUS));
            fields.remark(
                STATUS,
                "without a status no answer gets another page",
                suggestion,
            );
        }
        let query = fields.some_text(QUERY).unwrap_or_default();
        check_query(fields, &query);
        let headers = fields.has(HEADERS).then(|| fields.list(HEADERS));
        for name in headers.iter().flatten() {
            if HeaderName::try_from(name).is_err() {
                let message = format!("`{name}` cannot be the name of a header");
                fields.reject(HEADERS, message, "write letters, digits and dashes");
            }
        }
        let status_rewrites = rewrites(fields);
        let Some(service) = fields.some_text(SERVICE) else {
            let suggestion = format!("write {}=error-pages", fields.key(SERVICE));
            fields.reject(SERVICE, "errors lacks its service", suggestion);
            return None;
        };
        Some(Self {
            status,
            status_rewrites,
            service,
            query,
            error_request_headers: headers,
        })
    }

    pub(super) fn encode(&self) -> proto::Errors {
        let rewrites = self.status_rewrites.iter();
        let rewrites = rewrites.filter_map(|(range, to)| {
            Some(proto::StatusRewrite {
                from: Some(status::range(range)?),
                to: u32::from(*to),
            })
        });
        let names = self.error_request_headers.clone();
        proto::Errors {
            status: status::encode(&self.status),
            status_rewrites: rewrites.collect(),
            service: self.service.clone(),
            query: format!("/{}", self.query.trim_start_matches('/')),
            request_headers: names.map(|names| proto::HeaderNames { names }),
        }
    }
}

/// With every placeholder filled in it has to be the target of a request.
fn check_query(fields: &mut Fields, query: &str) {
    let filled = PLACEHOLDERS
        .iter()
        .fold(query.to_owned(), |query, it| query.replace(it, "0"));
    let target = format!("/{}", filled.trim_start_matches('/'));
    if PathAndQuery::try_from(&target).is_err() {
        let message = format!("`{query}` is not the path of a page");
        fields.reject(QUERY, message, "write for instance /{status}.html");
    } else if let Some((_, rest)) = filled.split_once('{') {
        let name = rest.split('}').next().unwrap_or_default();
        let message = format!("{{{name}}} stands for nothing and is sent as it is");
        fields.remark(QUERY, message, "use {status}, {originalStatus} or {url}");
    }
}

fn rewrites(fields: &mut Fields) -> BTreeMap<String, u16> {
    let mut rewrites = BTreeMap::new();
    for (range, to) in fields.map(REWRITES) {
        if status::range(&range).is_none() {
            status::reject(fields, REWRITES, &range);
        }
        match status::status(&to).filter(|to| *to >= 200) {
            Some(to) => drop(rewrites.insert(range, u16::try_from(to).unwrap_or_default())),
            None => fields.reject(
                REWRITES,
                format!("`{to}` is not the status of an answer"),
                "write for instance 404",
            ),
        }
    }
    rewrites
}
