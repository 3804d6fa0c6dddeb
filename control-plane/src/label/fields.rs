//! The options of one object: its tree of labels, checked word by word against
//! the vocabulary.
//!
//! What is unknown or malformed becomes a mistake, and the object will be
//! rejected; what is known and without effect becomes a remark. Decoders of
//! objects then read typed values by the option's own spelling.

use std::collections::{BTreeMap, BTreeSet};

use super::suggestion;
use super::tree::{Leaf, Node};
use super::value::{self, Value};
use super::vocabulary::{Form, State, Word, is_below, switched_on, words};
use crate::model::{ObjectId, ObjectKind};

/// The checked options of one object.
#[derive(Debug)]
pub(crate) struct Fields {
    /// The object.
    pub(crate) id: ObjectId,
    values: BTreeMap<&'static str, Field>,
    groups: BTreeSet<&'static str>,
    mistakes: Vec<Note>,
    remarks: Vec<Note>,
    first_label: String,
}

/// Something to tell about a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Full key as written.
    pub(crate) label: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What would work.
    pub(crate) suggestion: String,
}

#[derive(Debug)]
struct Field {
    label: String,
    value: Value,
}

impl Fields {
    /// Checks the tree of an object.
    pub(super) fn check(id: ObjectId, root: &Node) -> Self {
        let mut fields = Self {
            id,
            values: BTreeMap::new(),
            groups: BTreeSet::new(),
            mistakes: Vec::new(),
            remarks: Vec::new(),
            first_label: root.first_label().to_owned(),
        };
        for child in &root.children {
            fields.visit(child, "");
        }
        fields
    }

