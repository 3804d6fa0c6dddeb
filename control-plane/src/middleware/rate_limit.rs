//! `rateLimit`: lets each source have so many requests in a time.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::source_criterion::{Keys, SourceCriterion, by_address};
use super::{ip_strategy, period};
use crate::label::{Fields, Period};

const AVERAGE: &str = "rateLimit.average";
const PERIOD: &str = "rateLimit.period";
const KEYS: Keys = Keys {
    ip_strategy: "rateLimit.sourceCriterion.ipStrategy",
    ip: ip_strategy::Keys {
        depth: "rateLimit.sourceCriterion.ipStrategy.depth",
        excluded_ips: "rateLimit.sourceCriterion.ipStrategy.excludedIPs",
        ipv6_subnet: "rateLimit.sourceCriterion.ipStrategy.ipv6Subnet",
    },
    request_header_name: "rateLimit.sourceCriterion.requestHeaderName",
    request_host: "rateLimit.sourceCriterion.requestHost",
};

/// Options of `rateLimit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests in a period; 0: any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub average: u64,
    /// Longer than nothing.
    pub period: Period,
    /// Requests at once; at least 1.
    pub burst: u64,
    /// Which requests count together; `None`: those of one address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
}

impl RateLimit {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        let average = fields.integer(AVERAGE).unwrap_or_default();
        if average < 0 {
            fields.reject(
                AVERAGE,
                format!("{average} requests in a period are less than none"),
                "write how many requests may come in a period, such as 100; 0 is any number",
            );
        } else if average == 0 {
            let suggestion = format!("write {}=100", fields.key(AVERAGE));
            fields.remark(AVERAGE, "without an average nothing is limited", suggestion);
        }
        Self {
            average: u64::try_from(average).unwrap_or_default(),
            period: period(fields, PERIOD)
                .filter(|it| !it.is_zero())
                .unwrap_or(Period::from_secs(1)),
            burst: u64::try_from(fields.integer("rateLimit.burst").unwrap_or(1))
                .unwrap_or(1)
                .max(1),
            source_criterion: SourceCriterion::decode(fields, KEYS),
        }
    }

    pub(super) fn encode(&self) -> proto::RateLimit {
        let criterion = self.source_criterion.as_ref();
        proto::RateLimit {
            average: self.average,
            period_ns: self.period.as_nanos(),
            burst: self.burst,
            source_criterion: Some(
                criterion.map_or_else(|| by_address(None), SourceCriterion::encode),
            ),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
