//! The static configuration as a file: the flags' names as a tree, in YAML or TOML.

use super::ConfigError;
use super::flag::Assignment;
use super::vocabulary::{self, Effect, Kind};
use crate::document::{self, Entry, Node, Value};
use crate::model::Diagnostic;

/// What belongs into a file of the file provider.
const DYNAMIC: [&str; 4] = ["http", "tcp", "udp", "tls"];

/// Reads the file of this name.
pub(super) fn assignments(
    name: &str,
    text: &str,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Assignment>, ConfigError> {
    let fail = |place: String, message: String| ConfigError::File { place, message };
    let parsed = document::read(name, text).ok_or_else(|| {
        let message = "it is neither .yml, .yaml nor .toml".to_owned();
        fail(name.to_owned(), message)
    })?;
    let root = parsed.map_err(|error| {
        let place = format!("{name}, {}", error.position());
        fail(place, error.message)
    })?;
    if !root.is_map() && !root.is_null() {
        let message = "it is not a map of options".to_owned();
        return Err(fail(name.to_owned(), message));
    }
    let mut reader = Reader {
        name,
        found: Vec::new(),
        warnings,
    };
    reader.entries(&root, "")?;
    Ok(reader.found)
}

struct Reader<'a> {
    name: &'a str,
    found: Vec<Assignment>,
    warnings: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn entries(&mut self, node: &Node, above: &str) -> Result<(), ConfigError> {
        for entry in node.entries() {
            let path = match above {
                "" => entry.key.clone(),
                above => format!("{above}.{}", entry.key),
            };
            self.entry(entry, &path)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, path: &str) -> Result<(), ConfigError> {
        match &entry.node.value {
            Value::Map(entries) if !entries.is_empty() => self.entries(&entry.node, path),
            Value::List(items) if items.iter().any(|item| item.text().is_none()) => {
                for (at, item) in items.iter().enumerate() {
                    self.entries(item, &format!("{path}[{at}]"))?;
                }
                Ok(())
            }
            Value::List(items) => {
                let items: Vec<&str> = items.iter().filter_map(Node::text).collect();
                self.assign(entry, path, Some(items.join(",")))
            }
            Value::Map(_) => self.assign(entry, path, None),
            Value::Scalar(text) => self.assign(entry, path, Some(text.clone())),
            Value::Null => {
                self.warnings.push(Diagnostic::warning(
                    format!("{} has no value and is ignored", self.place(entry, path)),
                    format!("write {path}: {{}} to switch it on, or remove it"),
                ));
                Ok(())
            }
        }
    }

    /// `None`: an empty map.
    fn assign(
        &mut self,
        entry: &Entry,
        path: &str,
        value: Option<String>,
    ) -> Result<(), ConfigError> {
        let written = self.place(entry, path);
        let Some((flag, names)) = vocabulary::find(path) else {
            return Err(ConfigError::UnknownFlag {
                flag: written,
                hint: hint(path),
            });
        };
        if let Effect::Gone(reason) = flag.effect {
            return Err(ConfigError::UnavailableFlag {
                flag: written,
                reason: reason.to_owned(),
            });
        }
        let whole_family = flag.path.ends_with("**");
        let value = match value {
            Some(value) => value,
            None if flag.kind == Kind::Switch || whole_family => "true".to_owned(),
            None => {
                let example = format!("{path}: VALUE");
                return Err(ConfigError::MissingValue {
                    flag: written,
                    example,
                });
            }
        };
        self.found.push(Assignment {
            flag,
            written,
            names,
            value,
        });
        Ok(())
    }

    fn place(&self, entry: &Entry, path: &str) -> String {
        format!("{path} ({}, line {})", self.name, entry.place.line)
    }
}

fn hint(path: &str) -> String {
    let first = path.split('.').next().unwrap_or_default();
    if DYNAMIC
        .iter()
        .any(|known| known.eq_ignore_ascii_case(first))
    {
        return "; routers, services and middlewares go into a file of providers.file".to_owned();
    }
    vocabulary::nearest(path)
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default()
}
