//! Functions that compare, choose and print.

use super::{ANY, Args, Function, function};
use crate::template::TemplateError;
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("not", (1, 1), |it| Ok(Value::Bool(!it.value(0).is_true()))),
    function("empty", (1, 1), |it| {
        Ok(Value::Bool(!it.value(0).is_true()))
    }),
    function("eq", (2, ANY), |it| {
        let first = it.value(0);
        let same = it.from(1).iter().any(|value| same(&first, value));
        Ok(Value::Bool(same))
    }),
    function("ne", (2, 2), |it| {
        Ok(Value::Bool(!same(&it.value(0), &it.value(1))))
    }),
    function("lt", (2, 2), |it| Ok(Value::Bool(order(it)?.is_lt()))),
    function("le", (2, 2), |it| Ok(Value::Bool(order(it)?.is_le()))),
    function("gt", (2, 2), |it| Ok(Value::Bool(order(it)?.is_gt()))),
    function("ge", (2, 2), |it| Ok(Value::Bool(order(it)?.is_ge()))),
    function("default", (1, 2), |it| {
        let given = it.value(1);
        Ok(if given.is_true() { given } else { it.value(0) })
    }),
    function("coalesce", (0, ANY), |it| {
        let mut values = it.all().iter();
        let found = values.find(|value| value.is_true());
        Ok(found.cloned().unwrap_or(Value::Nothing))
    }),
    function("ternary", (3, 3), |it| {
        Ok(it.value(usize::from(!it.value(2).is_true())))
    }),
    function("required", (2, 2), |it| match it.value(1) {
        value if value.is_true() => Ok(value),
        _ => Err(TemplateError::new(it.text(0))),
    }),
    function("toString", (1, 1), |it| Ok(Value::Text(it.text(0)))),
    function("toJson", (1, 1), |it| {
        Ok(Value::Text(json(&it.value(0)).to_string()))
    }),
    function("kindOf", (1, 1), |it| {
        let kind = match it.value(0) {
            Value::Text(_) => "string",
            Value::Number(_) => "int",
            Value::Bool(_) => "bool",
            Value::List(_) => "slice",
            Value::Map(_) | Value::Labels(_) => "map",
            Value::Nothing => "invalid",
        };
        Ok(Value::Text(kind.to_owned()))
    }),
    function("print", (0, ANY), |it| {
        Ok(Value::Text(it.all().iter().map(Value::to_string).collect()))
    }),
    function("println", (0, ANY), |it| {
        let shown: Vec<_> = it.all().iter().map(Value::to_string).collect();
        Ok(Value::Text(shown.join(" ") + "\n"))
    }),
    function("printf", (1, ANY), |it| {
        printf(&it.text(0), it.from(1)).map(Value::Text)
    }),
];

/// Values that are absent are empty texts, and numbers are what they are written as.
fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Nothing, Value::Text(text)) | (Value::Text(text), Value::Nothing) => {
            text.is_empty()
        }
        (Value::Labels(_), Value::Map(_)) | (Value::Map(_), Value::Labels(_)) => {
            a.entries() == b.entries()
        }
        _ => a == b,
    }
}

/// Of two numbers or two texts.
fn order(args: Args<'_, '_>) -> Result<std::cmp::Ordering, TemplateError> {
    match (args.value(0), args.value(1)) {
        (Value::Number(a), Value::Number(b)) => Ok(a.cmp(&b)),
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(&b)),
        (Value::Number(_), _) => Err(args.unfit(1, "a number, as the first one is")),
        _ => Err(args.unfit(1, "of the kind of the first one, text or a number")),
    }
}

fn json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Number(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(_) | Value::Labels(_) => {
            let entries = value.entries().unwrap_or_default().into_iter();
            entries.map(|(key, value)| (key, json(&value))).collect()
        }
        Value::Nothing => serde_json::Value::Null,
    }
}

/// What stands between `%` and its verb.
#[derive(Default)]
struct Shape {
    left: bool,
    zeros: bool,
    width: usize,
}

/// Wider than any column.
const MAX_WIDTH: usize = 1000;

fn printf(format: &str, values: &[Value<'_>]) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut shape = Shape::default();
        while let Some(flag) = chars.next_if(|c| *c == '-' || *c == '0') {
            shape.left |= flag == '-';
            shape.zeros |= flag == '0';
        }
        while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
            chars.next();
            let digit = usize::try_from(digit).unwrap_or(0);
            shape.width = (shape.width * 10 + digit).min(MAX_WIDTH);
        }
        let verb = chars.next();
        if verb == Some('%') {
            out.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| TemplateError::new("it has more verbs than values"))?;
        out.push_str(&shape.apply(&verbatim(verb, value)?));
    }
    match values.next() {
        None => Ok(out),
        Some(_) => Err(TemplateError::new("it has more values than verbs")),
    }
}

fn verbatim(verb: Option<char>, value: &Value<'_>) -> Result<String, TemplateError> {
    match (verb, value) {
        (Some('s' | 'v'), value) => Ok(value.to_string()),
        (Some('q'), value) => Ok(format!("{:?}", value.to_string())),
        (Some('d'), Value::Number(number)) => Ok(number.to_string()),
        (Some('x'), Value::Number(number)) => Ok(format!("{number:x}")),
        (Some('t'), Value::Bool(truth)) => Ok(truth.to_string()),
        (Some(verb @ ('d' | 'x' | 't')), value) => {
            let kind = value.kind();
            Err(TemplateError::new(format!("%{verb} does not take {kind}")))
        }
        _ => Err(TemplateError::new("it knows %s, %v, %q, %d, %x, %t and %%")),
    }
}

impl Shape {
    fn apply(&self, text: &str) -> String {
        let width = self.width;
        match text.strip_prefix('-') {
            _ if self.left => format!("{text:<width$}"),
            Some(digits) if self.zeros => {
                let width = width.saturating_sub(1);
                format!("-{digits:0>width$}")
            }
            None if self.zeros => format!("{text:0>width$}"),
            _ => format!("{text:>width$}"),
        }
    }
}
