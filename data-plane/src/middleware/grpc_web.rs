//! `grpcWeb`: translates between gRPC-Web, which browsers speak, and gRPC.
//!
//! Here is which requests are meant, what they become, and what pages of other origins
//! may read. Bodies are translated by the request path.

use fairway_proto::discovery::v1 as wire;
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, TE, VARY,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{Answer, Flow, Recall};
use crate::proxy::head::Head;

const GRPC: &str = "application/grpc";
const GRPC_WEB: &str = "application/grpc-web";
const GRPC_WEB_TEXT: &str = "application/grpc-web-text";
/// Seconds that browsers keep a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

#[derive(Debug)]
pub(super) struct GrpcWeb {
    allow_origins: Box<[String]>,
}

/// How a client speaks gRPC-Web.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    /// Bodies are in base64.
    pub(crate) text: bool,
    /// `application/grpc-web` or `application/grpc-web-text`, what it sent.
    media_type: &'static str,
    /// The page's, if it may read the answer.
    origin: Option<HeaderValue>,
}

impl GrpcWeb {
    pub(super) fn build(spec: &wire::GrpcWeb) -> Self {
        Self {
            allow_origins: spec.allow_origins.clone().into(),
        }
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        if is_preflight(head) {
            return Flow::Respond(self.preflight(&head.headers));
        }
        let Some((media_type, rest)) = spoken(head) else {
            return Flow::Continue;
        };
        let Ok(grpc) = HeaderValue::try_from(format!("{GRPC}{rest}")) else {
            return Flow::Continue;
        };
        head.headers.insert(CONTENT_TYPE, grpc);
        // gRPC servers send trailers only to those who say that they take them.
        head.headers
            .insert(TE, HeaderValue::from_static("trailers"));
        head.headers.remove(ACCEPT);
        let text = media_type == GRPC_WEB_TEXT;
        if text {
            // Of the encoded body.
            head.headers.remove(CONTENT_LENGTH);
        }
        Flow::Remember(Recall::GrpcWeb(Dialect {
            text,
            media_type,
            origin: self.allowed(&head.headers).cloned(),
        }))
    }

    /// What the page may read of the answer.
    pub(super) fn on_response(dialect: &Dialect, response: &mut Parts) {
        let headers = &mut response.headers;
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = &dialect.origin else {
            return;
        };
        let mut names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        for name in ["grpc-status", "grpc-message"] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let exposed = HeaderValue::try_from(names.join(", "));
        allow(headers, origin);
        if let Ok(exposed) = exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    fn allowed<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let mut allowed = self.allow_origins.iter();
        allowed
            .any(|it| it == "*" || it.as_bytes() == origin.as_bytes())
            .then_some(origin)
    }

    fn preflight(&self, asked: &HeaderMap) -> Answer {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(
            VARY,
            HeaderValue::from_static(
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
            ),
        );
        if let Some(origin) = self.allowed(asked) {
            allow(&mut headers, origin);
            for (name, from) in [
                (ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_REQUEST_METHOD),
                (ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS),
            ] {
                if let Some(value) = asked.get(from) {
                    headers.insert(name, value.clone());
                }
            }
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        Answer {
            status: StatusCode::OK,
            reason: "preflight",
            headers,
            body: bytes::Bytes::new(),
        }
    }
}

impl Dialect {
    /// The answer speaks gRPC: from now on it says that it speaks the client's dialect.
    pub(crate) fn take_over(&self, headers: &mut HeaderMap) -> bool {
        let said = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let rest = said.and_then(|said| rest_of(said, GRPC));
        let Some(value) =
            rest.and_then(|rest| HeaderValue::try_from(format!("{}{rest}", self.media_type)).ok())
        else {
            return false;
        };
        headers.insert(CONTENT_TYPE, value);
        headers.remove(CONTENT_LENGTH);
        headers.remove(http::header::TRAILER);
        true
    }
}

fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let yes = HeaderValue::from_static("true");
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
}

/// A browser asks whether a page may speak gRPC-Web.
fn is_preflight(head: &Head) -> bool {
    let asked = head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    head.method == Method::OPTIONS
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && asked
            .flat_map(crate::proxy::headers::tokens)
            .any(|name| name.eq_ignore_ascii_case("x-grpc-web"))
}

/// The dialect of a request, and what its media type says besides: `+proto`.
fn spoken(head: &Head) -> Option<(&'static str, String)> {
    if head.method != Method::POST {
        return None;
    }
    let said = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    [GRPC_WEB_TEXT, GRPC_WEB]
        .into_iter()
        .find_map(|media_type| Some((media_type, rest_of(said, media_type)?.to_owned())))
}

