//! `buffering`: reads requests and answers whole before they go on.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::expression::{self, About};
use crate::label::Fields;

const MAX_REQUEST: &str = "buffering.maxRequestBodyBytes";
const MAX_RESPONSE: &str = "buffering.maxResponseBodyBytes";
const RETRY: &str = "buffering.retryExpression";

/// Options of `buffering`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Buffering {
    /// 0: no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_request_body_bytes: u64,
    /// 0: no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_response_body_bytes: u64,
    /// Whether an answer is a reason to try again; empty: never.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub retry_expression: String,
}

impl Buffering {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        let retry_expression = fields.some_text(RETRY).unwrap_or_default();
        if !retry_expression.is_empty() {
            expression::check(fields, RETRY, &retry_expression, About::Answer);
        }
        Self {
            max_request_body_bytes: limit(fields, MAX_REQUEST),
            max_response_body_bytes: limit(fields, MAX_RESPONSE),
            retry_expression,
        }
    }

    pub(super) fn encode(&self) -> proto::Buffering {
        proto::Buffering {
            max_request_body_bytes: self.max_request_body_bytes,
            max_response_body_bytes: self.max_response_body_bytes,
            retry: expression::parse(&self.retry_expression, About::Answer).ok(),
        }
    }
}

/// A number of bytes; 0 and negative ones are no limit.
fn limit(fields: &mut Fields, option: &str) -> u64 {
    let limit = fields.integer(option).unwrap_or_default();
    if limit <= 0 {
        let name = option.rsplit('.').next().unwrap_or(option);
        let message = format!("without {name} bodies of any size are kept in memory");
        let suggestion = format!("write {}=10485760", fields.key(option));
        fields.remark(option, message, suggestion);
    }
    u64::try_from(limit).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
