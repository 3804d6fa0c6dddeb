//! `sourceCriterion`: which requests count together.

use std::hash::Hash;
use std::net::IpAddr;

use fairway_proto::discovery::v1 as wire;
use http::{HeaderName, HeaderValue};
use wire::source_criterion::Source as Wire;

use super::MiddlewareError;
use super::ip_strategy::IpStrategy;
use crate::proxy::head::Head;

/// How the source of a request is found.
#[derive(Debug)]
pub(super) enum SourceCriterion {
    Address(IpStrategy),
    Header(HeaderName),
    Host,
}

/// Where a request comes from. Those that do not say are one source.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Source<'h> {
    Address(Option<IpAddr>),
    Header(&'h [u8]),
    Host(&'h str),
}

impl SourceCriterion {
    pub(super) fn build(spec: Option<&wire::SourceCriterion>) -> Result<Self, MiddlewareError> {
        const OPTION: &str = "sourceCriterion";
        let source = spec.and_then(|spec| spec.source.as_ref());
        match source.ok_or(MiddlewareError::Required { option: OPTION })? {
            Wire::IpStrategy(spec) => Ok(Self::Address(IpStrategy::build(Some(spec))?)),
            Wire::RequestHeaderName(name) => HeaderName::try_from(name)
                .map(Self::Header)
                .map_err(|_| MiddlewareError::HeaderName(name.clone())),
            Wire::RequestHost(_) => Ok(Self::Host),
        }
    }

    pub(super) fn source<'h>(&self, head: &'h Head) -> Source<'h> {
        match self {
            Self::Address(strategy) => Source::Address(strategy.address(head)),
            Self::Header(name) => {
                let value = head.headers.get(name).map(HeaderValue::as_bytes);
                Source::Header(value.unwrap_or_default())
            }
            Self::Host => Source::Host(&head.host),
        }
    }
}