/// What stands behind the media type.
fn rest_of<'t>(said: &'t str, media_type: &str) -> Option<&'t str> {
    let (start, rest) = said.trim().split_at_checked(media_type.len())?;
    let fits = start.eq_ignore_ascii_case(media_type);
    (fits && (rest.is_empty() || rest.starts_with(['+', ';']))).then_some(rest)
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{run, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn middleware(origins: &[&str]) -> GrpcWeb {
        GrpcWeb::build(&wire::GrpcWeb {
            allow_origins: origins.iter().map(|it| (*it).to_owned()).collect(),
        })
    }

    fn post(content_type: &'static str) -> Head {
        let mut head = head("h", "/s/m");
        head.method = Method::POST;
        head.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        head
    }

    #[test]
    fn requests_in_grpc_web_become_grpc() {
        #[rustfmt::skip]
        let rows = [
            ("application/grpc-web", Some(("application/grpc", false))),
            ("application/grpc-web+proto", Some(("application/grpc+proto", false))),
            ("Application/gRPC-Web-Text", Some(("application/grpc", true))),
            ("application/grpc-web-text+json; a=b", Some(("application/grpc+json; a=b", true))),
            ("application/grpc", None),
            ("application/grpc-webby", None),
            ("text/plain", None),
        ];
        for (content_type, expected) in rows {
            let mut head = post(content_type);
            let flow = middleware(&[]).on_request(&mut head);
            let got = match flow {
                Flow::Remember(Recall::GrpcWeb(dialect)) => {
                    assert_eq!(values(&head.headers, "te"), ["trailers"]);
                    let said = values(&head.headers, "content-type").concat();
                    Some((said, dialect.text))
                }
                _ => None,
            };
            let got = got.as_ref().map(|(said, text)| (said.as_str(), *text));
            assert_eq!(got, expected, "{content_type}");
        }
        let mut get = post("application/grpc-web");
        get.method = Method::GET;
        assert!(matches!(
            middleware(&[]).on_request(&mut get),
            Flow::Continue
        ));
    }

    #[test]
    fn only_pages_of_allowed_origins_may_read_the_answer() {
        for (allowed, origin, expected) in [
            (&["*"][..], Some("https://a.test"), true),
            (&["https://a.test"], Some("https://a.test"), true),
            (&["https://a.test"], Some("https://A.test"), false),
            (&[], Some("https://a.test"), false),
            (&["*"], None, false),
        ] {
            let mut head = post("application/grpc-web");
            if let Some(origin) = origin {
                head.headers.insert(ORIGIN, origin.parse().unwrap());
            }
            let Flow::Remember(Recall::GrpcWeb(dialect)) =
                middleware(allowed).on_request(&mut head)
            else {
                panic!("not taken");
            };
            let (mut parts, ()) = http::Response::new(()).into_parts();
            parts.headers.insert("x-a", HeaderValue::from_static("1"));
            GrpcWeb::on_response(&dialect, &mut parts);
            let got = parts.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(got, expected, "{allowed:?} {origin:?}");
            if expected {
                let exposed = values(&parts.headers, "access-control-expose-headers");
                assert_eq!(exposed, ["x-a, vary, grpc-status, grpc-message"]);
            }
        }
    }

    #[test]
    fn a_preflight_about_grpc_web_is_answered() {
        let spec = wire::GrpcWeb {
            allow_origins: vec!["https://a.test".to_owned()],
        };
        for (headers, origin, answered, allowed) in [
            ("content-type, X-Grpc-Web", "https://a.test", true, true),
            ("content-type,x-grpc-web", "https://b.test", true, false),
            ("content-type", "https://a.test", false, false),
        ] {
            let mut head = head("h", "/s/m");
            head.method = Method::OPTIONS;
            for (name, value) in [
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", headers),
                ("origin", origin),
            ] {
                head.headers.insert(name, value.parse().unwrap());
            }
            let answer = run([Kind::GrpcWeb(spec.clone())], &mut head);
            assert_eq!(answer.is_some(), answered, "{headers}");
            let Some(answer) = answer else { continue };
            assert_eq!(answer.status, StatusCode::OK);
            let of = |name: &str| values(&answer.headers, name).concat();
            let expected = if allowed { origin } else { "" };
            assert_eq!(of("access-control-allow-origin"), expected);
            if allowed {
                assert_eq!(of("access-control-allow-methods"), "POST");
                assert_eq!(of("access-control-allow-headers"), headers);
                assert_eq!(of("access-control-allow-credentials"), "true");
                assert_eq!(of("access-control-max-age"), "600");
            }
        }
    }
}
