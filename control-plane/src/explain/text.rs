//! An explanation for somebody who asks "why 404?": the outcome first, then how it
//! came about, then what to do.

use std::fmt::{self, Write};
use std::time::Duration;

use fairway_proto::discovery::v1::{
    Candidate, CandidateState, Explanation, ServiceStep, TriedRouter,
};
use fairway_proto::inspection::v1::{Diagnostic, ExplainResponse, ProxyExplanation, Severity};

use super::ExplainOptions;

/// Every proxy's answer, what they differ in, and what may have to do with it.
pub(super) fn write(options: &ExplainOptions, response: &ExplainResponse) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut out, options, response);
    out
}

fn write_all(
    out: &mut String,
    options: &ExplainOptions,
    response: &ExplainResponse,
) -> fmt::Result {
    writeln!(out, "{} {}", options.method, options.url)?;
    if let Some(first) = response
        .proxies
        .iter()
        .find_map(|proxy| proxy.explanation.as_ref())
        && response.differences.is_empty()
        && response.proxies.len() > 1
    {
        let nodes: Vec<_> = response.proxies.iter().map(name).collect();
        writeln!(out, "{} proxies agree: {}", nodes.len(), nodes.join(", "))?;
        write_explanation(out, first)?;
    } else {
        for proxy in &response.proxies {
            write_proxy(out, proxy)?;
        }
    }
    if !response.differences.is_empty() {
        writeln!(out, "\nThe proxies do not agree:")?;
        for difference in &response.differences {
            writeln!(out, "  {difference}")?;
        }
    }
    if !response.diagnostics.is_empty() {
        writeln!(out, "\nWhat may have to do with it:")?;
        for diagnostic in &response.diagnostics {
            write_diagnostic(out, diagnostic)?;
        }
    }
    Ok(())
}

fn name(proxy: &ProxyExplanation) -> &str {
    proxy.node.as_ref().map_or("", |node| node.id.as_str())
}

fn write_proxy(out: &mut String, proxy: &ProxyExplanation) -> fmt::Result {
    writeln!(out, "proxy {}", name(proxy))?;
    match &proxy.explanation {
        Some(told) => write_explanation(out, told),
        None => writeln!(out, "\n  no answer: {}", proxy.error),
    }
}

fn write_explanation(out: &mut String, told: &Explanation) -> fmt::Result {
    writeln!(out, "\n{}\n", outcome(told))?;
    let entry_point = told
        .entry_points
        .iter()
        .find(|entry_point| entry_point.name == told.entry_point);
    match entry_point {
        Some(it) => writeln!(out, "  entry point  {} ({})", it.name, it.address)?,
        None => {
            for it in &told.entry_points {
                let state = if it.bound { "" } else { ", not bound" };
                writeln!(out, "  entry point  {} ({}{state})", it.name, it.address)?;
            }
        }
    }
    if !told.path.is_empty() {
        let host = if told.host.is_empty() {
            "(none)"
        } else {
            &told.host
        };
        writeln!(out, "  host         {host}")?;
        writeln!(out, "  path         {}", told.path)?;
    }
    write_tried(out, told)?;
    write_rest(out, told)?;
    if let Some(advice) = advice(told) {
        writeln!(out, "\nNext: {advice}")?;
    }
    Ok(())
}

/// One line that answers the question.
fn outcome(told: &Explanation) -> String {
    match (told.status, told.reason.as_str()) {
        (0, "") => {
            let target = match told.servers.as_slice() {
                [one] => one.url.clone(),
                servers => format!("one of {} servers", servers.len()),
            };
            format!("{} sends it to {target} as {}", told.router, told.target)
        }
        (0, reason) => format!("No answer ({reason}): {}", told.detail),
        (status, "") => format!("{status}: {}", told.detail),
        (status, reason) => format!("{status} {reason}: {}", told.detail),
    }
}

fn write_tried(out: &mut String, told: &Explanation) -> fmt::Result {
    if told.tried.is_empty() {
        if !told.entry_point.is_empty() && told.reason == "no_route" {
            writeln!(out, "  routers      none on this entry point")?;
        }
    } else {
        writeln!(out, "\n  Routers, in the order tried:")?;
    }
    for tried in &told.tried {
        write_tried_router(out, tried)?;
    }
    if told.tried_omitted > 0 {
        writeln!(out, "    … and {} more", told.tried_omitted)?;
    }
    if !told.elsewhere.is_empty() {
        writeln!(out, "\n  On another entry point it would match:")?;
    }
    for other in &told.elsewhere {
        writeln!(
            out,
            "    {} on {}  {}",
            other.router, other.entry_point, other.rule
        )?;
    }
    Ok(())
}

