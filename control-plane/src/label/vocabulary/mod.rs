//! Every option a label can name: what form its value has, and what Fairway does
//! with it. Traefik's whole vocabulary is here, also the part that is not
//! available yet, so that a known word is never taken for a slip.
//!
//! To make an option available: change its row to [`served`] and read it in the
//! decoder of its object. `docs/labels.md` is checked against these tables.

mod file;
mod middleware;
mod router;
mod servers_transport;
mod service;

use crate::compile::internal;
use crate::model::ObjectKind;

/// One option of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// Below the object's name, as Traefik spells it; `[]` stands for an index.
    pub(crate) path: &'static str,
    /// What its value looks like.
    pub(crate) form: Form,
    /// What becomes of it.
    pub(crate) state: State,
    /// Traefik honours it and Fairway does not.
    pub(crate) pending: bool,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Bool,
    Int,
    /// Go's duration, or seconds.
    Duration,
    /// Comma separated. Traefik overlooks `option[0]=…`; so do we, and say so.
    List,
    /// Comma separated names of middlewares. One with an index must not be
    /// overlooked: the router would be served without that middleware.
    References,
    /// `option.<key>=value`
    Map,
    /// Has options below it and cannot stand alone.
    Group,
    /// Has options below it, and can stand alone: `true` or nothing.
    Switch,
    /// Anything below it, in any depth.
    Free,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The object's decoder reads it.
    Served,
    /// As the group above it says.
    Inherited,
    /// Accepted and without effect; the texts say why and what would work.
    Ignored(&'static str, &'static str),
    /// The object is rejected; the texts say why and what would work.
    Refused(&'static str, &'static str),
}

impl Word {
    /// The option's own name, without those above it.
    pub(crate) fn last(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Where options were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Labels of a container.
    Label,
    /// A file of the file provider.
    File,
}

/// The options of one kind of object in one kind of source: those of labels, and
/// what files have in their place.
pub(crate) fn words(kind: ObjectKind, source: Source) -> impl Iterator<Item = &'static Word> {
    let of_labels = words_of_labels(kind);
    let of_files = match source {
        Source::Label => &[],
        Source::File => file::words(kind),
    };
    let replaced = move |word: &&Word| source == Source::File && file::replaces(kind, word.path);
    of_files
        .iter()
        .chain(of_labels.iter().filter(move |word| !replaced(word)))
}

fn words_of_labels(kind: ObjectKind) -> &'static [Word] {
    match kind {
        ObjectKind::Router => router::WORDS,
        ObjectKind::Middleware => middleware::WORDS,
        ObjectKind::Service => service::WORDS,
        ObjectKind::ServersTransport => servers_transport::WORDS,
    }
}

/// The decoder of the object reads it.
const fn served(path: &'static str, form: Form) -> Word {
    Word {
        path,
        form,
        state: State::Served,
        pending: false,
    }
}

/// Says nothing of its own: the group above it does.
const fn part(path: &'static str, form: Form) -> Word {
    Word {
        path,
        form,
        state: State::Inherited,
        pending: false,
    }
}

/// Will have an effect, and can be done without until then.
const fn later(path: &'static str, form: Form) -> Word {
    pending(ignored(
        path,
        form,
        "has no effect yet",
        "remove the label, or leave it for a later version",
    ))
}

/// Has no effect, for good.
const fn ignored(path: &'static str, form: Form, why: &'static str, instead: &'static str) -> Word {
    Word {
        path,
        form,
        state: State::Ignored(why, instead),
        pending: false,
    }
}

/// The object is not what its author wants without it.
const fn refused(path: &'static str, form: Form, why: &'static str, instead: &'static str) -> Word {
    Word {
        path,
        form,
        state: State::Refused(why, instead),
        pending: false,
    }
}

/// The option is Traefik's, and Fairway does without.
const fn pending(word: Word) -> Word {
    Word {
        pending: true,
        ..word
    }
}

/// The word for an option that Traefik honours with this value and Fairway does not.
/// `path` as in a label, in any case.
pub(crate) fn pending_option(kind: ObjectKind, path: &str, value: &str) -> Option<&'static Word> {
    let path = without_indices(path);
    let is_above = |word: &&Word| {
        word.state != State::Inherited
            && matches!(word.form, Form::Group | Form::Switch | Form::Free)
            && is_below(&path, word.path)
    };
    let exact = |word: &&Word| word.path.eq_ignore_ascii_case(&path);
    let known = words_of_labels(kind);
    let word = match known.iter().find(exact) {
        Some(word) if word.state == State::Inherited => known
            .iter()
            .filter(is_above)
            .max_by_key(|word| word.path.len())?,
        Some(word) => word,
        None => known
            .iter()
            .filter(is_above)
            .find(|word| word.form == Form::Free)?,
    };
    let off = word.form == Form::Switch && exact(&word) && !switched_on(value);
    let pending = word.pending && !off || is_pending_value(kind, word.path, value);
    pending.then_some(word)
}

/// The option is served, but for this value, which Traefik honours.
fn is_pending_value(kind: ObjectKind, option: &str, value: &str) -> bool {
    kind == ObjectKind::Router
        && option == "service"
        && value.ends_with("@internal")
        && !internal::is_known(value)
}

/// `a[0].b` as `a[].b`.
fn without_indices(path: &str) -> String {
    let mut parts = path.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('[');
        out.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    out
}

/// What a [`Form::Switch`] says.
pub(crate) fn switched_on(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("true")
}

