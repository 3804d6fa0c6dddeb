//! Pieces to a tree.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::TemplateError;
use super::function;
use super::lexer::{Piece, Word};

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// Printed, unless it only gives a variable its value.
    Action(Pipeline),
    Block(Box<Block>),
    Break,
    Continue,
}

/// `{{ if }}`, `{{ with }}` or `{{ range }}` up to its `{{ end }}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) kind: BlockKind,
    pub(super) head: Pipeline,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// What a block does with its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    If,
    With,
    Range,
}

/// An expression, and what its value is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline {
    pub(super) variables: Variables,
    pub(super) expr: Expr,
    pub(super) line: usize,
}

/// Variables that get the value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Variables {
    None,
    /// `$x := …`
    Declare(String),
    /// `$x = …`
    Assign(String),
    /// `$key, $value := …`, of `range` only.
    Pair(String, String),
}

/// What has a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Text(String),
    Number(i64),
    Bool(bool),
    Nil,
    /// Of the dot.
    Field(Vec<String>),
    Variable(String, Vec<String>),
    /// Of what an expression gives.
    Access(Box<Expr>, Vec<String>),
    Call {
        name: String,
        args: Vec<Expr>,
    },
}

/// What ended a list of nodes.
enum Ending {
    Template,
    End,
    Else(Vec<Word>, usize),
}

/// Deeper templates are refused: nobody writes them, and recursion has a limit.
const DEEPEST: usize = 32;

/// Go's words for what is not available.
const NOT_AVAILABLE: &[&str] = &["define", "template", "block"];

/// Reads the pieces of a template; `environment`: its variables may be read.
pub(super) fn parse(pieces: Vec<Piece>, environment: bool) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser {
        pieces: pieces.into_iter(),
        environment,
        variables: Vec::new(),
        loops: 0,
    };
    match parser.nodes(0)? {
        (nodes, Ending::Template) => Ok(nodes),
        (_, Ending::End | Ending::Else(..)) => Err(refuse(
            "there is {{ end }} or {{ else }} without {{ if }}, {{ with }} or {{ range }}",
        )),
    }
}

struct Parser {
    pieces: IntoIter<Piece>,
    environment: bool,
    /// Those that are known here.
    variables: Vec<String>,
    /// Those around.
    loops: usize,
}

/// The words of an action.
struct Words {
    left: Peekable<IntoIter<Word>>,
}

