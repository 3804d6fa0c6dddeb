//! Pieces to a tree, and a tree to text.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lexer::{Piece, Word};
use super::{Environment, Subject, TemplateError, Value, function};

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Print(Expr),
    If {
        condition: Expr,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
}

/// What has a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Text(String),
    Number(i64),
    Bool(bool),
    Field(Vec<String>),
    Call { name: String, args: Vec<Expr> },
}

/// What ended a list of nodes.
enum Ending {
    Template,
    End,
    Else(Vec<Word>),
}

/// Deeper templates are refused: nobody writes them, and recursion has a limit.
const DEEPEST: usize = 32;

/// Reads the pieces of a template.
pub(super) fn parse(pieces: Vec<Piece>) -> Result<Vec<Node>, TemplateError> {
    let mut pieces = pieces.into_iter();
    match nodes(&mut pieces, 0)? {
        (nodes, Ending::Template) => Ok(nodes),
        (_, Ending::End | Ending::Else(_)) => {
            Err(refuse("there is {{ end }} or {{ else }} without {{ if }}"))
        }
    }
}

/// Writes what the nodes give for a container.
pub(crate) fn render(
    nodes: &[Node],
    subject: Option<&Subject<'_>>,
    out: &mut String,
) -> Result<(), TemplateError> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(expr) => out.push_str(&evaluate(expr, subject)?.to_string()),
            Node::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if evaluate(condition, subject)?.is_true() {
                    then
                } else {
                    otherwise
                };
                render(branch, subject, out)?;
            }
        }
    }
    Ok(())
}

fn evaluate<'a>(expr: &Expr, subject: Option<&Subject<'a>>) -> Result<Value<'a>, TemplateError> {
    Ok(match expr {
        Expr::Text(text) => Value::Text(text.clone()),
        Expr::Number(number) => Value::Number(*number),
        Expr::Bool(truth) => Value::Bool(*truth),
        Expr::Field(path) => field(path, subject)?,
        Expr::Call { name, args } => {
            let args = args
                .iter()
                .map(|arg| evaluate(arg, subject))
                .collect::<Result<_, _>>()?;
            function::call(name, args)?
        }
    })
}

fn field<'a>(path: &[String], subject: Option<&Subject<'a>>) -> Result<Value<'a>, TemplateError> {
    let Some(subject) = subject else {
        let path = path.join(".");
        return Err(refuse(&format!("there is no .{path} in files")));
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["Name"] => Ok(Value::Text(subject.name.to_owned())),
        ["ContainerName"] => Ok(Value::Text(subject.container_name.to_owned())),
        ["Labels"] => Ok(Value::Labels(subject.labels)),
        ["Labels", key] => Ok(subject
            .labels
            .get(*key)
            .map_or(Value::Nothing, |text| Value::Text(text.clone()))),
        ["Labels", ..] => Err(refuse(
            "a label with dots is read by index, as in {{ index .Labels \"a.b\" }}",
        )),
        path => Err(refuse(&format!(
            "there is no .{}; there are .Name, .ContainerName and .Labels",
            path.join(".")
        ))),
    }
}

fn nodes(pieces: &mut IntoIter<Piece>, depth: usize) -> Result<(Vec<Node>, Ending), TemplateError> {
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let words = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(words, line) => (words, line),
        };
        let (words, line) = words;
        match words.first() {
            Some(Word::Name(name)) if name == "if" => {
                let condition = words.into_iter().skip(1).collect();
                nodes.push(branch(condition, pieces, depth).map_err(|error| error.at(line))?);
            }
            Some(Word::Name(name)) if name == "end" => return Ok((nodes, Ending::End)),
            Some(Word::Name(name)) if name == "else" => {
                return Ok((nodes, Ending::Else(words.into_iter().skip(1).collect())));
            }
            _ => nodes.push(Node::Print(
                expression(words).map_err(|error| error.at(line))?,
            )),
        }
    }
    Ok((nodes, Ending::Template))
}

