//! `errors`: puts a page of a service in place of answers with certain statuses.
//!
//! Here is which answers, and how the page is asked for; the request path asks.

use std::fmt::Write as _;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::MiddlewareError;
use super::status::{self, StatusRange};
use crate::balance::Service;
use crate::proxy::head::Head;

/// Of the connection, of the body that is not sent again, or about a part or a state
/// of what was asked for: the page is none of this.
const NOT_OF_THE_PAGE: [HeaderName; 14] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Error pages, as one router uses them.
#[derive(Debug)]
pub(crate) struct Errors {
    definition: Arc<Definition>,
    /// `None`: no router has found it yet.
    service: Option<Arc<Service>>,
}

#[derive(Debug)]
struct Definition {
    status: Box<[StatusRange]>,
    rewrites: Box<[(StatusRange, StatusCode)]>,
    service: String,
    query: String,
    /// `None`: all.
    request_headers: Option<Box<[HeaderName]>>,
}

impl Errors {
    pub(super) fn build(spec: &wire::Errors) -> Result<Self, MiddlewareError> {
        if spec.service.is_empty() {
            return Err(MiddlewareError::Required { option: "service" });
        }
        let query = fill(&spec.query, |_| Some("0".to_owned()));
        if PathAndQuery::try_from(query).is_err() || !spec.query.starts_with('/') {
            return Err(MiddlewareError::Query(spec.query.clone()));
        }
        let rewrites = spec.status_rewrites.iter().map(|rewrite| {
            let from = rewrite.from.unwrap_or_default();
            Ok((StatusRange::build(&from)?, status::of_answer(rewrite.to)?))
        });
        let names = spec.request_headers.as_ref().map(|list| {
            let names = list.names.iter().map(|name| {
                HeaderName::try_from(name).map_err(|_| MiddlewareError::HeaderName(name.clone()))
            });
            names.collect::<Result<_, _>>()
        });
        let definition = Definition {
            status: status::ranges(&spec.status)?,
            rewrites: rewrites.collect::<Result<_, MiddlewareError>>()?,
            service: spec.service.clone(),
            query: spec.query.clone(),
            request_headers: names.transpose()?,
        };
        Ok(Self {
            definition: Arc::new(definition),
            service: None,
        })
    }

    /// Qualified name of the service that has the pages.
    pub(super) fn service_name(&self) -> &str {
        &self.definition.service
    }

    /// The same with its service.
    pub(super) fn with(&self, service: Arc<Service>) -> Self {
        Self {
            definition: Arc::clone(&self.definition),
            service: Some(service),
        }
    }

    /// The service that has the pages.
    pub(crate) fn service(&self) -> Option<&Arc<Service>> {
        self.service.as_ref()
    }

    /// The status that the client gets, if an answer with this one gets a page.
    pub(crate) fn replaces(&self, status: StatusCode) -> Option<StatusCode> {
        let of = &self.definition;
        if status.is_informational() || !status::contains(&of.status, status) {
            return None;
        }
        let mut rewrites = of.rewrites.iter();
        let rewrite = rewrites.find(|(range, _)| range.contains(status));
        Some(rewrite.map_or(status, |(_, to)| *to))
    }

    /// The request for the page. `head` is the request as it came to this middleware.
    pub(crate) fn page(&self, head: &Head, original: StatusCode, status: StatusCode) -> Head {
        let of = &self.definition;
        let target = fill(&of.query, |name| match name {
            "status" => Some(status.as_str().to_owned()),
            "originalStatus" => Some(original.as_str().to_owned()),
            "url" => Some(escaped(&url(head))),
            _ => None,
        });
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target.as_str(), None),
        };
        let mut headers = head.headers.clone();
        if let Some(names) = &of.request_headers {
            let all: Vec<_> = headers.keys().cloned().collect();
            for name in all.iter().filter(|name| !names.contains(name)) {
                if *name != HOST {
                    headers.remove(name);
                }
            }
        }
        for name in &NOT_OF_THE_PAGE {
            headers.remove(name);
        }
        Head {
            method: Method::GET,
            headers,
            path: path.to_owned(),
            query,
            ..head.clone()
        }
    }

    /// For explanations.
    pub(super) fn described(&self) -> String {
        let of = &self.definition;
        format!(
            "answers with status {} get their page from {}, as GET {}",
            status::shown(&of.status),
            of.service,
            of.query
        )
    }
}

