//! What a template reckons with.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Bytes of a text, and of all that a template gives.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Items and entries of a value, with all that is in them.
const MAX_ITEMS: usize = 100_000;
/// Lists and maps in one another.
const MAX_DEPTH: usize = 32;

/// A value while a template runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Rc<Vec<Value<'a>>>),
    Map(Rc<BTreeMap<String, Value<'a>>>),
    /// A map, too, that need not be copied.
    Labels(&'a BTreeMap<String, String>),
    /// What is absent, read as a field.
    Nothing,
}

impl<'a> Value<'a> {
    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Rc::new(items.into_iter().collect()))
    }

    /// A list of texts.
    pub(super) fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::list(items.into_iter().map(|item| Self::Text(item.into())))
    }

    pub(super) fn map(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Map(Rc::new(entries.into_iter().collect()))
    }

    /// A count of something.
    pub(super) fn count(count: usize) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Go's notion of truth: neither empty, zero nor absent.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Bool(truth) => *truth,
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Nothing => false,
        }
    }

    /// Of its entries, in the order of their keys; `None` if it is no map.
    pub(super) fn entries(&self) -> Option<Vec<(String, Self)>> {
        match self {
            Self::Map(map) => Some(map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
            Self::Labels(labels) => {
                let text =
                    |(key, text): (&String, &String)| (key.clone(), Self::Text(text.clone()));
                Some(labels.iter().map(text).collect())
            }
            _ => None,
        }
    }

    /// The entry of a map; `None` if it is no map or has no such entry.
    pub(super) fn entry(&self, key: &str) -> Option<Self> {
        match self {
            Self::Map(map) => map.get(key).cloned(),
            Self::Labels(labels) => labels.get(key).cloned().map(Self::Text),
            _ => None,
        }
    }

    /// Small enough to go on with: lists of lists grow fast.
    pub(super) fn is_bounded(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= MAX_BYTES,
            Self::List(_) | Self::Map(_) => self.weigh(MAX_ITEMS, MAX_DEPTH).is_some(),
            _ => true,
        }
    }

    /// What is left of so many items; `None` if there are more, or deeper ones.
    fn weigh(&self, left: usize, depth: usize) -> Option<usize> {
        let (left, depth) = (left.checked_sub(1)?, depth.checked_sub(1)?);
        let weigh = |left, it: &Self| it.weigh(left, depth);
        match self {
            Self::List(items) => items.iter().try_fold(left, weigh),
            Self::Map(map) => map.values().try_fold(left, weigh),
            _ => Some(left),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a truth value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Labels(_) => "the labels",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Value<'_> {
    /// As Go prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(" "))
            }
            Self::Map(_) | Self::Labels(_) => {
                let entries = self.entries().unwrap_or_default().into_iter();
                let entries: Vec<_> = entries.map(|(key, it)| format!("{key}:{it}")).collect();
                write!(f, "map[{}]", entries.join(" "))
            }
            Self::Nothing => f.write_str("<no value>"),
        }
    }
}
