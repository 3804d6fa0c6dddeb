//! Functions of texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::{ANY, Answer, Args, Function, bounded, function};
use crate::provider::docker::normalize;
use crate::rule::{Pattern, Replacement};
use crate::template::TemplateError;
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    function("normalize", (1, 1), |it| made(normalize(&it.text(0)))),
    function("lower", (1, 1), |it| made(it.text(0).to_lowercase())),
    function("upper", (1, 1), |it| made(it.text(0).to_uppercase())),
    function("title", (1, 1), |it| made(cased(&it.text(0), true))),
    function("untitle", (1, 1), |it| made(cased(&it.text(0), false))),
    function("trim", (1, 1), |it| made(it.text(0).trim())),
    function("trimAll", (2, 2), |it| {
        let chars = it.text(0);
        made(it.text(1).trim_matches(|c| chars.contains(c)))
    }),
    function("trimPrefix", (2, 2), |it| {
        let (prefix, text) = (it.text(0), it.text(1));
        made(text.strip_prefix(prefix.as_str()).unwrap_or(&text))
    }),
    function("trimSuffix", (2, 2), |it| {
        let (suffix, text) = (it.text(0), it.text(1));
        made(text.strip_suffix(suffix.as_str()).unwrap_or(&text))
    }),
    function("replace", (3, 3), |it| {
        made(it.text(2).replace(it.text(0).as_str(), &it.text(1)))
    }),
    function("contains", (2, 2), |it| {
        Ok(Value::Bool(it.text(1).contains(it.text(0).as_str())))
    }),
    function("hasPrefix", (2, 2), |it| {
        Ok(Value::Bool(it.text(1).starts_with(it.text(0).as_str())))
    }),
    function("hasSuffix", (2, 2), |it| {
        Ok(Value::Bool(it.text(1).ends_with(it.text(0).as_str())))
    }),
    function("repeat", (2, 2), |it| {
        let (times, text) = (it.size(0)?, it.text(1));
        bounded(times.saturating_mul(text.len()))?;
        made(text.repeat(times))
    }),
    function("substr", (3, 3), |it| {
        let text = it.text(2);
        let start = usize::try_from(it.number(0)?).unwrap_or(0);
        let end = usize::try_from(it.number(1)?).unwrap_or(text.len());
        made(text.get(start..end.min(text.len())).unwrap_or_default())
    }),
    function("trunc", (2, 2), |it| {
        made(truncated(it.number(0)?, &it.text(1)))
    }),
    function("abbrev", (2, 2), |it| {
        let (length, text) = (it.size(0)?, it.text(1));
        if length < 4 || text.chars().count() <= length {
            return made(text);
        }
        let kept: String = text.chars().take(length - 3).collect();
        made(kept + "...")
    }),
    function("nospace", (1, 1), |it| {
        made(it.text(0).split_whitespace().collect::<String>())
    }),
    function("quote", (0, ANY), |it| {
        made(joined(it, |text| format!("{text:?}")))
    }),
    function("squote", (0, ANY), |it| {
        made(joined(it, |text| format!("'{text}'")))
    }),
    function("cat", (0, ANY), |it| made(joined(it, |text| text))),
    function("indent", (2, 2), |it| {
        made(indented(it.size(0)?, &it.text(1))?)
    }),
    function("nindent", (2, 2), |it| {
        made(format!("\n{}", indented(it.size(0)?, &it.text(1))?))
    }),
    function("plural", (3, 3), |it| {
        made(it.text(usize::from(it.number(2)? != 1)))
    }),
    function("snakecase", (1, 1), |it| made(words(&it.text(0)).join("_"))),
    function("kebabcase", (1, 1), |it| made(words(&it.text(0)).join("-"))),
    function("camelcase", (1, 1), |it| {
        let words = words(&it.text(0)).into_iter();
        made(words.map(|word| cased(&word, true)).collect::<String>())
    }),
    function("split", (2, 2), |it| {
        let (separator, text) = (it.text(0), it.text(1));
        let parts = text.split(separator.as_str()).enumerate();
        let entry = |(at, part): (usize, &str)| (format!("_{at}"), Value::Text(part.to_owned()));
        Ok(Value::map(parts.map(entry)))
    }),
    function("splitList", (2, 2), |it| {
        let (separator, text) = (it.text(0), it.text(1));
        Ok(Value::texts(text.split(separator.as_str())))
    }),
    function("regexMatch", (2, 2), |it| {
        Ok(Value::Bool(regex(it, 0)?.is_match(&it.text(1))))
    }),
    function("regexFind", (2, 2), |it| {
        let text = it.text(1);
        let found = regex(it, 0)?.find(&text).map(|found| found.as_str());
        made(found.unwrap_or_default())
    }),
    function("regexFindAll", (3, 3), |it| {
        let text = it.text(1);
        let most = usize::try_from(it.number(2)?).unwrap_or(usize::MAX);
        let regex = regex(it, 0)?;
        let found = regex.find_iter(&text).take(most);
        Ok(Value::texts(found.map(|found| found.as_str())))
    }),
    function("regexReplaceAll", (3, 3), |it| {
        let replacement = Replacement::new(&it.text(2), &pattern(it, 0)?);
        made(regex(it, 0)?.replace_all(&it.text(1), replacement.translated()))
    }),
    function("regexReplaceAllLiteral", (3, 3), |it| {
        let replacement = it.text(2);
        let literal = regex::NoExpand(&replacement);
        made(regex(it, 0)?.replace_all(&it.text(1), literal))
    }),
    function("regexSplit", (3, 3), |it| {
        let text = it.text(1);
        let regex = regex(it, 0)?;
        Ok(match usize::try_from(it.number(2)?) {
            Ok(most) => Value::texts(regex.splitn(&text, most)),
            Err(_) => Value::texts(regex.split(&text)),
        })
    }),
    function("regexQuoteMeta", (1, 1), |it| {
        made(regex::escape(&it.text(0)))
    }),
    function("b64enc", (1, 1), |it| made(STANDARD.encode(it.text(0)))),
    function("b64dec", (1, 1), |it| {
        let bytes = STANDARD.decode(it.text(0)).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        made(text.ok_or_else(|| it.unfit(0, "text in base64"))?)
    }),
    function("sha256sum", (1, 1), |it| {
        let sum = Sha256::digest(it.text(0).as_bytes());
        made(
            sum.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        )
    }),
    function("base", (1, 1), |it| {
        let text = it.text(0);
        made(match text.trim_end_matches('/').rsplit('/').next() {
            Some("") if text.is_empty() => ".",
            Some("") | None => "/",
            Some(last) => last,
        })
    }),
    function("fail", (1, 1), |it| Err(TemplateError::new(it.text(0)))),
];

