//! A file of the file provider in, declared objects out: Traefik's options as a tree
//! instead of dotted labels, checked against the same vocabulary and read by the same
//! decoders.
//!
//! Reads one file and nothing else. Never fails: a mistake costs the object it
//! belongs to, and the others of the file live on. What files differ in from labels:
//! names of objects keep their case, lists need no commas, a service lists its
//! servers, and nothing is generated, so that a router says its rule and its service.

mod server;
mod servers_transport;
mod service;
mod tree;

use super::fields::{Fields, Note};
use super::router;
use super::vocabulary::Source;
use crate::document::{Entry, Node};
use crate::middleware::Middleware;
use crate::model::{Declared, Diagnostic, DynamicConfig, ObjectId, ObjectKind, Router};
use crate::rule::RuleSyntax;
use crate::spelling;

const SECTIONS: [(&str, ObjectKind); 4] = [
    ("routers", ObjectKind::Router),
    ("services", ObjectKind::Service),
    ("middlewares", ObjectKind::Middleware),
    ("serversTransports", ObjectKind::ServersTransport),
];

/// What the top of a file of the static configuration has.
const STATIC: [&str; 10] = [
    "entryPoints",
    "providers",
    "api",
    "log",
    "accessLog",
    "certificatesResolvers",
    "ping",
    "metrics",
    "tracing",
    "experimental",
];

/// Decodes the tree of the file of this name.
///
/// `syntax` is that of rules that do not say theirs.
pub(crate) fn decode_file(
    file: &str,
    root: &Node,
    syntax: RuleSyntax,
) -> (DynamicConfig, Vec<Diagnostic>) {
    let mut decoder = Decoder {
        file,
        syntax,
        config: DynamicConfig::default(),
        diagnostics: Vec::new(),
    };
    for entry in root.entries() {
        match entry.key.to_ascii_lowercase().as_str() {
            "http" => decoder.http(entry),
            "tcp" => decoder.stream("TCP", entry),
            "udp" => decoder.stream("UDP", entry),
            "tls" => decoder.warn(
                entry,
                &entry.key,
                "the section tls has no effect yet: TLS is not available",
                "remove it, or leave it for a later version",
            ),
            _ => decoder.unknown_top(entry),
        }
    }
    (decoder.config, decoder.diagnostics)
}

struct Decoder<'a> {
    file: &'a str,
    syntax: RuleSyntax,
    config: DynamicConfig,
    diagnostics: Vec<Diagnostic>,
}

