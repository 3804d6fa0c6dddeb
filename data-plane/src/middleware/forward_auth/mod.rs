//! `forwardAuth`: asks another server whether a request may pass.
//!
//! Here is what the question says and what an answer means; the request path sends
//! the one and waits for the other. Whatever is not a clear yes is a no.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, LOCATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::Regex;

use super::{Enlist, MiddlewareError};
use crate::balance::{LoadBalancer, Transport};
use crate::proxy::head::Head;
use crate::proxy::headers::{FORWARDED_FOR, ROUTER, forwarded_port};
use crate::routing::regexp;

/// For the whole answer.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);
/// To connect.
const DIAL_MILLIS: u32 = 10_000;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Of one hop, or of this message: never copied from one message to another.
const OWN: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

#[derive(Debug)]
pub(crate) struct ForwardAuth {
    service: LoadBalancer,
    /// `https://auth.example`
    origin: String,
    host: HeaderValue,
    target: PathAndQuery,
    trust: Option<bool>,
    request_headers: Box<[HeaderName]>,
    response_headers: Box<[HeaderName]>,
    response_headers_regex: Option<Regex>,
    cookies: Box<[String]>,
    user_field: Option<HeaderName>,
    preserve_location: bool,
    preserve_method: bool,
    /// Send the body, too.
    pub(crate) forward_body: bool,
    /// Bytes of a body that may be sent.
    pub(crate) max_body_size: Option<u64>,
    /// Bytes of the body of an answer.
    pub(crate) max_response_body_size: Option<u64>,
    /// Where a client goes instead of a 401.
    pub(crate) sign_in: Option<HeaderValue>,
}

/// What else comes with leave to pass.
#[derive(Debug, Default)]
pub(crate) struct Permission {
    /// `Set-Cookie` lines for the client, by the name of the cookie.
    pub(crate) cookies: Vec<(String, HeaderValue)>,
    /// Name of the user for the access log.
    pub(crate) user: Option<String>,
}

impl ForwardAuth {
    pub(super) fn build(
        name: &str,
        spec: &wire::ForwardAuth,
        enlist: &mut Enlist<'_>,
    ) -> Result<Self, MiddlewareError> {
        let transport = spec.tls.as_ref().map(Transport::build).transpose();
        let transport = transport.map_err(|error| MiddlewareError::Tls(error.to_string()))?;
        let transport = transport.map(Arc::new);
        let enlist =
            |server: &wire::Server, of: &wire::Service| enlist(server, of, transport.as_ref());
        let target = PathAndQuery::try_from(spec.target.as_str());
        let target = target.map_err(|_| MiddlewareError::Target(spec.target.clone()))?;
        let scheme = match wire::Scheme::try_from(spec.scheme) {
            Ok(wire::Scheme::Https) => "https",
            _ => "http",
        };
        let regex = Some(spec.auth_response_headers_regex.as_str()).filter(|it| !it.is_empty());
        let user_field = Some(&spec.header_field).filter(|it| !it.is_empty());
        let sign_in = Some(&spec.auth_signin_url).filter(|it| !it.is_empty());
        Ok(Self {
            service: LoadBalancer::build(name, &service(spec), None, enlist)?,
            origin: format!("{scheme}://{}", spec.host),
            host: value("Host", &spec.host)?,
            target,
            trust: spec.trust_forward_header,
            request_headers: names(&spec.auth_request_headers)?,
            response_headers: names(&spec.auth_response_headers)?,
            response_headers_regex: regex.map(regexp::compile).transpose()?,
            cookies: spec.add_auth_cookies_to_response.clone().into(),
            user_field: user_field.map(|it| header_name(it)).transpose()?,
            preserve_location: spec.preserve_location_header,
            preserve_method: spec.preserve_request_method,
            forward_body: spec.forward_body,
            max_body_size: spec.max_body_size,
            max_response_body_size: spec.max_response_body_size,
            sign_in: sign_in.map(|it| value("Location", it)).transpose()?,
        })
    }

    /// The server that is asked.
    pub(crate) fn service(&self) -> &LoadBalancer {
        &self.service
    }

