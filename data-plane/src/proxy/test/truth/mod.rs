//! Explanations are true: whatever the configuration and the request, a real request
//! meets what its explanation said.
//!
//! The access log of the real proxy is the witness. Requests go one after the other,
//! so that even the server can be foretold.

mod composition;
mod configuration;
mod effect;
mod middleware;
mod origin;
mod rare;
mod request;
mod stage;
mod strategy;
mod verdict;
mod witness;

use std::collections::BTreeMap;
use std::sync::Mutex;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use self::composition::{Composite, composites};
use self::configuration::configuration;
use self::middleware::middlewares;
use self::request::Client;
use self::stage::Stage;
use self::strategy::{Asked, Routers, requests, routers};

const ENTRY_POINTS: [&str; 2] = ["truth-alt", "truth-web"];
/// Of a configuration: no explanation may have it.
const SECRET: &str = "s3cret";

/// Rounds of cases at the most.
const MOST_ROUNDS: usize = 8;

/// What must have happened at least once.
const KINDS: [&str; 30] = [
    "",
    "auth_denied",
    "auth_unreachable",
    "bad_host",
    "bad_redirect",
    "bad_request",
    "by address",
    "compressed",
    "copied",
    "dead",
    "encoded_character",
    "expectation_failed",
    "fallback",
    "ip_refused",
    "kept",
    "loop_detected",
    "method_not_allowed",
    "no_route",
    "no_server",
    "noop",
    "ping",
    "preflight",
    "rate_limited",
    "redirect",
    "replaced",
    "retry, circuit_open",
    "server",
    "stand-in",
    "unauthorized",
    "unclean_path",
];

/// What a configuration and its requests were found to be.
type Counts = BTreeMap<String, usize>;

fn play(
    stage: &Stage,
    kinds: &[proto::middleware::Kind],
    composites: &[Composite],
    routers: &Routers,
    requests: &[Asked],
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    let resources = configuration(&stage.origins, kinds, composites, routers);
    stage.put_in_force(resources);
    let mut client = Client::default();
    for request in requests {
        for kind in stage.check(request, &mut client)? {
            *counts.entry(kind).or_default() += 1;
        }
    }
    Ok(())
}

#[test]
fn an_explanation_tells_what_happens() {
    let stage = Stage::set();
    let mut counts = Counts::new();
    for (kind, scene) in rare::scenes() {
        let mut found = Counts::new();
        let (routers, requests) = (scene.routers(), [scene.request]);
        let (middlewares, composites) = (&scene.middlewares, &scene.composites);
        let played = play(
            &stage,
            middlewares,
            composites,
            &routers,
            &requests,
            &mut found,
        );
        played.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(found.contains_key(kind), "{kind}: {found:?}");
        counts.append(&mut found);
    }
    let config = ProptestConfig {
        cases: 600,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let counts = Mutex::new(counts);
    let cases = (middlewares(), composites(), routers(), requests());
    // Chance decides what happens: rounds go on until everything has.
    for _ in 0..MOST_ROUNDS {
        // A runner that has run its cases has none left.
        let mut runner = TestRunner::new(config.clone());
        let outcome = runner.run(&cases, |(kinds, composites, routers, requests)| {
            let mut counts = counts.lock().unwrap();
            play(
                &stage,
                &kinds,
                &composites,
                &routers,
                &requests,
                &mut counts,
            )
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
        let counts = counts.lock().unwrap();
        if KINDS.iter().all(|kind| counts.contains_key(*kind)) {
            break;
        }
    }
    let counts = counts.into_inner().unwrap();
    println!("explained and sent: {counts:?}");
    for kind in KINDS {
        assert!(
            counts.contains_key(kind),
            "{kind} never happened: {counts:?}"
        );
    }
}
