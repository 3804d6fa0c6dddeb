//! `headers`: sets and deletes headers of requests and responses, answers CORS
//! preflights, tells browsers about security.
//!
//! The headers that frame a message are not touched, whatever the configuration
//! says: they describe the connection, not the content.

mod cors;
mod security;

use std::collections::BTreeMap;

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use self::cors::Cors;
use self::security::Security;
use super::{Answer, Flow, MiddlewareError, Recall};
use crate::proxy::head::Head;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[derive(Debug)]
pub(super) struct Headers {
    request: Edits,
    response: Edits,
    /// To send to the server.
    host: Option<HeaderValue>,
    omit_forwarded_for: bool,
    cors: Option<Cors>,
    security: Option<Security>,
}

/// What the answer to a request depends on.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    origin: Option<HeaderValue>,
    tls: bool,
}

/// Names with their new value, or `None` to delete.
#[derive(Debug)]
struct Edits(Vec<(HeaderName, Option<HeaderValue>)>);

impl Headers {
    pub(super) fn build(spec: &wire::Headers) -> Result<Self, MiddlewareError> {
        let mut request = Edits::build(&spec.custom_request_headers)?;
        let host = request.take(&header::HOST).flatten();
        let omit_forwarded_for = request.deletes(&X_FORWARDED_FOR);
        let response = Edits::build(&spec.custom_response_headers)?;
        Ok(Self {
            request,
            response,
            host,
            omit_forwarded_for,
            cors: spec.cors.as_ref().map(Cors::build).transpose()?,
            security: spec.security.as_ref().map(Security::build).transpose()?,
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        if let Some(headers) = self.cors.as_ref().and_then(|cors| cors.preflight(head)) {
            return Flow::Respond(Answer {
                status: StatusCode::OK,
                reason: "preflight",
                headers,
                body: Bytes::new(),
            });
        }
        self.request.apply(&mut head.headers);
        if let Some(host) = &self.host {
            head.host_header = Some(host.clone());
        }
        head.omit_forwarded_for |= self.omit_forwarded_for;
        if self.cors.is_none() && self.security.is_none() {
            return Flow::Continue;
        }
        let asked = Asked {
            origin: head.headers.get(header::ORIGIN).cloned(),
            tls: self.security.as_ref().is_some_and(|it| it.is_tls(head)),
        };
        if self.security.as_ref().is_some_and(|it| !it.admits(head)) {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let mut answer = Answer::text(status, "bad_host", "Bad Host\n");
            self.finish(&asked, &mut answer.headers);
            return Flow::Respond(answer);
        }
        Flow::Remember(Recall::Headers(asked))
    }

    pub(super) fn on_response(&self, asked: &Asked, headers: &mut HeaderMap) {
        if let Some(security) = &self.security {
            security.on_response(asked.tls, headers);
        }
        self.finish(asked, headers);
    }

    /// Headers that no answer keeps.
    pub(super) fn deleted(&self) -> impl Iterator<Item = &HeaderName> {
        let edits = self.response.0.iter();
        edits.filter_map(|(name, value)| value.is_none().then_some(name))
    }

    /// What also the answers of our own check get.
    fn finish(&self, asked: &Asked, headers: &mut HeaderMap) {
        self.response.apply(headers);
        if let Some(cors) = &self.cors {
            cors.on_response(asked.origin.as_ref(), headers);
        }
    }
}

impl Edits {
    fn build(spec: &BTreeMap<String, String>) -> Result<Self, MiddlewareError> {
        let mut edits = Vec::with_capacity(spec.len());
        for (name, value) in spec {
            let parsed = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| MiddlewareError::HeaderName(name.clone()))?;
            let value = match value.as_str() {
                "" => None,
                value => Some(
                    HeaderValue::from_bytes(value.as_bytes())
                        .map_err(|_| MiddlewareError::HeaderValue { name: name.clone() })?,
                ),
            };
            if !is_framing(&parsed) {
                edits.push((parsed, value));
            }
        }
        Ok(Self(edits))
    }

    /// Takes the edits of a name out; `Some(None)` is a deletion.
    fn take(&mut self, name: &HeaderName) -> Option<Option<HeaderValue>> {
        self.0
            .extract_if(.., |(edited, _)| edited == name)
            .last()
            .map(|(_, value)| value)
    }

    fn deletes(&self, name: &HeaderName) -> bool {
        self.0
            .iter()
            .any(|(edited, value)| edited == name && value.is_none())
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => drop(headers.insert(name, value.clone())),
                None => drop(headers.remove(name)),
            }
        }
    }
}

