//! `retry`: tries again when a server could not be reached or answers with certain
//! statuses.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::{period, status};
use crate::label::{Fields, Period};

const ATTEMPTS: &str = "retry.attempts";
const INTERVAL: &str = "retry.initialInterval";
const TIMEOUT: &str = "retry.timeout";
const STATUS: &str = "retry.status";
const MAX_BODY: &str = "retry.maxRequestBodyBytes";
const NO_NETWORK: &str = "retry.disableRetryOnNetworkError";
const ANY_METHOD: &str = "retry.retryNonIdempotentMethod";
/// Of a body that is kept, unless told: 2 MiB.
const DEFAULT_MAX_BODY: u64 = 2 * 1024 * 1024;

/// Options of `retry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// All tries.
    pub attempts: u32,
    /// Before the second try.
    #[serde(skip_serializing_if = "none")]
    pub initial_interval: Period,
    /// After which no try begins; 0: no limit.
    #[serde(skip_serializing_if = "none")]
    pub timeout: Period,
    /// Statuses that are tried again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// Bytes of a body that is kept for another try because of a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_body_bytes: Option<u64>,
    /// Not because a server could not be reached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_retry_on_network_error: bool,
    /// Because of a status, also requests that are not safe to repeat.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retry_non_idempotent_method: bool,
}

impl Retry {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let status = status::ranges(fields, STATUS);
        let disable_retry_on_network_error = fields.boolean(NO_NETWORK).unwrap_or_default();
        let retry_non_idempotent_method = fields.boolean(ANY_METHOD).unwrap_or_default();
        if status.is_empty() && disable_retry_on_network_error {
            let message = "nothing is left to try again for";
            let suggestion = format!("write {}=503, or remove this label", fields.key(STATUS));
            fields.reject(NO_NETWORK, message, suggestion);
        }
        let max_request_body_bytes = fields.integer(MAX_BODY);
        if status.is_empty() && (max_request_body_bytes.is_some() || retry_non_idempotent_method) {
            let option = max_request_body_bytes.map_or(ANY_METHOD, |_| MAX_BODY);
            let name = option.rsplit('.').next().unwrap_or(option);
            let message = format!("{name} has no effect without a status");
            let suggestion = format!("write {}=503, or remove this label", fields.key(STATUS));
            fields.remark(option, message, suggestion);
        }
        let initial_interval = period(fields, INTERVAL).unwrap_or_default();
        let timeout = period(fields, TIMEOUT).unwrap_or_default();
        let attempts = fields.integer(ATTEMPTS);
        let Some(attempts @ 1..) = attempts else {
            let message = match attempts {
                None => "retry lacks its attempts".to_owned(),
                Some(attempts) => format!("with {attempts} attempts no request is sent"),
            };
            let suggestion = format!("write {}=3", fields.key(ATTEMPTS));
            fields.reject(ATTEMPTS, message, suggestion);
            return None;
        };
        if attempts == 1 {
            let suggestion = format!("write {}=3", fields.key(ATTEMPTS));
            let message = "with one attempt nothing is tried again";
            fields.remark(ATTEMPTS, message, suggestion);
        }
        Some(Self {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            initial_interval,
            timeout,
            status,
            max_request_body_bytes: max_request_body_bytes
                .map(|bytes| u64::try_from(bytes).unwrap_or_default()),
            disable_retry_on_network_error,
            retry_non_idempotent_method,
        })
    }

    pub(super) fn encode(&self) -> proto::Retry {
        proto::Retry {
            attempts: self.attempts,
            initial_interval_ns: self.initial_interval.as_nanos(),
            timeout_ns: self.timeout.as_nanos(),
            status: status::encode(&self.status),
            max_request_body_bytes: self.max_request_body_bytes.unwrap_or(DEFAULT_MAX_BODY),
            disable_on_network_error: self.disable_retry_on_network_error,
            non_idempotent_method: self.retry_non_idempotent_method,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn none(period: &Period) -> bool {
    period.is_zero()
}
