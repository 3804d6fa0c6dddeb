//! Every option a label can name: what form its value has, and what Fairway does
//! with it. Traefik's whole vocabulary is here, also the part that is not
//! available yet, so that a known word is never taken for a slip.
//!
//! To make an option available: change its row to [`served`] and read it in the
//! decoder of its object. `docs/labels.md` is checked against these tables.

mod middleware;
mod router;
mod service;

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

/// The options of one kind of object.
pub(crate) fn words(kind: ObjectKind) -> &'static [Word] {
    match kind {
        ObjectKind::Router => router::WORDS,
        ObjectKind::Middleware => middleware::WORDS,
        ObjectKind::Service => service::WORDS,
    }
}

/// The decoder of the object reads it.
const fn served(path: &'static str, form: Form) -> Word {
    Word {
        path,
        form,
        state: State::Served,
    }
}

/// Says nothing of its own: the group above it does.
const fn part(path: &'static str, form: Form) -> Word {
    Word {
        path,
        form,
        state: State::Inherited,
    }
}

/// Will have an effect, and can be done without until then.
const fn later(path: &'static str, form: Form) -> Word {
    ignored(
        path,
        form,
        "has no effect yet",
        "remove the label, or leave it for a later version",
    )
}

/// Has no effect, for good.
const fn ignored(path: &'static str, form: Form, why: &'static str, instead: &'static str) -> Word {
    Word {
        path,
        form,
        state: State::Ignored(why, instead),
    }
}

/// The object is not what its author wants without it.
const fn refused(path: &'static str, form: Form, why: &'static str, instead: &'static str) -> Word {
    Word {
        path,
        form,
        state: State::Refused(why, instead),
    }
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
            for word in words(kind) {
                assert!(seen.insert(word.path.to_lowercase()), "{}", word.path);
            }
        }
    }

    #[test]
    fn an_option_that_inherits_is_below_one_that_does_not() {
        for word in KINDS.into_iter().flat_map(words) {
            if word.state != State::Inherited {
                continue;
            }
            let above = KINDS.into_iter().flat_map(words).any(|group| {
                group.state != State::Inherited
                    && word.path.starts_with(&format!("{}.", group.path))
                    && matches!(group.form, Form::Group | Form::Switch)
            });
            assert!(above, "{}", word.path);
        }
    }

    /// The document's part on one kind of object, in lower case.
    fn chapter(kind: ObjectKind) -> String {
        let heading = match kind {
            ObjectKind::Router => "\n## routers\n",
            ObjectKind::Middleware => "\n## middlewares\n",
            ObjectKind::Service => "\n## services\n",
        };
        let document = include_str!("../../../../docs/labels.md").to_lowercase();
        let (_, rest) = document.split_once(heading).unwrap();
        rest.split("\n## ").next().unwrap().to_owned()
    }

    #[test]
    fn the_document_names_every_option() {
        for kind in KINDS {
            let chapter = chapter(kind);
            for word in words(kind) {
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
            let served: BTreeSet<_> = words(kind)
                .iter()
                .filter(|word| word.state == State::Served && word.form != Form::Group)
                .map(|word| word.path.to_lowercase())
                .collect();
            assert_eq!(tabulated, served, "{kind}");
        }
    }
}