    /// The question whether `head` may pass, with a body of `length` bytes. `peer`
    /// is the client's address.
    pub(crate) fn question(&self, head: &Head, peer: &HeaderValue, length: usize) -> Head {
        let mut headers = head.headers.clone();
        for name in &OWN {
            headers.remove(name);
        }
        let trusted = self.trust == Some(true);
        let names: Vec<HeaderName> = headers.keys().cloned().collect();
        for name in names {
            let listed = self.request_headers.is_empty() || self.request_headers.contains(&name);
            let keep = match self.trust {
                Some(true) => listed || is_forwarded(&name),
                Some(false) => listed && !is_forwarded(&name),
                None => listed,
            };
            if !keep {
                headers.remove(name);
            }
        }
        self.describe(&mut headers, head, peer, trusted);
        if length > 0 {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Head {
            method: if self.preserve_method {
                head.method.clone()
            } else {
                Method::GET
            },
            headers,
            host: String::new(),
            path: self.target.path().to_owned(),
            query: self.target.query().map(str::to_owned),
            peer: head.peer,
            secure: head.secure,
            host_header: Some(self.host.clone()),
            omit_forwarded_for: true,
            user: None,
        }
    }

    /// Says in `X-Forwarded-…` what the request was.
    fn describe(&self, headers: &mut HeaderMap, head: &Head, peer: &HeaderValue, trusted: bool) {
        let before = headers.get(FORWARDED_FOR).filter(|_| trusted);
        let path = before.and_then(|before| {
            let joined = [before.as_bytes(), b", ", peer.as_bytes()].concat();
            HeaderValue::from_bytes(&joined).ok()
        });
        headers.insert(FORWARDED_FOR, path.unwrap_or_else(|| peer.clone()));
        let mut set = |name: HeaderName, value: Option<HeaderValue>| {
            if trusted && headers.contains_key(&name) {
                return;
            }
            headers.remove(&name);
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        let host = head.host_header.as_ref().or(head.headers.get(HOST));
        let scheme = if head.secure { "https" } else { "http" };
        let target = head.target().ok();
        let target = target.and_then(|it| HeaderValue::from_str(it.as_str()).ok());
        set(
            FORWARDED_METHOD,
            HeaderValue::from_str(head.method.as_str()).ok(),
        );
        set(FORWARDED_PROTO, Some(HeaderValue::from_static(scheme)));
        set(FORWARDED_HOST, host.cloned());
        set(FORWARDED_URI, target);
        if self.trust.is_some() {
            set(FORWARDED_PORT, Some(forwarded_port(host, head.secure)));
        }
    }

    /// The answer was yes: what of it goes on to the server and to the client.
    pub(crate) fn grant(&self, answer: &HeaderMap, head: &mut Head) -> Permission {
        for name in &self.response_headers {
            if may_be_copied(name) {
                replace(&mut head.headers, answer, name);
            }
        }
        if let Some(regex) = &self.response_headers_regex {
            let named =
                |name: &&HeaderName| may_be_copied(name) && regex.is_match(&canonical(name));
            let keys = head.headers.keys().chain(answer.keys());
            let names: Vec<HeaderName> = keys.filter(named).cloned().collect();
            for name in &names {
                replace(&mut head.headers, answer, name);
            }
        }
        let cookies = answer.get_all(SET_COOKIE).iter().filter_map(|line| {
            let name = cookie_name(line)?;
            self.cookies
                .iter()
                .any(|it| it == name)
                .then(|| (name.to_owned(), line.clone()))
        });
        let user = self.user_field.as_ref().and_then(|name| answer.get(name));
        Permission {
            cookies: cookies.collect(),
            user: user.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned()),
        }
    }

    /// The answer was no, and the client gets it: a `Location` is meant as seen from
    /// the server that was asked.
    pub(crate) fn deny(&self, answer: &mut HeaderMap) {
        if self.preserve_location {
            return;
        }
        let location = answer.get(LOCATION).and_then(|it| it.to_str().ok());
        let absolute = location.map(|location| self.resolve(location));
        if let Some(absolute) = absolute.and_then(|it| HeaderValue::from_str(&it).ok()) {
            answer.insert(LOCATION, absolute);
        }
    }

    /// RFC 3986, 5.2.
    fn resolve(&self, reference: &str) -> String {
        let origin = &self.origin;
        let scheme = origin.split(':').next().unwrap_or_default();
        let path = self.target.path();
        let end = reference.find(['?', '#']).unwrap_or(reference.len());
        let (way, rest) = reference.split_at_checked(end).unwrap_or((reference, ""));
        if has_scheme(reference) {
            reference.to_owned()
        } else if reference.starts_with("//") {
            format!("{scheme}:{reference}")
        } else if way.starts_with('/') {
            format!("{origin}{}{rest}", without_dots(way))
        } else if !way.is_empty() {
            let directory = path.rsplit_once('/').map_or("", |(before, _)| before);
            let merged = without_dots(&format!("{directory}/{way}"));
            format!("{origin}{merged}{rest}")
        } else if rest.starts_with('?') {
            format!("{origin}{path}{rest}")
        } else {
            format!("{origin}{}{rest}", self.target)
        }
    }
}

impl ForwardAuth {
    /// What else a yes does, in sentences for explanations.
    pub(crate) fn effects_of_yes(&self) -> Vec<String> {
        let copied = self.response_headers.iter().filter(|it| may_be_copied(it));
        let copied = copied.map(|name| format!("takes the request header {name} from its answer"));
        let pattern = self.response_headers_regex.as_ref();
        let matched =
            pattern.map(|it| format!("takes request headers that match {it} from its answer"));
        let cookies = self.cookies.iter();
        let cookies = cookies.map(|name| format!("gives the client its cookie {name}"));
        copied.chain(matched).chain(cookies).collect()
    }
}

impl fmt::Display for ForwardAuth {
    /// The URL, without the query: it may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.target.path())
    }
}

