//! `${VAR}` and its relatives, as Compose fills them in.
//!
//! Pure: variables come from a function, names without a value are collected.
//! Nested forms (`${A:-${B}}`) are filled in from the inside.

/// Deepest nesting of `${…}` inside each other.
const MAX_DEPTH: usize = 16;
/// Longest text that comes of one value.
const MAX_LENGTH: usize = 1024 * 1024;

/// Where values of variables come from.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a text cannot be filled in, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolateError {
    #[error("variable {name} is required but has no value{}", after_colon(.message))]
    Required { name: String, message: String },
    #[error("`{0}` does not follow the form of a variable")]
    Form(String),
    #[error("variables are nested too deeply, or the text becomes too long")]
    TooMuch,
}

fn after_colon(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

/// Fills in a text; `unset` collects the names that were taken for empty.
pub(super) fn interpolate(
    text: &str,
    variables: Variables<'_>,
    unset: &mut Vec<String>,
) -> Result<String, InterpolateError> {
    fill(text, variables, unset, 0)
}

fn fill(
    text: &str,
    variables: Variables<'_>,
    unset: &mut Vec<String>,
    depth: usize,
) -> Result<String, InterpolateError> {
    if depth > MAX_DEPTH {
        return Err(InterpolateError::TooMuch);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (inner, after) =
                braced(after).ok_or_else(|| InterpolateError::Form(format!("${{{after}")))?;
            out.push_str(&substitute(inner, variables, unset, depth)?);
            after
        } else {
            let (name, tail) = after.split_at(name_length(after));
            if name.is_empty() {
                return Err(InterpolateError::Form(format!("${after}")));
            }
            out.push_str(&value(name, variables, unset));
            tail
        };
        if out.len() > MAX_LENGTH {
            return Err(InterpolateError::TooMuch);
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// What stands between the braces, and what follows them.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth = depth.saturating_add(1),
            '}' if depth == 0 => return Some((text.get(..at)?, text.get(at.saturating_add(1)..)?)),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
    }
    None
}

fn substitute(
    inner: &str,
    variables: Variables<'_>,
    unset: &mut Vec<String>,
    depth: usize,
) -> Result<String, InterpolateError> {
    let (name, rest) = inner.split_at(name_length(inner));
    if name.is_empty() {
        return Err(InterpolateError::Form(format!("${{{inner}}}")));
    }
    let set = variables(name);
    let (operator, word) = match rest.strip_prefix(':') {
        Some(after) => (after.chars().next(), after.get(1..).unwrap_or_default()),
        None => (rest.chars().next(), rest.get(1..).unwrap_or_default()),
    };
    // With a colon, an empty value counts as none.
    let usable = set.filter(|value| !rest.starts_with(':') || !value.is_empty());
    let deeper = depth.saturating_add(1);
    match (operator, usable) {
        (None, _) if rest.is_empty() => Ok(value(name, variables, unset)),
        (Some('-' | '?'), Some(value)) => Ok(value),
        (Some('-'), None) => fill(word, variables, unset, deeper),
        (Some('?'), None) => Err(InterpolateError::Required {
            name: name.to_owned(),
            message: fill(word, variables, unset, deeper)?,
        }),
        (Some('+'), Some(_)) => fill(word, variables, unset, deeper),
        (Some('+'), None) => Ok(String::new()),
        _ => Err(InterpolateError::Form(format!("${{{inner}}}"))),
    }
}

fn value(name: &str, variables: Variables<'_>, unset: &mut Vec<String>) -> String {
    variables(name).unwrap_or_else(|| {
        unset.push(name.to_owned());
        String::new()
    })
}

/// Length of the name of a variable at the start of a text.
fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> (Result<String, String>, Vec<String>) {
        let variables = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let mut unset = Vec::new();
        let out = interpolate(text, &variables, &mut unset);
        (out.map_err(|error| error.to_string()), unset)
    }

    #[test]
    fn every_form_is_filled_in_as_compose_does() {
        let rows = [
            ("x${A}y$A.z", "xay", "a.z"),
            ("${A:-d}", "a", ""),
            ("${EMPTY:-d}", "d", ""),
            ("${EMPTY-d}", "", ""),
            ("${NONE-d}", "d", ""),
            ("${NONE:-}", "", ""),
            ("${NONE:-a:b-c}", "a:b-c", ""),
            ("${NONE:-${A}}", "a", ""),
            ("${NONE:-${NONE:-{x}}}", "{x", "}"),
            ("${A:?e}", "a", ""),
            ("${EMPTY?e}", "", ""),
            ("${A:+x}", "x", ""),
            ("${EMPTY:+x}", "", ""),
            ("${EMPTY+x}", "x", ""),
            ("${NONE+x}", "", ""),
            ("$$A $${A}", "$A ${A}", ""),
            ("Host(`${A}.test`)", "Host(`a.test`)", ""),
        ];
        for (text, start, end) in rows {
            let (out, unset) = run(text);
            assert_eq!(out, Ok(format!("{start}{end}")), "{text}");
            assert_eq!(unset, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_variable_without_a_value_is_empty_and_named() {
        assert_eq!(
            run("a${NONE}b$NONE2"),
            (Ok("ab".into()), vec!["NONE".into(), "NONE2".into()])
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (text, part) in [
            (
                "${NONE:?set it}",
                "NONE is required but has no value: set it",
            ),
            ("${EMPTY:?}", "EMPTY is required but has no value"),
            ("${A", "form of a variable"),
            ("${}", "form of a variable"),
            ("${A!}", "form of a variable"),
            ("${1}", "form of a variable"),
            ("5 $", "form of a variable"),
            ("a$(b)", "form of a variable"),
        ] {
            let error = run(text).0.unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = "${N:-".repeat(40) + &"}".repeat(40);
        assert!(run(&deep).0.unwrap_err().contains("too deeply"));
    }
}
