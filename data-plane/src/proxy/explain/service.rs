//! From a route's service down to the servers that a request could go to.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;

use super::super::arrival;
use super::super::error::ProxyError;
use super::super::forward::based;
use super::super::head::Head;
use super::super::service::no_share;
use super::text;
use crate::balance::{Asking, Behind, Mirroring, Server, Service, Standing, Step, Why};
use crate::routing::Stage;

/// Steps at most: more than a table can have.
const MAX_STEPS: usize = 64;

/// Says which way the request goes and who could get it.
pub(super) async fn tell_service(
    stage: Stage<'_>,
    head: &mut Head,
    draining: bool,
    told: &mut wire::Explanation,
) -> Result<(), ProxyError> {
    let asking = Asking {
        client: head.peer,
        headers: &head.headers,
    };
    let service = &**stage.service;
    if let Some(behind) = tell_steps(service, asking, told) {
        // Boxed, as it comes here again.
        let inside = Stage::behind(stage.route, behind);
        Box::pin(super::tell_stage(inside, head, draining, told)).await;
        return Ok(());
    }
    let (first, servers) = service
        .candidates(asking)
        .ok_or_else(|| no_share(service))?;
    if let Some(answer) = arrival::depart(first, head, draining) {
        told.status = answer.status.as_u16().into();
        answer.reason.clone_into(&mut told.reason);
        told.detail = format!("the proxy is the service {} itself", first.name);
        return Ok(());
    }
    let target = head.target().map_err(|_| ProxyError::Target)?;
    told.servers = servers.iter().map(candidate).collect();
    let asked = servers.iter().find(|(_, standing)| standing.may_be_asked());
    let Some((server, _)) = asked.filter(|_| !first.is_empty()) else {
        return Err(ProxyError::NoServer(first.unavailable_reason()));
    };
    based(&server.base_path, &target)?
        .as_str()
        .clone_into(&mut told.target);
    Ok(())
}

/// Answers the middlewares that the way ends at, if it does not end at servers.
fn tell_steps<'s>(
    mut service: &'s Service,
    asking: Asking<'_>,
    told: &mut wire::Explanation,
) -> Option<&'s Behind> {
    for _ in 0..MAX_STEPS {
        let Some(step) = service.step(asking) else {
            break;
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
            Step::Mirroring(mirroring) => ("mirroring", &mirroring.main, copies(mirroring)),
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
                ("failover", next, effect)
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
    service.behind()
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