/// The option is below the path, at any depth.
pub(crate) fn is_below(option: &str, path: &str) -> bool {
    let head = option.get(..path.len());
    let tail = option.get(path.len()..).unwrap_or_default();
    head.is_some_and(|head| head.eq_ignore_ascii_case(path)) && tail.starts_with(['.', '['])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const KINDS: [ObjectKind; 3] = [
        ObjectKind::Router,
        ObjectKind::Middleware,
        ObjectKind::Service,
    ];

    #[test]
    fn no_option_is_listed_twice() {
        for kind in KINDS {
            let mut seen = BTreeSet::new();
            for word in words_of_labels(kind) {
                assert!(seen.insert(word.path.to_lowercase()), "{}", word.path);
            }
        }
    }

    #[test]
    fn an_option_that_inherits_is_below_one_that_does_not() {
        for word in KINDS.into_iter().flat_map(words_of_labels) {
            if word.state != State::Inherited {
                continue;
            }
            let above = KINDS.into_iter().flat_map(words_of_labels).any(|group| {
                group.state != State::Inherited
                    && word.path.starts_with(&format!("{}.", group.path))
                    && matches!(group.form, Form::Group | Form::Switch)
            });
            assert!(above, "{}", word.path);
        }
    }

    #[test]
    fn an_option_is_pending_if_traefik_honours_it_and_fairway_does_not() {
        use ObjectKind::{Middleware, Router, Service};
        let cases = [
            (Router, "rule", "Host(`a`)", None),
            (Router, "TLS", "true", Some("tls")),
            (Router, "tls", "false", None),
            (Router, "tls.domains[0].main", "a.test", Some("tls")),
            (Router, "ruleSyntax", "v2", None),
            (Router, "rulesyntax", "v3", None),
            (Router, "service", "api@internal", None),
            (Router, "service", "prometheus@internal", None),
            (Router, "service", "dashboard@internal", Some("service")),
            (Router, "rul", "Host(`a`)", None),
            (Router, "parentRefs", "a", None),
            (Service, "loadbalancer.server.port", "80", None),
            (Service, "loadbalancer.sticky", "true", None),
            (Service, "loadbalancer.sticky.cookie.name", "a", None),
            (Service, "loadbalancer.healthcheck.path", "/", None),
            (Service, "loadbalancer.strategy", "hrw", None),
            (Service, "loadbalancer.strategy", "best", None),
            (Service, "weighted.services", "a", None),
            (Middleware, "plugin.x.y", "1", Some("plugin")),
            (Middleware, "buffering.retryExpression", "x", None),
            (Middleware, "headers.sslRedirect", "true", None),
            (Middleware, "headers.customRequestHeaders.A", "b", None),
        ];
        for (kind, path, value, expected) in cases {
            let word = pending_option(kind, path, value).map(|word| word.path);
            assert_eq!(word, expected, "{kind} {path}={value}");
        }
    }

    /// The document's part on one kind of object, in lower case.
    fn chapter(kind: ObjectKind) -> String {
        let heading = match kind {
            ObjectKind::Router => "\n## routers\n",
            ObjectKind::Middleware => "\n## middlewares\n",
            // Labels declare no servers transport.
            ObjectKind::Service | ObjectKind::ServersTransport => "\n## services\n",
        };
        let document = include_str!("../../../../docs/labels.md").to_lowercase();
        let (_, rest) = document.split_once(heading).unwrap();
        rest.split("\n## ").next().unwrap().to_owned()
    }

    #[test]
    fn the_document_names_every_option() {
        for kind in KINDS {
            let chapter = chapter(kind);
            for word in words_of_labels(kind) {
                let quoted = format!("`{}`", word.path.to_lowercase());
                let block = word.form == Form::Group && word.state == State::Served;
                assert!(
                    block || chapter.contains(&quoted),
                    "docs/labels.md lacks {quoted}"
                );
            }
        }
    }

    #[test]
    fn the_document_tabulates_what_is_served_and_nothing_else() {
        for kind in KINDS {
            let tabulated: BTreeSet<_> = chapter(kind)
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
                .filter(|(cell, _)| !cell.contains('`'))
                .map(|(cell, _)| cell.to_owned())
                .collect();
            let served: BTreeSet<_> = words_of_labels(kind)
                .iter()
                .filter(|word| word.state == State::Served && word.form != Form::Group)
                .map(|word| word.path.to_lowercase())
                .collect();
            assert_eq!(tabulated, served, "{kind}");
        }
    }

    #[test]
    fn the_document_on_files_tabulates_what_only_files_have() {
        let document = include_str!("../../../../docs/files.md");
        let (_, table) = document
            .split_once("## Options that only files have")
            .unwrap();
        let table = table.split("\n## ").next().unwrap();
        let told: BTreeSet<_> = table
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0))
            .collect();
        let served: BTreeSet<_> = file::SERVICE
            .iter()
            .filter(|word| word.form != Form::Group)
            .map(|word| word.path)
            .collect();
        assert_eq!(told, served);
    }

    #[test]
    fn the_document_on_files_tabulates_the_options_of_servers_transports() {
        let document = include_str!("../../../../docs/files.md");
        let (_, chapter) = document.split_once("\n## Servers transports").unwrap();
        let chapter = chapter.split("\n## ").next().unwrap();
        let told: BTreeSet<_> = chapter
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` |")?.0))
            .collect();
        let words = || words_of_labels(ObjectKind::ServersTransport).iter();
        let is_served = |word: &&Word| word.state == State::Served && word.form != Form::Group;
        let served: BTreeSet<_> = words().filter(is_served).map(|word| word.path).collect();
        assert_eq!(told, served);
        for word in words().filter(|word| matches!(word.state, State::Ignored(..))) {
            assert!(
                chapter.contains(&format!("`{}`", word.path)),
                "{}",
                word.path
            );
        }
    }
}
