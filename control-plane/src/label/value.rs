//! Values of labels: text into booleans, numbers, durations and lists, by Go's
//! rules.

use std::collections::BTreeMap;
use std::time::Duration;

/// A decoded value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Int(i64),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
}

/// The booleans of Go.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// What to write for a text that is no boolean.
pub(super) fn boolean_meant(text: &str) -> &'static str {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" | "enabled" | "enable" => "write true",
        "no" | "n" | "off" | "false" | "disabled" | "disable" => "write false",
        _ => "write true or false",
    }
}

/// A number from 1 to 65535, in digits only.
pub(crate) fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|port: u16| port > 0)
}

/// Comma separated items, trimmed; empty text is an empty list.
pub(super) fn list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// Nanoseconds of a duration: whole seconds, or Go's notation (`300ms`, `1m30s`,
/// `1.5h`), with a sign or without.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let total = match rest.parse() {
        Ok(seconds) if !rest.starts_with('+') => Duration::from_secs(seconds),
        _ => go_duration(rest)?,
    };
    let nanoseconds = i64::try_from(total.as_nanos()).ok()?;
    Some(if negative { -nanoseconds } else { nanoseconds })
}

fn go_duration(mut rest: &str) -> Option<Duration> {
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(unit_at)?;
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        let part = Duration::try_from_secs_f64(number * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_go_notation() {
        let rows = [
            ("10", Some(10_000)),
            ("0", Some(0)),
            ("300ms", Some(300)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("1500us", Some(1)),
            ("10 s", None),
            ("s", None),
            ("", None),
            ("5x", None),
            ("1.5", None),
            ("1..5s", None),
            ("-1", Some(-1000)),
            ("-1m", Some(-60_000)),
            ("--1", None),
            ("-+1", None),
            ("9999999999999", None),
        ];
        for (text, expected) in rows {
            assert_eq!(duration(text).map(|it| it / 1_000_000), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_trimmed() {
        assert_eq!(list(" web , websecure"), ["web", "websecure"]);
        assert_eq!(list("a,,b"), ["a", "", "b"]);
        assert!(list("").is_empty());
    }
}
