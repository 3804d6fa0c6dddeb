//! What may have been meant by an option that nobody knows.

use super::fields::{join_name, key};
use super::tree::Node;
use super::vocabulary::is_below;
use super::vocabulary::{Form, Source, Word, words};
use crate::model::ObjectId;
use crate::spelling;

/// What may have been meant by an unknown name.
pub(super) fn meant(id: &ObjectId, source: Source, node: &Node, above: &str) -> String {
    let known = || words(id.kind, source);
    if source == Source::File && above == "loadBalancer" && node.name == "server" {
        let servers = key(id, source, "loadBalancer.servers");
        return format!("did you mean {servers}? A file lists servers by their url");
    }
    let here = siblings(known(), above);
    let rest: Vec<_> = below(node)
        .into_iter()
        .filter(|name| !name.starts_with('['))
        .collect();
    // A slip of the pen at this very place.
    let near = spelling::nearest(&node.name, here.iter().copied());
    let path = near.map(|name| {
        let path = rest
            .iter()
            .fold(name.to_owned(), |path, part| format!("{path}.{part}"));
        join_name(above, &path)
    });
    let word = known().find(|word| {
        let same = |path: &String| word.path.eq_ignore_ascii_case(path);
        path.as_ref().is_some_and(same) && word.form != Form::Group
    });
    // The right name at the wrong place.
    let last = rest.last().copied().unwrap_or(&node.name);
    let word = word.or_else(|| known().find(|word| word.last().eq_ignore_ascii_case(last)));
    match (word, near) {
        (Some(word), _) => format!("did you mean {}?", key(id, source, word.path)),
        (None, Some(name)) => format!("did you mean {}?", key(id, source, &join_name(above, name))),
        (None, None) => format!("what can stand there: {}", here.join(", ")),
    }
}

/// The names that can stand below a path.
fn siblings(known: impl Iterator<Item = &'static Word>, above: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for word in known {
        let tail = if above.is_empty() {
            Some(word.path)
        } else if is_below(word.path, above) {
            word.path.get(above.len() + 1..)
        } else {
            None
        };
        let name = tail
            .and_then(|tail| tail.split(['.', '[']).next())
            .unwrap_or_default();
        let name = if name == "]" { "[0]" } else { name };
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The names below a node, down its first branch.
fn below(node: &Node) -> Vec<&str> {
    let mut names = Vec::new();
    let mut node = node;
    while let Some(child) = node.children.first() {
        names.push(child.name.as_str());
        node = child;
    }
    names
}
