//! What an explanation says that becomes of headers, to be compared with the headers.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::wire::Message;
use super::origin::SAID;
use super::request::is_sticky;

/// Headers as lines of text, several of one name joined. Without the cookies that name
/// servers and services, which are not told.
pub(super) type Lines = BTreeMap<String, String>;

/// What nobody tells, or not for long: of the connection, and the proxy's own.
const UNTOLD: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "location",
    "transfer-encoding",
    // The time goes on.
    "retry-after",
    "x-retry-in",
];

pub(super) fn lines(message: &Message) -> Lines {
    let mut lines = Lines::new();
    let head = message.head.lines().skip(1);
    for (name, value) in head.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("set-cookie") && is_sticky(value) {
            continue;
        }
        lines
            .entry(name.to_ascii_lowercase())
            .and_modify(|line| *line = format!("{line}, {value}"))
            .or_insert_with(|| value.to_owned());
    }
    lines
}

/// `lines` after the effects, of all in their order, on headers of this kind.
fn apply<'a>(of: &str, effects: impl Iterator<Item = &'a String>, lines: &mut Lines) {
    for effect in effects {
        if of == "response" && effect.starts_with("puts a page of ") {
            // Nothing is left of what was inside.
            *lines = said();
        }
        if let Some(removed) = effect.strip_prefix(&format!("removes the {of} header ")) {
            let name = removed.split(' ').next().unwrap();
            lines.remove(name);
        }
        let told = |verb: &str, between: &str| {
            let rest = effect.strip_prefix(&format!("{verb} the {of} header "))?;
            rest.split_once(between)
        };
        if let Some((name, value)) = told("sets", ": ") {
            lines.insert(name.to_owned(), value.to_owned());
        }
        if let Some((name, value)) = told("sees to it that", " has ") {
            match lines.get_mut(name).filter(|line| !line.is_empty()) {
                Some(line) if line == value => {}
                Some(line) => line.push_str(&format!(",{value}")),
                None => drop(lines.insert(name.to_owned(), value.to_owned())),
            }
        }
    }
}

/// What every server says.
pub(super) fn said() -> Lines {
    let said = SAID.map(|(name, value)| (name.to_owned(), value.to_owned()));
    said.into()
}

/// The answer has the headers that were told, and no other ones. `base` is what the
/// server said.
pub(super) fn compare_answer(
    told: &proto::Explanation,
    base: Lines,
    answer: &Message,
) -> Result<(), TestCaseError> {
    let mut expected = base;
    // Innermost first.
    let steps = told.middlewares.iter().rev();
    apply(
        "response",
        steps.flat_map(|step| &step.effects),
        &mut expected,
    );
    let mut seen = lines(answer);
    let all = told.middlewares.iter().flat_map(|step| &step.effects);
    let names_media_type = all
        .into_iter()
        .any(|effect| effect == "names the media type of an answer that does not");
    if names_media_type && !expected.contains_key("content-type") {
        seen.remove("content-type");
    }
    for name in UNTOLD {
        seen.remove(name);
        expected.remove(name);
    }
    compare_coding(told, &mut expected, &mut seen)?;
    compare(&expected, &seen, "answer")
}

/// Whether an answer is compressed is its own affair; if it is, then with what was told.
fn compare_coding(
    told: &proto::Explanation,
    expected: &mut Lines,
    seen: &mut Lines,
) -> Result<(), TestCaseError> {
    let effects = told.middlewares.iter().flat_map(|step| &step.effects);
    let codings: Vec<_> = effects
        .filter_map(|effect| effect.strip_prefix("compresses the answer with "))
        .filter_map(|effect| effect.split(' ').next())
        .collect();
    if let Some(coding) = seen.remove("content-encoding") {
        prop_assert!(codings.contains(&&*coding), "{coding}: {codings:?}");
    }
    let names_media_type = told.middlewares.iter().any(|step| {
        let mut effects = step.effects.iter();
        effects.any(|effect| effect.ends_with("after naming its media type if it does not"))
    });
    if names_media_type && !expected.contains_key("content-type") {
        seen.remove("content-type");
    }
    for lines in [expected, seen] {
        let Some(vary) = lines.get_mut("vary") else {
            continue;
        };
        // A name that is there twice says no more than once.
        let mut names: Vec<&str> = Vec::new();
        for name in vary.split(',').map(str::trim) {
            if !name.eq_ignore_ascii_case("accept-encoding") && !names.contains(&name) {
                names.push(name);
            }
        }
        *vary = names.join(",");
        if vary.is_empty() {
            lines.remove("vary");
        }
    }
    Ok(())
}

/// The server got the headers that were told to be set, and none of those removed.
pub(super) fn compare_request(
    told: &proto::Explanation,
    request: &Message,
) -> Result<(), TestCaseError> {
    let line = request.line().split(' ').nth(1);
    prop_assert_eq!(line, Some(&*told.target), "target");
    let mut expected = Lines::new();
    let effects = told.middlewares.iter().flat_map(|step| &step.effects);
    apply("request", effects.clone(), &mut expected);
    for effect in effects.clone() {
        if let Some(host) = effect.strip_prefix("sends the server the Host ") {
            expected.insert("host".to_owned(), host.to_owned());
        }
    }
    let mut seen = lines(request);
    for effect in effects {
        let Some(name) = effect.strip_prefix("removes the request header ") else {
            continue;
        };
        prop_assert!(
            expected.contains_key(name) || !seen.contains_key(name) || is_forwarded(name),
            "the server got {name}"
        );
    }
    // The hop to the server writes its own, and what is taken from the answer of a
    // server that was asked nobody knows.
    let all = told.middlewares.iter().flat_map(|step| &step.effects);
    let taken: Vec<_> = all
        .filter_map(|effect| effect.strip_prefix("takes the request header "))
        .filter_map(|effect| effect.strip_suffix(" from its answer"))
        .collect();
    expected.retain(|name, _| !is_forwarded(name) && !taken.contains(&&**name));
    seen.retain(|name, _| expected.contains_key(name));
    compare(&expected, &seen, "request")
}

fn is_forwarded(name: &str) -> bool {
    name.starts_with("x-forwarded-")
}

fn compare(told: &Lines, seen: &Lines, of: &str) -> Result<(), TestCaseError> {
    let names = |lines: &Lines| Vec::from_iter(lines.keys().cloned());
    prop_assert_eq!(names(told), names(seen), "{}", of);
    for (name, told) in told {
        prop_assert!(
            fits(told, &seen[name]),
            "{of} {name}: {told} {}",
            seen[name]
        );
    }
    Ok(())
}

/// `…` stands for what is not told.
fn fits(told: &str, seen: &str) -> bool {
    let mut parts = told.split('…');
    let Some(mut rest) = parts.next().and_then(|start| seen.strip_prefix(start)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    open || rest.is_empty()
}
