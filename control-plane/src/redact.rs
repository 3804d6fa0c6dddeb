//! Secrets in the options of objects are not shown: whoever may read the API or the
//! inspection service need not be who may sign in. Proxies get them whole.

use fairway_proto::discovery::v1::middleware::Kind;
use fairway_proto::discovery::v1::resource::Spec;
use fairway_proto::discovery::v1::{Resource, ServersTransport};
use serde_json::{Map, Value};

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Options whose text is a secret.
const SECRET_OPTIONS: &[&str] = &["password", "secret", "token", "key"];

/// Options that hold headers by name.
const HEADER_MAPS: &[&str] = &["customRequestHeaders", "customResponseHeaders"];

/// Headers that hold a secret have one of these in their names.
const SECRET_HEADERS: &[&str] = &[
    "auth",
    "cookie",
    "token",
    "secret",
    "password",
    "api-key",
    "apikey",
    "credential",
];

/// A resource as anybody may see it.
pub(crate) fn resource(resource: &Resource) -> Resource {
    let mut shown = resource.clone();
    if let Some(Spec::Service(service)) = &mut shown.spec
        && let Some(check) = &mut service.health_check
    {
        for (name, value) in &mut check.headers {
            if hides(name, value) {
                *value = REDACTED.to_owned();
            }
        }
    }
    if let Some(Spec::Tracing(tracing)) = &mut shown.spec
        && let Some(exporter) = &mut tracing.exporter
    {
        for value in exporter.headers.values_mut() {
            *value = REDACTED.to_owned();
        }
        exporter.tls.iter_mut().for_each(hide_keys);
    }
    if let Some(Spec::ServersTransport(transport)) = &mut shown.spec {
        hide_keys(transport);
    }
    let Some(Spec::Middleware(middleware)) = &mut shown.spec else {
        return shown;
    };
    match &mut middleware.kind {
        Some(Kind::Headers(headers)) => {
            let request = headers.custom_request_headers.iter_mut();
            for (name, value) in request.chain(&mut headers.custom_response_headers) {
                if hides(name, value) {
                    *value = REDACTED.to_owned();
                }
            }
        }
        Some(Kind::BasicAuth(auth)) => {
            for user in &mut auth.users {
                user.hash = REDACTED.to_owned();
            }
        }
        Some(Kind::DigestAuth(auth)) => {
            for user in &mut auth.users {
                user.hash = REDACTED.to_owned();
            }
            auth.nonce_key.clear();
        }
        Some(Kind::ForwardAuth(auth)) => auth.tls.iter_mut().for_each(hide_keys),
        _ => {}
    }
    shown
}

fn hide_keys(transport: &mut ServersTransport) {
    for certificate in &mut transport.certificates {
        certificate.key = REDACTED.to_owned();
    }
}

/// The options of a middleware, in the JSON of the API, as anybody may see them.
pub(crate) fn json(options: Value) -> Value {
    match options {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = option(&name, value);
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => items.into_iter().map(json).collect(),
        other => other,
    }
}

fn option(name: &str, value: Value) -> Value {
    match value {
        Value::Array(users) if name == "users" => users.into_iter().map(user).collect(),
        Value::Object(headers) if HEADER_MAPS.contains(&name) => headers_of(headers),
        Value::String(text) if !text.is_empty() && SECRET_OPTIONS.contains(&name) => {
            REDACTED.into()
        }
        other => json(other),
    }
}

/// `name:hash`, or `name:realm:hash`: only the name is shown.
fn user(entry: Value) -> Value {
    match entry.as_str().and_then(|entry| entry.split_once(':')) {
        Some((name, _)) => format!("{name}:{REDACTED}").into(),
        None => REDACTED.into(),
    }
}

fn headers_of(mut headers: Map<String, Value>) -> Value {
    for (name, value) in &mut headers {
        if hides(name, value.as_str().unwrap_or_default()) {
            *value = REDACTED.into();
        }
    }
    Value::Object(headers)
}

/// Whether a header's value is a secret; an empty one deletes the header.
/// The value of a header, as anybody may see it.
pub(crate) fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if hides(name, value) { REDACTED } else { value }
}

fn hides(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !value.is_empty() && SECRET_HEADERS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use fairway_proto::discovery::v1::{ClientCertificate, ForwardAuth, Headers, Middleware};
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_not_shown_and_the_rest_is() {
        for (options, expected) in [
            (
                json!({"headers": {"customRequestHeaders": {
                    "Authorization": "Basic eDp5", "X-Api-Key": "k", "X-Env": "prod", "Cookie": ""
                }}}),
                json!({"headers": {"customRequestHeaders": {
                    "Authorization": "[redacted]", "X-Api-Key": "[redacted]", "X-Env": "prod",
                    "Cookie": ""
                }}}),
            ),
            (
                json!({"headers": {"customResponseHeaders": {"Set-Cookie": "a=b"}}}),
                json!({"headers": {"customResponseHeaders": {"Set-Cookie": "[redacted]"}}}),
            ),
            (
                json!({"basicAuth": {"users": ["test:$apr1$x", "broken"], "realm": "r"}}),
                json!({"basicAuth": {"users": ["test:[redacted]", "[redacted]"], "realm": "r"}}),
            ),
            (
                json!({"digestAuth": {"users": ["test:realm:0a0b"]}}),
                json!({"digestAuth": {"users": ["test:[redacted]"]}}),
            ),
            (
                json!({"rateLimit": {"redis": {"endpoints": ["a:1"], "password": "p"}}}),
                json!({"rateLimit": {"redis": {"endpoints": ["a:1"], "password": "[redacted]"}}}),
            ),
            (
                json!({"forwardAuth": {"tls": {"cert": "/c.pem", "key": "-----BEGIN"}}}),
                json!({"forwardAuth": {"tls": {"cert": "/c.pem", "key": "[redacted]"}}}),
            ),
            (
                json!({"addPrefix": {"prefix": "/token"}}),
                json!({"addPrefix": {"prefix": "/token"}}),
            ),
        ] {
            assert_eq!(super::json(options), expected);
        }
    }

    #[test]
    fn what_proxies_are_sent_is_shown_without_secrets() {
        let headers = |secret: &str| Headers {
            custom_request_headers: [("Authorization", secret), ("X-Env", "prod")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Headers::default()
        };
        let of = |headers| Resource {
            spec: Some(Spec::Middleware(Middleware {
                kind: Some(Kind::Headers(headers)),
            })),
            ..Resource::default()
        };
        assert_eq!(resource(&of(headers("Basic eDp5"))), of(headers(REDACTED)));
    }

    #[test]
    fn keys_of_certificates_are_not_shown() {
        let transport = |key: &str| ServersTransport {
            certificates: vec![ClientCertificate {
                cert: "certificate".to_owned(),
                key: key.to_owned(),
            }],
            ..ServersTransport::default()
        };
        let auth = |key: &str| {
            let kind = Kind::ForwardAuth(ForwardAuth {
                tls: Some(transport(key)),
                ..ForwardAuth::default()
            });
            Spec::Middleware(Middleware { kind: Some(kind) })
        };
        let named = |key: &str| Spec::ServersTransport(transport(key));
        let of = |spec| Resource {
            spec: Some(spec),
            ..Resource::default()
        };
        for (sent, shown) in [
            (auth("secret"), auth(REDACTED)),
            (named("secret"), named(REDACTED)),
        ] {
            assert_eq!(resource(&of(sent)), of(shown));
        }
    }
}
