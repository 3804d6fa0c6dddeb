//! Functions of lists and maps.

use super::{ANY, Answer, Args, Function, function};
use crate::template::TemplateError;
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("index", (2, ANY), index),
    function("len", (1, 1), len),
    function("slice", (1, 3), slice),
    function("list", (0, ANY), |it| {
        Ok(Value::list(it.all().iter().cloned()))
    }),
    function("tuple", (0, ANY), |it| {
        Ok(Value::list(it.all().iter().cloned()))
    }),
    function("first", (1, 1), |it| {
        Ok(it.list(0)?.first().cloned().unwrap_or(Value::Nothing))
    }),
    function("last", (1, 1), |it| {
        Ok(it.list(0)?.last().cloned().unwrap_or(Value::Nothing))
    }),
    function("rest", (1, 1), |it| {
        Ok(Value::list(it.list(0)?.into_iter().skip(1)))
    }),
    function("initial", (1, 1), |it| {
        let mut items = it.list(0)?;
        items.pop();
        Ok(Value::list(items))
    }),
    function("append", (2, 2), |it| {
        let items = it.list(0)?.into_iter();
        Ok(Value::list(items.chain([it.value(1)])))
    }),
    function("prepend", (2, 2), |it| {
        Ok(Value::list([it.value(1)].into_iter().chain(it.list(0)?)))
    }),
    function("concat", (1, ANY), |it| {
        let mut items = Vec::new();
        for at in 0..it.all().len() {
            items.extend(it.list(at)?);
        }
        Ok(Value::list(items))
    }),
    function("reverse", (1, 1), |it| {
        Ok(Value::list(it.list(0)?.into_iter().rev()))
    }),
    function("uniq", (1, 1), |it| {
        let mut seen = Vec::new();
        for item in it.list(0)? {
            if !seen.contains(&item) {
                seen.push(item);
            }
        }
        Ok(Value::list(seen))
    }),
    function("without", (1, ANY), |it| {
        let mut items = it.list(0)?;
        items.retain(|item| !it.from(1).contains(item));
        Ok(Value::list(items))
    }),
    function("compact", (1, 1), |it| {
        let items = it.list(0)?.into_iter();
        Ok(Value::list(items.filter(Value::is_true)))
    }),
    function("has", (2, 2), |it| {
        Ok(Value::Bool(it.list(1)?.contains(&it.value(0))))
    }),
    function("sortAlpha", (1, 1), |it| {
        let mut texts: Vec<_> = it.list(0)?.iter().map(Value::to_string).collect();
        texts.sort();
        Ok(Value::texts(texts))
    }),
    function("toStrings", (1, 1), |it| {
        Ok(Value::texts(it.list(0)?.iter().map(Value::to_string)))
    }),
    function("join", (2, 2), |it| {
        let texts: Vec<_> = it.list(1)?.iter().map(Value::to_string).collect();
        Ok(Value::Text(texts.join(&it.text(0))))
    }),
    function("dict", (0, ANY), |it| {
        let mut entries = Vec::new();
        for at in (0..it.all().len()).step_by(2) {
            let value = match it.from(at) {
                [_, value, ..] => value.clone(),
                // As sprig has it.
                _ => Value::Text(String::new()),
            };
            entries.push((it.text(at), value));
        }
        Ok(Value::map(entries))
    }),
    function("get", (2, 2), |it| {
        it.map(0)?;
        let entry = it.value(0).entry(&it.text(1));
        Ok(entry.unwrap_or(Value::Text(String::new())))
    }),
    function("hasKey", (2, 2), |it| {
        it.map(0)?;
        Ok(Value::Bool(it.value(0).entry(&it.text(1)).is_some()))
    }),
    function("keys", (1, ANY), |it| {
        let mut keys = Vec::new();
        for at in 0..it.all().len() {
            keys.extend(it.map(at)?.into_iter().map(|(key, _)| key));
        }
        Ok(Value::texts(keys))
    }),
    function("values", (1, 1), |it| {
        Ok(Value::list(it.map(0)?.into_iter().map(|(_, value)| value)))
    }),
    function("pick", (1, ANY), |it| {
        let mut entries = it.map(0)?;
        entries.retain(|(key, _)| is_named(it, key));
        Ok(Value::map(entries))
    }),
    function("omit", (1, ANY), |it| {
        let mut entries = it.map(0)?;
        entries.retain(|(key, _)| !is_named(it, key));
        Ok(Value::map(entries))
    }),
];

/// Among the arguments after the first.
fn is_named(args: Args<'_, '_>, key: &str) -> bool {
    args.from(1).iter().any(|name| name.to_string() == key)
}

/// One thing of another, as deep as there are arguments. A map gives nothing for a key
/// that it lacks, and one of texts the empty text.
fn index<'a>(args: Args<'_, 'a>) -> Answer<'a> {
    let mut value = args.value(0);
    for (place, key) in args.from(1).iter().enumerate() {
        value = match (&value, key) {
            (Value::Labels(labels), Value::Text(key)) => {
                Value::Text(labels.get(key).cloned().unwrap_or_default())
            }
            (Value::Map(map), Value::Text(key)) => map.get(key).cloned().unwrap_or(Value::Nothing),
            (Value::List(items), Value::Number(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                item.cloned()
                    .ok_or_else(|| TemplateError::new(format!("the list has no item {at}")))?
            }
            (Value::List(_), _) => return Err(args.unfit(place + 1, "the number of an item")),
            (Value::Labels(_) | Value::Map(_), _) => {
                return Err(args.unfit(place + 1, "a key in quotes"));
            }
            (other, _) => {
                let kind = other.kind();
                return Err(TemplateError::new(format!("there is nothing in {kind}")));
            }
        };
    }
    Ok(value)
}

/// In bytes, items or entries.
fn len<'a>(args: Args<'_, 'a>) -> Answer<'a> {
    let value = args.value(0);
    let length = match &value {
        Value::Text(text) => Some(text.len()),
        Value::List(items) => Some(items.len()),
        other => other.entries().map(|entries| entries.len()),
    };
    let length = length.ok_or_else(|| args.unfit(0, "text, a list or a map"))?;
    Ok(Value::count(length))
}

/// A part of a list, or of a text in bytes.
fn slice<'a>(args: Args<'_, 'a>) -> Answer<'a> {
    let length = match args.value(0) {
        Value::Text(text) => text.len(),
        _ => args.list(0)?.len(),
    };
    let end = |at: usize, other| match args.all().len() > at {
        true => args.size(at),
        false => Ok(other),
    };
    let (start, end) = (end(1, 0)?, end(2, length)?);
    let part = match args.value(0) {
        Value::Text(text) => text
            .get(start..end)
            .map(|text| Value::Text(text.to_owned())),
        _ => args
            .list(0)?
            .get(start..end)
            .map(|it| Value::list(it.to_vec())),
    };
    part.ok_or_else(|| TemplateError::new(format!("there is no part from {start} to {end}")))
}