impl Parser {
    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, Ending), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let (mut words, line) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(words, line) => (words, line),
            };
            let at = |error: TemplateError| error.at(line);
            let keyword = match words.first() {
                Some(Word::Name(name)) => name.clone(),
                _ => String::new(),
            };
            let kind = match keyword.as_str() {
                "if" => BlockKind::If,
                "with" => BlockKind::With,
                "range" => BlockKind::Range,
                "end" => return Ok((nodes, Ending::End)),
                "else" => {
                    words.remove(0);
                    return Ok((nodes, Ending::Else(words, line)));
                }
                "break" | "continue" if self.loops == 0 => {
                    return Err(at(refuse(format!("{keyword} stands outside of range"))));
                }
                "break" => {
                    nodes.push(Node::Break);
                    continue;
                }
                "continue" => {
                    nodes.push(Node::Continue);
                    continue;
                }
                word if NOT_AVAILABLE.contains(&word) => {
                    return Err(at(refuse(format!("{word} is not available in templates"))));
                }
                _ => {
                    let pipeline = self.pipeline(words, None, line).map_err(at)?;
                    nodes.push(Node::Action(pipeline));
                    continue;
                }
            };
            words.remove(0);
            let block = self.block(kind, words, line, depth).map_err(at)?;
            nodes.push(Node::Block(Box::new(block)));
        }
        Ok((nodes, Ending::Template))
    }

    /// What its head declares is known up to its end.
    fn block(
        &mut self,
        kind: BlockKind,
        head: Vec<Word>,
        line: usize,
        depth: usize,
    ) -> Result<Block, TemplateError> {
        if depth >= DEEPEST {
            return Err(refuse("blocks are nested too deeply"));
        }
        let known = self.variables.len();
        let head = self.pipeline(head, Some(kind), line)?;
        let declared = self.variables.len();
        let loops = usize::from(kind == BlockKind::Range);
        self.loops += loops;
        let (then, ending) = self.nodes(depth + 1)?;
        self.loops -= loops;
        self.variables.truncate(declared);
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Template => {
                let word = kind.word();
                return Err(refuse(format!("{{{{ {word} }}}} has no {{{{ end }}}}")));
            }
            Ending::Else(words, line) => self.otherwise(kind, words, line, depth)?,
        };
        self.variables.truncate(known);
        Ok(Block {
            kind,
            head,
            then,
            otherwise,
        })
    }

    fn otherwise(
        &mut self,
        kind: BlockKind,
        mut words: Vec<Word>,
        line: usize,
        depth: usize,
    ) -> Result<Vec<Node>, TemplateError> {
        let chained = |word: &Word| *word == Word::Name(kind.word().to_owned());
        match words.first() {
            None => match self.nodes(depth + 1)? {
                (nodes, Ending::End) => Ok(nodes),
                _ => Err(refuse("{{ else }} has no {{ end }}").at(line)),
            },
            // Its `{{ end }}` ends both.
            Some(word) if kind != BlockKind::Range && chained(word) => {
                words.remove(0);
                let block = self.block(kind, words, line, depth + 1);
                Ok(vec![Node::Block(Box::new(
                    block.map_err(|error| error.at(line))?,
                ))])
            }
            Some(_) => {
                let error = match kind {
                    BlockKind::Range => "{{ else }} of {{ range }} stands alone".to_owned(),
                    _ => format!(
                        "{{{{ else }}}} is followed by something else than {}",
                        kind.word()
                    ),
                };
                Err(refuse(error).at(line))
            }
        }
    }

    /// A whole action, or the head of a block: one pipeline and nothing after it.
    fn pipeline(
        &mut self,
        words: Vec<Word>,
        block: Option<BlockKind>,
        line: usize,
    ) -> Result<Pipeline, TemplateError> {
        let (variables, words) = self.declaration(words, block)?;
        let mut words = Words {
            left: words.into_iter().peekable(),
        };
        let expr = words.pipeline(self, 0)?;
        match words.left.next() {
            None => {}
            Some(Word::Close) => return Err(refuse("there is a ) too many")),
            Some(_) => {
                return Err(refuse(
                    "variables get values at the beginning: {{ $x := 1 }}",
                ));
            }
        }
        match &variables {
            Variables::None | Variables::Assign(_) => {}
            Variables::Declare(name) => self.variables.push(name.clone()),
            Variables::Pair(key, value) => {
                self.variables.extend([key.clone(), value.clone()]);
            }
        }
        Ok(Pipeline {
            variables,
            expr,
            line,
        })
    }

    /// What stands before `:=` or `=`, and what comes behind.
    fn declaration(
        &self,
        mut words: Vec<Word>,
        block: Option<BlockKind>,
    ) -> Result<(Variables, Vec<Word>), TemplateError> {
        let named = |word: &Word| match word {
            Word::Variable(name, path) if path.is_empty() && !name.is_empty() => Some(name.clone()),
            _ => None,
        };
        let variables = match words.as_slice() {
            [name, Word::Declare, ..] => named(name).map(Variables::Declare),
            [name, Word::Assign, ..] => named(name).map(Variables::Assign),
            [key, Word::Comma, value, Word::Declare, ..] => named(key)
                .zip(named(value))
                .map(|(k, v)| Variables::Pair(k, v)),
            _ => return Ok((Variables::None, words)),
        };
        let Some(variables) = variables else {
            return Err(refuse(
                "only a variable can be given a value: {{ $x := 1 }}",
            ));
        };
        match &variables {
            Variables::Assign(name) => self.check_variable(name)?,
            Variables::Pair(..) if block != Some(BlockKind::Range) => {
                return Err(refuse("two variables are declared by range only"));
            }
            _ => {}
        }
        let taken = match variables {
            Variables::Pair(..) => 4,
            _ => 2,
        };
        let words = words.split_off(taken);
        Ok((variables, words))
    }

    fn check_variable(&self, name: &str) -> Result<(), TemplateError> {
        // A lone dollar is what the template is about.
        if name.is_empty() || self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(refuse(format!(
            "there is no variable ${name} here; declare it with {{{{ ${name} := … }}}}"
        )))
    }
}

