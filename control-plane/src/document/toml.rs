//! TOML text to a tree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{DocumentError, Entry, Node, Place, Value};

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Node, DocumentError> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => Ok(lines.map(table.span(), table.get_ref())),
        Err(error) => {
            let (line, column) = lines.position(error.span().unwrap_or_default().start);
            Err(DocumentError {
                place: Place { file: 0, line },
                column: Some(column),
                message: format!("the file is not TOML: {}", error.message().trim()),
                suggestion: "mend the file",
            })
        }
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Line and column of a byte, from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place {
            file: 0,
            line: self.position(span.start).0,
        }
    }

    fn map(&self, span: Range<usize>, table: &DeTable<'_>) -> Node {
        let entry =
            |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Entry {
                key: key.get_ref().clone().into_owned(),
                place: self.place(&key.span()),
                node: self.node(value),
                folded: false,
            };
        let entries = table.iter().map(entry).collect();
        Node::new(self.place(&span), Value::Map(entries))
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let scalar = |text: &str| Value::Scalar(text.to_owned());
        let inner = match value.get_ref() {
            DeValue::Table(table) => return self.map(value.span(), table),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::String(text) => scalar(text),
            DeValue::Boolean(truth) => scalar(if *truth { "true" } else { "false" }),
            DeValue::Integer(number) => Value::Scalar(integer(number.as_str(), number.radix())),
            DeValue::Float(number) => scalar(number.as_str()),
            DeValue::Datetime(time) => Value::Scalar(time.to_string()),
        };
        Node::new(self.place(&value.span()), inner)
    }
}

/// A number in decimal digits; one that has no room in 64 bits stays as written.
fn integer(digits: &str, radix: u32) -> String {
    i64::from_str_radix(digits, radix).map_or_else(|_| digits.to_owned(), |it| it.to_string())
}