fn write_tried_router(out: &mut String, tried: &TriedRouter) -> fmt::Result {
    let mark = if tried.matched { "✓" } else { "✗" };
    let TriedRouter {
        router,
        rule,
        priority,
        failed,
        found,
        ..
    } = tried;
    writeln!(out, "    {mark} {router} (priority {priority})  {rule}")?;
    match (tried.matched, found.as_str()) {
        (true, _) => Ok(()),
        (false, "") => writeln!(out, "        {failed} matches no request"),
        (false, found) => writeln!(out, "        {failed} does not match: {found}"),
    }
}

fn write_rest(out: &mut String, told: &Explanation) -> fmt::Result {
    if !told.middlewares.is_empty() {
        writeln!(out, "\n  Middlewares:")?;
    }
    for step in &told.middlewares {
        writeln!(out, "    {}  {}", step.name, step.effects.join("; "))?;
    }
    if !told.service.is_empty() {
        writeln!(out, "\n  Service {}:", told.service)?;
        for step in &told.services {
            let ServiceStep {
                name,
                kind,
                next,
                effect,
            } = step;
            writeln!(out, "    {name} ({kind}) -> {next}: {effect}")?;
        }
        if told.servers.is_empty() {
            let asked = told.middlewares.last().is_some_and(|step| step.answers);
            let why = match told.reason.as_str() {
                _ if asked => "is not asked",
                "ping" | "ping_draining" | "noop" => "is the proxy itself",
                _ => "no servers",
            };
            writeln!(out, "    {why}")?;
        }
    }
    for server in &told.servers {
        writeln!(
            out,
            "    {}  {}  {}",
            server.url,
            server.container,
            state(server)
        )?;
    }
    Ok(())
}

fn state(server: &Candidate) -> String {
    match server.state() {
        CandidateState::InRotation => "in rotation".to_owned(),
        CandidateState::Ejected => format!(
            "out of rotation for {:.1} s more: it did not accept a connection",
            Duration::from_millis(server.ejected_ms).as_secs_f32()
        ),
        CandidateState::Probe => "did not accept a connection; the next request tries".to_owned(),
        CandidateState::Down => format!("down: its health check {}", server.reason),
        CandidateState::Untested => "waits for its first health check".to_owned(),
        CandidateState::Failing if server.ejected_ms == 0 => {
            format!("out of rotation: {}", server.reason)
        }
        CandidateState::Failing => format!(
            "out of rotation for {:.1} s more: it {}",
            Duration::from_millis(server.ejected_ms).as_secs_f32(),
            server.reason
        ),
        CandidateState::Unspecified => String::new(),
    }
}

fn write_diagnostic(out: &mut String, of: &Diagnostic) -> fmt::Result {
    let severity = if of.severity() == Severity::Error {
        "error"
    } else {
        "warning"
    };
    let object = of.object.as_ref().map_or("", |object| object.name.as_str());
    let place = [of.container.as_str(), of.label.as_str(), object];
    let place: Vec<_> = place.into_iter().filter(|part| !part.is_empty()).collect();
    writeln!(out, "  {severity}  {}", place.join("  "))?;
    writeln!(out, "    {}", of.message)?;
    match of.suggestion.as_str() {
        "" => Ok(()),
        suggestion => writeln!(out, "    → {suggestion}"),
    }
}

/// What to do about it; the rest is in docs/why.
fn advice(told: &Explanation) -> Option<String> {
    let nearest = || {
        let mut failed = told.tried.iter().filter(|tried| !tried.matched);
        failed.find(|tried| !tried.failed.starts_with("Host"))
    };
    Some(match told.reason.as_str() {
        "no_entry_point" => "name the entry point with --entrypoint; the URL's port is the one \
             the proxy listens on, not one that Docker publishes"
            .to_owned(),
        "no_route" => match (told.elsewhere.first(), nearest()) {
            (Some(other), _) => format!(
                "use entry point {}, or add {} to the router's `entrypoints`",
                other.entry_point, told.entry_point
            ),
            (None, Some(near)) => {
                format!(
                    "{} came nearest; change {} or the request",
                    near.router, near.failed
                )
            }
            (None, None) => "is the container running, enabled and labelled with this host? \
                 See docs/why/404.md"
                .to_owned(),
        },
        "no_server" if !told.servers.is_empty() => {
            "the health check of every server fails: look at the servers' own logs, and \
             at the labels below loadbalancer.healthcheck; see docs/why/503.md"
                .to_owned()
        }
        "no_server" => "start a container of this service, or wait until it is healthy".to_owned(),
        "redirect" if told.location.is_empty() => return None,
        "redirect" => format!("explain {} to see where that leads", told.location),
        "" if told.servers.iter().all(is_out) && !told.servers.is_empty() => {
            "no server accepted connections lately: expect 502 or 504; see docs/why/502.md"
                .to_owned()
        }
        _ => return None,
    })
}

