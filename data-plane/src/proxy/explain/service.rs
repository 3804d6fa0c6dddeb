//! From a route's service down to the servers that a request could go to.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::header::UPGRADE;

use super::super::arrival;
use super::super::error::ProxyError;
use super::super::forward::based;
use super::super::head::Head;
use super::super::service::no_share;
use super::text;
use crate::balance::{Asking, Failover, Mirroring, Outlook, Server, Service, Standing, Step, Why};

/// Steps at most: more than a table can have.
const MAX_STEPS: usize = 64;
/// Kind of a step.
const FAILOVER: &str = "failover";

/// Says which way the request goes and who could get it.
pub(super) fn tell_service(
    service: &Service,
    head: &mut Head,
    draining: bool,
    told: &mut wire::Explanation,
) -> Result<(), ProxyError> {
    tell_way(service, Vec::new(), head, draining, told)
}

/// `around`: those that stand in for the answers of `service`, outermost first.
fn tell_way<'s>(
    service: &'s Service,
    mut around: Vec<&'s Failover>,
    head: &mut Head,
    draining: bool,
    told: &mut wire::Explanation,
) -> Result<(), ProxyError> {
    let asking = Asking {
        client: head.peer,
        headers: &head.headers,
    };
    tell_steps(service, asking, told);
    let Some(Outlook {
        balancer,
        servers,
        failovers,
    }) = service.outlook(asking)
    else {
        return tell_failed(no_share(service), around, head, draining, told);
    };
    around.extend(failovers);
    if let Some(answer) = arrival::depart(balancer, head, draining) {
        while let Some(failover) = around.pop() {
            if failover.replaces(answer.status) {
                let main = &failover.main.name;
                let why = format!("{main} answers {}, for which", answer.status.as_u16());
                tell_fallback(failover, why, told);
                return tell_way(&failover.fallback, around, head, draining, told);
            }
        }
        told.status = answer.status.as_u16().into();
        answer.reason.clone_into(&mut told.reason);
        told.detail = format!("the proxy is the service {} itself", balancer.name);
        return Ok(());
    }
    let target = head.target().map_err(|_| ProxyError::Target)?;
    for server in servers.iter().map(candidate) {
        if !told.servers.iter().any(|known| is_same(known, &server)) {
            told.servers.push(server);
        }
    }
    let asked = servers.iter().find(|(_, standing)| standing.may_be_asked());
    let Some((server, _)) = asked.filter(|_| !balancer.is_empty()) else {
        let error = ProxyError::NoServer(balancer.unavailable_reason());
        return tell_failed(error, around, head, draining, told);
    };
    based(&server.base_path, &target)?
        .as_str()
        .clone_into(&mut told.target);
    Ok(())
}

/// There is no server, unless another service stands in.
fn tell_failed(
    error: ProxyError,
    mut around: Vec<&Failover>,
    head: &mut Head,
    draining: bool,
    told: &mut wire::Explanation,
) -> Result<(), ProxyError> {
    let Some(failover) = around.pop() else {
        return Err(error);
    };
    let why = format!("{} has no server, so", failover.main.name);
    tell_fallback(failover, why, told);
    tell_way(&failover.fallback, around, head, draining, told)
}

/// Back at the failover, one more step.
fn tell_fallback(failover: &Failover, why: String, told: &mut wire::Explanation) {
    let (main, fallback) = (&failover.main.name, &failover.fallback.name);
    let mut steps = told.services.iter().rev();
    let before = steps.find(|step| step.next == *main && step.kind == FAILOVER);
    let name = before.map(|step| step.name.clone()).unwrap_or_default();
    told.services.push(wire::ServiceStep {
        name,
        kind: FAILOVER.to_owned(),
        next: fallback.clone(),
        effect: format!("{why} {fallback} stands in"),
    });
}

fn is_same(a: &wire::Candidate, b: &wire::Candidate) -> bool {
    (&a.url, &a.container) == (&b.url, &b.container)
}

fn tell_steps(mut service: &Service, asking: Asking<'_>, told: &mut wire::Explanation) {
    for _ in 0..MAX_STEPS {
        let Some(step) = service.step(asking) else {
            return;
        };
        let (kind, next, effect) = match step {
            Step::Weighted(next, Why::Turn) => ("weighted", next, "its turn".to_owned()),
            Step::Weighted(next, Why::Cookie) => {
                let why = "the client's cookie names it";
                ("weighted", next, why.to_owned())
            }
            Step::Weighted(next, Why::Client) => {
                let why = "by the client's address";
                ("highestRandomWeight", next, why.to_owned())
            }
            Step::Mirroring(mirroring) => {
                let switches = asking.headers.contains_key(UPGRADE);
                let effect = match switches {
                    true => "nobody gets copies, as the request switches protocols".to_owned(),
                    false => copies(mirroring),
                };
                ("mirroring", &mirroring.main, effect)
            }
            Step::Failover(failover, next) => {
                let name = &failover.main.name;
                let is_main = std::ptr::eq(&**next, &*failover.main);
                let effect = match is_main {
                    true if failover.main.is_usable() => format!(
                        "{} stands in when it has no usable server",
                        failover.fallback.name
                    ),
                    true => "neither of the two has a usable server".to_owned(),
                    false => format!("{name} has no usable server"),
                };
                (FAILOVER, next, effect)
            }
        };
        told.services.push(wire::ServiceStep {
            name: service.name.clone(),
            kind: kind.to_owned(),
            next: next.name.clone(),
            effect,
        });
        service = next;
    }
}

fn copies(mirroring: &Mirroring) -> String {
    let mirrors = mirroring.mirrors().iter();
    let mirrors = mirrors.map(|it| format!("{} ({} %)", it.service.name, it.percent));
    match Vec::from_iter(mirrors) {
        none if none.is_empty() => "nobody gets copies".to_owned(),
        some => format!("copies go to {}", some.join(", ")),
    }
}

fn candidate((server, standing): &(&Arc<Server>, Standing)) -> wire::Candidate {
    use wire::CandidateState as State;

    let (state, left) = match standing {
        Standing::InRotation => (State::InRotation, None),
        Standing::Ejected(left) => (State::Ejected, Some(*left)),
        Standing::Probe => (State::Probe, None),
        Standing::Down(_) => (State::Down, None),
        Standing::Untested => (State::Untested, None),
        Standing::Failing(left) => (State::Failing, *left),
    };
    wire::Candidate {
        url: format!(
            "{}://{}",
            server.scheme.as_str(),
            text(Some(&server.authority))
        ),
        container: server.container.clone(),
        state: state.into(),
        ejected_ms: left.map_or(0, |left| {
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
        }),
        reason: standing.reason(),
    }
}
