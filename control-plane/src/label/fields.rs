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
use super::vocabulary::{Form, Source, State, Word, is_below, switched_on, words};
use crate::model::{ObjectId, ObjectKind};

/// The checked options of one object.
#[derive(Debug)]
pub(crate) struct Fields {
    /// The object.
    pub(crate) id: ObjectId,
    source: Source,
    /// By option, and by the place in its list of the item it belongs to.
    values: BTreeMap<(&'static str, usize), Field>,
    /// How many items the lists of groups have, by path (`loadBalancer.servers`).
    items: BTreeMap<String, usize>,
    /// Place of the item that is being visited.
    item: usize,
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
    pub(super) fn check(id: ObjectId, source: Source, root: &Node) -> Self {
        let mut fields = Self {
            id,
            source,
            values: BTreeMap::new(),
            items: BTreeMap::new(),
            item: 0,
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
        self.text_at(option, 0)
    }

    /// The text of an option, if it is there and not empty.
    pub(crate) fn some_text(&self, option: &str) -> Option<String> {
        self.text(option)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    /// The value of a boolean option.
    pub(crate) fn boolean(&self, option: &str) -> Option<bool> {
        self.boolean_at(option, 0)
    }

    /// The value of a numeric option.
    pub(crate) fn integer(&self, option: &str) -> Option<i64> {
        self.integer_at(option, 0)
    }

    /// The nanoseconds of a time, which may be negative.
    pub(crate) fn duration(&self, option: &str) -> Option<i64> {
        self.text(option).and_then(value::duration)
    }

    /// Is the option there, with whatever value?
    pub(crate) fn has(&self, option: &str) -> bool {
        self.value(option, 0).is_some()
    }

    /// Is this switch on, by itself or by an option below it?
    pub(crate) fn is_on(&self, switch: &str) -> bool {
        self.groups.contains(switch)
    }

    /// The items of a list; none if it is absent.
    pub(crate) fn list(&self, option: &str) -> Vec<String> {
        match self.value(option, 0) {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        }
    }

    /// The entries of a map; none if it is absent.
    pub(crate) fn map(&self, option: &str) -> BTreeMap<String, String> {
        match self.value(option, 0) {
            Some(Value::Map(entries)) => entries.clone(),
            _ => BTreeMap::new(),
        }
    }

    /// How many items a list of groups has; `None` if it is absent.
    pub(crate) fn count(&self, list: &str) -> Option<usize> {
        self.items.get(&list.to_ascii_lowercase()).copied()
    }

    /// The text of an option of one item of a list of groups.
    pub(crate) fn text_at(&self, option: &str, item: usize) -> Option<&str> {
        match self.value(option, item)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean option of one item of a list of groups.
    pub(crate) fn boolean_at(&self, option: &str, item: usize) -> Option<bool> {
        match self.value(option, item)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of a numeric option of one item of a list of groups.
    pub(crate) fn integer_at(&self, option: &str, item: usize) -> Option<i64> {
        match self.value(option, item)? {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn value(&self, option: &str, item: usize) -> Option<&Value> {
        self.field(option, item).map(|field| &field.value)
    }

    /// An object has few options: no need to look them up in order.
    fn field(&self, option: &str, item: usize) -> Option<&Field> {
        let mut known = self.values.iter();
        known
            .find(|((path, at), _)| *path == option && *at == item)
            .map(|(_, field)| field)
    }

    /// Top-level groups that have options, spelled as in the vocabulary.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'static str> {
        self.groups
            .iter()
            .copied()
            .filter(|path| !path.contains('.'))
    }

    /// A group or switch is there, with options or alone.
    pub(crate) fn has_group(&self, path: &str) -> bool {
        self.groups.contains(path)
    }

    /// Something is wrong with an option: the object is rejected.
    pub(crate) fn reject(
        &mut self,
        option: &str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        self.reject_at(option, 0, message, suggestion);
    }

    /// Something is wrong with an option of one item of a list of groups.
    pub(crate) fn reject_at(
        &mut self,
        option: &str,
        item: usize,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        let label = self.label(option, item);
        self.mistakes.push(Note::new(label, message, suggestion));
    }

    /// Something about an option is hardly meant.
    pub(crate) fn remark(
        &mut self,
        option: &str,
        message: impl Into<String>,
        suggestion: impl Into<String>,
    ) {
        let label = self.label(option, 0);
        self.remarks.push(Note::new(label, message, suggestion));
    }

    /// Something is wrong with a label before its options: the object is rejected.
    pub(super) fn add_mistakes(&mut self, notes: Vec<Note>) {
        self.mistakes.splice(0..0, notes);
    }

    /// The full key of an option, also of one that is absent.
    pub(crate) fn key(&self, option: &str) -> String {
        key(&self.id, self.source, option)
    }

    /// How an option is given a value where it was read.
    fn assignment(&self, option: &str, value: &str) -> String {
        assignment(&self.id, self.source, option, value)
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
    fn label(&self, option: &str, item: usize) -> String {
        match self.field(option, item) {
            Some(field) => field.label.clone(),
            None => self.first_label.clone(),
        }
    }

    fn visit(&mut self, node: &Node, above: &str) {
        let path = join(above, node);
        let known = || words(self.id.kind, self.source);
        match known().find(|word| word.path.eq_ignore_ascii_case(&path)) {
            Some(word) => self.visit_word(node, word),
            None if known().any(|word| is_below(word.path, &path)) => {
                if let Some(leaf) = &node.value {
                    self.stands_alone(leaf, &path);
                }
                self.visit_children(node, &path);
            }
            None => self.unknown(node, above),
        }
    }

    /// What is below a node; items of a list are counted and told apart.
    fn visit_children(&mut self, node: &Node, path: &str) {
        let outer = self.item;
        let is_list = node.children.first().is_some_and(Node::is_index);
        if is_list || known_list(self.id.kind, self.source, path) {
            self.items
                .insert(path.to_ascii_lowercase(), node.children.len());
        }
        for (at, child) in node.children.iter().enumerate() {
            if child.is_index() {
                self.item = at;
            }
            self.visit(child, path);
        }
        self.item = outer;
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
                self.groups.insert(word.path);
            }
        }
        self.visit_children(node, word.path);
    }

    fn visit_map(&mut self, node: &Node, word: &'static Word) {
        let leaf = node.value.as_ref();
        if let Some(leaf) =
            leaf.filter(|leaf| self.source == Source::Label || !leaf.value.is_empty())
        {
            let message = format!("{} lacks the key of an entry", word.path);
            let suggestion = format!(
                "write {}",
                self.assignment(&format!("{}.<key>", word.path), "…")
            );
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
        self.values.insert((word.path, self.item), field);
    }

    fn visit_leaf(&mut self, node: &Node, word: &'static Word) {
        let is_list = matches!(word.form, Form::List | Form::References);
        if self.source == Source::File && is_list && !node.children.is_empty() {
            return self.visit_list(node, word);
        }
        if let Some(child) = node.children.first() {
            self.has_children(child, word);
        }
        let Some(leaf) = &node.value else { return };
        match parse(&leaf.value, word) {
            Ok(value) => {
                let label = leaf.label.clone();
                self.values
                    .insert((word.path, self.item), Field { label, value });
            }
            Err((message, suggestion)) => {
                self.mistakes
                    .push(Note::new(&leaf.label, message, suggestion));
            }
        }
    }

    /// The list of a file, whose items may contain commas.
    fn visit_list(&mut self, node: &Node, word: &'static Word) {
        let mut items = Vec::new();
        for child in &node.children {
            match &child.value {
                Some(leaf) if child.is_index() && child.children.is_empty() => {
                    items.push(leaf.value.clone());
                }
                _ => {
                    let message = format!("{} is a list of texts", word.path);
                    let suggestion = format!("write {}", self.assignment(word.path, "[a, b]"));
                    let label = child.first_label();
                    self.mistakes.push(Note::new(label, message, suggestion));
                }
            }
        }
        let field = Field {
            label: node.first_label().to_owned(),
            value: Value::List(items),
        };
        self.values.insert((word.path, self.item), field);
    }

    fn has_children(&mut self, child: &Node, word: &Word) {
        let label = child.first_label();
        if !child.is_index() || !matches!(word.form, Form::List | Form::References) {
            let message = if self.source == Source::File && child.is_index() {
                format!("{} is one value and no list", word.path)
            } else {
                format!("{} has no options of its own", word.path)
            };
            let suggestion = format!("write {}", self.assignment(word.path, "…"));
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
        let below = words(self.id.kind, self.source).find(|word| {
            is_below(word.path, path) && !matches!(word.form, Form::Group | Form::Switch)
        });
        let path = below
            .and_then(|word| word.path.get(..path.len()))
            .unwrap_or(path);
        let suggestion = below.map_or_else(String::new, |word| {
            format!(
                "write one of its options, such as {}",
                self.assignment(word.path, "…")
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
        let suggestion = suggestion::meant(&self.id, self.source, node, above);
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

/// The full key of an option of an object, as a label or as a path in a file.
pub(super) fn key(id: &ObjectId, source: Source, option: &str) -> String {
    let section = match id.kind {
        ObjectKind::Router => "routers",
        ObjectKind::Middleware => "middlewares",
        ObjectKind::Service => "services",
        ObjectKind::ServersTransport => "serversTransports",
    };
    let dot = if option.is_empty() { "" } else { "." };
    let root = match source {
        Source::Label => "traefik.",
        Source::File => "",
    };
    format!("{root}http.{section}.{}{dot}{option}", id.name)
}

fn assignment(id: &ObjectId, source: Source, option: &str, value: &str) -> String {
    let sign = match source {
        Source::Label => "=",
        Source::File => ": ",
    };
    format!("{}{sign}{value}", key(id, source, option))
}

/// The options below the path are those of the items of a list.
fn known_list(kind: ObjectKind, source: Source, path: &str) -> bool {
    let below = format!("{path}[]");
    words(kind, source).any(|word| is_below(word.path, &below))
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
