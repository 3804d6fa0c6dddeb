//! Cross-origin requests: which pages of other origins may read the answers.

use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use regex::Regex;

use super::super::MiddlewareError;
use crate::proxy::head::Head;
use crate::routing::regexp;

#[derive(Debug)]
pub(super) struct Cors {
    credentials: bool,
    /// Joined by commas; `None` if there are none.
    headers: Option<HeaderValue>,
    methods: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    origins: Vec<String>,
    origin_regexps: Vec<Regex>,
    max_age: Option<HeaderValue>,
    vary: bool,
}

impl Cors {
    pub(super) fn build(spec: &wire::Cors) -> Result<Self, MiddlewareError> {
        let patterns = spec.allow_origin_regexes.iter();
        Ok(Self {
            credentials: spec.allow_credentials,
            headers: joined(&header::ACCESS_CONTROL_ALLOW_HEADERS, &spec.allow_headers)?,
            methods: joined(&header::ACCESS_CONTROL_ALLOW_METHODS, &spec.allow_methods)?,
            expose: joined(&header::ACCESS_CONTROL_EXPOSE_HEADERS, &spec.expose_headers)?,
            origins: spec.allow_origins.clone(),
            origin_regexps: patterns
                .map(|pattern| regexp::compile(pattern))
                .collect::<Result<_, _>>()?,
            max_age: spec.max_age.map(HeaderValue::from),
            vary: spec.add_vary_header,
        })
    }

    /// The answer to a preflight, if the request is one. It is never passed on, not
    /// even where the origin is not allowed: without `Access-Control-Allow-Origin`
    /// the browser stops there.
    pub(super) fn preflight(&self, head: &Head) -> Option<HeaderMap> {
        let method = head.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let origin = head.headers.get(header::ORIGIN)?;
        if head.method != Method::OPTIONS || origin.is_empty() || method.is_empty() {
            return None;
        }
        let mut answer = HeaderMap::new();
        if self.credentials {
            answer.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        let asked = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(value) = self.listed(self.headers.as_ref(), asked) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, value.clone());
        }
        if let Some(value) = self.listed(self.methods.as_ref(), Some(method)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, value.clone());
        }
        if let Some(value) = self.allowed(Some(origin)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        }
        if let Some(value) = &self.max_age {
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, value.clone());
        }
        answer.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Some(answer)
    }

    /// Writes what the answer to a request from this origin says.
    pub(super) fn on_response(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if let Some(allowed) = self.allowed(origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        if self.credentials {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        // Browsers read `*` as a name where there are credentials.
        let expose = self.expose.as_ref();
        if let Some(expose) = expose.filter(|it| !(self.credentials && *it == "*")) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
        if self.vary {
            vary_by_origin(headers);
        }
    }

    /// What is configured, or with credentials, instead of `*`, what was asked for.
    fn listed<'a>(
        &self,
        configured: Option<&'a HeaderValue>,
        asked: Option<&'a HeaderValue>,
    ) -> Option<&'a HeaderValue> {
        match configured {
            Some(all) if self.credentials && all == "*" => asked,
            configured => configured,
        }
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let text = origin.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let listed = self.origins.iter().find(|it| *it == "*" || *it == text);
        match listed {
            Some(all) if all == "*" && !self.credentials => Some(HeaderValue::from_static("*")),
            Some(_) => origin.cloned(),
            None if text.is_empty() => None,
            None => {
                let fits = self.origin_regexps.iter().any(|it| it.is_match(text));
                origin.filter(|_| fits).cloned()
            }
        }
    }
}

fn joined(name: &HeaderName, values: &[String]) -> Result<Option<HeaderValue>, MiddlewareError> {
    let text = values.join(",");
    if text.is_empty() {
        return Ok(None);
    }
    let error = |_| MiddlewareError::HeaderValue {
        name: name.to_string(),
    };
    HeaderValue::try_from(text).map(Some).map_err(error)
}

