//! Functions of whole numbers.

use super::{ANY, Answer, Args, Function, bounded, function};
use crate::template::TemplateError;
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("add", (1, ANY), |it| fold(it, i64::checked_add)),
    function("add1", (1, 1), |it| made(it.number(0)?.checked_add(1))),
    function("sub", (2, 2), |it| fold(it, i64::checked_sub)),
    function("mul", (2, ANY), |it| fold(it, i64::checked_mul)),
    function("div", (2, 2), |it| fold(it, i64::checked_div)),
    function("mod", (2, 2), |it| fold(it, i64::checked_rem)),
    function("max", (1, ANY), |it| fold(it, |a, b| Some(a.max(b)))),
    function("min", (1, ANY), |it| fold(it, |a, b| Some(a.min(b)))),
    function("atoi", (1, 1), |it| {
        Ok(Value::Number(it.text(0).parse().unwrap_or(0)))
    }),
    function("int", (1, 1), |it| {
        Ok(Value::Number(of(&it.value(0)).unwrap_or(0)))
    }),
    function("int64", (1, 1), |it| {
        Ok(Value::Number(of(&it.value(0)).unwrap_or(0)))
    }),
    function("until", (1, 1), |it| {
        let end = it.number(0)?;
        list(steps(0, end, if end < 0 { -1 } else { 1 })?)
    }),
    function("untilStep", (3, 3), |it| {
        list(steps(it.number(0)?, it.number(1)?, it.number(2)?)?)
    }),
    function("seq", (1, 3), |it| {
        let (first, step, last) = match it.all().len() {
            1 => (1, None, it.number(0)?),
            2 => (it.number(0)?, None, it.number(1)?),
            _ => (it.number(0)?, Some(it.number(1)?), it.number(2)?),
        };
        let step = step.unwrap_or(if last < first { -1 } else { 1 });
        let steps = steps(first, last.saturating_add(step.signum()), step)?;
        let texts: Vec<_> = steps.iter().map(i64::to_string).collect();
        // As the shell prints it.
        Ok(Value::Text(texts.join(" ")))
    }),
];

/// The number that a value is, or that is written in it.
pub(super) fn of(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(truth) => Some(i64::from(*truth)),
        _ => None,
    }
}

fn made<'a>(number: Option<i64>) -> Answer<'a> {
    let number = number.ok_or_else(|| TemplateError::new("there is no such number"))?;
    Ok(Value::Number(number))
}

/// One after the other, from the left.
fn fold<'a>(args: Args<'_, '_>, join: impl Fn(i64, i64) -> Option<i64>) -> Answer<'a> {
    let mut sum = Some(args.number(0)?);
    for at in 1..args.all().len() {
        let next = args.number(at)?;
        sum = sum.and_then(|sum| join(sum, next));
    }
    made(sum)
}

fn list<'a>(numbers: Vec<i64>) -> Answer<'a> {
    Ok(Value::list(numbers.into_iter().map(Value::Number)))
}

/// From the first to the one before the end.
fn steps(first: i64, end: i64, step: i64) -> Result<Vec<i64>, TemplateError> {
    let way = end.checked_sub(first).and_then(|way| way.checked_div(step));
    bounded(usize::try_from(way.unwrap_or(0)).unwrap_or(0))?;
    let goes_on = |at: &i64| match step {
        0 => false,
        1.. => *at < end,
        _ => *at > end,
    };
    let next = |at: &i64| at.checked_add(step);
    let numbers = std::iter::successors(Some(first), next);
    Ok(numbers.take_while(goes_on).collect())
}
