//! Entry points: the middlewares that come before those of every router, and the
//! router of a redirection.
//!
//! An entry point one of whose middlewares cannot be used takes no routers: none may
//! be served without it.

use std::collections::{BTreeMap, BTreeSet};

use super::internal::PROVIDER;
use super::name::Guesses;
use super::{Compiled, Input, Object, Router, encode, middleware};
use crate::config::{API_ENTRY_POINT, EntryPointOptions, Redirection};
use crate::middleware::RedirectScheme;
use crate::model::{Diagnostic, Middleware, Observability};

/// Router and service of `/metrics`.
const PROMETHEUS: &str = "prometheus@internal";

/// Service of routers that answer by themselves.
const NOOP: &str = "noop@internal";

/// Traefik's own routers come before those of users.
const REDIRECT_PRIORITY: i64 = i64::MAX - 1;

/// Where routers may listen.
pub(super) struct EntryPoints {
    pub(super) served: Vec<String>,
    /// Those of routers that name none.
    pub(super) default: Vec<String>,
    /// Those that take no routers, and why.
    pub(super) closed: BTreeMap<String, String>,
    /// Qualified names of their middlewares as written, of those that have any.
    pub(super) middlewares: BTreeMap<String, Vec<String>>,
}

/// Declares the routers of redirections.
pub(super) fn redirections(input: Input<'_>, out: &mut Compiled) {
    for (name, options) in served(input) {
        let Some(redirection) = &options.http.redirection else {
            continue;
        };
        redirect(name, redirection, out);
    }
}

fn redirect(entry_point: &str, redirection: &Redirection, out: &mut Compiled) {
    let Some(port) = &redirection.port else {
        return;
    };
    let target = redirection.to.trim_start_matches(':');
    let router = format!("{entry_point}-to-{target}@{PROVIDER}");
    let middleware = format!("redirect-{router}");
    let kind = Middleware::RedirectScheme(RedirectScheme {
        scheme: redirection.scheme.clone(),
        port: port.clone(),
        permanent: redirection.permanent,
    });
    let value = Router {
        rule: "HostRegexp(`^.+$`)".to_owned(),
        rule_generated: false,
        rule_syntax: crate::rule::RuleSyntax::V3,
        entry_points: vec![entry_point.to_owned()],
        middlewares: vec![middleware.clone()],
        service: NOOP.to_owned(),
        priority: redirection.priority.unwrap_or(REDIRECT_PRIORITY),
        observability: Observability::default(),
    };
    out.middlewares
        .insert(middleware, Object::declared(PROVIDER, &[], kind));
    out.routers
        .insert(router, Object::declared(PROVIDER, &[], value));
}

/// Declares the router to `/metrics`, where that is not on the control plane's own
/// entry point.
pub(super) fn metrics(input: Input<'_>, out: &mut Compiled) {
    let scraped = input.metrics.scraped_at();
    let Some(name) = scraped.filter(|name| *name != API_ENTRY_POINT) else {
        return;
    };
    let value = Router {
        rule: "PathPrefix(`/metrics`)".to_owned(),
        rule_generated: false,
        rule_syntax: crate::rule::RuleSyntax::V3,
        entry_points: vec![name.to_owned()],
        middlewares: Vec::new(),
        service: PROMETHEUS.to_owned(),
        priority: i64::MAX,
        observability: Observability::default(),
    };
    let object = Object::declared(PROVIDER, &[], value);
    out.routers.insert(PROMETHEUS.to_owned(), object);
}

/// Resolves the middlewares and encodes the entry points.
pub(super) fn compile(input: Input<'_>, out: &mut Compiled) -> EntryPoints {
    let mut closed = input.closed_entry_points.clone();
    let mut chains = BTreeMap::new();
    for (name, options) in served(input) {
        let (references, flat) = match chain(name, options, input, out) {
            Ok(chain) => chain,
            Err((message, suggestion)) => {
                let told = format!("entry point {name} takes no routers: {message}");
                out.report(PROVIDER, Diagnostic::error(told, suggestion));
                closed.insert(name.clone(), message);
                Default::default()
            }
        };
        out.resources
            .push(encode::entry_point(name, options, flat, input.metrics));
        if !references.is_empty() {
            chains.insert(name.clone(), references);
        }
    }
    let all = || served(input).map(|(name, _)| name.clone());
    let marked: Vec<_> = served(input)
        .filter(|(_, it)| it.as_default)
        .map(|(name, _)| name.clone())
        .collect();
    EntryPoints {
        served: all().filter(|name| !closed.contains_key(name)).collect(),
        default: if marked.is_empty() {
            all().collect()
        } else {
            marked
        },
        closed,
        middlewares: chains,
    }
}

fn served(input: Input<'_>) -> impl Iterator<Item = (&String, &EntryPointOptions)> {
    let all = input.entry_points.iter();
    all.filter(|(name, _)| *name != API_ENTRY_POINT)
}

/// The middlewares of an entry point: qualified as written, and what they come down to.
fn chain(
    name: &str,
    options: &EntryPointOptions,
    input: Input<'_>,
    out: &mut Compiled,
) -> Result<(Vec<String>, Vec<String>), (String, String)> {
    let mut references = Vec::new();
    let mut flat = Vec::new();
    for written in &options.http.middlewares {
        let reference = qualify(written, input, out);
        if reference != *written {
            let message =
                format!("middleware {written} of entry point {name} is taken for {reference}");
            let suggestion = format!("write --entrypoints.{name}.http.middlewares={reference}");
            out.report(PROVIDER, Diagnostic::warning(message, suggestion));
        }
        flat.extend(middleware::flatten(&reference, &Guesses::of(input), out)?);
        references.push(reference);
    }
    Ok((references, flat))
}

/// A name without a provider is looked for in each, in the order of their names.
fn qualify(written: &str, input: Input<'_>, out: &Compiled) -> String {
    if written.contains('@') {
        return written.to_owned();
    }
    let providers: BTreeSet<&str> = out
        .middlewares
        .values()
        .map(|it| it.provider.as_str())
        .chain(input.providers.keys().map(String::as_str))
        .filter(|provider| !matches!(*provider, PROVIDER | "static"))
        .collect();
    let mut names = providers.iter().map(|it| format!("{written}@{it}"));
    let found = names.clone().find(|it| out.middlewares.contains_key(it));
    found
        .or_else(|| names.next())
        .unwrap_or_else(|| written.to_owned())
}
