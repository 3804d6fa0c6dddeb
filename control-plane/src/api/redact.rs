//! Secrets in the options of middlewares are not shown: whoever may read the API
//! need not be who may sign in.

use serde_json::{Map, Value};

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";

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

/// The options of a middleware as anybody may see them.
pub(super) fn redact(options: Value) -> Value {
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
        Value::Array(items) => items.into_iter().map(redact).collect(),
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
        other => redact(other),
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
        let name = name.to_ascii_lowercase();
        let is_secret = SECRET_HEADERS.iter().any(|part| name.contains(part));
        // An empty value deletes the header: nothing to hide.
        if is_secret && value.as_str() != Some("") {
            *value = REDACTED.into();
        }
    }
    Value::Object(headers)
}

#[cfg(test)]
mod tests {
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
                json!({"addPrefix": {"prefix": "/token"}}),
                json!({"addPrefix": {"prefix": "/token"}}),
            ),
        ] {
            assert_eq!(redact(options), expected);
        }
    }
}
