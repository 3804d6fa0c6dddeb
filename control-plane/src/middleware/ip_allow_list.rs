//! `ipAllowList`, and `ipWhiteList`, its old name: only some addresses pass.

use fairway_proto::discovery::v1 as proto;
use http::StatusCode;
use serde::Serialize;

use super::ip_strategy::{IpStrategy, Keys, ranges};
use crate::label::Fields;

/// Options of `ipAllowList` and `ipWhiteList`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IpAllowList {
    /// Addresses and ranges that pass.
    pub source_range: Vec<String>,
    /// Whose address a request has; `None`: the peer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// Status of a refusal; `None`: 403.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_status_code: Option<u16>,
}

impl IpAllowList {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const STATUS: &str = "ipAllowList.rejectStatusCode";
        const KEYS: Keys = Keys {
            depth: "ipAllowList.ipStrategy.depth",
            excluded_ips: "ipAllowList.ipStrategy.excludedIPs",
            ipv6_subnet: "ipAllowList.ipStrategy.ipv6Subnet",
        };
        let mut list = Self::read(fields, "ipAllowList.sourceRange", KEYS)?;
        let Some(status) = fields.integer(STATUS) else {
            return Some(list);
        };
        let known = u16::try_from(status).ok().filter(|status| {
            let status = StatusCode::from_u16(*status).ok();
            status.is_some_and(|it| !it.is_informational() && it.canonical_reason().is_some())
        });
        if known.is_none() {
            fields.reject(
                STATUS,
                format!("{status} is not the status of an answer"),
                "write for instance 403 or 404",
            );
        }
        list.reject_status_code = known;
        Some(list)
    }

    /// Reads the options under the old name.
    pub(super) fn decode_old(fields: &mut Fields) -> Option<Self> {
        const RANGE: &str = "ipWhiteList.sourceRange";
        const KEYS: Keys = Keys {
            depth: "ipWhiteList.ipStrategy.depth",
            excluded_ips: "ipWhiteList.ipStrategy.excludedIPs",
            ipv6_subnet: "ipWhiteList.ipStrategy.ipv6Subnet",
        };
        Self::read(fields, RANGE, KEYS)
    }

    fn read(fields: &mut Fields, range: &'static str, keys: Keys) -> Option<Self> {
        let source_range = ranges(fields, range);
        if source_range.is_empty() {
            let suggestion = format!("write {}=10.0.0.0/8", fields.key(range));
            fields.reject(range, "the list of addresses is empty", suggestion);
            return None;
        }
        let strategy = IpStrategy::decode(fields, keys);
        Some(Self {
            source_range,
            ip_strategy: Some(strategy).filter(|it| *it != IpStrategy::default()),
            reject_status_code: None,
        })
    }

    pub(super) fn encode(&self) -> proto::IpAllowList {
        proto::IpAllowList {
            source_range: self.source_range.clone(),
            ip_strategy: self.ip_strategy.as_ref().map(IpStrategy::encode),
            reject_status_code: self.reject_status_code.unwrap_or(403).into(),
        }
    }
}
