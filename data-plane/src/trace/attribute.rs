//! Attributes, in the words of the semantic conventions.

use http::{HeaderMap, HeaderName, HeaderValue, Version};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    of(key, Value::StringValue(value.into()))
}

pub(super) fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    of(key, Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

/// The lines of these headers.
pub(super) fn headers(prefix: &str, names: &[HeaderName], from: &HeaderMap) -> Vec<KeyValue> {
    let present = names.iter().filter(|name| from.contains_key(*name));
    let attributes = present.map(|name| {
        let values = from.get_all(name).iter().map(|value| AnyValue {
            value: Some(Value::StringValue(shown(value))),
        });
        let values = values.collect();
        of(
            &format!("{prefix}{name}"),
            Value::ArrayValue(ArrayValue { values }),
        )
    });
    attributes.collect()
}

/// As in `network.protocol.version`.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

pub(super) fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn of(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
