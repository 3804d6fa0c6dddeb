//! The functions templates may call: Go's own, and sprig's for strings.

use super::{TemplateError, Value};
use crate::provider::docker::normalize;
use crate::spelling;

/// Name, least and most arguments.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("normalize", 1, 1),
    ("env", 1, 1),
    ("index", 2, 2),
    ("printf", 1, 16),
    ("print", 1, 16),
    ("eq", 2, 16),
    ("ne", 2, 2),
    ("and", 1, 16),
    ("or", 1, 16),
    ("not", 1, 1),
    ("len", 1, 1),
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("title", 1, 1),
    ("trim", 1, 1),
    ("trimAll", 2, 2),
    ("trimPrefix", 2, 2),
    ("trimSuffix", 2, 2),
    ("replace", 3, 3),
    ("contains", 2, 2),
    ("hasPrefix", 2, 2),
    ("hasSuffix", 2, 2),
    ("hasKey", 2, 2),
    ("trunc", 2, 2),
    ("default", 2, 2),
    ("coalesce", 1, 16),
    ("empty", 1, 1),
    ("ternary", 3, 3),
    ("quote", 1, 1),
    ("squote", 1, 1),
    ("cat", 1, 16),
    ("nospace", 1, 1),
    ("splitList", 2, 2),
    ("join", 2, 2),
    ("first", 1, 1),
    ("last", 1, 1),
];

/// Go's and sprig's words that are known to people and not to us.
const NOT_AVAILABLE: &[&str] = &[
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "regexReplaceAll",
    "until",
    "dict",
    "list",
    "readFile",
];

/// Whether a function of this name exists.
pub(super) fn known(name: &str) -> Result<(), TemplateError> {
    if FUNCTIONS.iter().any(|(known, ..)| *known == name) {
        return Ok(());
    }
    if NOT_AVAILABLE.contains(&name) {
        return Err(TemplateError::new(format!(
            "{name} is not available in templates"
        )));
    }
    let nearest = spelling::nearest(name, FUNCTIONS.iter().map(|(known, ..)| *known));
    Err(TemplateError::new(match nearest {
        Some(nearest) => format!("there is no function {name}; did you mean {nearest}?"),
        None => format!("there is no function {name}"),
    }))
}

/// Whether a function takes this many arguments.
pub(super) fn check(name: &str, given: usize) -> Result<(), TemplateError> {
    match FUNCTIONS.iter().find(|(known, ..)| *known == name) {
        Some((_, least, most)) if (*least..=*most).contains(&given) => Ok(()),
        Some((_, least, most)) if least == most => Err(TemplateError::new(format!(
            "{name} takes {least} arguments, not {given}"
        ))),
        Some((_, least, _)) => Err(TemplateError::new(format!(
            "{name} takes at least {least} arguments, not {given}"
        ))),
        None => known(name),
    }
}

/// Calls a function.
pub(super) fn call<'a>(name: &str, args: Vec<Value<'a>>) -> Result<Value<'a>, TemplateError> {
    let text = |value: &Value<'_>| value.to_string();
    Ok(match (name, args.as_slice()) {
        ("and", _) => pick(args, false),
        ("or", _) => pick(args, true),
        ("coalesce", _) => args
            .into_iter()
            .find(Value::is_true)
            .unwrap_or(Value::Nothing),
        ("eq", [first, rest @ ..]) => Value::Bool(rest.iter().any(|value| same(first, value))),
        ("ne", [a, b]) => Value::Bool(!same(a, b)),
        ("not" | "empty", [a]) => Value::Bool(!a.is_true()),
        ("default", [fallback, value]) => {
            if value.is_true() {
                value.clone()
            } else {
                fallback.clone()
            }
        }
        ("ternary", [yes, no, test]) => {
            if test.is_true() {
                yes.clone()
            } else {
                no.clone()
            }
        }
        ("index", [Value::Labels(labels), Value::Text(key)]) => {
            Value::Text(labels.get(key).cloned().unwrap_or_default())
        }
        ("index", [Value::List(items), Value::Number(at)]) => {
            let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
            Value::Text(
                item.cloned()
                    .ok_or_else(|| TemplateError::new(format!("the list has no item {at}")))?,
            )
        }
        ("hasKey", [Value::Labels(labels), Value::Text(key)]) => {
            Value::Bool(labels.contains_key(key))
        }
        ("len", [value]) => length(value),
        ("printf", [format, values @ ..]) => Value::Text(printf(&text(format), values)?),
        ("print", values) => Value::Text(values.iter().map(text).collect()),
        ("cat", values) => Value::Text(values.iter().map(text).collect::<Vec<_>>().join(" ")),
        ("splitList", [separator, value]) => {
            let separator = text(separator);
            Value::List(
                text(value)
                    .split(separator.as_str())
                    .map(str::to_owned)
                    .collect(),
            )
        }
        ("join", [separator, Value::List(items)]) => Value::Text(items.join(&text(separator))),
        ("first", [Value::List(items)]) => Value::Text(items.first().cloned().unwrap_or_default()),
        ("last", [Value::List(items)]) => Value::Text(items.last().cloned().unwrap_or_default()),
        ("trunc", [Value::Number(length), value]) => Value::Text(truncate(*length, &text(value))),
        (_, [value]) => Value::Text(of_one(name, value)?),
        (_, [option, value]) => of_two(name, &text(option), &text(value))?,
        ("replace", [from, to, value]) => {
            Value::Text(text(value).replace(text(from).as_str(), &text(to)))
        }
        _ => return Err(unfit(name, &args)),
    })
}

