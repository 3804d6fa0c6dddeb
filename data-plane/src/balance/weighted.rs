//! A service of other services, each with its share of the requests.
//!
//! A service without a usable server is passed over while there is another.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fairway_proto::discovery::v1 as wire;
use http::HeaderValue;

use super::composition::Service;
use super::hash::random_weight;
use super::schedule::Schedule;
use super::sticky::Sticky;
use super::turn::Asking;

/// Services by their shares.
#[derive(Debug)]
pub(crate) struct Weighted {
    /// Those with a share.
    children: Box<[Child]>,
    /// By the client's address, and not in turn.
    by_client: bool,
    sticky: Option<Sticky>,
    schedule: Schedule,
    /// Next turn.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Child {
    service: Arc<Service>,
    name: String,
    weight: u32,
}

/// Whether a choice counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regard {
    /// A request goes there: turns are taken.
    Take,
    /// Somebody asks where one would go.
    Look,
}

/// The service that a request gets.
#[derive(Debug)]
pub(crate) struct Chosen<'s> {
    pub(crate) service: &'s Arc<Service>,
    /// The `Set-Cookie` line for the client, unless its cookie has named the service.
    pub(crate) cookie: Option<HeaderValue>,
    pub(crate) why: Why,
}

/// Why a request gets a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is the service's turn.
    Turn,
    /// The client's cookie names it.
    Cookie,
    /// The client's address.
    Client,
}

impl Weighted {
    pub(super) fn build(
        spec: &wire::WeightedServices,
        cookie: Option<&wire::StickyCookie>,
        by_client: bool,
        services: Vec<Arc<Service>>,
        previous: Option<&Self>,
    ) -> Self {
        let shares = || spec.services.iter().filter(|it| it.weight > 0);
        let all = spec.services.iter().zip(services);
        let children: Box<[_]> = all
            .filter(|(it, _)| it.weight > 0)
            .map(|(it, service)| Child {
                service,
                name: it.name.clone(),
                weight: it.weight,
            })
            .collect();
        let weights: Vec<u32> = children.iter().map(|child| child.weight).collect();
        let schedule = Schedule::new(&weights);
        let names = |of: &Self| Vec::from_iter(of.children.iter().map(|it| it.name.clone()));
        let mut weighted = Self {
            children,
            by_client,
            sticky: cookie.map(|cookie| {
                let places = shares().map(|it| (it.cookie.as_str(), it.name.as_str()));
                Sticky::build(cookie, places)
            }),
            schedule,
            turn: AtomicUsize::new(0),
        };
        if let Some(previous) = previous
            && previous.schedule == weighted.schedule
            && names(previous) == names(&weighted)
        {
            weighted.turn = AtomicUsize::new(previous.turn.load(Ordering::Relaxed));
        }
        weighted
    }

    /// `None` only if no service has a share.
    pub(super) fn choose(&self, asking: Asking<'_>, regard: Regard) -> Option<Chosen<'_>> {
        let kept = self
            .sticky
            .as_ref()
            .and_then(|sticky| sticky.find(asking.headers));
        let child = |place: usize| self.children.get(place);
        if let Some(kept) = kept
            && let Some(child) = child(kept.place).filter(|child| child.service.is_usable())
        {
            return Some(Chosen {
                service: &child.service,
                cookie: self.line(kept.place).filter(|_| !kept.current),
                why: Why::Cookie,
            });
        }
        let (place, why) = match self.by_client {
            true => (self.highest(asking.client)?, Why::Client),
            false => (self.next(regard)?, Why::Turn),
        };
        Some(Chosen {
            service: &child(place)?.service,
            cookie: self.line(place),
            why,
        })
    }

    /// All of them that get requests.
    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.children.iter().map(|child| &child.service)
    }

    /// The place of the service whose turn it is; of the turns of those that cannot
    /// be used the others have each its share.
    fn next(&self, regard: Regard) -> Option<usize> {
        let turn = match regard {
            Regard::Take => self.turn.fetch_add(1, Ordering::Relaxed),
            Regard::Look => self.turn.load(Ordering::Relaxed),
        };
        let place = self.schedule.server_at(turn)?;
        let is_usable = |child: &Child| child.service.is_usable();
        if self.children.get(place).is_some_and(is_usable) {
            return Some(place);
        }
        let usable = || {
            let children = self.children.iter().enumerate();
            children.filter(|(_, child)| is_usable(child))
        };
        let share = |child: &Child| usize::try_from(child.weight).unwrap_or(usize::MAX);
        let total = usable().fold(0, |sum: usize, (_, child)| sum.saturating_add(share(child)));
        let mut left = turn.checked_rem(total).unwrap_or(0);
        for (place, child) in usable() {
            match left.checked_sub(share(child)) {
                Some(rest) => left = rest,
                None => return Some(place),
            }
        }
        // None of them can be used: its answer says why.
        Some(place)
    }

    fn highest(&self, client: IpAddr) -> Option<usize> {
        let client = client.to_string();
        let any = !self.children.iter().any(|child| child.service.is_usable());
        let mut best = None;
        for (place, child) in self.children.iter().enumerate() {
            let score = random_weight(&client, &child.name, child.weight);
            if (any || child.service.is_usable()) && best.is_none_or(|(_, best)| score > best) {
                best = Some((place, score));
            }
        }
        best.map(|(place, _)| place)
    }

    fn line(&self, place: usize) -> Option<HeaderValue> {
        self.sticky.as_ref()?.line(place)
    }
}
