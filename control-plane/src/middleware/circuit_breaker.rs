//! `circuitBreaker`: answers by itself for a while when a service fails.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use super::expression::{self, About};
use super::{period, status};
use crate::label::{Fields, Period};

const EXPRESSION: &str = "circuitBreaker.expression";
const CHECK: &str = "circuitBreaker.checkPeriod";
const FALLBACK: &str = "circuitBreaker.fallbackDuration";
const RECOVERY: &str = "circuitBreaker.recoveryDuration";
const CODE: &str = "circuitBreaker.responseCode";

/// Options of `circuitBreaker`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreaker {
    /// Whether it opens.
    pub expression: String,
    /// Between two looks at the expression.
    pub check_period: Period,
    /// For which it answers by itself.
    pub fallback_duration: Period,
    /// In which it lets more and more requests through.
    pub recovery_duration: Period,
    /// Status of its answers.
    pub response_code: u16,
}

impl CircuitBreaker {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        let check_period = period(fields, CHECK);
        let fallback_duration = period(fields, FALLBACK);
        let recovery_duration = period(fields, RECOVERY);
        let response_code = match fields.integer(CODE) {
            None => Some(503),
            Some(code) => {
                let known = status::status(&code.to_string()).filter(|code| *code >= 200);
                if known.is_none() {
                    let message = format!("{code} is not the status of an answer");
                    fields.reject(CODE, message, "write for instance 503");
                }
                known.and_then(|code| u16::try_from(code).ok())
            }
        };
        let Some(expression) = fields.some_text(EXPRESSION) else {
            let key = fields.key(EXPRESSION);
            let suggestion = format!("write {key}=NetworkErrorRatio() > 0.5");
            fields.reject(
                EXPRESSION,
                "circuitBreaker lacks its expression",
                suggestion,
            );
            return None;
        };
        expression::check(fields, EXPRESSION, &expression, About::Service);
        Some(Self {
            expression,
            check_period: check_period.unwrap_or(Period::from_millis(100)),
            fallback_duration: fallback_duration.unwrap_or(Period::from_secs(10)),
            recovery_duration: recovery_duration.unwrap_or(Period::from_secs(10)),
            response_code: response_code.unwrap_or(503),
        })
    }

    pub(super) fn encode(&self) -> proto::CircuitBreaker {
        proto::CircuitBreaker {
            expression: expression::parse(&self.expression, About::Service).ok(),
            text: self.expression.clone(),
            check_period_ns: self.check_period.as_nanos(),
            fallback_ns: self.fallback_duration.as_nanos(),
            recovery_ns: self.recovery_duration.as_nanos(),
            response_code: self.response_code.into(),
        }
    }
}
