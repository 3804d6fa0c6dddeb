//! Labels that belong to the container and to no object: `traefik.enable`,
//! `traefik.docker.…`, and keys that nobody knows.

use super::fields::Note;
use super::value;
use super::{Enable, Labels};
use crate::spelling;

/// A note and whether it is an error.
type Told = (bool, Note);

/// What Traefik v1 called things.
const OLD: [(&str, &str); 8] = [
    (
        "frontend.rule",
        "traefik.http.routers.<name>.rule=Host(`example.com`)",
    ),
    ("frontend.priority", "traefik.http.routers.<name>.priority"),
    (
        "frontend.entryPoints",
        "traefik.http.routers.<name>.entryPoints",
    ),
    ("frontend", "the labels of traefik.http.routers.<name>"),
    (
        "port",
        "traefik.http.services.<name>.loadBalancer.server.port",
    ),
    (
        "protocol",
        "traefik.http.services.<name>.loadBalancer.server.scheme",
    ),
    (
        "weight",
        "traefik.http.services.<name>.loadBalancer.server.weight",
    ),
    (
        "backend",
        "traefik.http.services.<name>.loadBalancer.server.port",
    ),
];

/// First parts of static options, which are no labels.
const STATIC: [&str; 12] = [
    "accessLog",
    "api",
    "certificatesResolvers",
    "core",
    "entryPoints",
    "experimental",
    "global",
    "log",
    "metrics",
    "ping",
    "providers",
    "tracing",
];

/// Is it the first part of a static option?
pub(super) fn is_static(section: &str) -> bool {
    let mut known = STATIC.iter();
    known.any(|known| known.eq_ignore_ascii_case(section))
}

/// Reads `traefik.enable`; `path` is what follows `traefik.`.
pub(super) fn enable(labels: &mut Labels, label: &str, path: &str, text: &str) -> Option<Told> {
    let (message, suggestion) = if !label.starts_with("traefik.") {
        (
            "a label must start with `traefik` in lower case".to_owned(),
            "write traefik.enable",
        )
    } else if path.len() > "enable".len() {
        (
            "traefik.enable has no options".to_owned(),
            "write traefik.enable=true",
        )
    } else {
        match value::boolean(text) {
            // An error in another spelling of the label stays one.
            Some(_) if labels.enable == Enable::Invalid => return None,
            Some(true) => {
                labels.enable = Enable::On;
                return None;
            }
            Some(false) => {
                labels.enable = Enable::Off;
                return None;
            }
            None => (
                format!("traefik.enable is `{text}`, which is not a boolean"),
                value::boolean_meant(text),
            ),
        }
    };
    labels.enable = Enable::Invalid;
    let message = format!("the container is not served: {message}");
    Some((true, Note::new(label, message, suggestion)))
}

/// Reads `traefik.docker.…`; `option` is what follows.
pub(super) fn docker(labels: &mut Labels, label: &str, option: &str, text: &str) -> Option<Told> {
    const OPTIONS: [&str; 3] = ["network", "allowNonRunning", "lbswarm"];
    match option.to_ascii_lowercase().as_str() {
        "network" => labels.network = Some(text.to_owned()),
        "allownonrunning" => match value::boolean(text) {
            Some(value) => labels.allow_non_running = value,
            None => {
                let message = format!("allowNonRunning is `{text}`, which is not a boolean");
                return Some((false, Note::new(label, message, value::boolean_meant(text))));
            }
        },
        "lbswarm" => {}
        _ => {
            let suggestion = match spelling::nearest(option, OPTIONS) {
                Some(nearest) => format!("did you mean traefik.docker.{nearest}?"),
                None => "what can stand there: network, allowNonRunning".to_owned(),
            };
            let message = format!("traefik.docker.{option} is unknown and ignored");
            return Some((false, Note::new(label, message, suggestion)));
        }
    }
    None
}

/// Tells of a key in no known section; `path` is what follows `traefik.`.
pub(super) fn unknown(labels: &mut Labels, label: &str, path: &str, text: &str) -> Option<Told> {
    let lower = path.to_ascii_lowercase();
    // Made up by users, to be asked for in constraints and in the default rule.
    if lower.starts_with("constraint") || lower == "tags" || lower == "domain" {
        return None;
    }
    let first = path.split('.').next().unwrap_or_default();
    let ignored = |what: &str, suggestion: String| {
        Some((
            false,
            Note::new(label, format!("traefik.{first} {what}"), suggestion),
        ))
    };
    if let Some((_, now)) = OLD.iter().find(|(old, _)| {
        let old = old.to_ascii_lowercase();
        lower == old || lower.starts_with(&format!("{old}."))
    }) {
        return ignored("is a label of Traefik v1 and ignored", format!("use {now}"));
    }
    if spelling::nearest(first, ["enable"]).is_some() {
        return misspelt_enable(labels, label, text);
    }
    match first.to_ascii_lowercase().as_str() {
        "tls" => ignored(
            "has no effect: TLS is not available yet",
            "remove the label, or leave it for a later version".to_owned(),
        ),
        "swarm" => ignored(
            "is for Docker Swarm and ignored",
            "use traefik.docker.network, or remove the label".to_owned(),
        ),
        section if is_static(section) => ignored(
            "is a static option and ignored in a label",
            format!("give it to fairway-control as a flag: --{lower}={text}"),
        ),
        _ => {
            const SECTIONS: [&str; 6] = ["docker", "enable", "http", "tcp", "tls", "udp"];
            let suggestion = match spelling::nearest(first, SECTIONS) {
                Some(nearest) => {
                    let rest = path.get(first.len()..).unwrap_or_default();
                    format!("did you mean traefik.{nearest}{rest}?")
                }
                None => "labels start with traefik.enable, traefik.docker or traefik.http; \
                         remove it if it is not for Fairway"
                    .to_owned(),
            };
            ignored("is unknown and ignored", suggestion)
        }
    }
}

/// Something like `traefik.enabled`. Who wrote anything but true wanted the
/// container hidden, and hidden it stays.
fn misspelt_enable(labels: &mut Labels, label: &str, text: &str) -> Option<Told> {
    let suggestion = "did you mean traefik.enable?";
    if value::boolean(text) == Some(true) || labels.enable != Enable::Unset {
        let message = format!("{label} is unknown and ignored");
        return Some((false, Note::new(label, message, suggestion)));
    }
    labels.enable = Enable::Invalid;
    let message =
        format!("{label} is unknown; the container is not served, to be on the safe side");
    Some((true, Note::new(label, message, suggestion)))
}