impl Decoder<'_> {
    fn http(&mut self, http: &Entry) {
        if !http.node.is_null() && !http.node.is_map() {
            self.error(
                http,
                "http",
                "http is not a map",
                "write http: with routers: below it",
            );
        }
        for section in http.node.entries() {
            let path = format!("http.{}", section.key);
            let known = SECTIONS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&section.key));
            match known {
                Some((name, kind)) => self.section(section, name, *kind),
                None => self.unknown_section(section, &path),
            }
        }
    }

    fn section(&mut self, section: &Entry, name: &str, kind: ObjectKind) {
        if !section.node.is_null() && !section.node.is_map() {
            let message = format!("http.{name} is not a map");
            let advice = format!("write the name of each {kind} below it");
            return self.error(section, &format!("http.{name}"), &message, &advice);
        }
        for object in section.node.entries() {
            let path = format!("http.{name}.{}", object.key);
            if object.key.contains('@') {
                let message = format!("`{}` cannot be the name of a {kind}", object.key);
                let advice = "write the name without @ and provider";
                self.error(object, &path, &message, advice);
            } else if !object.node.is_null() && !object.node.is_map() {
                let message = format!("the {kind} {} is not a map of options", object.key);
                self.error(object, &path, &message, "write its options below its name");
            } else {
                self.object(object, &path, kind);
            }
        }
    }

    fn object(&mut self, entry: &Entry, path: &str, kind: ObjectKind) {
        let id = ObjectId {
            kind,
            name: entry.key.clone(),
        };
        let root = tree::of(entry, path);
        let mut fields = Fields::check(id.clone(), Source::File, &root);
        match kind {
            ObjectKind::Router => {
                let router = decode_router(&mut fields, self.syntax);
                if !fields.has_mistakes() {
                    let declared = self.declared(router);
                    self.config.routers.insert(id.name.clone(), declared);
                }
            }
            ObjectKind::Service => {
                let service = service::decode(&mut fields, self.file);
                if let Some(service) = service.filter(|_| !fields.has_mistakes()) {
                    let declared = self.declared(service);
                    self.config.services.insert(id.name.clone(), declared);
                }
            }
            ObjectKind::Middleware => {
                let middleware = Middleware::decode(&mut fields);
                if let Some(middleware) = middleware.filter(|_| !fields.has_mistakes()) {
                    let declared = self.declared(middleware);
                    self.config.middlewares.insert(id.name.clone(), declared);
                }
            }
            ObjectKind::ServersTransport => {
                let transport = servers_transport::decode(&mut fields);
                if !fields.has_mistakes() {
                    let declared = self.declared(transport);
                    let name = id.name.clone();
                    self.config.servers_transports.insert(name, declared);
                }
            }
        }
        self.finish(id, fields, position(path, entry));
    }

    /// Tells what was found, and rejects the object if that was a mistake.
    fn finish(&mut self, id: ObjectId, fields: Fields, place: String) {
        let (mistakes, remarks) = fields.into_notes();
        if let Some(first) = mistakes.first() {
            let label = if first.label.is_empty() {
                &place
            } else {
                &first.label
            };
            let reason = format!("{} ({label})", in_file(&first.message));
            let declared = self.declared(reason);
            self.config.rejected.insert(id.clone(), declared);
        }
        // Of a rejected object only what has to be done about it.
        let (notes, new): (_, fn(String, String) -> Diagnostic) = if mistakes.is_empty() {
            (remarks, |message, advice| {
                Diagnostic::warning(message, advice)
            })
        } else {
            (mistakes, |message, advice| {
                Diagnostic::error(message, advice)
            })
        };
        for Note {
            label,
            message,
            suggestion,
        } in notes
        {
            let label = if label.is_empty() {
                place.clone()
            } else {
                label
            };
            let diagnostic = new(in_file(&message), in_file(&suggestion))
                .container(self.file)
                .label(label)
                .object(id.clone());
            self.diagnostics.push(diagnostic);
        }
    }

    fn unknown_section(&mut self, section: &Entry, path: &str) {
        if section.key.eq_ignore_ascii_case("models") {
            let message = "the section models is made by Traefik itself and is ignored";
            return self.warn(section, path, message, "remove it");
        }
        let names = SECTIONS.iter().map(|(name, _)| *name);
        let advice = match spelling::nearest(&section.key, names) {
            Some(nearest) => format!("did you mean http.{nearest}?"),
            None => {
                "below http are routers, services, middlewares and serversTransports".to_owned()
            }
        };
        let message = format!("{path} is unknown and ignored");
        self.error(section, path, &message, &advice);
    }

    fn unknown_top(&mut self, entry: &Entry) {
        let message = format!("{} is unknown and ignored", entry.key);
        let is_static = STATIC
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&entry.key));
        if is_static {
            let message = format!("{} is a static option and ignored here", entry.key);
            let advice = "put it into fairway.yml, or give it to fairway-control as a flag";
            return self.error(entry, &entry.key, &message, advice);
        }
        let near = SECTIONS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&entry.key));
        let advice = match spelling::nearest(&entry.key, ["http", "tcp", "udp", "tls"]) {
            _ if near.is_some() => format!("put it below http: did you mean http.{}?", entry.key),
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "a file starts with http".to_owned(),
        };
        self.error(entry, &entry.key, &message, &advice);
    }

    /// TCP and UDP: known, and not available yet.
    fn stream(&mut self, protocol: &str, entry: &Entry) {
        let lower = protocol.to_ascii_lowercase();
        for section in entry.node.entries() {
            for object in section.node.entries() {
                let path = format!("{lower}.{}.{}", section.key, object.key);
                let kind = section.key.trim_end_matches('s');
                let message = format!(
                    "the {protocol} {kind} {} has no effect yet: {protocol} is not available",
                    object.key
                );
                let advice = "remove it, or leave it for a later version";
                self.warn(object, &path, &message, advice);
            }
        }
    }

    fn declared<T>(&self, value: T) -> Declared<T> {
        Declared {
            value,
            containers: vec![self.file.to_owned()],
        }
    }

    fn error(&mut self, entry: &Entry, path: &str, message: &str, advice: &str) {
        self.tell(Diagnostic::error(message, advice), entry, path);
    }

    fn warn(&mut self, entry: &Entry, path: &str, message: &str, advice: &str) {
        self.tell(Diagnostic::warning(message, advice), entry, path);
    }

    fn tell(&mut self, diagnostic: Diagnostic, entry: &Entry, path: &str) {
        let label = position(path, entry);
        self.diagnostics
            .push(diagnostic.container(self.file).label(label));
    }
}

fn decode_router(fields: &mut Fields, syntax: RuleSyntax) -> Router {
    let labels = router::decode(fields);
    for (option, value, example) in [
        ("rule", &labels.rule, "Host(`example.com`)"),
        ("service", &labels.service, "NAME"),
    ] {
        if value.is_none() && !fields.has_mistakes() {
            let message = format!("the router has no {option}");
            let advice = format!("write {}: {example}", fields.key(option));
            fields.reject("", message, advice);
        }
    }
    Router {
        rule: labels.rule.unwrap_or_default(),
        rule_generated: false,
        rule_syntax: labels.rule_syntax.unwrap_or(syntax),
        entry_points: labels.entry_points,
        middlewares: labels.middlewares,
        service: labels.service.unwrap_or_default(),
        priority: labels.priority,
        observability: labels.observability,
    }
}

/// Where something stands, for people: `http.routers.web.rule (line 3)`.
fn position(path: &str, entry: &Entry) -> String {
    format!("{path} (line {})", entry.place.line)
}

/// The vocabulary speaks of labels.
fn in_file(text: &str) -> String {
    text.replace("in a label", "in a file")
        .replace("label", "option")
        .replace("traefik.http.", "http.")
}
