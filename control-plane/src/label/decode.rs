//! From the labels of a container to [`Labels`]: sorts them by object, has each
//! object's options checked and read, and tells what is wrong.

use std::collections::BTreeMap;

use super::fields::{Fields, Note, key};
use super::tree::{self, Leaf, Node};
use super::vocabulary::Source;
use super::{Labels, container, router, service};
use crate::middleware::Middleware;
use crate::model::{Diagnostic, ObjectId, ObjectKind};
use crate::spelling;

const SECTIONS: [(&str, ObjectKind); 3] = [
    ("routers", ObjectKind::Router),
    ("services", ObjectKind::Service),
    ("middlewares", ObjectKind::Middleware),
];

/// Decodes the labels of the container of this name.
pub fn decode(container: &str, labels: &BTreeMap<String, String>) -> (Labels, Vec<Diagnostic>) {
    let mut decoder = Decoder::new(container);
    let mut unknown = Vec::new();
    for (label, text) in labels {
        let Some(path) = after_root(label) else {
            continue;
        };
        let (section, rest) = path
            .split_once('.')
            .map_or((path, None), |(a, b)| (a, Some(b)));
        match section.to_ascii_lowercase().as_str() {
            "enable" => {
                let told = container::enable(&mut decoder.labels, label, path, text);
                decoder.tell(told);
            }
            "docker" => {
                let option = rest.unwrap_or_default();
                let told = container::docker(&mut decoder.labels, label, option, text);
                decoder.tell(told);
            }
            "http" => decoder.http(label, rest.unwrap_or_default(), text),
            "tcp" => decoder.stream("TCP", label, rest.unwrap_or_default()),
            "udp" => decoder.stream("UDP", label, rest.unwrap_or_default()),
            _ => unknown.push((label, path, text)),
        }
    }
    // After all others: what is made of `traefik.enabled` depends on `traefik.enable`.
    for (label, path, text) in unknown {
        let told = container::unknown(&mut decoder.labels, label, path, text);
        decoder.tell(told);
    }
    decoder.finish()
}

/// What follows `traefik.`, whatever the case of that.
fn after_root(label: &str) -> Option<&str> {
    const ROOT: &str = "traefik.";
    let root = label.get(..ROOT.len())?;
    root.eq_ignore_ascii_case(ROOT)
        .then(|| label.get(ROOT.len()..))
        .flatten()
}

struct Decoder<'a> {
    container: &'a str,
    labels: Labels,
    diagnostics: Vec<Diagnostic>,
    /// By kind and name in lower case.
    drafts: BTreeMap<(ObjectKind, String), Draft>,
    /// TCP and UDP objects told of, by protocol, section and name in lower case.
    streams: BTreeMap<(&'static str, &'static str, String), ()>,
}

/// An object while its labels are collected.
struct Draft {
    id: ObjectId,
    root: Node,
    mistakes: Vec<Note>,
}

