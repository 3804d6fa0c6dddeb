//! `inFlightReq`: lets each source have so many requests under way at once.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::ip_strategy;
use super::source_criterion::{Keys, SourceCriterion, by_host};
use crate::label::Fields;

const AMOUNT: &str = "inFlightReq.amount";
const KEYS: Keys = Keys {
    ip_strategy: "inFlightReq.sourceCriterion.ipStrategy",
    ip: ip_strategy::Keys {
        depth: "inFlightReq.sourceCriterion.ipStrategy.depth",
        excluded_ips: "inFlightReq.sourceCriterion.ipStrategy.excludedIPs",
        ipv6_subnet: "inFlightReq.sourceCriterion.ipStrategy.ipv6Subnet",
    },
    request_header_name: "inFlightReq.sourceCriterion.requestHeaderName",
    request_host: "inFlightReq.sourceCriterion.requestHost",
};

/// Options of `inFlightReq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InFlightReq {
    /// Requests at once; at least 1.
    pub amount: u64,
    /// Which requests count together; `None`: those to one host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
}

impl InFlightReq {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let source_criterion = SourceCriterion::decode(fields, KEYS);
        let amount = fields.integer(AMOUNT);
        let Some(amount @ 1..) = amount else {
            let message = match amount {
                None => "inFlightReq lacks its amount".to_owned(),
                Some(amount) => format!("with an amount of {amount} no request passes"),
            };
            let suggestion = format!("write {}=10", fields.key(AMOUNT));
            fields.reject(AMOUNT, message, suggestion);
            return None;
        };
        Some(Self {
            amount: u64::try_from(amount).unwrap_or(1),
            source_criterion,
        })
    }

    pub(super) fn encode(&self) -> proto::InFlightReq {
        let criterion = self.source_criterion.as_ref();
        proto::InFlightReq {
            amount: self.amount,
            source_criterion: Some(criterion.map_or_else(by_host, SourceCriterion::encode)),
        }
    }
}
