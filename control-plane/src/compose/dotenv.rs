//! `.env` files: `NAME=value` lines, as Compose reads them.

use std::collections::BTreeMap;

use super::interpolate::{self, Variables};

/// Reads the variables of a file. What `outside` knows has precedence where a
/// value refers to a variable; lines that make no sense are passed over, as a
/// missing value is told where it is used.
pub(super) fn read(text: &str, outside: Variables<'_>) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim();
        if name.is_empty() {
            continue;
        }
        let known = |name: &str| outside(name).or_else(|| variables.get(name).cloned());
        let value = value_of(value.trim(), &known);
        variables.insert(name.to_owned(), value);
    }
    variables
}

fn value_of(text: &str, known: Variables<'_>) -> String {
    let quoted = |quote: char| {
        let (inner, _) = text.strip_prefix(quote)?.split_once(quote)?;
        Some(inner.to_owned())
    };
    if let Some(literal) = quoted('\'') {
        return literal;
    }
    let raw = quoted('"').unwrap_or_else(|| {
        let end = text.find(" #").unwrap_or(text.len());
        let bare = text.get(..end).unwrap_or(text).trim_end();
        if bare.starts_with('#') { "" } else { bare }.to_owned()
    });
    interpolate::interpolate(&raw, known, &mut Vec::new()).unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_compose_reads_them() {
        let text = "# a comment\nA=1\n export B = two words # why\nC='$A #'\nD=\"${A}x\"\nE=\n\
                    F=a#b\nG=#c\nnonsense\nH=${OUT}${A:-no}\nA2=$A$A\n";
        let outside = |name: &str| (name == "OUT").then(|| "out".to_owned());
        let read = read(text, &outside);
        let expected = [
            ("A", "1"),
            ("A2", "11"),
            ("B", "two words"),
            ("C", "$A #"),
            ("D", "1x"),
            ("E", ""),
            ("F", "a#b"),
            ("G", ""),
            ("H", "out1"),
        ];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(read, BTreeMap::from(expected));
    }
}
