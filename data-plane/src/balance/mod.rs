//! Which server gets the next request.
//!
//! A [`Service`] is immutable but for its place in the rotation; a [`Server`] is
//! immutable but for its health and its short memory of failed connects and of how soon
//! it answers. Both survive every change of configuration that does not concern them,
//! and nothing here takes a lock.
//!
//! A request goes down from the service of its router to a [`LoadBalancer`]
//! ([`Service::descend`]) and has a [`Turn`] there, which finds it servers.
//!
//! Not here: connections, retries, who asks servers how they do ([`crate::probe`]).

mod composition;
mod ejection;
mod failover;
mod hash;
mod health;
mod load;
mod load_balancer;
mod mirroring;
mod roster;
mod schedule;
mod selection;
mod server;
mod standing;
mod sticky;
mod strategy;
mod transport;
mod turn;
mod weighted;

pub(crate) use self::composition::{Descent, Outlook, Service, Step};
pub(crate) use self::failover::Failover;
#[cfg(test)]
pub(crate) use self::health::Verdict;
pub(crate) use self::health::{Check, Mode};
pub(crate) use self::load::InFlight;
pub(crate) use self::load_balancer::{Internal, LoadBalancer};
pub(crate) use self::mirroring::Mirroring;
pub(crate) use self::roster::Roster;
pub(crate) use self::server::{Scheme, Server, ServerError, ServerKey};
pub(crate) use self::standing::Standing;
pub(crate) use self::transport::{Transport, TransportError, speaks_http2};
pub(crate) use self::turn::{Asking, Turn};
pub(crate) use self::weighted::{Regard, Why};
