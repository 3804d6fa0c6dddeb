//! `retry`: tries again when a server could not be reached or answers with certain
//! statuses.
//!
//! Here is when and after what time; the request path tries.

use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::{Method, StatusCode};
use rand::Rng as _;

use super::MiddlewareError;
use super::status::{self, StatusRange};

/// Reason codes of answers that mean that no byte has reached a server.
const UNREACHED: [&str; 4] = [
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    "tls_failed",
];

#[derive(Debug)]
pub(crate) struct Retry {
    /// All tries.
    pub(crate) attempts: u32,
    /// Before the second.
    interval: Duration,
    /// After which none begins.
    pub(crate) timeout: Option<Duration>,
    status: Box<[StatusRange]>,
    max_body: u64,
    network: bool,
    any_method: bool,
}

impl Retry {
    pub(super) fn build(spec: &wire::Retry) -> Result<Self, MiddlewareError> {
        if spec.attempts == 0 {
            return Err(MiddlewareError::Required { option: "attempts" });
        }
        Ok(Self {
            attempts: spec.attempts,
            interval: Duration::from_nanos(spec.initial_interval_ns),
            timeout: (spec.timeout_ns > 0).then(|| Duration::from_nanos(spec.timeout_ns)),
            status: status::ranges(&spec.status)?,
            max_body: spec.max_request_body_bytes,
            network: !spec.disable_on_network_error,
            any_method: spec.non_idempotent_method,
        })
    }

    /// Bytes of a body to keep in case of a status; `None`: it need not be kept.
    pub(crate) fn keeps(&self, method: &Method) -> Option<u64> {
        (self.attempts > 1 && self.by_status(method)).then_some(self.max_body)
    }

    /// No byte has reached a server.
    pub(crate) fn is_unreached(&self, reason: &str) -> bool {
        self.network && UNREACHED.contains(&reason)
    }

    /// Its status is a reason to try again.
    pub(crate) fn is_unwanted(&self, method: &Method, status: StatusCode) -> bool {
        self.by_status(method) && status::contains(&self.status, status)
    }

    /// Before the next try, after so many.
    pub(crate) fn pause(&self, tries: u32) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let all = f64::from(self.attempts.saturating_sub(1).max(1));
        let growth = 2_f64.powf(f64::from(tries.saturating_sub(1)) / all);
        let jitter = rand::rng().random_range(0.5..=1.5);
        let pause = self.interval.as_secs_f64() * growth * jitter;
        Duration::try_from_secs_f64(pause).unwrap_or(self.interval)
    }

    fn by_status(&self, method: &Method) -> bool {
        let repeatable = !matches!(method.as_str(), "POST" | "PATCH" | "LOCK");
        !self.status.is_empty() && (repeatable || self.any_method)
    }

    /// For explanations.
    pub(super) fn described(&self) -> String {
        let mut reasons = Vec::new();
        if self.network {
            reasons.push("if no server can be reached".to_owned());
        }
        if !self.status.is_empty() {
            reasons.push(format!("at status {}", status::shown(&self.status)));
        }
        let attempts = self.attempts;
        format!("tries up to {attempts} times {}", reasons.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(attempts: u32, status: &[u32]) -> Retry {
        let range = |code: &u32| wire::StatusRange {
            first: *code,
            last: *code,
        };
        let spec = wire::Retry {
            attempts,
            initial_interval_ns: 100_000_000,
            status: status.iter().map(range).collect(),
            max_request_body_bytes: 10,
            ..wire::Retry::default()
        };
        Retry::build(&spec).unwrap()
    }

    #[test]
    fn pauses_grow_to_twice_the_first_over_all_tries() {
        let retry = retry(4, &[]);
        for (tries, middle) in [(1, 100.0), (2, 126.0), (3, 158.7), (4, 200.0)] {
            for _ in 0..50 {
                let pause = retry.pause(tries).as_secs_f64() * 1000.0;
                let (least, most) = (middle * 0.49, middle * 1.51);
                assert!((least..=most).contains(&pause), "{tries}: {pause}");
            }
        }
    }

    #[test]
    fn a_status_is_a_reason_only_for_what_may_be_repeated() {
        let by_status = retry(3, &[503]);
        assert_eq!(by_status.keeps(&Method::PUT), Some(10));
        assert_eq!(by_status.keeps(&Method::POST), None);
        assert_eq!(retry(3, &[]).keeps(&Method::PUT), None);
        assert_eq!(retry(1, &[503]).keeps(&Method::PUT), None);
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert!(by_status.is_unwanted(&Method::GET, busy));
        assert!(!by_status.is_unwanted(&Method::POST, busy));
        assert!(!by_status.is_unwanted(&Method::GET, StatusCode::OK));
        assert!(by_status.is_unreached("connect_refused"));
        assert!(!by_status.is_unreached("upstream_reset"));
    }
}