    /// The text of an option.
    pub(crate) fn text(&self, option: &str) -> Option<&str> {
        match &self.values.get(option)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of an option, if it is there and not empty.
    pub(crate) fn some_text(&self, option: &str) -> Option<String> {
        self.text(option)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// The value of a boolean option.
    pub(crate) fn boolean(&self, option: &str) -> Option<bool> {
        match self.values.get(option)?.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a numeric option.
    pub(crate) fn integer(&self, option: &str) -> Option<i64> {
        match self.values.get(option)?.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a list; none if it is absent.
    pub(crate) fn list(&self, option: &str) -> Vec<String> {
        match self.values.get(option).map(|field| &field.value) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// The entries of a map; none if it is absent.
    pub(crate) fn map(&self, option: &str) -> BTreeMap<String, String> {
        match self.values.get(option).map(|field| &field.value) {
            Some(Value::Map(entries)) => entries.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// Top-level groups that have options, spelled as in the vocabulary.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'static str> {
        self.groups.iter().copied()
    }

    /// Something is wrong with an option: the object is rejected.
    pub(crate) fn reject(
        &mut self,
        option: &str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        let label = self.label(option);
        self.mistakes.push(Note::new(label, message, suggestion));
    }

    /// Something about an option is hardly meant.
    pub(crate) fn remark(
        &mut self,
        option: &str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        let label = self.label(option);
        self.remarks.push(Note::new(label, message, suggestion));
    }

    /// Something is wrong with a label before its options: the object is rejected.
    pub(super) fn add_mistakes(&mut self, notes: Vec<Note>) {
        self.mistakes.splice(0..0, notes);
    }

    /// The full key of an option, also of one that is absent.
    pub(crate) fn key(&self, option: &str) -> String {
        key(&self.id, option)
    }

    /// Mistakes and remarks.
    pub(super) fn into_notes(self) -> (Vec<Note>, Vec<Note>) {
        (self.mistakes, self.remarks)
    }

    /// The object will be rejected.
    pub(crate) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// Something has been remarked.
    pub(crate) fn has_remarks(&self) -> bool {
        !self.remarks.is_empty()
    }

    /// The label as the user wrote it, or the object's first one.
    fn label(&self, option: &str) -> String {
        match self.values.get(option) {
            Some(field) => field.label.clone(),
            None => self.first_label.clone(),
        }
    }

    fn visit(&mut self, node: &Node, above: &str) {
        let path = join(above, node);
        let known = words(self.id.kind);
        match known
            .iter()
            .find(|word| word.path.eq_ignore_ascii_case(&path))
        {
            Some(word) => self.visit_word(node, word),
            None if known.iter().any(|word| is_below(word.path, &path)) => {
                if let Some(leaf) = &node.value {
                    self.stands_alone(leaf, &path);
                }
                for child in &node.children {
                    self.visit(child, &path);
                }
            }
            None => self.unknown(node, above),
        }
    }

    fn visit_word(&mut self, node: &Node, word: &'static Word) {
        // A switch that is off is off with all that is below it.
        if word.form == Form::Switch
            && node
                .value
                .as_ref()
                .is_some_and(|leaf| !switched_on(&leaf.value))
        {
            return;
        }
        match word.state {
            State::Served | State::Inherited => {}
            State::Ignored(why, instead) => {
                let message = format!("{} {why}", word.path);
                self.remarks
                    .push(Note::new(node.first_label(), message, instead));
            }
            State::Refused(why, instead) => {
                // A sentence of its own, or one about the option.
                let message = if why.starts_with(char::is_uppercase) {
                    why.to_owned()
                } else {
                    format!("{} {why}", word.path)
                };
                self.mistakes
                    .push(Note::new(node.first_label(), message, instead));
            }
        }
        match word.form {
            Form::Free => {}
            Form::Map => self.visit_map(node, word),
            Form::Group | Form::Switch => self.visit_group(node, word),
            _ => self.visit_leaf(node, word),
        }
    }

    fn visit_group(&mut self, node: &Node, word: &'static Word) {
        match &node.value {
            Some(leaf) if word.form == Form::Group => self.stands_alone(leaf, word.path),
            _ => {
                if !word.path.contains('.') {
                    self.groups.insert(word.path);
                }
            }
        }
        for child in &node.children {
            self.visit(child, word.path);
        }
    }

    fn visit_map(&mut self, node: &Node, word: &'static Word) {
        if let Some(leaf) = &node.value {
            let message = format!("{} lacks the key of an entry", word.path);
            let suggestion = format!("write {}.<key>=…", self.key(word.path));
            self.mistakes
                .push(Note::new(&leaf.label, message, suggestion));
        }
        let mut entries = BTreeMap::new();
        for child in &node.children {
            if let Some(leaf) = &child.value {
                entries.insert(child.name.clone(), leaf.value.clone());
            }
            if let Some(grandchild) = child.children.first() {
                let message = format!("a key in {} cannot contain dots or brackets", word.path);
                self.mistakes
                    .push(Note::new(grandchild.first_label(), message, ""));
            }
        }
        let field = Field {
            label: node.first_label().to_owned(),
            value: Value::Map(entries),
        };
        self.values.insert(word.path, field);
    }

    fn visit_leaf(&mut self, node: &Node, word: &'static Word) {
        if let Some(child) = node.children.first() {
            self.has_children(child, word);
        }
        let Some(leaf) = &node.value else { return };
        match parse(&leaf.value, word) {
            Ok(value) => {
                self.values.insert(
                    word.path,
                    Field {
                        label: leaf.label.clone(),
                        value,
                    },
                );
            }
            Err((message, suggestion)) => {
                self.mistakes
                    .push(Note::new(&leaf.label, message, suggestion));
            }
        }
    }

    fn has_children(&mut self, child: &Node, word: &Word) {
        let label = child.first_label();
        if !child.is_index() || !matches!(word.form, Form::List | Form::References) {
            let message = format!("{} has no options of its own", word.path);
            let suggestion = format!("write {}=…", self.key(word.path));
            self.mistakes.push(Note::new(label, message, suggestion));
            return;
        }
        let suggestion = format!("write {}=a,b in one label", self.key(word.path));
        let message = format!("{} is a list and takes no index", word.path);
        if word.form == Form::References {
            self.mistakes.push(Note::new(label, message, suggestion));
        } else {
            let message = format!("{message}: the label is ignored");
            self.remarks.push(Note::new(label, message, suggestion));
        }
    }

    fn stands_alone(&mut self, leaf: &Leaf, path: &str) {
        let below = words(self.id.kind).iter().find(|word| {
            is_below(word.path, path) && !matches!(word.form, Form::Group | Form::Switch)
        });
        let path = below
            .and_then(|word| word.path.get(..path.len()))
            .unwrap_or(path);
        let suggestion = below.map_or_else(String::new, |word| {
            format!(
                "write one of its options, such as {}=…",
                self.key(word.path)
            )
        });
        let message = format!("{path} cannot stand alone");
        self.mistakes
            .push(Note::new(&leaf.label, message, suggestion));
    }

    fn unknown(&mut self, node: &Node, above: &str) {
        let message = format!(
            "{} is not an option of a {}",
            join(above, node),
            self.id.kind
        );
        let suggestion = suggestion::meant(&self.id, node, above);
        self.mistakes
            .push(Note::new(node.first_label(), message, suggestion));
    }
}

impl Note {
    pub(crate) fn new(
        label: impl Into<String>,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self {
            label: label.into(),
            message: message.into(),
            suggestion: suggestion.into(),
        }
    }
}

/// The full key of an option of an object.
pub(super) fn key(id: &ObjectId, option: &str) -> String {
    let section = match id.kind {
        ObjectKind::Router => "routers",
        ObjectKind::Middleware => "middlewares",
        ObjectKind::Service => "services",
    };
    let dot = if option.is_empty() { "" } else { "." };
    format!("traefik.http.{section}.{}{dot}{option}", id.name)
}

fn parse(text: &str, word: &Word) -> Result<Value, (String, String)> {
    let not = |what: &str, suggestion: &str| {
        Err((
            format!("{} is `{text}`, which is not {what}", word.path),
            suggestion.to_owned(),
        ))
    };
    match word.form {
        Form::Bool => match value::boolean(text) {
            Some(value) => Ok(Value::Bool(value)),
            None => not("a boolean", value::boolean_meant(text)),
        },
        Form::Int => match text.parse() {
            Ok(value) => Ok(Value::Int(value)),
            Err(_) => not("a whole number", "write digits, such as 10"),
        },
        Form::Duration => match value::duration(text) {
            Some(_) => Ok(Value::Text(text.to_owned())),
            None => not(
                "a duration",
                "write seconds, such as 10, or 300ms, 10s, 1m30s",
            ),
        },
        Form::List | Form::References => Ok(Value::List(value::list(text))),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

fn join(above: &str, node: &Node) -> String {
    if node.is_index() {
        format!("{above}[]")
    } else {
        join_name(above, &node.name)
    }
}

pub(super) fn join_name(above: &str, name: &str) -> String {
    if above.is_empty() {
        name.to_owned()
    } else {
        format!("{above}.{name}")
    }
}