fn made<'a>(text: impl Into<String>) -> Answer<'a> {
    Ok(Value::Text(text.into()))
}

/// The expression that is written there, in Go's syntax.
fn pattern(args: Args<'_, '_>, at: usize) -> Result<Pattern, TemplateError> {
    let text = args.text(at);
    Pattern::new(&text).map_err(|error| TemplateError::new(format!("`{text}`: {error}")))
}

fn regex(args: Args<'_, '_>, at: usize) -> Result<Regex, TemplateError> {
    let pattern = pattern(args, at)?;
    Regex::new(pattern.translated()).map_err(|error| TemplateError::new(error.to_string()))
}

/// All that are not absent, with a space between two.
fn joined(args: Args<'_, '_>, shown: impl Fn(String) -> String) -> String {
    let values = args.all().iter().filter(|it| **it != Value::Nothing);
    let shown: Vec<_> = values.map(|value| shown(value.to_string())).collect();
    shown.join(" ")
}

fn indented(spaces: usize, text: &str) -> Result<String, TemplateError> {
    bounded(spaces)?;
    let space = " ".repeat(spaces);
    Ok(space.clone() + &text.replace('\n', &format!("\n{space}")))
}

/// The first characters, or with a negative length the last.
fn truncated(length: i64, text: &str) -> String {
    let keep = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    if length >= 0 {
        text.chars().take(keep).collect()
    } else {
        text.chars()
            .skip(text.chars().count().saturating_sub(keep))
            .collect()
    }
}

/// With the first letter of each word as told.
fn cased(text: &str, upper: bool) -> String {
    let mut start = true;
    let mut cased = String::with_capacity(text.len());
    for c in text.chars() {
        match (start, upper) {
            (true, true) => cased.extend(c.to_uppercase()),
            (true, false) => cased.extend(c.to_lowercase()),
            (false, _) => cased.push(c),
        }
        start = !c.is_alphanumeric();
    }
    cased
}

/// The words of `webShop`, `web_shop` and `web-shop`, in lower case.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