fn is_out(server: &Candidate) -> bool {
    server.state() != CandidateState::InRotation
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use fairway_proto::discovery::v1::{ListeningEntryPoint, MiddlewareStep, Node};

    use super::*;

    fn written(told: Explanation, diagnostics: Vec<Diagnostic>) -> String {
        let options = ExplainOptions::try_parse_from(["explain", "http://a.test/x"]);
        let proxy = ProxyExplanation {
            node: Some(Node {
                id: "p1".into(),
                ..Node::default()
            }),
            explanation: Some(told),
            error: String::new(),
        };
        let response = ExplainResponse {
            proxies: vec![proxy],
            differences: Vec::new(),
            diagnostics,
        };
        write(&options.expect("options"), &response)
    }

    fn at_web() -> Explanation {
        let web = ListeningEntryPoint {
            name: "web".into(),
            address: "0.0.0.0:80".into(),
            bound: true,
        };
        Explanation {
            entry_point: "web".into(),
            entry_points: vec![web],
            host: "a.test".into(),
            path: "/x".into(),
            ..Explanation::default()
        }
    }

    #[test]
    fn why_404_is_answered_with_the_part_that_failed_and_what_is_not_served() {
        let tried = |router: &str, rule: &str, failed: &str, found: &str| TriedRouter {
            router: router.into(),
            rule: rule.into(),
            priority: 9,
            failed: failed.into(),
            found: found.into(),
            ..TriedRouter::default()
        };
        let told = Explanation {
            status: 404,
            reason: "no_route".into(),
            detail: "no router matches".into(),
            tried: vec![
                tried(
                    "b@docker",
                    "Host(`b.test`)",
                    "Host(`b.test`)",
                    "host a.test",
                ),
                tried(
                    "a@docker",
                    "Host(`a.test`) && Path(`/y`)",
                    "Path(`/y`)",
                    "path /x",
                ),
            ],
            ..at_web()
        };
        let broken = Diagnostic {
            severity: Severity::Error.into(),
            container: "shop-1".into(),
            label: "traefik.http.routers.shop.rule".into(),
            message: "the rule does not parse".into(),
            suggestion: "close the parenthesis".into(),
            ..Diagnostic::default()
        };
        let expected = "\
GET http://a.test/x
proxy p1

404 no_route: no router matches

  entry point  web (0.0.0.0:80)
  host         a.test
  path         /x

  Routers, in the order tried:
    ✗ b@docker (priority 9)  Host(`b.test`)
        Host(`b.test`) does not match: host a.test
    ✗ a@docker (priority 9)  Host(`a.test`) && Path(`/y`)
        Path(`/y`) does not match: path /x

Next: a@docker came nearest; change Path(`/y`) or the request

What may have to do with it:
  error  shop-1  traefik.http.routers.shop.rule
    the rule does not parse
    → close the parenthesis
";
        assert_eq!(written(told, vec![broken]), expected);
    }

    #[test]
    fn a_match_is_told_with_middlewares_and_servers() {
        let told = Explanation {
            router: "a@docker".into(),
            service: "s@docker".into(),
            target: "/".into(),
            tried: vec![TriedRouter {
                router: "a@docker".into(),
                rule: "Host(`a.test`)".into(),
                priority: 14,
                matched: true,
                ..TriedRouter::default()
            }],
            middlewares: vec![MiddlewareStep {
                name: "root@docker".into(),
                effects: vec!["target /x becomes /".into()],
                answers: false,
            }],
            servers: vec![Candidate {
                url: "http://10.0.0.2:80".into(),
                container: "a-1".into(),
                state: CandidateState::Ejected.into(),
                ejected_ms: 1500,
                reason: "did not accept connections".into(),
            }],
            ..at_web()
        };
        let expected = "\
GET http://a.test/x
proxy p1

a@docker sends it to http://10.0.0.2:80 as /

  entry point  web (0.0.0.0:80)
  host         a.test
  path         /x

  Routers, in the order tried:
    ✓ a@docker (priority 14)  Host(`a.test`)

  Middlewares:
    root@docker  target /x becomes /

  Service s@docker:
    http://10.0.0.2:80  a-1  out of rotation for 1.5 s more: it did not accept a connection

Next: no server accepted connections lately: expect 502 or 504; see docs/why/502.md
";
        assert_eq!(written(told, Vec::new()), expected);
    }
}
