//! YAML text to a tree. Depth and size are limited, so that neither a deep file nor
//! one of aliases to aliases costs more than its reader is willing to pay.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{DocumentError, Entry, Mark, Node, Place, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// Most nodes, aliases counted with all they stand for.
const MAX_NODES: usize = 200_000;

/// Reads the first document of a file; an empty one is an empty map.
pub(crate) fn read(file: usize, text: &str) -> Result<Node, DocumentError> {
    let mut loader = Loader {
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let place = Place {
                file,
                line: error.marker().line(),
            };
            DocumentError {
                place,
                column: Some(error.marker().col() + 1),
                message: format!("the file is not YAML: {}", error.info()),
                suggestion: "mend the file",
            }
        })?;
        let place = Place {
            file,
            line: span.start.line(),
        };
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        loader.take(event, place)?;
    }
    let start = Place { file, line: 1 };
    Ok(loader
        .root
        .unwrap_or_else(|| Node::new(start, Value::Map(Vec::new()))))
}

/// Builds the tree without recursion.
struct Loader {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or map that has not ended.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, Place)>,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), DocumentError> {
        let mark = |tag: &Option<_>| tag.as_deref().map_or(Mark::None, mark);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
                    text => Value::Scalar(text.to_owned()),
                };
                let mut node = Node::new(place, value);
                node.mark = mark(&tag);
                self.close(node, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Value::List(Vec::new()), place, anchor, mark(&tag))
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Value::Map(Vec::new()), place, anchor, mark(&tag))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, .. }) => self.close(node, anchor, 1),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(refuse(place, "an alias stands inside what it stands for"));
                };
                if self.open.len().saturating_add(node.depth()) > MAX_DEPTH {
                    return Err(refuse(place, "the file is nested too deeply"));
                }
                let (node, size) = (node.clone(), node.size());
                self.close(node, 0, size)
            }
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        value: Value,
        place: Place,
        anchor: usize,
        mark: Mark,
    ) -> Result<(), DocumentError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(refuse(place, "the file is nested too deeply"));
        }
        let mut node = Node::new(place, value);
        node.mark = mark;
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    /// A node is complete: it becomes part of what is open. `size` is what it
    /// adds to what was counted.
    fn close(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), DocumentError> {
        self.nodes = self.nodes.saturating_add(size);
        if self.nodes > MAX_NODES {
            return Err(refuse(node.place, "the file is too large"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        match &mut parent.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match parent.key.take() {
                None => parent.key = Some((key(&node)?, node.place)),
                Some((key, _)) if key == "<<" => fold(entries, &node),
                Some((key, place)) => {
                    if let Some(at) = entries.iter().position(|entry| entry.key == key) {
                        let earlier = entries.remove(at);
                        if !earlier.folded {
                            return Err(twice(&key, place));
                        }
                    }
                    entries.push(Entry {
                        key,
                        place,
                        node,
                        folded: false,
                    });
                }
            },
            Value::Null | Value::Scalar(_) => {}
        }
        Ok(())
    }
}

fn mark(tag: &saphyr_parser::Tag) -> Mark {
    match tag.suffix.as_str() {
        "reset" => Mark::Reset,
        "override" => Mark::Override,
        _ => Mark::None,
    }
}

/// A key is a scalar; `1:` and `true:` are the texts they are written as.
fn key(node: &Node) -> Result<String, DocumentError> {
    match &node.value {
        Value::Scalar(text) => Ok(text.clone()),
        Value::Null => Ok("null".to_owned()),
        Value::List(_) | Value::Map(_) => Err(refuse(node.place, "a key is a list or a map")),
    }
}

/// Takes over what `<<` brings: a map, or several of which the first wins.
fn fold(entries: &mut Vec<Entry>, from: &Node) {
    let maps = match &from.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(from),
    };
    for entry in maps.iter().flat_map(Node::entries) {
        if entries.iter().all(|known| known.key != entry.key) {
            entries.push(Entry {
                folded: true,
                ..entry.clone()
            });
        }
    }
}

fn twice(key: &str, place: Place) -> DocumentError {
    DocumentError {
        place,
        column: None,
        message: format!("key {key} is there twice"),
        suggestion: "remove one of them",
    }
}

fn refuse(place: Place, message: &str) -> DocumentError {
    DocumentError {
        place,
        column: None,
        message: message.to_owned(),
        suggestion: "write it more simply",
    }
}