fn of_one(name: &str, value: &Value<'_>) -> Result<String, TemplateError> {
    let text = value.to_string();
    Ok(match name {
        "normalize" => normalize(&text),
        "lower" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "title" => title(&text),
        "trim" => text.trim().to_owned(),
        "nospace" => text.split_whitespace().collect(),
        "quote" => format!("{text:?}"),
        "squote" => format!("'{text}'"),
        _ => return Err(unfit(name, std::slice::from_ref(value))),
    })
}

fn of_two<'a>(name: &str, option: &str, value: &str) -> Result<Value<'a>, TemplateError> {
    let chars = |c: char| option.contains(c);
    Ok(match name {
        "trimAll" => Value::Text(value.trim_matches(chars).to_owned()),
        "trimPrefix" => Value::Text(value.strip_prefix(option).unwrap_or(value).to_owned()),
        "trimSuffix" => Value::Text(value.strip_suffix(option).unwrap_or(value).to_owned()),
        "contains" => Value::Bool(value.contains(option)),
        "hasPrefix" => Value::Bool(value.starts_with(option)),
        "hasSuffix" => Value::Bool(value.ends_with(option)),
        _ => return Err(TemplateError::new(format!("{name} does not take text"))),
    })
}

/// The first value whose truth is `wanted`, else the last.
fn pick(args: Vec<Value<'_>>, wanted: bool) -> Value<'_> {
    let mut last = Value::Nothing;
    for value in args {
        if value.is_true() == wanted {
            return value;
        }
        last = value;
    }
    last
}

fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Nothing, Value::Text(text)) | (Value::Text(text), Value::Nothing) => {
            text.is_empty()
        }
        _ => a == b,
    }
}

fn length<'a>(value: &Value<'a>) -> Value<'a> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Labels(labels) => labels.len(),
        Value::Number(_) | Value::Bool(_) | Value::Nothing => 0,
    };
    Value::Number(i64::try_from(length).unwrap_or(i64::MAX))
}

fn printf(format: &str, values: &[Value<'_>]) -> Result<String, TemplateError> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let verb = chars.next();
        if verb == Some('%') {
            out.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| TemplateError::new("printf has more verbs than values".to_owned()))?;
        match verb {
            Some('s' | 'v' | 'd') => out.push_str(&value.to_string()),
            Some('q') => out.push_str(&format!("{:?}", value.to_string())),
            _ => {
                return Err(TemplateError::new(
                    "printf knows %s, %v, %d, %q and %%".to_owned(),
                ));
            }
        }
    }
    Ok(out)
}

/// The first characters, or with a negative length the last.
fn truncate(length: i64, text: &str) -> String {
    let keep = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    if length >= 0 {
        text.chars().take(keep).collect()
    } else {
        text.chars()
            .skip(text.chars().count().saturating_sub(keep))
            .collect()
    }
}

fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .flat_map(|c| {
            let upper = start;
            start = !c.is_alphanumeric();
            if upper {
                c.to_uppercase().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

fn unfit(name: &str, args: &[Value<'_>]) -> TemplateError {
    let kinds: Vec<_> = args.iter().map(Value::kind).collect();
    TemplateError::new(format!("{name} does not take {}", kinds.join(", ")))
}
