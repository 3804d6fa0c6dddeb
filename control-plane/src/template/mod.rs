//! The part of Go's `text/template` that default rules and files use: fields, variables,
//! pipelines, `if`, `with`, `range`, and the functions of Go and sprig that give the same
//! for the same ([`function`]).
//!
//! Text becomes pieces ([`lexer`]), pieces a tree ([`parser`]), and the tree text again
//! ([`render`]). What is not available is refused by name when a template is read. A
//! template can neither run for ever nor grow without end, and nothing it does is seen
//! outside of it.

mod function;
mod lexer;
mod parser;
mod render;
mod value;

use std::collections::BTreeMap;

use self::parser::Node;

/// Gives the value of a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A template that was read without mistakes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    nodes: Vec<Node>,
}

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

/// What a template is about.
#[derive(Clone, Copy)]
pub(crate) enum Data<'a> {
    /// A container.
    Container(Subject<'a>),
    /// Nothing but the environment.
    Environment(Environment<'a>),
}

impl Template {
    /// Reads a template of a file: it knows the environment, and no container.
    pub(crate) fn of_file(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text, true)
    }

    /// Reads a template that is filled in for each container.
    pub(crate) fn of_container(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text, false)
    }

    fn parse(text: &str, environment: bool) -> Result<Self, TemplateError> {
        let nodes = parser::parse(lexer::scan(text)?, environment)?;
        Ok(Self { nodes })
    }

    /// What the template gives.
    pub(crate) fn render(&self, data: Data<'_>) -> Result<String, TemplateError> {
        render::render(&self.nodes, data)
    }
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

#[cfg(test)]
mod tests;