impl<'a> Decoder<'a> {
    fn new(container: &'a str) -> Self {
        Self {
            container,
            labels: Labels::default(),
            diagnostics: Vec::new(),
            drafts: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    fn http(&mut self, label: &str, rest: &str, text: &str) {
        let (section, rest) = rest
            .split_once('.')
            .map_or((rest, None), |(a, b)| (a, Some(b)));
        let exact = SECTIONS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(section));
        let near = || {
            let name = spelling::nearest(section, SECTIONS.iter().map(|(name, _)| *name))?;
            SECTIONS.iter().find(|(section, _)| *section == name)
        };
        let Some((known, kind)) = exact.or_else(near) else {
            return self.unknown_section(label, section);
        };
        let (name, options) = match rest.map(|rest| rest.split_once('.')) {
            None => ("", None),
            Some(None) => (rest.unwrap_or_default(), None),
            Some(Some((name, options))) => (name, Some(options)),
        };
        let (plain, index) = name
            .split_once('[')
            .map_or((name, None), |(a, b)| (a, Some(b)));
        let draft = self.draft(*kind, plain);
        let mut wrong = |message: String, suggestion: String| {
            draft.mistakes.push(Note::new(label, message, suggestion));
        };
        let option = options.unwrap_or_default();
        if !label.starts_with("traefik.") {
            let suggestion = format!("write {}", key(&draft.id, Source::Label, option));
            wrong(
                "a label must start with `traefik` in lower case".to_owned(),
                suggestion,
            );
        }
        if exact.is_none() {
            let dot = if options.is_some() { "." } else { "" };
            let suggestion = format!("did you mean traefik.http.{known}.{name}{dot}{option}?");
            wrong(format!("traefik.http.{section} is unknown"), suggestion);
        }
        if plain.is_empty() {
            let suggestion = format!("write traefik.http.{known}.<name>.<option>");
            wrong(format!("the label lacks the name of a {kind}"), suggestion);
        } else if plain.contains('@') || plain.contains(']') || index.is_some() {
            let good: String = plain
                .split(['@', ']'])
                .next()
                .unwrap_or_default()
                .to_owned();
            let suggestion = format!(
                "write {}",
                key(
                    &ObjectId {
                        kind: *kind,
                        name: good
                    },
                    Source::Label,
                    option
                )
            );
            wrong(
                format!("`{name}` cannot be the name of a {kind}"),
                suggestion,
            );
        }
        match options.map(tree::split) {
            None => draft.root.insert(&[], leaf(label, text)),
            Some(Ok(path)) => draft.root.insert(&path, leaf(label, text)),
            Some(Err(why)) => wrong(format!("the label {why}"), "write it without".to_owned()),
        }
    }

    fn unknown_section(&mut self, label: &str, section: &str) {
        let (message, suggestion) = if section.eq_ignore_ascii_case("serversTransports") {
            (
                "a servers transport cannot be declared by label: the label is ignored".to_owned(),
                "declare it in a file of --providers.file, and name it NAME@file".to_owned(),
            )
        } else if container::is_static(section) {
            let flag = label.get("traefik.http.".len()..).unwrap_or_default();
            (
                format!("traefik.http.{section} is a static option and ignored in a label"),
                format!("give it to fairway-control as a flag: --{flag}=…"),
            )
        } else {
            (
                format!("traefik.http.{section} is unknown and ignored"),
                "labels below traefik.http start with routers, services or middlewares".to_owned(),
            )
        };
        self.tell(Some((false, Note::new(label, message, suggestion))));
    }

    /// TCP and UDP: known, and not available yet.
    fn stream(&mut self, protocol: &'static str, label: &str, rest: &str) {
        let lower = protocol.to_ascii_lowercase();
        let mut parts = rest.split('.');
        let section = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let known = SECTIONS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(section));
        let Some((section, kind)) = known else {
            let suggestion =
                match spelling::nearest(section, SECTIONS.iter().map(|(known, _)| *known)) {
                    Some(nearest) => format!("did you mean traefik.{lower}.{nearest}?"),
                    None => format!("{protocol} is not available yet; remove the label"),
                };
            let message = format!("traefik.{lower}.{section} is unknown and ignored");
            return self.tell(Some((false, Note::new(label, message, suggestion))));
        };
        if *kind != ObjectKind::Middleware {
            self.labels.non_http = true;
        }
        if self
            .streams
            .insert((protocol, section, name.to_lowercase()), ())
            .is_none()
        {
            let message = format!(
                "the {protocol} {kind} {name} is not served: {protocol} is not available yet"
            );
            let suggestion = format!(
                "remove the labels traefik.{lower}.{section}.{name}, or leave them for a later version"
            );
            self.tell(Some((true, Note::new(label, message, suggestion))));
        }
    }

    fn draft(&mut self, kind: ObjectKind, name: &str) -> &mut Draft {
        self.drafts
            .entry((kind, name.to_lowercase()))
            .or_insert_with(|| Draft {
                id: ObjectId {
                    kind,
                    name: name.to_owned(),
                },
                root: Node::new(name),
                mistakes: Vec::new(),
            })
    }

    fn finish(mut self) -> (Labels, Vec<Diagnostic>) {
        for draft in std::mem::take(&mut self.drafts).into_values() {
            self.object(draft);
        }
        (self.labels, self.diagnostics)
    }

    fn object(&mut self, draft: Draft) {
        let id = draft.id;
        let mut fields = Fields::check(id.clone(), Source::Label, &draft.root);
        fields.add_mistakes(draft.mistakes);
        match id.kind {
            ObjectKind::Router => {
                let router = router::decode(&mut fields);
                if !fields.has_mistakes() {
                    self.labels.routers.insert(id.name.clone(), router);
                }
            }
            ObjectKind::Service => {
                let service = service::decode(&mut fields);
                if !fields.has_mistakes() {
                    self.labels.services.insert(id.name.clone(), service);
                }
            }
            ObjectKind::Middleware => {
                let middleware = Middleware::decode(&mut fields);
                if let Some(middleware) = middleware.filter(|_| !fields.has_mistakes()) {
                    self.labels.middlewares.insert(id.name.clone(), middleware);
                }
            }
            // No label declares one: its section is unknown here.
            ObjectKind::ServersTransport => {}
        }
        let (mistakes, remarks) = fields.into_notes();
        if let Some(first) = mistakes.first() {
            let reason = format!("{} ({})", first.message, first.label);
            self.labels.rejected.insert(id.clone(), reason);
        }
        // Of a rejected object only what has to be done about it.
        let (notes, error) = if mistakes.is_empty() {
            (remarks, false)
        } else {
            (mistakes, true)
        };
        for note in notes {
            let diagnostic = self.diagnostic(error, note).object(id.clone());
            self.diagnostics.push(diagnostic);
        }
    }

    fn tell(&mut self, told: Option<(bool, Note)>) {
        if let Some((error, note)) = told {
            let diagnostic = self.diagnostic(error, note);
            self.diagnostics.push(diagnostic);
        }
    }

    fn diagnostic(&self, error: bool, note: Note) -> Diagnostic {
        let new = if error {
            Diagnostic::error
        } else {
            Diagnostic::warning
        };
        new(note.message, note.suggestion)
            .container(self.container)
            .label(note.label)
    }
}

fn leaf(label: &str, value: &str) -> Leaf {
    Leaf {
        label: label.to_owned(),
        value: value.to_owned(),
    }
}
