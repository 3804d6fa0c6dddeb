//! Random services of services.
//!
//! One rule: what a weighted service consists of can be used or cannot, and does not
//! change from one to the other with time. A server that was found dead is tried again
//! after a while, which may be the moment between an explanation and its request; a
//! failover gives the same answer either way.

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::sample::select;
use proto::service::Parts;

use super::origin::{COPY, SERVICES, cookie};
use crate::routing::fixture::composite;

/// Names the service that a client keeps to.
pub(super) const WAY: &str = "_way";

/// A service of some of those before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Composite {
    pub(super) kind: Kind,
    /// Of those that may be parts.
    pub(super) parts: [usize; 3],
    pub(super) shares: [u32; 3],
    /// With a cookie.
    pub(super) sticky: bool,
    /// Of requests that are copied.
    pub(super) percent: u32,
    /// Answers that the fallback answers instead.
    pub(super) replaced: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Kind {
    #[default]
    Weighted,
    HighestRandomWeight,
    Mirroring,
    Failover,
}

pub(super) fn composites() -> impl Strategy<Value = Vec<Composite>> {
    let kinds = select(vec![
        Kind::Weighted,
        Kind::Weighted,
        Kind::HighestRandomWeight,
        Kind::Mirroring,
        Kind::Failover,
        Kind::Failover,
    ]);
    let replaced = select(vec![None, None, Some((502, 504)), Some((400, 499))]);
    let one = (
        kinds,
        [0..99_usize, 0..99, 0..99],
        [0..4_u32, 0..4, 0..4],
        any::<bool>(),
        select(vec![0, 50, 100, 100]),
        replaced,
    )
        .prop_map(
            |(kind, parts, shares, sticky, percent, replaced)| Composite {
                kind,
                parts,
                shares,
                sticky,
                percent,
                replaced,
            },
        );
    prop::collection::vec(one, 2..7)
}

/// A service that others may consist of.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    use_of: Use,
    /// The proxy may answer by itself.
    is_proxy: bool,
}

/// Is there anybody to answer its requests?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Always.
    Always,
    /// Never, which is known.
    Never,
    /// Nobody does, which is found out and forgotten again.
    Dead,
}

/// The number of services that routers may have.
pub(super) fn count(composites: &[Composite]) -> usize {
    SERVICES + composites.len()
}

/// The services, numbered on from those that have servers.
pub(super) fn resources(composites: &[Composite]) -> Vec<proto::Resource> {
    let mut known: Vec<Part> = (0..SERVICES).filter_map(simple).collect();
    let mut resources = Vec::new();
    for (number, composite) in (SERVICES..).zip(composites) {
        let name = format!("s{number}@test");
        let (resource, use_of, is_proxy) = composite.resource(&name, &known);
        resources.push(resource);
        known.push(Part {
            name,
            use_of,
            is_proxy,
        });
    }
    resources
}

fn simple(number: usize) -> Option<Part> {
    Some(Part {
        name: format!("s{number}@test"),
        use_of: match number {
            0 | 9 => Use::Never,
            3 => Use::Dead,
            // A control plane's own place is nothing to share requests with.
            8 => return None,
            _ => Use::Always,
        },
        is_proxy: matches!(number, 6 | 7),
    })
}

impl Composite {
    fn resource(&self, name: &str, known: &[Part]) -> (proto::Resource, Use, bool) {
        match self.kind {
            Kind::Weighted | Kind::HighestRandomWeight => self.shared(name, known),
            Kind::Mirroring => self.mirroring(name, known),
            Kind::Failover => self.failover(name, known),
        }
    }

    /// One of those that may be a part.
    fn part<'k>(&self, at: usize, known: &'k [Part], may: impl Fn(&Part) -> bool) -> &'k Part {
        let fitting: Vec<&Part> = known.iter().filter(|part| may(part)).collect();
        fitting[self.parts[at] % fitting.len()]
    }

    fn shared(&self, name: &str, known: &[Part]) -> (proto::Resource, Use, bool) {
        let parts = [0, 1, 2].map(|at| self.part(at, known, |part| part.use_of != Use::Dead));
        let shares = || parts.into_iter().zip(self.shares);
        let services = shares().map(|(part, weight)| proto::WeightedService {
            service: part.name.clone(),
            weight,
            name: part.name.clone(),
            cookie: format!("k-{}", part.name.trim_end_matches("@test")),
        });
        let all = proto::WeightedServices {
            services: services.collect(),
        };
        let by_turns = matches!(self.kind, Kind::Weighted);
        let mut resource = match by_turns {
            true => composite(name, Parts::Weighted(all)),
            false => composite(name, Parts::HighestRandomWeight(all)),
        };
        if let Some(proto::resource::Spec::Service(service)) = &mut resource.spec
            && by_turns
            && self.sticky
        {
            service.sticky = Some(cookie(WAY));
        }
        let with_share = || shares().filter(|(_, weight)| *weight > 0);
        let is_used = with_share().any(|(part, _)| part.use_of == Use::Always);
        let use_of = if is_used { Use::Always } else { Use::Never };
        (
            resource,
            use_of,
            with_share().any(|(part, _)| part.is_proxy),
        )
    }

    fn mirroring(&self, name: &str, known: &[Part]) -> (proto::Resource, Use, bool) {
        let main = self.part(0, known, |_| true);
        let mirror = |service: &str, percent| proto::Mirror {
            service: service.to_owned(),
            percent,
        };
        let spec = proto::Mirroring {
            service: main.name.clone(),
            mirrors: vec![mirror("s0@test", 100), mirror(COPY, self.percent)],
            mirror_body: self.sticky,
            max_body_size: None,
        };
        let resource = composite(name, Parts::Mirroring(spec));
        (resource, main.use_of, main.is_proxy)
    }

    fn failover(&self, name: &str, known: &[Part]) -> (proto::Resource, Use, bool) {
        let main = self.part(0, known, |_| true);
        // Behind a main service that is found dead it is not told what else happens.
        let fallback = self.part(1, known, |part| {
            main.use_of != Use::Dead || part.use_of != Use::Never && !part.is_proxy
        });
        let statuses = self.replaced.into_iter();
        let spec = proto::Failover {
            service: main.name.clone(),
            fallback: fallback.name.clone(),
            statuses: statuses
                .map(|(first, last)| proto::StatusRange { first, last })
                .collect(),
            max_request_body_bytes: None,
        };
        let use_of = match (main.use_of, fallback.use_of) {
            (Use::Always, _) | (_, Use::Always) => Use::Always,
            (Use::Never, other) => other,
            (Use::Dead, _) => Use::Dead,
        };
        let resource = composite(name, Parts::Failover(spec));
        (resource, use_of, main.is_proxy || fallback.is_proxy)
    }
}
