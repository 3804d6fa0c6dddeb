//! Maps over maps: several files, and a service over the one it extends.

use crate::document::{Entry, Mark, Node, Value};

/// Fields of a service that are lists or maps of `key=value`.
const PAIRS: [&str; 1] = ["labels"];
/// Fields of a service that are replaced as a whole.
const WHOLE: [&str; 2] = ["command", "entrypoint"];

/// `over` merged over `base`, both a service brought into form by [`normalize`].
pub(super) fn service(base: Node, over: Node) -> Node {
    node(base, over)
}

fn node(mut base: Node, over: Node) -> Node {
    if over.mark == Mark::Override {
        return over;
    }
    match (&mut base.value, over.value) {
        (Value::Map(entries), Value::Map(news)) => {
            for entry in news {
                take(entries, entry);
            }
            base.place = over.place;
            base
        }
        (Value::List(items), Value::List(news)) => {
            for item in news {
                let known = |it: &Node| it.text().is_some() && it.text() == item.text();
                if !items.iter().any(known) {
                    items.push(item);
                }
            }
            base
        }
        // A key without a value says nothing, and takes nothing away.
        (_, Value::Null) => base,
        (_, value) => Node { value, ..over },
    }
}

fn take(entries: &mut Vec<Entry>, over: Entry) {
    let at = entries.iter().position(|entry| entry.key == over.key);
    let earlier = at.map(|at| entries.remove(at));
    if over.node.mark == Mark::Reset {
        return;
    }
    let merged = match earlier {
        Some(earlier) if !WHOLE.contains(&over.key.as_str()) => Entry {
            node: node(earlier.node, over.node),
            ..over
        },
        _ => over,
    };
    let at = at.unwrap_or(entries.len());
    entries.insert(at, merged);
}

/// Brings the two forms of a service's fields into one: labels and networks as
/// maps.
pub(super) fn normalize(service: &mut Node) {
    let Value::Map(entries) = &mut service.value else {
        return;
    };
    for entry in entries {
        match entry.key.as_str() {
            key if PAIRS.contains(&key) => pairs(&mut entry.node),
            "networks" => keys(&mut entry.node),
            "deploy" => {
                if let Value::Map(entries) = &mut entry.node.value {
                    let labels = entries.iter_mut().filter(|entry| entry.key == "labels");
                    labels.for_each(|entry| pairs(&mut entry.node));
                }
            }
            _ => {}
        }
    }
}

/// A list of `key=value` as a map; the last of equal keys stays.
fn pairs(node: &mut Node) {
    let Value::List(items) = &mut node.value else {
        return;
    };
    let mut entries: Vec<Entry> = Vec::new();
    for item in items.drain(..) {
        let place = item.place;
        let text = match &item.value {
            Value::Scalar(text) => text.as_str(),
            // `- key: value` is a slip of people who mix the two forms.
            Value::Map(_) | Value::List(_) | Value::Null => {
                entries.push(Entry::new("", item));
                continue;
            }
        };
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        entries.retain(|entry| entry.key != key || key.is_empty());
        let value = Node::new(place, Value::Scalar(value.to_owned()));
        entries.push(Entry::new(key, value));
    }
    node.value = Value::Map(entries);
}

/// A list of names as a map without values.
fn keys(node: &mut Node) {
    let Value::List(items) = &node.value else {
        return;
    };
    let names = items.iter().filter_map(|item| Some((item.text()?, item)));
    let entry = |(name, item): (&str, &Node)| Entry::new(name, Node::new(item.place, Value::Null));
    node.value = Value::Map(names.map(entry).collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn print(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => text.clone(),
            Value::List(items) => {
                format!(
                    "[{}]",
                    items.iter().map(print).collect::<Vec<_>>().join(", ")
                )
            }
            Value::Map(entries) => {
                let entry = |it: &Entry| format!("{}: {}", it.key, print(&it.node));
                format!(
                    "{{{}}}",
                    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    #[test]
    fn a_later_file_is_merged_over_an_earlier_one_as_compose_does() {
        let rows = [
            ("image: a", "image: b", "{image: b}"),
            (
                "labels: [a=1, b=2]",
                "labels: {b: 3, c: }",
                "{labels: {a: 1, b: 3, c: ~}}",
            ),
            (
                "labels: {a: 1}",
                "labels: [a=2=3, flag]",
                "{labels: {a: 2=3, flag: }}",
            ),
            (
                "ports: ['80', '81']",
                "ports: ['81', '82']",
                "{ports: [80, 81, 82]}",
            ),
            (
                "networks: [a]",
                "networks: {b: {aliases: [x]}}",
                "{networks: {a: ~, b: {aliases: [x]}}}",
            ),
            ("command: [a, b]", "command: [c]", "{command: [c]}"),
            (
                "deploy: {replicas: 2, labels: [a=1]}",
                "deploy: {labels: [b=2]}",
                "{deploy: {replicas: 2, labels: {a: 1, b: 2}}}",
            ),
            ("ports: [80]", "ports: !override [81]", "{ports: [81]}"),
            ("ports: [80]\nimage: a", "ports: !reset []", "{image: a}"),
            ("image: a", "image:", "{image: a}"),
        ];
        for (base, over, expected) in rows {
            let read = |text| {
                let mut node = document::read_yaml(0, text).unwrap();
                normalize(&mut node);
                node
            };
            assert_eq!(
                print(&service(read(base), read(over))),
                expected,
                "{base} + {over}"
            );
        }
    }

    #[test]
    fn anchors_and_folded_maps_are_followed() {
        let text = "x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}\nz: {<<: [{a: 0}, *x], b: 4}\nl: *x";
        let expected = "{x: {a: 1, b: 2}, y: {b: 3, a: 1}, z: {a: 0, b: 4}, l: {a: 1, b: 2}}";
        assert_eq!(print(&document::read_yaml(0, text).unwrap()), expected);
    }

    #[test]
    fn a_file_that_grows_without_end_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..20 {
            let below = format!("*a{}, ", at - 1).repeat(8);
            text.push_str(&format!("a{at}: &a{at} [{below}]\n"));
        }
        let error = document::read_yaml(0, &text).unwrap_err();
        assert_eq!(error.message, "the file is too large");
        let error = document::read_yaml(0, &"[".repeat(100)).unwrap_err();
        assert_eq!(error.message, "the file is nested too deeply");
        let error = document::read_yaml(0, "a: 1\nb: 2\na: 3").unwrap_err();
        assert_eq!(error.message, "key a is there twice");
        assert_eq!(error.place.line, 3);
    }
}
