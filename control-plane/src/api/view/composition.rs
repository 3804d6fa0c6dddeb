//! Services that consist of others, and sticky cookies, in Traefik's words.

use serde::Serialize;

use crate::compile::cookie_name;
use crate::model::{
    Cookie, Failover, HighestRandomWeight, Mirroring, Service, Weighted, WeightedService,
};

/// What a service consists of, under the name of its kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PartsView<'a> {
    Weighted(WeightedView<'a>),
    HighestRandomWeight(WeightedView<'a>),
    #[serde(rename_all = "camelCase")]
    Mirroring {
        service: &'a str,
        mirrors: Vec<MirrorView<'a>>,
        mirror_body: bool,
        max_body_size: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        health_check: Option<Empty>,
    },
    #[serde(rename_all = "camelCase")]
    Failover {
        service: &'a str,
        fallback: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        health_check: Option<Empty>,
        #[serde(skip_serializing_if = "Option::is_none")]
        errors: Option<ErrorsView>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WeightedView<'a> {
    services: Vec<WeightedServiceView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<StickyView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<Empty>,
}

#[derive(Debug, Serialize)]
struct WeightedServiceView<'a> {
    name: &'a str,
    weight: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct MirrorView<'a> {
    name: &'a str,
    percent: u8,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorsView {
    status: Vec<String>,
    max_request_body_bytes: i64,
}

/// `{}`.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

/// `{"cookie": {…}}`.
#[derive(Debug, Serialize)]
pub(super) struct StickyView<'a> {
    cookie: CookieView<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CookieView<'a> {
    name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    secure: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    http_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_site: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    max_age: i64,
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    domain: &'a str,
}

impl<'a> PartsView<'a> {
    /// `None` for servers.
    pub(super) fn new(name: &str, service: &'a Service) -> Option<Self> {
        Some(match service {
            Service::LoadBalancer(_) => return None,
            Service::Weighted(it) => Self::weighted(name, it),
            Service::HighestRandomWeight(it) => Self::highest_random_weight(it),
            Service::Mirroring(it) => Self::mirroring(it),
            Service::Failover(it) => Self::failover(it),
        })
    }

    fn weighted(name: &str, it: &'a Weighted) -> Self {
        let sticky = it.sticky.as_ref();
        Self::Weighted(WeightedView {
            services: services(&it.services),
            sticky: sticky.map(|cookie| StickyView::new(name, cookie)),
            health_check: empty(it.health_check),
        })
    }

    fn highest_random_weight(it: &'a HighestRandomWeight) -> Self {
        Self::HighestRandomWeight(WeightedView {
            services: services(&it.services),
            sticky: None,
            health_check: empty(it.health_check),
        })
    }

    fn mirroring(it: &'a Mirroring) -> Self {
        let mirrors = it.mirrors.iter().map(|mirror| MirrorView {
            name: &mirror.name,
            percent: mirror.percent,
        });
        Self::Mirroring {
            service: &it.service,
            mirrors: mirrors.collect(),
            mirror_body: it.mirror_body,
            max_body_size: limit(it.max_body_size),
            health_check: empty(it.health_check),
        }
    }

    fn failover(it: &'a Failover) -> Self {
        let range = |(first, last): &(u16, u16)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        Self::Failover {
            service: &it.service,
            fallback: &it.fallback,
            health_check: empty(it.health_check),
            errors: it.errors.as_ref().map(|errors| ErrorsView {
                status: errors.status.iter().map(range).collect(),
                max_request_body_bytes: limit(errors.max_request_body_bytes),
            }),
        }
    }
}

impl<'a> StickyView<'a> {
    /// Of the service of this qualified name.
    pub(super) fn new(service: &str, cookie: &'a Cookie) -> Self {
        Self {
            cookie: CookieView {
                name: cookie_name(service, cookie),
                secure: cookie.secure,
                http_only: cookie.http_only,
                same_site: cookie.same_site.map(|it| it.to_string()),
                max_age: cookie.max_age,
                path: cookie.path.as_deref().unwrap_or("/"),
                domain: &cookie.domain,
            },
        }
    }
}

fn services(services: &[WeightedService]) -> Vec<WeightedServiceView<'_>> {
    let views = services.iter().map(|it| WeightedServiceView {
        name: &it.name,
        weight: it.weight,
    });
    views.collect()
}

fn empty(is_there: bool) -> Option<Empty> {
    is_there.then_some(Empty {})
}

/// Traefik says -1 for none.
fn limit(limit: Option<u64>) -> i64 {
    limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}
