//! The conditions of `circuitBreaker.expression` and `buffering.retryExpression`:
//! text to tree.
//!
//! `NetworkErrorRatio() > 0.3 || LatencyAtQuantileMS(50.0) > 100`: comparisons of
//! functions and literals, combined with `&&`, `||`, `!` and parentheses.

use fairway_proto::discovery::v1 as proto;
use proto::expression::Expression as Node;
use proto::operand::Operand as Value;
use proto::{Expression, ExpressionList, Operand, Relation};

use crate::label::Fields;
use crate::spelling;

/// Parentheses and negations within each other.
const MAX_DEPTH: usize = 32;

/// What an expression can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// One answer and how it came about.
    Answer,
    /// How a service does.
    Service,
}

impl About {
    fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Answer => &[
                "Attempts",
                "ResponseCode",
                "RequestMethod",
                "IsNetworkError",
            ],
            Self::Service => &[
                "NetworkErrorRatio",
                "ResponseCodeRatio",
                "LatencyAtQuantileMS",
                "RequestThreshold",
            ],
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Answer => "write for instance IsNetworkError() && Attempts() < 3",
            Self::Service => "write for instance NetworkErrorRatio() > 0.3",
        }
    }
}

/// What is wrong with a text, and what would work.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) message: String,
    suggestion: String,
}

/// Tells the fields what is wrong with an expression.
pub(super) fn check(fields: &mut Fields, option: &str, text: &str, about: About) {
    if let Err(mistake) = parse(text, about) {
        let message = format!(
            "the expression `{text}` cannot be used: {}",
            mistake.message
        );
        fields.reject(option, message, mistake.suggestion);
    }
}

