//! Text files to one kind of tree: YAML and TOML, with the line of everything.
//!
//! Used for Compose files, the static configuration and the file provider. There are
//! no types here: every scalar stays text, and what it means is up to its reader.

mod toml;
mod yaml;

pub(crate) use self::yaml::read as read_yaml;

/// Reads a configuration file by the ending of its name; `None`: it is neither YAML
/// nor TOML. An empty file is an empty map.
pub(crate) fn read(name: &str, text: &str) -> Option<Result<Node, DocumentError>> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending {
        "yml" | "yaml" => Some(yaml::read(0, text)),
        "toml" => Some(toml::read(text)),
        _ => None,
    }
}

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
#[error("{}: {message}", self.position())]
pub(crate) struct DocumentError {
    pub(crate) place: Place,
    /// From 1, where it is known.
    pub(crate) column: Option<usize>,
    /// What is wrong, without a full stop.
    pub(crate) message: String,
    /// What would work, without a full stop.
    pub(crate) suggestion: &'static str,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    pub(crate) mark: Mark,
}

/// What a file that is merged over others wants done with theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Merge as usual.
    #[default]
    None,
    /// `!reset`: there is nothing.
    Reset,
    /// `!override`: there is only this.
    Override,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
    /// It came by `<<`: a key of the map itself replaces it.
    pub(crate) folded: bool,
}

impl Entry {
    pub(crate) fn new(key: &str, node: Node) -> Self {
        Self {
            key: key.to_owned(),
            place: node.place,
            node,
            folded: false,
        }
    }
}

impl Node {
    pub(crate) fn new(place: Place, value: Value) -> Self {
        Self {
            place,
            value,
            mark: Mark::None,
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn field(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The entries of a map; none if it is something else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none if it is something else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(super) fn size(&self) -> usize {
        let below: usize = match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
        };
        below.saturating_add(1)
    }

    pub(super) fn depth(&self) -> usize {
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

impl DocumentError {
    /// `line 3, column 5`, as far as it is known.
    pub(crate) fn position(&self) -> String {
        match self.column {
            Some(column) => format!("line {}, column {column}", self.place.line),
            None => format!("line {}", self.place.line),
        }
    }
}
