//! Time to find a route among few and among many.
//!
//! Tables take turns within each round, so that what else the machine does falls on
//! all of them. Requests come in a random order that is the same for each table.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fairway_proto::discovery::v1 as wire;
use fairway_proxy::measure::{Asked, Routes};
use rand::SeedableRng as _;
use rand::seq::IndexedRandom as _;
use wire::resource::Spec;

use super::{at, ms};

const FEW: u32 = 10;
const HOSTS: u32 = 100_000;
const PATHS: u32 = 5_000;
/// Requests of one round, and how many times they are asked.
const REQUESTS: usize = 4096;
const REPEATS: u32 = 50;
const ROUNDS: usize = 15;

/// A rule and a request for it, by number.
type Case = fn(u32) -> (wire::Matcher, Asked);

/// Measures and prints.
pub(super) fn measure() -> anyhow::Result<()> {
    println!("\nFinding a route, {ROUNDS} rounds of {REQUESTS} × {REPEATS} requests");
    let few = table("few hosts", FEW, by_host)?;
    let many = table("many hosts", HOSTS, by_host)?;
    // The same requests: what the size of the table costs.
    let same = [(&few, asked(FEW, by_host)), (&many, asked(FEW, by_host))];
    report(&format!("{HOSTS} hosts, ten of them asked for"), same, 1.2);
    // Requests for all of them: what the caches of the machine add.
    let all = [(&few, asked(FEW, by_host)), (&many, asked(HOSTS, by_host))];
    report(&format!("{HOSTS} hosts, all of them asked for"), all, 1.2);
    drop((few, many));
    let few = table("few paths", FEW, by_path)?;
    let many = table("many paths", PATHS, by_path)?;
    let all = [(&few, asked(FEW, by_path)), (&many, asked(PATHS, by_path))];
    report(&format!("{PATHS} paths of one host"), all, 3.0);
    Ok(())
}

fn report(what: &str, [few, many]: [(&Routes, Vec<Asked>); 2], target: f64) {
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_few.push(round(few.0, &few.1));
        of_many.push(round(many.0, &many.1));
    }
    let each = |times: &mut [Duration]| {
        let requests = f64::from(REPEATS) * REQUESTS as f64;
        at(times, 50).as_secs_f64() * 1e9 / requests
    };
    let (few, many) = (each(&mut of_few), each(&mut of_many));
    println!(
        "{what:<36} {many:>7.1} ns, among ten {few:>6.1} ns: {:.2} × (target ≤ {target} ×)",
        many / few
    );
}

fn round(routes: &Routes, asked: &[Asked]) -> Duration {
    let started = Instant::now();
    for _ in 0..REPEATS {
        for asked in asked {
            black_box(routes.find("web", black_box(asked)));
        }
    }
    started.elapsed()
}

/// Requests in random order for the first `count` rules.
fn asked(count: u32, case: Case) -> Vec<Asked> {
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let numbers: Vec<u32> = (0..count).collect();
    let chosen = std::iter::repeat_with(|| numbers.choose(&mut random).copied());
    let chosen = chosen.map(|number| case(number.unwrap_or_default()).1);
    chosen.take(REQUESTS).collect()
}

fn table(what: &str, count: u32, case: Case) -> anyhow::Result<Routes> {
    let mut routes = Routes::default();
    let mut resources = vec![
        resource(
            wire::ResourceKind::EntryPoint,
            "web",
            Spec::EntryPoint(wire::EntryPoint {
                address: ":80".to_owned(),
                ..Default::default()
            }),
        ),
        resource(
            wire::ResourceKind::Service,
            "s@bench",
            Spec::Service(wire::Service::default()),
        ),
    ];
    resources.extend((0..count).map(|number| router(number, case(number).0)));
    let one = vec![router(0, case(count).0)];
    let started = Instant::now();
    let rejected = routes.apply(resources);
    let built = started.elapsed();
    anyhow::ensure!(rejected == 0, "{rejected} resources are rejected");
    for number in [0, count - 1] {
        let found = routes
            .find("web", &case(number).1)
            .context(what.to_owned())?;
        anyhow::ensure!(found == name(number), "{what}: {found} for {number}");
    }
    let back = vec![router(0, case(0).0)];
    let started = Instant::now();
    routes.apply(one);
    let changed = started.elapsed();
    routes.apply(back);
    println!(
        "{what:<12} {count:>7} routers: table built in {:.1} ms, one rule changed in {:.1} ms",
        ms(built),
        ms(changed)
    );
    Ok(routes)
}

fn by_host(number: u32) -> (wire::Matcher, Asked) {
    let host = format!("shop-{number}.example.com");
    let asked = Asked::get(&host, "/cart").expect("a request");
    (matcher(wire::matcher::Matcher::Host(host)), asked)
}

fn by_path(number: u32) -> (wire::Matcher, Asked) {
    let path = format!("/shop-{number}");
    let asked = Asked::get("example.com", &format!("{path}/cart")).expect("a request");
    let both = [
        wire::matcher::Matcher::Host("example.com".to_owned()),
        wire::matcher::Matcher::PathPrefix(path),
    ];
    let matchers = both.into_iter().map(matcher).collect();
    let list = wire::MatcherList { matchers };
    (matcher(wire::matcher::Matcher::And(list)), asked)
}

fn matcher(matcher: wire::matcher::Matcher) -> wire::Matcher {
    wire::Matcher {
        matcher: Some(matcher),
    }
}

fn name(number: u32) -> String {
    format!("r{number}@bench")
}

fn router(number: u32, matcher: wire::Matcher) -> wire::Resource {
    let spec = Spec::Router(wire::Router {
        matcher: Some(matcher),
        priority: 20,
        entry_points: vec!["web".to_owned()],
        service: "s@bench".to_owned(),
        ..Default::default()
    });
    resource(wire::ResourceKind::Router, &name(number), spec)
}

fn resource(kind: wire::ResourceKind, name: &str, spec: Spec) -> wire::Resource {
    wire::Resource {
        id: Some(wire::ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        origin: None,
        spec: Some(spec),
    }
}
