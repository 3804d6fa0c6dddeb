//! Events: their JSON, and the filters a subscriber gives.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One line of `docker events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `container` or `network`.
    pub kind: &'static str,
    /// `start`, `die`, `health_status: healthy`, …
    pub action: String,
    /// Id of the container or network.
    pub id: String,
    /// As Docker gives them: name, image, labels, signal, …
    pub attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub time_nano: u64,
}

impl Event {
    pub(crate) fn to_json(&self, legacy_fields: bool) -> Value {
        let mut event = json!({
            "Type": self.kind,
            "Action": self.action,
            "Actor": { "ID": self.id, "Attributes": self.attributes },
            "scope": "local",
            "time": self.time_nano / 1_000_000_000,
            "timeNano": self.time_nano,
        });
        if legacy_fields && self.kind == "container" {
            event["status"] = json!(self.action);
            event["id"] = json!(self.id);
            event["from"] = json!(self.attributes.get("image"));
        }
        event
    }
}

/// What a subscriber wants to hear. Empty lists let everything through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    terms: BTreeMap<String, Vec<String>>,
}

impl Filter {
    /// Reads the `filters` parameter, in either of Docker's two forms.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("invalid filter: {error}"))?;
        let object = value.as_object().ok_or("invalid filter: not an object")?;
        let mut terms = BTreeMap::new();
        for (key, list) in object {
            let values: Vec<String> = match list {
                Value::Array(items) => items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                Value::Object(items) => items.keys().cloned().collect(),
                _ => return Err("invalid filter".to_owned()),
            };
            terms.insert(key.clone(), values);
        }
        Ok(Self { terms })
    }

    pub(crate) fn values(&self, key: &str) -> &[String] {
        self.terms.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn unknown_key(&self, known: &[&str]) -> Option<&str> {
        self.terms
            .keys()
            .map(String::as_str)
            .find(|key| !known.contains(key))
    }

    /// A key without terms lets everything through.
    pub(crate) fn allows(&self, key: &str, matches: impl Fn(&str) -> bool) -> bool {
        let values = self.values(key);
        values.is_empty() || values.iter().any(|value| matches(value))
    }

    pub(crate) fn matches(&self, event: &Event) -> bool {
        // Docker compares prefixes for *all* names as soon as one of these is asked for.
        let fuzzy = self.values("event").iter().any(|name| {
            matches!(
                name.as_str(),
                "health_status" | "exec_create" | "exec_start"
            )
        });
        let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
        let named = |kind: &str, value: &str| {
            event.kind == kind && (event.id.starts_with(value) || attribute("name") == value)
        };
        self.allows("type", |value| value == event.kind)
            && self.allows("event", |value| {
                if fuzzy {
                    event.action.starts_with(value)
                } else {
                    event.action == value
                }
            })
            && self.allows("container", |value| named("container", value))
            && self.allows("network", |value| named("network", value))
            && self.allows("scope", |value| value == "local")
            && self.allows("label", |value| match value.split_once('=') {
                Some((key, expected)) => attribute(key) == expected,
                None => event.attributes.contains_key(value),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str, action: &str) -> Event {
        Event {
            kind,
            action: action.to_owned(),
            id: "abc".to_owned(),
            attributes: BTreeMap::from([("name".to_owned(), "web".to_owned())]),
            time_nano: 1,
        }
    }

    #[test]
    fn filters_are_read_in_both_forms_and_compared_as_docker_does() {
        let cases = [
            (r#"{}"#, "container", "start", true),
            (r#"{"type":["container"]}"#, "network", "connect", false),
            (
                r#"{"type":{"container":true,"network":true}}"#,
                "network",
                "connect",
                true,
            ),
            (r#"{"event":["die"]}"#, "container", "die", true),
            (
                r#"{"event":["health"]}"#,
                "container",
                "health_status: healthy",
                false,
            ),
            (
                r#"{"event":["health_status"]}"#,
                "container",
                "health_status: healthy",
                true,
            ),
            // Fuzzy for all names.
            (
                r#"{"event":["health_status","st"]}"#,
                "container",
                "start",
                true,
            ),
            (r#"{"container":["web"]}"#, "container", "start", true),
            (r#"{"container":["api"]}"#, "container", "start", false),
        ];
        for (filter, kind, action, expected) in cases {
            let parsed = Filter::parse(filter).unwrap();
            assert_eq!(
                parsed.matches(&event(kind, action)),
                expected,
                "{filter} {kind} {action}"
            );
        }
    }
}