/// The text with every `{name}` that stands for something replaced.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after
            .split_once('}')
            .map(|(name, rest)| (value(name), rest))
        {
            Some((Some(value), after)) => {
                filled.push_str(&value);
                rest = after;
            }
            _ => {
                // As a URL has it.
                filled.push_str("%7B");
                rest = after;
            }
        }
    }
    filled.push_str(&rest.replace('}', "%7D"));
    filled
}

fn url(head: &Head) -> String {
    let scheme = if head.secure { "https" } else { "http" };
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    let host = String::from_utf8_lossy(host.unwrap_or_default());
    let target = head.target().map(|target| target.to_string());
    format!("{scheme}://{host}{}", target.unwrap_or_default())
}

/// For the query of a URL.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            byte => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::head::tests::head;

    fn errors(query: &str, headers: Option<&[&str]>) -> Errors {
        let range = |first, last| wire::StatusRange { first, last };
        let rewrite = |first, last, to| wire::StatusRewrite {
            from: Some(range(first, last)),
            to,
        };
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        let spec = wire::Errors {
            status: vec![range(404, 404), range(500, 599)],
            status_rewrites: vec![rewrite(503, 503, 500), rewrite(502, 504, 404)],
            service: "pages@docker".to_owned(),
            query: query.to_owned(),
            request_headers: headers.map(|it| wire::HeaderNames { names: names(it) }),
        };
        Errors::build(&spec).unwrap()
    }

    #[test]
    fn only_the_statuses_named_are_replaced_and_the_first_rewrite_counts() {
        let errors = errors("/", None);
        for (status, expected) in [
            (200, None),
            (101, None),
            (403, None),
            (404, Some(404)),
            (500, Some(500)),
            (503, Some(500)),
            (504, Some(404)),
            (599, Some(599)),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = errors.replaces(status).map(|it| it.as_u16());
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn the_page_is_asked_for_with_what_the_request_was() {
        let mut head = head("a.test:81", "/x y?b=c&d".replace(' ', "%20").as_str());
        head.method = Method::POST;
        for (name, value) in [
            ("host", "a.test:81"),
            ("cookie", "a=b"),
            ("x-a", "1"),
            ("content-length", "9"),
            ("if-none-match", "\"e\""),
            ("range", "bytes=0-1"),
        ] {
            let name = HeaderName::try_from(name).unwrap();
            head.headers.insert(name, HeaderValue::from_static(value));
        }
        let page = |query, headers| {
            let errors = errors(query, headers);
            let page = errors.page(&head, StatusCode::BAD_GATEWAY, StatusCode::NOT_FOUND);
            let mut names: Vec<_> = page.headers.keys().map(|it| it.to_string()).collect();
            names.sort();
            (
                page.method.clone(),
                page.target().unwrap().to_string(),
                names.join(" "),
            )
        };
        let url = "http%3A%2F%2Fa.test%3A81%2Fx%2520y%3Fb%3Dc%26d";
        for (query, headers, target, names) in [
            (
                "/{status}.html",
                None,
                "/404.html".to_owned(),
                "cookie host x-a",
            ),
            (
                "/{originalStatus}?u={url}",
                None,
                format!("/502?u={url}"),
                "cookie host x-a",
            ),
            ("/", Some(&["X-A", "Range"][..]), "/".to_owned(), "host x-a"),
            ("/{what}", Some(&[]), "/%7Bwhat%7D".to_owned(), "host"),
        ] {
            let expected = (Method::GET, target, names.to_owned());
            assert_eq!(page(query, headers), expected);
        }
    }
}
