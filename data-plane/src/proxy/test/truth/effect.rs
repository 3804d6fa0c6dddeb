//! What an explanation says that becomes of headers, to be compared with the headers.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::wire::Message;

/// Headers as lines of text, several of one name joined.
pub(super) type Lines = BTreeMap<String, String>;

/// What nobody tells: of the connection, and the proxy's own.
const UNTOLD: [&str; 4] = ["connection", "content-length", "date", "location"];

pub(super) fn lines(message: &Message) -> Lines {
    let mut lines = Lines::new();
    let head = message.head.lines().skip(1);
    for (name, value) in head.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
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
    compare(&expected, &seen, "answer")
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
    // The hop to the server writes its own.
    expected.retain(|name, _| !is_forwarded(name));
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