/// Puts cookies in place of those that have their names.
pub(super) fn replace_cookies(headers: &mut HeaderMap, cookies: Vec<(String, HeaderValue)>) {
    let is_replaced = |line: &&HeaderValue| {
        let name = cookie_name(line);
        cookies.iter().any(|(it, _)| Some(it.as_str()) == name)
    };
    let lines = headers.get_all(SET_COOKIE).iter();
    let kept: Vec<HeaderValue> = lines.filter(|line| !is_replaced(line)).cloned().collect();
    headers.remove(SET_COOKIE);
    for line in kept
        .into_iter()
        .chain(cookies.into_iter().map(|(_, line)| line))
    {
        headers.append(SET_COOKIE, line);
    }
}

fn service(spec: &wire::ForwardAuth) -> wire::Service {
    wire::Service {
        servers: vec![wire::Server {
            // Not a container's: connections are shared between middlewares only.
            id: "forwardAuth".to_owned(),
            scheme: spec.scheme,
            address: spec.address.clone(),
            weight: 1,
            ..wire::Server::default()
        }],
        dial_timeout_ms: DIAL_MILLIS,
        ..wire::Service::default()
    }
}

fn names(names: &[String]) -> Result<Box<[HeaderName]>, MiddlewareError> {
    names.iter().map(|name| header_name(name)).collect()
}

fn header_name(name: &str) -> Result<HeaderName, MiddlewareError> {
    HeaderName::try_from(name).map_err(|_| MiddlewareError::HeaderName(name.to_owned()))
}

fn value(name: &str, text: &str) -> Result<HeaderValue, MiddlewareError> {
    let name = name.to_owned();
    HeaderValue::from_str(text).map_err(|_| MiddlewareError::HeaderValue { name })
}

fn is_forwarded(name: &HeaderName) -> bool {
    name.as_str().starts_with("x-forwarded-") || *name == REAL_IP
}

/// Another server has no say in the framing of the request, nor in the guard
/// against loops.
fn may_be_copied(name: &HeaderName) -> bool {
    !OWN.contains(name) && *name != ROUTER
}

fn replace(headers: &mut HeaderMap, from: &HeaderMap, name: &HeaderName) {
    headers.remove(name);
    for value in from.get_all(name) {
        headers.append(name, value.clone());
    }
}

/// `X-Auth-User`: as regular expressions expect it.
fn canonical(name: &HeaderName) -> String {
    let mut start = true;
    let letter = |c: char| {
        let upper = std::mem::replace(&mut start, c == '-');
        if upper { c.to_ascii_uppercase() } else { c }
    };
    name.as_str().chars().map(letter).collect()
}

fn cookie_name(line: &HeaderValue) -> Option<&str> {
    let bytes = line.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(bytes.get(..end)?).ok()?;
    Some(name.trim())
}

fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// A path that starts with `/`, without `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in path.split('/').skip(1) {
        open = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if open {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}
