//! The part of Go's `text/template` that default rules and files use: fields,
//! pipelines, `if`/`else if`/`else`, `index`, `env`, comparisons and the common string
//! functions of sprig. What is outside it (`range`, variables, …) is refused by name
//! when a template is read.

mod function;
mod lexer;
mod parser;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use parser::{Expr, Node, render};

/// Gives the value of a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct TemplateError {
    /// Without a full stop.
    pub(crate) message: String,
    /// From 1, where it is known.
    pub(crate) line: Option<usize>,
}

/// What a template can see of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// `.Name`
    pub(crate) name: &'a str,
    /// `.ContainerName`
    pub(crate) container_name: &'a str,
    /// `.Labels`
    pub(crate) labels: &'a BTreeMap<String, String>,
}

/// A value while a template runs.
#[derive(Clone, Debug, PartialEq)]
enum Value<'a> {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<String>),
    Labels(&'a BTreeMap<String, String>),
    /// A label that is absent, read as a field.
    Nothing,
}

/// Reads a template. Variables of the environment are filled in at once; without an
/// environment there are none.
pub(crate) fn parse(
    text: &str,
    environment: Option<Environment<'_>>,
) -> Result<Vec<Node>, TemplateError> {
    let mut nodes = parser::parse(lexer::scan(text)?)?;
    parser::fill_in(&mut nodes, environment)?;
    Ok(nodes)
}

impl TemplateError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
        }
    }

    /// Says where, unless that is known better.
    fn at(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }
}

impl Value<'_> {
    /// Go's notion of truth: neither empty, zero nor absent.
    fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Bool(truth) => *truth,
            Self::List(items) => !items.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Nothing => false,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a truth value",
            Self::List(_) => "a list",
            Self::Labels(_) => "the labels",
            Self::Nothing => "an absent label",
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::List(items) => write!(f, "[{}]", items.join(" ")),
            Self::Labels(labels) => write!(f, "map{labels:?}"),
            Self::Nothing => f.write_str("<no value>"),
        }
    }
}