pub(super) fn parse(text: &str, about: About) -> Result<Expression, Mistake> {
    let mut parser = Parser {
        tokens: lex(text, about)?,
        next: 0,
        about,
    };
    let expression = parser.any(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(parser.mistake(format!("{} is too much", token.shown()))),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Number(String),
    Text(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Name(text) | Self::Number(text) => format!("`{text}`"),
            Self::Text(text) => format!("`\"{text}\"`"),
            Self::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// Two letters before one.
const SIGNS: [&str; 12] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", ",",
];

fn lex(text: &str, about: About) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(letter) = rest.chars().next() {
        let length;
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            length = sign.len();
            tokens.push(Token::Sign(sign));
        } else if letter.is_ascii_alphabetic() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            length = end.unwrap_or(rest.len());
            tokens.push(Token::Name(
                rest.get(..length).unwrap_or_default().to_owned(),
            ));
        } else if letter.is_ascii_digit() || letter == '.' || letter == '-' {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
            length = end.unwrap_or(rest.len());
            tokens.push(Token::Number(
                rest.get(..length).unwrap_or_default().to_owned(),
            ));
        } else if letter == '"' || letter == '`' {
            let inner = rest.get(1..).unwrap_or_default();
            let Some(end) = inner.find(letter) else {
                return Err(mistake(about, format!("{letter} is not closed")));
            };
            length = end + 2;
            tokens.push(Token::Text(inner.get(..end).unwrap_or_default().to_owned()));
        } else {
            return Err(mistake(about, format!("`{letter}` has no meaning")));
        }
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn mistake(about: About, message: String) -> Mistake {
    Mistake {
        message,
        suggestion: about.example().to_owned(),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    about: About,
}

impl Parser {
    fn any(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let mut parts = vec![self.all(depth)?];
        while self.take("||") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Node::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let mut parts = vec![self.one(depth)?];
        while self.take("&&") {
            parts.push(self.one(depth)?);
        }
        Ok(joined(parts, Node::And))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, Mistake> {
        if depth > MAX_DEPTH {
            return Err(self.mistake("it has too many parts within parts".to_owned()));
        }
        if self.take("!") {
            let inner = self.one(depth + 1)?;
            return Ok(node(Node::Not(Box::new(inner))));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.peek() == Some(&Token::Name("IsNetworkError".to_owned()))
            && self.about == About::Answer
        {
            self.next += 1;
            self.expect("(")?;
            self.expect(")")?;
            return Ok(node(Node::NetworkError(true)));
        }
        let left = self.operand()?;
        let relation = self.relation()?;
        let right = self.operand()?;
        self.comparison(left, relation, right)
    }

    fn comparison(
        &self,
        left: Value,
        relation: Relation,
        right: Value,
    ) -> Result<Expression, Mistake> {
        let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::RequestMethod(_));
        let ordered = !matches!(relation, Relation::Equal | Relation::NotEqual);
        if is_text(&left) != is_text(&right) || is_text(&left) && ordered {
            let message = "a text is compared with a text, by == or !=";
            return Err(self.mistake(message.to_owned()));
        }
        let operand = |value| {
            Some(Operand {
                operand: Some(value),
            })
        };
        Ok(node(Node::Comparison(proto::Comparison {
            left: operand(left),
            relation: relation.into(),
            right: operand(right),
        })))
    }

    fn relation(&mut self) -> Result<Relation, Mistake> {
        let relation = match self.peek() {
            Some(Token::Sign("==")) => Relation::Equal,
            Some(Token::Sign("!=")) => Relation::NotEqual,
            Some(Token::Sign("<")) => Relation::Less,
            Some(Token::Sign("<=")) => Relation::LessOrEqual,
            Some(Token::Sign(">")) => Relation::Greater,
            Some(Token::Sign(">=")) => Relation::GreaterOrEqual,
            other => {
                let found = other.map_or("the end".to_owned(), Token::shown);
                let message = format!("a comparison was expected, such as > 0.5, not {found}");
                return Err(self.mistake(message));
            }
        };
        self.next += 1;
        Ok(relation)
    }

    fn operand(&mut self) -> Result<Value, Mistake> {
        let token = self.peek().cloned();
        self.next += 1;
        match token {
            Some(Token::Number(text)) => self.number(&text).map(Value::Number),
            Some(Token::Text(text)) => Ok(Value::Text(text)),
            Some(Token::Name(name)) => self.function(&name),
            other => {
                let found = other.map_or("the end".to_owned(), |it| it.shown());
                Err(self.mistake(format!("a value was expected, not {found}")))
            }
        }
    }

    fn function(&mut self, name: &str) -> Result<Value, Mistake> {
        if !self.about.functions().contains(&name) {
            let message = format!("there is no function {name} here");
            let functions = self.about.functions();
            let near = spelling::nearest(name, functions.iter().copied());
            return Err(Mistake {
                message,
                suggestion: near.map_or_else(
                    || format!("use {}", functions.join(", ")),
                    |near| format!("did you mean {near}?"),
                ),
            });
        }
        let values = self.arguments()?;
        match (name, values.as_slice()) {
            ("Attempts", []) => Ok(Value::Attempts(true)),
            ("ResponseCode", []) => Ok(Value::ResponseCode(true)),
            ("RequestMethod", []) => Ok(Value::RequestMethod(true)),
            ("NetworkErrorRatio", []) => Ok(Value::NetworkErrorRatio(true)),
            ("RequestThreshold", []) => Ok(Value::Requests(true)),
            ("ResponseCodeRatio", codes @ [_, _, _, _]) => self.ratio(codes),
            ("LatencyAtQuantileMS", [quantile]) => {
                let quantile = self.number(quantile)?;
                if !(0.0..=100.0).contains(&quantile) {
                    let message = format!("{quantile} is not a share from 0 to 100");
                    return Err(self.mistake(message));
                }
                Ok(Value::LatencyAtQuantile(quantile))
            }
            ("IsNetworkError", _) => {
                Err(self.mistake("IsNetworkError() is compared with nothing".to_owned()))
            }
            _ => {
                let wanted = match name {
                    "ResponseCodeRatio" => "four, as in ResponseCodeRatio(500, 600, 0, 600)",
                    "LatencyAtQuantileMS" => "one, as in LatencyAtQuantileMS(50.0)",
                    _ => "none",
                };
                let message = format!("{name} has {} values and takes {wanted}", values.len());
                Err(self.mistake(message))
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<String>, Mistake> {
        self.expect("(")?;
        let mut values = Vec::new();
        while !self.take(")") {
            if !values.is_empty() {
                self.expect(",")?;
            }
            match self.peek().cloned() {
                Some(Token::Number(text)) => values.push(text),
                other => {
                    let found = other.map_or("the end".to_owned(), |it| it.shown());
                    return Err(self.mistake(format!("a number was expected, not {found}")));
                }
            }
            self.next += 1;
        }
        Ok(values)
    }

    fn ratio(&self, codes: &[String]) -> Result<Value, Mistake> {
        let mut numbers = codes.iter().map(|code| {
            let number = code.parse::<u32>();
            number.map_err(|_| self.mistake(format!("`{code}` is not a status")))
        });
        let mut next = || numbers.next().unwrap_or(Ok(0));
        Ok(Value::ResponseCodeRatio(proto::CodeRatio {
            first: next()?,
            before: next()?,
            of_first: next()?,
            of_before: next()?,
        }))
    }

    fn number(&self, text: &str) -> Result<f64, Mistake> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.mistake(format!("`{text}` is not a number")))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Mistake> {
        if self.take(sign) {
            return Ok(());
        }
        let found = self.peek().map_or("the end".to_owned(), Token::shown);
        Err(self.mistake(format!("`{sign}` was expected, not {found}")))
    }

    fn mistake(&self, message: String) -> Mistake {
        mistake(self.about, message)
    }
}

fn node(expression: Node) -> Expression {
    Expression {
        expression: Some(expression),
    }
}

fn joined(mut parts: Vec<Expression>, join: impl FnOnce(ExpressionList) -> Node) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            node(join(ExpressionList { expressions: parts }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree with every group in parentheses.
    fn shown(expression: &Expression) -> String {
        let list = |list: &ExpressionList, by: &str| {
            let parts: Vec<_> = list.expressions.iter().map(shown).collect();
            format!("({})", parts.join(by))
        };
        match expression.expression.as_ref().unwrap() {
            Node::And(parts) => list(parts, " && "),
            Node::Or(parts) => list(parts, " || "),
            Node::Not(inner) => format!("!{}", shown(inner)),
            Node::NetworkError(_) => "error".to_owned(),
            Node::Comparison(it) => {
                let value = |operand: &Option<Operand>| match operand.clone().unwrap().operand {
                    Some(Value::Number(number)) => number.to_string(),
                    Some(Value::Text(text)) => format!("{text:?}"),
                    Some(Value::Attempts(_)) => "attempts".to_owned(),
                    Some(Value::ResponseCode(_)) => "code".to_owned(),
                    Some(Value::RequestMethod(_)) => "method".to_owned(),
                    Some(Value::NetworkErrorRatio(_)) => "errors".to_owned(),
                    Some(Value::Requests(_)) => "requests".to_owned(),
                    Some(Value::LatencyAtQuantile(share)) => format!("latency {share}"),
                    Some(Value::ResponseCodeRatio(it)) => {
                        format!(
                            "{}-{} of {}-{}",
                            it.first, it.before, it.of_first, it.of_before
                        )
                    }
                    None => String::new(),
                };
                let relation = match it.relation() {
                    Relation::Equal => "==",
                    Relation::NotEqual => "!=",
                    Relation::Less => "<",
                    Relation::LessOrEqual => "<=",
                    Relation::Greater => ">",
                    Relation::GreaterOrEqual => ">=",
                    Relation::Unspecified => "?",
                };
                format!("{} {relation} {}", value(&it.left), value(&it.right))
            }
        }
    }

    #[test]
    fn expressions_are_read_as_they_are_meant() {
        #[rustfmt::skip]
        let rows = [
            (About::Service, "NetworkErrorRatio() > 0.30", "errors > 0.3"),
            (About::Service, "ResponseCodeRatio(500, 600, 0, 600)>=0.25", "500-600 of 0-600 >= 0.25"),
            (About::Service, "LatencyAtQuantileMS(50.0) > 100 || NetworkErrorRatio() > 0.1 && RequestThreshold() >= 10",
                "(latency 50 > 100 || (errors > 0.1 && requests >= 10))"),
            (About::Service, "(NetworkErrorRatio() > 1 || 1 != NetworkErrorRatio()) && !(LatencyAtQuantileMS(99) <= 1)",
                "((errors > 1 || 1 != errors) && !latency 99 <= 1)"),
            (About::Answer, "IsNetworkError() && Attempts() <= 2", "(error && attempts <= 2)"),
            (About::Answer, r#"RequestMethod() == "GET" || RequestMethod() != `PUT`"#, r#"(method == "GET" || method != "PUT")"#),
            (About::Answer, "ResponseCode() == 502", "code == 502"),
        ];
        for (about, text, expected) in rows {
            assert_eq!(
                parse(text, about).map(|it| shown(&it)),
                Ok(expected.to_owned())
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_work() {
        let deep = "(".repeat(40);
        #[rustfmt::skip]
        let rows = [
            (About::Service, "", "a value was expected, not the end", "NetworkErrorRatio() > 0.3"),
            (About::Service, "NetworkErorRatio() > 1", "no function NetworkErorRatio", "did you mean NetworkErrorRatio?"),
            (About::Service, "Attempts() > 1", "no function Attempts", ""),
            (About::Answer, "NetworkErrorRatio() > 1", "no function NetworkErrorRatio", ""),
            (About::Service, "NetworkErrorRatio > 1", "`(` was expected, not `>`", ""),
            (About::Service, "NetworkErrorRatio()", "a comparison was expected, such as > 0.5, not the end", ""),
            (About::Service, "NetworkErrorRatio() > 1 1", "`1` is too much", ""),
            (About::Service, "NetworkErrorRatio() > 1 && ", "a value was expected, not the end", ""),
            (About::Service, "(NetworkErrorRatio() > 1", "`)` was expected", ""),
            (About::Service, "ResponseCodeRatio(500, 600) > 1", "has 2 values and takes four", ""),
            (About::Service, "ResponseCodeRatio(500, 600, 0, 1.5) > 1", "`1.5` is not a status", ""),
            (About::Service, "LatencyAtQuantileMS(101) > 1", "101 is not a share", ""),
            (About::Service, "LatencyAtQuantileMS() > 1", "has 0 values and takes one", ""),
            (About::Service, "NetworkErrorRatio() > 1..2", "`1..2` is not a number", ""),
            (About::Service, "NetworkErrorRatio() > ½", "`½` has no meaning", ""),
            (About::Service, "NetworkErrorRatio() > \"1\"", "a text is compared with a text", ""),
            (About::Answer, "RequestMethod() > \"GET\"", "a text is compared with a text", ""),
            (About::Answer, "RequestMethod() == \"GET", "\" is not closed", ""),
            (About::Answer, "IsNetworkError() == 1", "is too much", ""),
            (About::Answer, "1 == IsNetworkError()", "is compared with nothing", ""),
            (About::Service, &deep, "too many parts", ""),
        ];
        for (about, text, message, suggestion) in rows {
            let mistake = parse(text, about).unwrap_err();
            assert!(mistake.message.contains(message), "{text}: {mistake:?}");
            assert!(
                mistake.suggestion.contains(suggestion),
                "{text}: {mistake:?}"
            );
        }
    }
}
