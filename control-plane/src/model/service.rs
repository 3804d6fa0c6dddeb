//! A service: what requests go to. Servers and how to speak to them, or other
//! services and which of them gets a request.

use std::fmt;

use super::{LoadBalancer, Server};

/// A service as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Servers.
    LoadBalancer(LoadBalancer),
    /// Other services by their shares.
    Weighted(Weighted),
    /// Other services; a client keeps to one of them by its address.
    HighestRandomWeight(HighestRandomWeight),
    /// Another service, and some that get copies of its requests.
    Mirroring(Mirroring),
    /// Another service, and one that stands in for it.
    Failover(Failover),
}

/// Other services by their shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weighted {
    /// In the order declared.
    pub services: Vec<WeightedService>,
    /// Clients keep to the service they got first.
    pub sticky: Option<Cookie>,
    /// `healthCheck: {}` was written. Services without a usable server are passed
    /// over either way.
    pub health_check: bool,
    /// References to middlewares, outermost first.
    pub middlewares: Vec<String>,
}

/// Other services; a client keeps to one of them by its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HighestRandomWeight {
    /// In the order declared.
    pub services: Vec<WeightedService>,
    /// `healthCheck: {}` was written.
    pub health_check: bool,
    /// References to middlewares, outermost first.
    pub middlewares: Vec<String>,
}

/// One of several services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedService {
    /// Reference, as written: sticky cookies are made of it.
    pub name: String,
    /// Share of the requests; 0: none.
    pub weight: u32,
}

/// Another service, and some that get copies of its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirroring {
    /// Reference to the service that answers.
    pub service: String,
    /// Who gets copies.
    pub mirrors: Vec<Mirror>,
    /// Copies have the body, too.
    pub mirror_body: bool,
    /// Requests with more bytes of body are not copied; `None`: as far as the
    /// proxies' own bound goes.
    pub max_body_size: Option<u64>,
    /// `healthCheck: {}` was written.
    pub health_check: bool,
    /// References to middlewares, outermost first.
    pub middlewares: Vec<String>,
}

/// Who gets copies of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Reference to the service.
    pub name: String,
    /// Of a hundred requests, 0 to 100.
    pub percent: u8,
}

/// Another service, and one that stands in for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failover {
    /// Reference to the main service.
    pub service: String,
    /// Reference to the one that stands in while the main one has no usable server.
    pub fallback: String,
    /// `healthCheck: {}` was written.
    pub health_check: bool,
    /// It stands in for answers, too.
    pub errors: Option<FailoverErrors>,
    /// References to middlewares, outermost first.
    pub middlewares: Vec<String>,
}

/// Answers of the main service that the fallback answers instead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailoverErrors {
    /// First and last status of each range.
    pub status: Vec<(u16, u16)>,
    /// Requests with more bytes of body are refused; `None`: no limit.
    pub max_request_body_bytes: Option<u64>,
}

/// Which server a client gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By turns, in proportion to the weights.
    #[default]
    Wrr,
    /// Of two at random the one with fewer requests in flight.
    P2c,
    /// By the client's address: the highest random weight.
    Hrw,
    /// Who answers soonest.
    LeastTime,
}

/// The cookie that makes a client keep to what it got first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookie {
    /// As written; `None`: made from the service's name.
    pub name: Option<String>,
    /// Only over TLS.
    pub secure: bool,
    /// Not for scripts.
    pub http_only: bool,
    /// What other sites may do with it; `None`: not said.
    pub same_site: Option<SameSite>,
    /// Seconds it lives: 0 is not said, less is over at once.
    pub max_age: i64,
    /// `None`: `/`.
    pub path: Option<String>,
    /// Empty: the host that was asked.
    pub domain: String,
}

/// What other sites may do with a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Everything.
    None,
    /// Links.
    Lax,
    /// Nothing.
    Strict,
}

impl Service {
    /// The servers, if it has its own.
    pub fn load_balancer(&self) -> Option<&LoadBalancer> {
        match self {
            Self::LoadBalancer(load_balancer) => Some(load_balancer),
            _ => None,
        }
    }

    /// The servers, if it has its own.
    pub fn load_balancer_mut(&mut self) -> Option<&mut LoadBalancer> {
        match self {
            Self::LoadBalancer(load_balancer) => Some(load_balancer),
            _ => None,
        }
    }

    /// Its own servers in rotation order; none if it consists of other services.
    pub fn servers(&self) -> &[Server] {
        self.load_balancer().map_or(&[], |it| &it.servers)
    }

    /// Why it has no server, if it should have its own and has none.
    pub fn unavailable(&self) -> Option<&str> {
        self.load_balancer()?.unavailable.as_deref()
    }

    /// References to what requests go through after the middlewares of a router, or of
    /// the service that this one is a part of; outermost first.
    pub fn middlewares(&self) -> &[String] {
        match self {
            Self::LoadBalancer(it) => &it.middlewares,
            Self::Weighted(it) => &it.middlewares,
            Self::HighestRandomWeight(it) => &it.middlewares,
            Self::Mirroring(it) => &it.middlewares,
            Self::Failover(it) => &it.middlewares,
        }
    }

    /// References to other services, as written.
    pub fn references(&self) -> Vec<&str> {
        match self {
            Self::LoadBalancer(_) => Vec::new(),
            Self::Weighted(Weighted { services, .. })
            | Self::HighestRandomWeight(HighestRandomWeight { services, .. }) => {
                services.iter().map(|it| it.name.as_str()).collect()
            }
            Self::Mirroring(it) => std::iter::once(it.service.as_str())
                .chain(it.mirrors.iter().map(|mirror| mirror.name.as_str()))
                .collect(),
            Self::Failover(it) => vec![&it.service, &it.fallback],
        }
    }

    /// Its kind, as Traefik's API has it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::LoadBalancer(_) => "loadbalancer",
            Self::Weighted(_) => "weighted",
            Self::HighestRandomWeight(_) => "highestrandomweight",
            Self::Mirroring(_) => "mirroring",
            Self::Failover(_) => "failover",
        }
    }
}

impl From<LoadBalancer> for Service {
    fn from(load_balancer: LoadBalancer) -> Self {
        Self::LoadBalancer(load_balancer)
    }
}

impl Strategy {
    /// The strategy of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Wrr, Self::P2c, Self::Hrw, Self::LeastTime]
            .into_iter()
            .find(|it| it.word() == word)
    }

    /// Its name in labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wrr => "wrr",
            Self::P2c => "p2c",
            Self::Hrw => "hrw",
            Self::LeastTime => "leasttime",
        }
    }
}

impl SameSite {
    /// What this word says, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "none" => Some(Self::None),
            "lax" => Some(Self::Lax),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

impl fmt::Display for SameSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Lax => "lax",
            Self::Strict => "strict",
        })
    }
}