impl Words {
    /// `a | f x | g`: each value becomes the last argument of the next call.
    fn pipeline(&mut self, parser: &Parser, depth: usize) -> Result<Expr, TemplateError> {
        if depth >= DEEPEST {
            return Err(refuse("parentheses are nested too deeply"));
        }
        let mut value = self.command(parser, None, depth)?;
        while self.left.next_if_eq(&Word::Pipe).is_some() {
            value = self.command(parser, Some(value), depth)?;
        }
        Ok(value)
    }

    fn command(
        &mut self,
        parser: &Parser,
        piped: Option<Expr>,
        depth: usize,
    ) -> Result<Expr, TemplateError> {
        let Some(first) = self.value() else {
            return Err(refuse("a value is missing"));
        };
        let head = self.operand(first, parser, depth)?;
        let mut args = Vec::new();
        while let Some(word) = self.value() {
            let arg = self.operand(word, parser, depth)?;
            if let Expr::Call { name, .. } = &arg {
                // `f g x`: g has parentheses of its own where it takes x.
                function::check(name, 0)?;
            }
            args.push(arg);
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

    /// The next word, unless it ends a command.
    fn value(&mut self) -> Option<Word> {
        let ends = |word: &Word| {
            matches!(
                word,
                Word::Pipe | Word::Close | Word::Declare | Word::Assign | Word::Comma
            )
        };
        self.left.next_if(|word| !ends(word))
    }

    fn operand(
        &mut self,
        word: Word,
        parser: &Parser,
        depth: usize,
    ) -> Result<Expr, TemplateError> {
        Ok(match word {
            Word::Field(path) => Expr::Field(path),
            Word::Variable(name, path) => {
                parser.check_variable(&name)?;
                Expr::Variable(name, path)
            }
            Word::Text(text) => Expr::Text(text),
            Word::Number(number) => Expr::Number(number),
            Word::Name(name) if name == "true" || name == "false" => Expr::Bool(name == "true"),
            Word::Name(name) if name == "nil" => Expr::Nil,
            Word::Name(name) => {
                function::known(&name)?;
                if function::reads_environment(&name) && !parser.environment {
                    return Err(refuse(format!("{name} is available in files only")));
                }
                Expr::Call {
                    name,
                    args: Vec::new(),
                }
            }
            Word::Open => {
                let inner = self.pipeline(parser, depth + 1)?;
                if self.left.next_if_eq(&Word::Close).is_none() {
                    return Err(refuse("( is not closed"));
                }
                match self.left.next_if(|word| matches!(word, Word::Access(_))) {
                    Some(Word::Access(path)) => Expr::Access(Box::new(inner), path),
                    // A call in parentheses takes no more arguments.
                    _ => Expr::Access(Box::new(inner), Vec::new()),
                }
            }
            Word::Pipe
            | Word::Close
            | Word::Access(_)
            | Word::Declare
            | Word::Assign
            | Word::Comma => return Err(refuse("a value is missing")),
        })
    }
}

impl BlockKind {
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}

fn refuse(message: impl Into<String>) -> TemplateError {
    TemplateError::new(message)
}
