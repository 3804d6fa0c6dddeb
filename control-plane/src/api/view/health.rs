//! The health of servers: how it is found out, and what each proxy has found.

use std::collections::BTreeMap;
use std::time::Duration;

use fairway_proto::discovery::v1::{HealthState, ServerHealth};
use serde::Serialize;

use crate::model::{HealthCheck, PassiveHealthCheck};
use crate::redact;

/// An active check, in Traefik's words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthCheckView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    mode: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    interval: String,
    unhealthy_interval: String,
    timeout: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    hostname: &'a str,
    follow_redirects: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, &'a str>,
}

/// A passive check, in Traefik's words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PassiveHealthCheckView {
    failure_window: String,
    max_failed_attempts: u32,
}

/// What a proxy has against a server.
#[derive(Debug, Serialize)]
pub(super) struct UnhealthyView<'a> {
    proxy: &'a str,
    /// `down` or `ejected`.
    state: &'static str,
    reason: &'a str,
}

impl<'a> HealthCheckView<'a> {
    pub(super) fn new(check: &'a HealthCheck) -> Self {
        let headers = check.headers.iter();
        Self {
            scheme: check.scheme.map(|it| it.to_string()),
            mode: check.mode.word(),
            path: &check.path,
            method: &check.method,
            status: check.status,
            port: check.port,
            interval: duration(check.interval),
            unhealthy_interval: duration(check.unhealthy_interval),
            timeout: duration(check.timeout),
            hostname: &check.hostname,
            follow_redirects: check.follow_redirects,
            headers: headers
                .map(|(name, value)| (name.as_str(), redact::header(name, value)))
                .collect(),
        }
    }
}

impl PassiveHealthCheckView {
    pub(super) fn new(check: &PassiveHealthCheck) -> Self {
        Self {
            failure_window: duration(check.failure_window),
            max_failed_attempts: check.max_failed_attempts,
        }
    }
}

impl<'a> UnhealthyView<'a> {
    pub(super) fn new(proxy: &'a str, health: &'a ServerHealth) -> Self {
        Self {
            proxy,
            state: match health.state() {
                HealthState::Ejected => "ejected",
                _ => "down",
            },
            reason: &health.reason,
        }
    }
}

/// As Go writes it: `1m30s`, `250ms`.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let millis = duration.subsec_millis();
    if seconds == 0 && millis > 0 {
        return format!("{millis}ms");
    }
    let fraction = match millis {
        0 => String::new(),
        millis => format!(".{millis:03}").trim_end_matches('0').to_owned(),
    };
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        for (millis, expected) in [
            (0, "0s"),
            (250, "250ms"),
            (1_500, "1.5s"),
            (30_000, "30s"),
            (90_000, "1m30s"),
            (3_600_000, "1h0m0s"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }
}