/// The first line, as one line with `Origin` in it.
fn vary_by_origin(headers: &mut HeaderMap) {
    let origin = HeaderValue::from_static("Origin");
    let value = match headers.get(header::VARY) {
        Some(line) if line == "Origin" => return,
        Some(line) if !line.is_empty() => {
            let joined = [line.as_bytes(), b",Origin"].concat();
            HeaderValue::from_bytes(&joined).unwrap_or(origin)
        }
        _ => origin,
    };
    // Lines after the first stay.
    match headers.entry(header::VARY) {
        http::header::Entry::Occupied(mut lines) => *lines.get_mut() = value,
        http::header::Entry::Vacant(none) => drop(none.insert(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::values;
    use super::*;
    use crate::proxy::head::tests::head;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn some() -> wire::Cors {
        wire::Cors {
            allow_headers: texts(&["X-A", "X-B"]),
            allow_methods: texts(&["GET", "PUT"]),
            allow_origins: texts(&["https://a.test"]),
            allow_origin_regexes: texts(&[r"^https://.*\.b\.test$"]),
            expose_headers: texts(&["X-C", "X-D"]),
            max_age: Some(0),
            ..Default::default()
        }
    }

    fn wildcard(allow_credentials: bool) -> wire::Cors {
        wire::Cors {
            allow_credentials,
            allow_headers: texts(&["*"]),
            allow_methods: texts(&["*"]),
            allow_origins: texts(&["*"]),
            expose_headers: texts(&["*"]),
            ..Default::default()
        }
    }

    fn preflight(spec: &wire::Cors, method: Method, pairs: &[(&str, &str)]) -> Option<HeaderMap> {
        let mut head = head("h", "/");
        head.method = method;
        for (name, value) in pairs {
            let name = HeaderName::try_from(*name).unwrap();
            head.headers.insert(name, value.parse().unwrap());
        }
        Cors::build(spec).unwrap().preflight(&head)
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    const ASKED: &str = "access-control-request-method";

    #[test]
    fn a_preflight_is_told_what_is_allowed() {
        let origin = |origin| [("origin", origin), (ASKED, "PUT")];
        for (asking, allowed) in [
            ("https://a.test", true),
            ("https://x.b.test", true),
            ("https://A.test", false),
            ("https://evil.test", false),
        ] {
            let answer = preflight(&some(), Method::OPTIONS, &origin(asking)).unwrap();
            let mut expected = vec![
                "access-control-allow-headers: X-A,X-B".to_owned(),
                "access-control-allow-methods: GET,PUT".to_owned(),
                "access-control-max-age: 0".to_owned(),
                "content-length: 0".to_owned(),
            ];
            if allowed {
                expected.insert(2, format!("access-control-allow-origin: {asking}"));
            }
            assert_eq!(lines(&answer), expected);
        }
    }

    #[test]
    fn with_credentials_a_wildcard_becomes_what_was_asked_for() {
        let asking = [
            ("origin", "https://x.test"),
            (ASKED, "PATCH"),
            ("access-control-request-headers", "x-1, x-2"),
        ];
        let answer = preflight(&wildcard(true), Method::OPTIONS, &asking).unwrap();
        assert_eq!(
            lines(&answer),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-headers: x-1, x-2",
                "access-control-allow-methods: PATCH",
                "access-control-allow-origin: https://x.test",
                "content-length: 0",
            ]
        );
        let answer = preflight(&wildcard(false), Method::OPTIONS, &asking).unwrap();
        assert_eq!(
            lines(&answer),
            [
                "access-control-allow-headers: *",
                "access-control-allow-methods: *",
                "access-control-allow-origin: *",
                "content-length: 0",
            ]
        );
    }

    #[test]
    fn only_options_with_an_origin_and_a_method_is_a_preflight() {
        let asking = [("origin", "https://a.test"), (ASKED, "PUT")];
        assert!(preflight(&some(), Method::GET, &asking).is_none());
        assert!(preflight(&some(), Method::OPTIONS, &asking[..1]).is_none());
        assert!(preflight(&some(), Method::OPTIONS, &asking[1..]).is_none());
    }

    #[test]
    fn an_answer_says_who_may_read_it() {
        let answered = |spec: &wire::Cors, origin: Option<&'static str>, vary: &str| {
            let mut headers = HeaderMap::new();
            if !vary.is_empty() {
                headers.insert(header::VARY, vary.parse().unwrap());
            }
            let origin = origin.map(HeaderValue::from_static);
            let cors = Cors::build(spec).unwrap();
            cors.on_response(origin.as_ref(), &mut headers);
            lines(&headers)
        };
        let expose = "access-control-expose-headers: X-C,X-D";
        assert_eq!(
            answered(&some(), Some("https://a.test"), ""),
            ["access-control-allow-origin: https://a.test", expose]
        );
        assert_eq!(answered(&some(), Some("https://evil.test"), ""), [expose]);
        assert_eq!(answered(&some(), None, ""), [expose]);
        assert_eq!(
            answered(&wildcard(false), None, ""),
            [
                "access-control-allow-origin: *",
                "access-control-expose-headers: *"
            ]
        );
        assert_eq!(
            answered(&wildcard(true), Some("https://x.test"), ""),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://x.test",
            ]
        );
        let vary = wire::Cors {
            add_vary_header: true,
            ..Default::default()
        };
        for (before, after) in [
            ("", "Origin"),
            ("Origin", "Origin"),
            ("Accept-Encoding", "Accept-Encoding,Origin"),
        ] {
            assert_eq!(answered(&vary, None, before), [format!("vary: {after}")]);
        }
    }

    #[test]
    fn an_origin_that_is_no_text_is_not_allowed() {
        let origin = HeaderValue::from_bytes(b"https://\xff.b.test").unwrap();
        let mut headers = HeaderMap::new();
        let cors = Cors::build(&some()).unwrap();
        cors.on_response(Some(&origin), &mut headers);
        assert!(values(&headers, "access-control-allow-origin").is_empty());
    }
}