fn is_framing(name: &HeaderName) -> bool {
    [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TRAILER,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn request_headers(pairs: &[(&str, &str)]) -> Kind {
        let custom_request_headers = map(pairs);
        Kind::Headers(wire::Headers {
            custom_request_headers,
            ..Default::default()
        })
    }

    fn response_headers(pairs: &[(&str, &str)]) -> Kind {
        let custom_response_headers = map(pairs);
        Kind::Headers(wire::Headers {
            custom_response_headers,
            ..Default::default()
        })
    }

    #[test]
    fn request_headers_are_set_and_deleted() {
        let mut head = head("h", "/");
        for (name, value) in [("x-a", "1"), ("x-a", "2"), ("x-b", "1"), ("x-c", "1")] {
            head.headers.append(name, value.parse().unwrap());
        }
        run(
            [request_headers(&[
                ("X-A", "new"),
                ("X-B", ""),
                ("X-D", "ä"),
            ])],
            &mut head,
        );
        for (name, expected) in [
            ("x-a", &["new"][..]),
            ("x-b", &[]),
            ("x-c", &["1"]),
            ("x-d", &["ä"]),
        ] {
            assert_eq!(values(&head.headers, name), expected, "{name}");
        }
        assert!(!head.omit_forwarded_for && head.host_header.is_none());
    }

    #[test]
    fn the_host_is_set_for_the_server_only() {
        let mut head = head("example.com", "/");
        head.headers
            .insert(header::HOST, HeaderValue::from_static("example.com"));
        run([request_headers(&[("host", "inner.test:8080")])], &mut head);
        assert_eq!(head.host_header.unwrap(), "inner.test:8080");
        assert_eq!(head.host, "example.com");
        assert_eq!(values(&head.headers, "host"), ["example.com"]);
    }

    #[test]
    fn the_host_cannot_be_deleted() {
        let mut head = head("example.com", "/");
        head.headers
            .insert(header::HOST, HeaderValue::from_static("example.com"));
        run([request_headers(&[("Host", "")])], &mut head);
        assert_eq!(values(&head.headers, "host"), ["example.com"]);
        assert!(head.host_header.is_none());
    }

    #[test]
    fn deleting_x_forwarded_for_also_stops_the_proxy_from_adding_it() {
        let mut head = head("h", "/");
        head.headers
            .insert(X_FORWARDED_FOR, HeaderValue::from_static("10.0.0.1"));
        run([request_headers(&[("X-Forwarded-For", "")])], &mut head);
        assert!(head.omit_forwarded_for && head.headers.is_empty());
    }

    #[test]
    fn response_headers_are_set_and_deleted_but_not_the_framing() {
        let middleware = build(response_headers(&[
            ("Server", ""),
            ("X-Frame-Options", "DENY"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", ""),
        ]))
        .unwrap();
        let response = http::Response::builder()
            .header("server", "x")
            .header("content-length", "7")
            .header("transfer-encoding", "chunked");
        let (mut parts, ()) = response.body(()).unwrap().into_parts();
        middleware.on_response(None, &mut parts);
        for (name, expected) in [
            ("server", &[][..]),
            ("x-frame-options", &["DENY"]),
            ("content-length", &["7"]),
            ("transfer-encoding", &["chunked"]),
        ] {
            assert_eq!(values(&parts.headers, name), expected, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_an_error() {
        for (pairs, expected) in [
            ([("a b", "c")], "`a b` is not the name of a header"),
            (
                [("x-a", "b\r\nc")],
                "the value of the header `x-a` has characters that may not stand in one",
            ),
        ] {
            assert_eq!(
                build(request_headers(&pairs)).unwrap_err().to_string(),
                expected
            );
            assert_eq!(
                build(response_headers(&pairs)).unwrap_err().to_string(),
                expected
            );
        }
    }
}
