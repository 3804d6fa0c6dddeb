//! `sourceCriterion`: which requests count together.

use fairway_proto::discovery::v1 as proto;
use http::HeaderName;
use proto::source_criterion::Source;
use serde::Serialize;

use super::ip_strategy::{self, IpStrategy};
use crate::label::Fields;

/// Options of `sourceCriterion`. At most one is set; which one counts where none is,
/// the middleware says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceCriterion {
    /// Requests of one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// Requests with one value of this header.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_header_name: String,
    /// Requests to one host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub request_host: bool,
}

/// The full spelling of the options below one `sourceCriterion`.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) ip_strategy: &'static str,
    pub(super) ip: ip_strategy::Keys,
    pub(super) request_header_name: &'static str,
    pub(super) request_host: &'static str,
}

impl SourceCriterion {
    /// Reads the options; what is wrong is told to the fields. `None`: none is set.
    pub(super) fn decode(fields: &mut Fields, keys: Keys) -> Option<Self> {
        let ip_strategy = fields
            .is_on(keys.ip_strategy)
            .then(|| IpStrategy::decode(fields, keys.ip));
        let request_header_name = fields
            .some_text(keys.request_header_name)
            .unwrap_or_default();
        let request_host = fields.boolean(keys.request_host).unwrap_or_default();
        if !request_header_name.is_empty() && HeaderName::try_from(&request_header_name).is_err() {
            fields.reject(
                keys.request_header_name,
                format!("`{request_header_name}` cannot be the name of a header"),
                "write letters, digits and dashes, such as X-Api-Key",
            );
        }
        let set = [
            (ip_strategy.is_some(), keys.ip_strategy),
            (!request_header_name.is_empty(), keys.request_header_name),
            (request_host, keys.request_host),
        ];
        let set: Vec<_> = set.iter().filter(|(set, _)| *set).map(|it| it.1).collect();
        if set.len() > 1 {
            let names = set.iter().map(|it| it.rsplit('.').next().unwrap_or(it));
            let names = Vec::from_iter(names).join(" and ");
            let last = set.last().copied().unwrap_or_default();
            fields.reject(
                last,
                format!("a source is told by one criterion, not by {names}"),
                "keep one of them",
            );
        }
        (!set.is_empty()).then_some(Self {
            ip_strategy,
            request_header_name,
            request_host,
        })
    }

    pub(super) fn encode(&self) -> proto::SourceCriterion {
        let source = if self.request_host {
            Source::RequestHost(true)
        } else if self.request_header_name.is_empty() {
            return by_address(self.ip_strategy.as_ref());
        } else {
            Source::RequestHeaderName(self.request_header_name.clone())
        };
        proto::SourceCriterion {
            source: Some(source),
        }
    }
}

/// Requests of one address.
pub(super) fn by_address(strategy: Option<&IpStrategy>) -> proto::SourceCriterion {
    let strategy = strategy.map(IpStrategy::encode).unwrap_or_default();
    proto::SourceCriterion {
        source: Some(Source::IpStrategy(strategy)),
    }
}

/// Requests to one host.
pub(super) fn by_host() -> proto::SourceCriterion {
    proto::SourceCriterion {
        source: Some(Source::RequestHost(true)),
    }
}
