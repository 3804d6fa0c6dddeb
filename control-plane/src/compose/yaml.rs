//! YAML text to a tree that remembers lines.
//!
//! Compose needs no types here: every scalar stays text. Depth and size are
//! limited, so that neither a deep file nor one of aliases to aliases costs more
//! than its reader is willing to pay.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// Most nodes, aliases counted with all they stand for.
const MAX_NODES: usize = 50_000;

/// Where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Index of the file.
    pub(crate) file: usize,
    /// Line, from 1.
    pub(crate) line: usize,
}

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}: {message}", .place.line)]
pub(super) struct YamlError {
    pub(super) place: Place,
    /// What is wrong, without a full stop.
    pub(super) message: String,
    /// What would work, without a full stop.
    pub(super) suggestion: &'static str,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    pub(super) mark: Mark,
}

/// What a file that is merged over others wants done with theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// Merge as usual.
    #[default]
    None,
    /// `!reset`: there is nothing.
    Reset,
    /// `!override`: there is only this.
    Override,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
    /// It came by `<<`: a key of the map itself replaces it.
    pub(super) folded: bool,
}

impl Entry {
    pub(super) fn new(key: &str, node: Node) -> Self {
        Self {
            key: key.to_owned(),
            place: node.place,
            node,
            folded: false,
        }
    }
}

impl Node {
    pub(super) fn new(place: Place, value: Value) -> Self {
        Self {
            place,
            value,
            mark: Mark::None,
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(super) fn field(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The entries of a map; none if it is something else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none if it is something else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
        };
        below.saturating_add(1)
    }

    fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Map(entries) => {
                let each = entries.iter().map(|entry| entry.node.depth());
                each.max().unwrap_or(0)
            }
        };
        below.saturating_add(1)
    }
}

/// Reads the first document of a file; an empty one is an empty map.
pub(super) fn read(file: usize, text: &str) -> Result<Node, YamlError> {
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
            YamlError {
                place,
                message: format!("the file is not YAML: {}", error.info()),
                suggestion: "mend the file; docker compose config says the same",
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
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), YamlError> {
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
    ) -> Result<(), YamlError> {
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
    fn close(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), YamlError> {
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
fn key(node: &Node) -> Result<String, YamlError> {
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

fn twice(key: &str, place: Place) -> YamlError {
    YamlError {
        place,
        message: format!("key {key} is there twice"),
        suggestion: "remove one of them; Compose refuses the file",
    }
}

fn refuse(place: Place, message: &str) -> YamlError {
    YamlError {
        place,
        message: message.to_owned(),
        suggestion: "write it more simply",
    }
}
