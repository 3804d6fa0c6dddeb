//! Who of several servers is the best for a request, apart from taking turns.
//!
//! Looks and changes nothing, so that explanations can look, too.

use std::net::IpAddr;
use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use rand::Rng as _;

use super::hash::random_weight;
use super::server::Server;

/// Who gets the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// By turns, in proportion to the weights.
    Wrr,
    /// Of two at random the one with fewer requests in flight.
    P2c,
    /// By the client's address: the highest random weight.
    Hrw,
    /// The smallest product of time to the first byte and requests in flight.
    LeastTime,
}

/// A server, its weight, and its place among the servers of the service.
pub(super) type Choice<'s> = (usize, &'s Arc<Server>, u32);

impl Strategy {
    /// `None`: sent by a control plane that knows more of them.
    pub(super) fn of(spec: &wire::Service) -> Option<Self> {
        use wire::Strategy as Wire;
        match Wire::try_from(spec.strategy).ok()? {
            Wire::Unspecified | Wire::Wrr => Some(Self::Wrr),
            Wire::P2c => Some(Self::P2c),
            Wire::Hrw => Some(Self::Hrw),
            Wire::Leasttime => Some(Self::LeastTime),
        }
    }

    /// It wants to know how busy servers are.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::P2c | Self::LeastTime)
    }

    /// It wants to know how soon servers answer.
    pub(super) fn measures(self) -> bool {
        self == Self::LeastTime
    }

    /// The place of the best of these, which come in the order of their next turns;
    /// the first where it does not matter.
    pub(super) fn best<'s>(
        self,
        client: IpAddr,
        choices: impl Iterator<Item = Choice<'s>> + Clone,
    ) -> Option<usize> {
        match self {
            Self::Wrr => choices.map(|(place, ..)| place).next(),
            Self::P2c => less_busy_of_two(choices),
            Self::Hrw => {
                let client = client.to_string();
                highest(choices, |server, weight| {
                    random_weight(&client, &server.url, weight)
                })
            }
            Self::LeastTime => highest(choices, |server, weight| -expected(server, weight)),
        }
    }
}

/// The first of those with the highest score.
fn highest<'s>(
    choices: impl Iterator<Item = Choice<'s>>,
    score: impl Fn(&Server, u32) -> f64,
) -> Option<usize> {
    let mut best = None;
    for (place, server, weight) in choices {
        let score = score(server, weight);
        if best.is_none_or(|(_, best)| score > best) {
            best = Some((place, score));
        }
    }
    best.map(|(place, _)| place)
}

/// What a request may have to wait; 0 for a server that has not answered yet.
fn expected(server: &Server, weight: u32) -> f64 {
    let waiting = u32::try_from(server.load.in_flight()).unwrap_or(u32::MAX);
    f64::from(server.load.mean()) * (1.0 + f64::from(waiting)) / f64::from(weight.max(1))
}

fn less_busy_of_two<'s>(choices: impl Iterator<Item = Choice<'s>> + Clone) -> Option<usize> {
    let count = choices.clone().count();
    if count < 2 {
        return choices.map(|(place, ..)| place).next();
    }
    let mut random = rand::rng();
    let first = random.random_range(0..count);
    let other = random.random_range(0..count - 1);
    // Every pair is as likely as another.
    let other = if other < first { other } else { other + 1 };
    let [first, other] = [first, other].map(|at| choices.clone().nth(at));
    let ((place, server, _), (other_place, other, _)) = (first?, other?);
    if other.load.in_flight() < server.load.in_flight() {
        Some(other_place)
    } else {
        Some(place)
    }
}
