//! The command line of `wait`.

use std::time::Duration;

use super::{Command, ConfigError, parse};
use crate::spelling;

const DEFAULT_SERVER: &str = "http://127.0.0.1:9090";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const FLAGS: &[&str] = &[
    "--container",
    "--version",
    "--gone",
    "--timeout",
    "--server",
];

/// What `wait` was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitOptions {
    /// gRPC address of the control plane, as a URL.
    pub server: String,
    /// What to wait for.
    pub target: WaitTarget,
    /// How long, at most.
    pub timeout: Duration,
}

/// What `wait` waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitTarget {
    /// Every proxy serves this version; empty: the current one.
    Version(String),
    /// Every proxy has the container of this name or id in rotation.
    Container(String),
    /// No proxy has the container of this name or id in rotation.
    Gone(String),
}

/// Reads what stands after `wait`.
pub(super) fn command(args: impl Iterator<Item = String>) -> Result<Command, ConfigError> {
    let args: Vec<_> = args.collect();
    if args.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(Command::Help);
    }
    options(args.into_iter()).map(Command::Wait)
}

fn options(args: impl Iterator<Item = String>) -> Result<WaitOptions, ConfigError> {
    let (mut container, mut version, mut gone) = (None, None, false);
    let (mut server, mut timeout) = (DEFAULT_SERVER.to_owned(), DEFAULT_TIMEOUT);
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        if !FLAGS.contains(&flag) {
            return Err(unknown(flag));
        }
        if flag == "--gone" {
            gone = match value.as_deref() {
                None | Some("true") => true,
                Some("false") => false,
                Some(value) => return Err(invalid(flag, value, "true or false")),
            };
            continue;
        }
        let value = value.or_else(|| args.next_if(|next| !next.starts_with('-')));
        let value = value.filter(|value| !value.is_empty()).ok_or_else(|| {
            let example = format!("{flag}=VALUE");
            ConfigError::MissingValue {
                flag: flag.to_owned(),
                example,
            }
        })?;
        match flag {
            "--container" => container = Some(value.trim_start_matches('/').to_owned()),
            "--version" => version = Some(value),
            "--timeout" => timeout = read_timeout(&value)?,
            _ => server = read_server(value)?,
        }
    }
    let target = match (container, version, gone) {
        (Some(_), Some(_), _) => return Err(conflict("--version", "--container")),
        (Some(container), None, true) => WaitTarget::Gone(container),
        (Some(container), None, false) => WaitTarget::Container(container),
        (None, _, true) => return Err(missing_container()),
        (None, version, false) => WaitTarget::Version(version.unwrap_or_default()),
    };
    Ok(WaitOptions {
        server,
        target,
        timeout,
    })
}

fn read_timeout(value: &str) -> Result<Duration, ConfigError> {
    let expected = "a duration from 1ms to 1000h, as in 30s or 2m";
    parse::parse_duration(value)
        .filter(|it| (Duration::from_millis(1)..=Duration::from_secs(3_600_000)).contains(it))
        .ok_or_else(|| invalid("--timeout", value, expected))
}

fn read_server(value: String) -> Result<String, ConfigError> {
    let is_url = value.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("http") && uri.authority().is_some_and(|it| !it.host().is_empty())
    });
    if is_url {
        return Ok(value);
    }
    Err(invalid(
        "--server",
        &value,
        &format!("a URL, as in {DEFAULT_SERVER}"),
    ))
}

fn unknown(word: &str) -> ConfigError {
    if !word.starts_with('-') {
        let hint = "; did you mean --container?".to_owned();
        return ConfigError::UnexpectedArgument {
            word: word.to_owned(),
            hint,
        };
    }
    let near = spelling::nearest(word, FLAGS.iter().copied());
    let hint = match near {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; wait takes {}", FLAGS.join(", ")),
    };
    ConfigError::UnknownFlag {
        flag: word.to_owned(),
        hint,
    }
}

fn invalid(flag: &str, value: &str, expected: &str) -> ConfigError {
    let (flag, value, expected) = (flag.to_owned(), value.to_owned(), expected.to_owned());
    ConfigError::InvalidValue {
        flag,
        value,
        expected,
    }
}

fn conflict(flag: &str, other: &str) -> ConfigError {
    let reason = format!("wait takes either {flag} or {other}");
    ConfigError::UnavailableFlag {
        flag: flag.to_owned(),
        reason,
    }
}

fn missing_container() -> ConfigError {
    let reason = "it needs --container=NAME".to_owned();
    ConfigError::UnavailableFlag {
        flag: "--gone".to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<WaitOptions, ConfigError> {
        options(line.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn targets_and_limits_are_read_in_both_spellings() {
        let container = |name: &str| WaitTarget::Container(name.to_owned());
        for (line, target, timeout) in [
            (vec!["--container", "web-1"], container("web-1"), 30_000),
            (
                vec!["--container=/web-1", "--timeout=10"],
                container("web-1"),
                10_000,
            ),
            (
                vec!["--gone", "--container=web-1", "--timeout", "500ms"],
                WaitTarget::Gone("web-1".to_owned()),
                500,
            ),
            (
                vec!["--version=0a0b"],
                WaitTarget::Version("0a0b".to_owned()),
                30_000,
            ),
            (vec![], WaitTarget::Version(String::new()), 30_000),
        ] {
            let options = read(&line).unwrap();
            assert_eq!(
                (options.target, options.server.as_str()),
                (target, DEFAULT_SERVER)
            );
            assert_eq!(options.timeout, Duration::from_millis(timeout), "{line:?}");
        }
        let options = read(&["--server", "http://control:9090"]).unwrap();
        assert_eq!(options.server, "http://control:9090");
    }

    #[test]
    fn help_is_given_wherever_it_is_asked_for() {
        let line = ["--container=a", "--help"].map(str::to_owned);
        assert!(matches!(command(line.into_iter()), Ok(Command::Help)));
    }

    #[test]
    fn mistakes_are_named_with_what_would_work() {
        for (line, part) in [
            (vec!["--contaner=x"], "did you mean --container?"),
            (vec!["--colour=x"], "wait takes --container, --version"),
            (vec!["web-1"], "did you mean --container?"),
            (vec!["--container"], "--container=VALUE"),
            (vec!["--container="], "--container=VALUE"),
            (vec!["--container", "--gone"], "--container=VALUE"),
            (vec!["--gone"], "needs --container"),
            (
                vec!["--container=a", "--version=b"],
                "either --version or --container",
            ),
            (vec!["--timeout=soon"], "\"soon\" is not a duration"),
            (vec!["--timeout=0"], "\"0\" is not a duration"),
            (vec!["--server=control:9090"], "http://127.0.0.1:9090"),
            (
                vec!["--server=https://control:9090"],
                "http://127.0.0.1:9090",
            ),
            (vec!["--gone=maybe", "--container=a"], "true or false"),
        ] {
            let error = read(&line).unwrap_err().to_string();
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }
}
