//! The tree of a file as the tree of labels.

use crate::document::{self, Entry, Value};
use crate::label::tree::{Leaf, Node};

/// The options of one object, below its name.
pub(super) fn of(entry: &Entry, path: &str) -> Node {
    node(&entry.key, path, &entry.node).unwrap_or_else(|| Node::new(&entry.key))
}

/// `None` for what has no value: as if it were not there.
fn node(name: &str, path: &str, from: &document::Node) -> Option<Node> {
    let mut node = Node::new(name);
    let leaf = |value: &str| Leaf {
        label: format!("{path} (line {})", from.place.line),
        value: value.to_owned(),
    };
    match &from.value {
        Value::Null => return None,
        Value::Scalar(text) => node.value = Some(leaf(text)),
        // What may stand alone stands alone as an empty map, too.
        Value::Map(entries) if entries.is_empty() => node.value = Some(leaf("")),
        Value::Map(entries) => {
            let child = |entry: &Entry| {
                let path = format!("{path}.{}", entry.key);
                self::node(&entry.key, &path, &entry.node)
            };
            node.children = entries.iter().filter_map(child).collect();
        }
        Value::List(items) => {
            let child = |(at, item): (usize, &document::Node)| {
                let name = format!("[{at}]");
                self::node(&name, &format!("{path}{name}"), item)
            };
            node.children = items.iter().enumerate().filter_map(child).collect();
        }
    }
    Some(node)
}
