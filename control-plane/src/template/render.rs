//! A tree to text.

use super::function;
use super::parser::{Block, BlockKind, Expr, Node, Pipeline, Variables};
use super::value::{MAX_BYTES, Value};
use super::{Data, TemplateError};

/// Nodes and rounds that a template may go through: loops within loops grow fast.
const MAX_STEPS: usize = 1_000_000;

/// Writes what the nodes give.
pub(super) fn render(nodes: &[Node], data: Data<'_>) -> Result<String, TemplateError> {
    let mut run = Run {
        data,
        dot: None,
        variables: Vec::new(),
        steps: 0,
        out: String::new(),
    };
    run.nodes(nodes)?;
    Ok(run.out)
}

/// A template that runs.
struct Run<'d> {
    data: Data<'d>,
    /// Of the innermost `with` or `range`; else it is the data.
    dot: Option<Value<'d>>,
    /// The innermost last.
    variables: Vec<(String, Value<'d>)>,
    steps: usize,
    out: String,
}

/// How a list of nodes was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    AtTheEnd,
    Break,
    Continue,
}

impl<'d> Run<'d> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<Leaving, TemplateError> {
        for node in nodes {
            self.spend(1)?;
            let leaving = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Leaving::AtTheEnd
                }
                Node::Action(pipeline) => {
                    let value = self.value_of(pipeline)?;
                    match &pipeline.variables {
                        Variables::None => self.out.push_str(&value.to_string()),
                        _ => self.give(&pipeline.variables, &Value::Nothing, value),
                    }
                    Leaving::AtTheEnd
                }
                Node::Block(block) => {
                    let known = self.variables.len();
                    let leaving = self.block(block)?;
                    self.variables.truncate(known);
                    leaving
                }
                Node::Break => Leaving::Break,
                Node::Continue => Leaving::Continue,
            };
            if leaving != Leaving::AtTheEnd {
                return Ok(leaving);
            }
        }
        Ok(Leaving::AtTheEnd)
    }

    fn block(&mut self, block: &Block) -> Result<Leaving, TemplateError> {
        let value = self.value_of(&block.head)?;
        let variables = &block.head.variables;
        match block.kind {
            BlockKind::Range => return self.range(block, &value),
            _ => self.give(variables, &Value::Nothing, value.clone()),
        }
        if !value.is_true() {
            return self.nodes(&block.otherwise);
        }
        match block.kind {
            BlockKind::With => self.with_dot(value, &block.then),
            _ => self.nodes(&block.then),
        }
    }

    fn range(&mut self, block: &Block, over: &Value<'d>) -> Result<Leaving, TemplateError> {
        let numbers = |count| (0..count).map(Value::Number);
        let items: Vec<(Value<'d>, Value<'d>)> = match over {
            Value::List(items) => {
                let items = items.iter().cloned().enumerate();
                items.map(|(at, it)| (Value::count(at), it)).collect()
            }
            Value::Number(count) => {
                self.spend(usize::try_from(*count).unwrap_or(0))?;
                numbers(*count).zip(numbers(*count)).collect()
            }
            Value::Nothing => Vec::new(),
            other => match other.entries() {
                Some(entries) => {
                    let entries = entries.into_iter();
                    entries.map(|(key, it)| (Value::Text(key), it)).collect()
                }
                None => {
                    let kind = other.kind();
                    let message = format!("range takes a list, a map or a number, not {kind}");
                    return Err(TemplateError::new(message).at(block.head.line));
                }
            },
        };
        if items.is_empty() {
            return self.nodes(&block.otherwise);
        }
        self.spend(items.len())?;
        let known = self.variables.len();
        for (key, item) in items {
            self.give(&block.head.variables, &key, item.clone());
            let leaving = self.with_dot(item, &block.then)?;
            self.variables.truncate(known);
            if leaving == Leaving::Break {
                break;
            }
        }
        Ok(Leaving::AtTheEnd)
    }

    fn spend(&mut self, steps: usize) -> Result<(), TemplateError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS {
            return Err(TemplateError::new(
                "the template goes through too many rounds",
            ));
        }
        if self.out.len() > MAX_BYTES {
            return Err(TemplateError::new("the template gives too much text"));
        }
        Ok(())
    }

    fn with_dot(&mut self, dot: Value<'d>, nodes: &[Node]) -> Result<Leaving, TemplateError> {
        let before = self.dot.replace(dot);
        let leaving = self.nodes(nodes);
        self.dot = before;
        leaving
    }

    fn give(&mut self, variables: &Variables, key: &Value<'d>, value: Value<'d>) {
        match variables {
            Variables::None => {}
            Variables::Declare(name) => self.variables.push((name.clone(), value)),
            Variables::Assign(name) => {
                let mut known = self.variables.iter_mut().rev();
                if let Some((_, known)) = known.find(|(known, _)| known == name) {
                    *known = value;
                }
            }
            Variables::Pair(first, second) => {
                self.variables.push((first.clone(), key.clone()));
                self.variables.push((second.clone(), value));
            }
        }
    }

    fn value_of(&self, pipeline: &Pipeline) -> Result<Value<'d>, TemplateError> {
        self.evaluate(&pipeline.expr)
            .map_err(|error| error.at(pipeline.line))
    }

    fn evaluate(&self, expr: &Expr) -> Result<Value<'d>, TemplateError> {
        Ok(match expr {
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Number(number) => Value::Number(*number),
            Expr::Bool(truth) => Value::Bool(*truth),
            Expr::Nil => Value::Nothing,
            Expr::Field(path) => match &self.dot {
                Some(dot) => field(dot.clone(), path)?,
                None => self.root(path)?,
            },
            Expr::Variable(name, path) if name.is_empty() => self.root(path)?,
            Expr::Variable(name, path) => {
                let mut known = self.variables.iter().rev();
                let known = known.find(|(known, _)| known == name);
                let value = known.map_or(Value::Nothing, |(_, value)| value.clone());
                field(value, path)?
            }
            Expr::Access(inner, path) => field(self.evaluate(inner)?, path)?,
            Expr::Call { name, args } => {
                let lazy = match name.as_str() {
                    "and" => Some(false),
                    "or" => Some(true),
                    _ => None,
                };
                if let Some(wanted) = lazy {
                    return self.pick(args, wanted);
                }
                let args = args.iter().map(|arg| self.evaluate(arg));
                let args = args.collect::<Result<Vec<_>, _>>()?;
                function::call(name, &args, self.data)?
            }
        })
    }

    /// The first value whose truth is `wanted`, else the last; the others are not looked
    /// at.
    fn pick(&self, args: &[Expr], wanted: bool) -> Result<Value<'d>, TemplateError> {
        let mut value = Value::Nothing;
        for arg in args {
            value = self.evaluate(arg)?;
            if value.is_true() == wanted {
                break;
            }
        }
        Ok(value)
    }

    /// What the template is about.
    fn root(&self, path: &[String]) -> Result<Value<'d>, TemplateError> {
        let subject = match self.data {
            Data::Container(subject) => subject,
            Data::Environment(_) => {
                let path = path.join(".");
                return Err(TemplateError::new(format!("there is no .{path} in files")));
            }
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["Name"] => Ok(Value::Text(subject.name.to_owned())),
            ["ContainerName"] => Ok(Value::Text(subject.container_name.to_owned())),
            ["Labels"] => Ok(Value::Labels(subject.labels)),
            ["Labels", key] => {
                let label = subject.labels.get(*key).cloned();
                Ok(label.map_or(Value::Nothing, Value::Text))
            }
            ["Labels", ..] => Err(TemplateError::new(
                "a label with dots is read by index, as in {{ index .Labels \"a.b\" }}",
            )),
            path => Err(TemplateError::new(format!(
                "there is no .{}; there are .Name, .ContainerName and .Labels",
                path.join(".")
            ))),
        }
    }
}

/// Entries of maps, one in the other.
fn field<'a>(mut value: Value<'a>, path: &[String]) -> Result<Value<'a>, TemplateError> {
    for name in path {
        value = match value {
            Value::Map(_) | Value::Labels(_) => value.entry(name).unwrap_or(Value::Nothing),
            other => {
                let kind = other.kind();
                return Err(TemplateError::new(format!("{kind} has no field {name}")));
            }
        };
    }
    Ok(value)
}