fn branch(
    condition: Vec<Word>,
    pieces: &mut IntoIter<Piece>,
    depth: usize,
) -> Result<Node, TemplateError> {
    if depth >= DEEPEST {
        return Err(refuse("{{ if }} is nested too deeply"));
    }
    let condition = expression(condition)?;
    let (then, ending) = nodes(pieces, depth + 1)?;
    let otherwise = match ending {
        Ending::End => Vec::new(),
        Ending::Template => return Err(refuse("{{ if }} has no {{ end }}")),
        Ending::Else(words) => match words.first() {
            None => match nodes(pieces, depth + 1)? {
                (nodes, Ending::End) => nodes,
                _ => return Err(refuse("{{ else }} has no {{ end }}")),
            },
            Some(Word::Name(name)) if name == "if" => {
                vec![branch(
                    words.into_iter().skip(1).collect(),
                    pieces,
                    depth + 1,
                )?]
            }
            Some(_) => return Err(refuse("{{ else }} is followed by something else than if")),
        },
    };
    Ok(Node::If {
        condition,
        then,
        otherwise,
    })
}

/// A whole action: one pipeline and nothing after it.
fn expression(words: Vec<Word>) -> Result<Expr, TemplateError> {
    let mut words = words.into_iter().peekable();
    let expr = pipeline(&mut words, 0)?;
    match words.next() {
        None => Ok(expr),
        Some(_) => Err(refuse("there is a ) too many")),
    }
}

/// `a | f x | g`: each value becomes the last argument of the next call.
fn pipeline(words: &mut Peekable<IntoIter<Word>>, depth: usize) -> Result<Expr, TemplateError> {
    if depth >= DEEPEST {
        return Err(refuse("parentheses are nested too deeply"));
    }
    let mut value = command(words, None, depth)?;
    while words.next_if_eq(&Word::Pipe).is_some() {
        value = command(words, Some(value), depth)?;
    }
    Ok(value)
}

fn command(
    words: &mut Peekable<IntoIter<Word>>,
    piped: Option<Expr>,
    depth: usize,
) -> Result<Expr, TemplateError> {
    let first = words.next_if(|word| !matches!(word, Word::Pipe | Word::Close));
    let Some(first) = first else {
        return Err(refuse("a value is missing"));
    };
    let head = operand(first, words, depth)?;
    let mut args = Vec::new();
    while let Some(word) = words.next_if(|word| !matches!(word, Word::Pipe | Word::Close)) {
        args.push(operand(word, words, depth)?);
    }
    args.extend(piped);
    match head {
        Expr::Call { name, args: none } if none.is_empty() => {
            function::check(&name, args.len())?;
            Ok(Expr::Call { name, args })
        }
        value if args.is_empty() => Ok(value),
        _ => Err(refuse("a value that is not a function takes no arguments")),
    }
}

fn operand(
    word: Word,
    words: &mut Peekable<IntoIter<Word>>,
    depth: usize,
) -> Result<Expr, TemplateError> {
    Ok(match word {
        Word::Field(path) => Expr::Field(path),
        Word::Text(text) => Expr::Text(text),
        Word::Number(number) => Expr::Number(number),
        Word::Name(name) if name == "true" || name == "false" => Expr::Bool(name == "true"),
        Word::Name(name) => {
            function::known(&name)?;
            Expr::Call {
                name,
                args: Vec::new(),
            }
        }
        Word::Open => {
            let inner = pipeline(words, depth + 1)?;
            if words.next_if_eq(&Word::Close).is_none() {
                return Err(refuse("( is not closed"));
            }
            inner
        }
        Word::Pipe | Word::Close => return Err(refuse("a value is missing")),
    })
}

/// Puts the values of the environment's variables in place of `env`.
pub(super) fn fill_in(
    nodes: &mut [Node],
    environment: Option<Environment<'_>>,
) -> Result<(), TemplateError> {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Print(expr) => fill_in_expr(expr, environment)?,
            Node::If {
                condition,
                then,
                otherwise,
            } => {
                fill_in_expr(condition, environment)?;
                fill_in(then, environment)?;
                fill_in(otherwise, environment)?;
            }
        }
    }
    Ok(())
}

fn fill_in_expr(
    expr: &mut Expr,
    environment: Option<Environment<'_>>,
) -> Result<(), TemplateError> {
    let Expr::Call { name, args } = expr else {
        return Ok(());
    };
    if name != "env" {
        return args
            .iter_mut()
            .try_for_each(|arg| fill_in_expr(arg, environment));
    }
    let Some(environment) = environment else {
        return Err(refuse("env is not available here"));
    };
    let [Expr::Text(variable)] = args.as_slice() else {
        return Err(refuse("env takes the name of a variable in quotes"));
    };
    // As in Go, one that is not set is empty.
    *expr = Expr::Text(environment(variable).unwrap_or_default());
    Ok(())
}

fn refuse(message: &str) -> TemplateError {
    TemplateError::new(message.to_owned())
}
