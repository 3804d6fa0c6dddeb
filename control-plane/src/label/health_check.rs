//! Options of a service's health checks: `loadBalancer.healthCheck.…` and
//! `loadBalancer.passiveHealthCheck.…`

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};

use super::fields::Fields;
use super::value;
use crate::model::{HealthCheck, HealthCheckMode, PassiveHealthCheck, Scheme};

const GROUP: &str = "loadBalancer.healthCheck";
const PATH: &str = "loadBalancer.healthCheck.path";
const MODE: &str = "loadBalancer.healthCheck.mode";
const SCHEME: &str = "loadBalancer.healthCheck.scheme";
const METHOD: &str = "loadBalancer.healthCheck.method";
const STATUS: &str = "loadBalancer.healthCheck.status";
const PORT: &str = "loadBalancer.healthCheck.port";
const HOSTNAME: &str = "loadBalancer.healthCheck.hostname";
const HEADERS: &str = "loadBalancer.healthCheck.headers";
const INTERVAL: &str = "loadBalancer.healthCheck.interval";
const UNHEALTHY_INTERVAL: &str = "loadBalancer.healthCheck.unhealthyInterval";
const TIMEOUT: &str = "loadBalancer.healthCheck.timeout";
const FOLLOW_REDIRECTS: &str = "loadBalancer.healthCheck.followRedirects";

const PASSIVE: &str = "loadBalancer.passiveHealthCheck";
const FAILURE_WINDOW: &str = "loadBalancer.passiveHealthCheck.failureWindow";
const MAX_FAILED_ATTEMPTS: &str = "loadBalancer.passiveHealthCheck.maxFailedAttempts";

/// Failures that a proxy remembers of a server.
const MOST_ATTEMPTS: i64 = 1000;

/// Reads the active check, if there is one.
pub(super) fn active(fields: &mut Fields) -> Option<HealthCheck> {
    if !fields.has_group(GROUP) {
        return None;
    }
    let default = HealthCheck::default();
    let interval = positive(fields, INTERVAL, default.interval);
    Some(HealthCheck {
        mode: mode(fields),
        path: path(fields),
        scheme: scheme(fields),
        port: port(fields),
        hostname: header_value(fields, HOSTNAME),
        method: method(fields),
        status: status(fields),
        headers: headers(fields),
        interval,
        unhealthy_interval: positive(fields, UNHEALTHY_INTERVAL, interval),
        timeout: positive(fields, TIMEOUT, default.timeout),
        follow_redirects: fields.boolean(FOLLOW_REDIRECTS).unwrap_or(true),
    })
}

/// Reads the passive check, if there is one.
pub(super) fn passive(fields: &mut Fields) -> Option<PassiveHealthCheck> {
    if !fields.has_group(PASSIVE) {
        return None;
    }
    let default = PassiveHealthCheck::default();
    let attempts = fields.integer(MAX_FAILED_ATTEMPTS).unwrap_or(1);
    if attempts < 1 {
        let message = format!("{attempts} failures are not a number to wait for: 1 is used");
        fields.remark(MAX_FAILED_ATTEMPTS, message, "write 1 or more");
    } else if attempts > MOST_ATTEMPTS {
        let message = format!("more than {MOST_ATTEMPTS} failures count as {MOST_ATTEMPTS}");
        fields.remark(MAX_FAILED_ATTEMPTS, message, "write a smaller number");
    }
    Some(PassiveHealthCheck {
        failure_window: positive(fields, FAILURE_WINDOW, default.failure_window),
        max_failed_attempts: u32::try_from(attempts.clamp(1, MOST_ATTEMPTS)).unwrap_or(1),
    })
}

fn mode(fields: &mut Fields) -> HealthCheckMode {
    match fields.some_text(MODE).as_deref() {
        None | Some("http") => HealthCheckMode::Http,
        Some("grpc") => HealthCheckMode::Grpc,
        Some(other) => {
            let message = format!("`{other}` is not a mode of a health check");
            fields.reject(MODE, message, "write http or grpc");
            HealthCheckMode::Http
        }
    }
}

fn path(fields: &mut Fields) -> String {
    let path = fields.some_text(PATH).unwrap_or_default();
    if path.contains("://") || path.starts_with("//") {
        let message = format!("`{path}` is a URL and not a path");
        let advice = "write the path alone; hostname, port and scheme are options of their own";
        fields.reject(PATH, message, advice);
    } else if PathAndQuery::try_from(format!("/{}", path.trim_start_matches('/'))).is_err() {
        let message = format!("`{path}` is not a path");
        fields.reject(PATH, message, "write a path such as /health");
    }
    path
}

fn scheme(fields: &mut Fields) -> Option<Scheme> {
    let scheme = fields.some_text(SCHEME)?;
    let known = Scheme::from_word(&scheme);
    if known.is_none() {
        let message = format!("`{scheme}` is not a scheme");
        fields.reject(SCHEME, message, "write http, https or h2c");
    }
    known
}

fn port(fields: &mut Fields) -> Option<u16> {
    let port = fields.integer(PORT).filter(|port| *port != 0)?;
    let known = u16::try_from(port).ok();
    if known.is_none() {
        let message = format!("`{port}` is not a port");
        fields.reject(PORT, message, "write a number from 1 to 65535");
    }
    known
}

fn method(fields: &mut Fields) -> String {
    let method = fields.some_text(METHOD).unwrap_or("GET".to_owned());
    if Method::from_bytes(method.as_bytes()).is_err() {
        let message = format!("`{method}` is not a method");
        fields.reject(METHOD, message, "write a method such as GET or HEAD");
    }
    method
}

fn status(fields: &mut Fields) -> Option<u16> {
    let status = fields.integer(STATUS).filter(|status| *status != 0)?;
    let known = u16::try_from(status)
        .ok()
        .filter(|status| (200..1000).contains(status));
    if known.is_none() {
        let message = format!("`{status}` is not a status that a server can answer with");
        fields.reject(
            STATUS,
            message,
            "write a status such as 200, or 0 for any from 200 to 399",
        );
    }
    known
}

fn headers(fields: &mut Fields) -> std::collections::BTreeMap<String, String> {
    let headers = fields.map(HEADERS);
    for (name, value) in &headers {
        if HeaderName::try_from(name.as_str()).is_err() || HeaderValue::from_str(value).is_err() {
            let message = format!("the header `{name}` cannot be sent");
            fields.reject(
                HEADERS,
                message,
                "write a name of letters, digits and dashes, and a value in one line",
            );
        }
    }
    headers
}

fn header_value(fields: &mut Fields, option: &str) -> String {
    let text = fields.some_text(option).unwrap_or_default();
    if HeaderValue::from_str(&text).is_err() {
        let message = format!("`{text}` cannot be the name of a host");
        fields.reject(option, message, "write a host such as example.com");
    }
    text
}

/// A duration above zero.
fn positive(fields: &mut Fields, option: &str, default: Duration) -> Duration {
    let Some(text) = fields.some_text(option) else {
        return default;
    };
    let nanos = value::duration(&text).and_then(|nanos| u64::try_from(nanos).ok());
    match nanos.map(Duration::from_nanos) {
        // Proxies count milliseconds.
        Some(duration) if duration >= Duration::from_millis(1) => duration,
        _ => {
            let message = format!("`{text}` is no time to wait: {default:?} is used");
            fields.remark(
                option,
                message,
                "write a duration such as 10s, or remove the option",
            );
            default
        }
    }
}
