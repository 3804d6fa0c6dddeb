//! What a server is asked to find out how it does.

use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::super::server::Scheme;

/// The definition of an active health check.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) mode: Mode,
    /// `None`: that of the server.
    pub(crate) scheme: Option<Scheme>,
    /// `None`: that of the server.
    pub(crate) port: Option<u16>,
    /// `Host` of the question; `None`: where it goes.
    pub(crate) hostname: Option<HeaderValue>,
    pub(crate) target: PathAndQuery,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// `None`: any from 200 to 399.
    status: Option<StatusCode>,
    pub(crate) follow_redirects: bool,
    /// Between two questions to a server that is up.
    pub(crate) interval: Duration,
    /// Between two questions to one that is down.
    pub(crate) unhealthy_interval: Duration,
    /// For the whole answer.
    pub(crate) timeout: Duration,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A request of one's own choice.
    Http,
    /// `grpc.health.v1.Health/Check`.
    Grpc,
}

/// Why there cannot be such a check.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckError {
    /// Sent by a control plane that knows more modes or schemes.
    #[error("the health check has a mode or a scheme that this proxy does not know")]
    Unknown,
    /// A text that cannot be sent.
    #[error("`{1}` cannot be the {0} of a health check")]
    Value(&'static str, String),
    /// It would never end, or never wait.
    #[error("the {0} of the health check is 0")]
    Zero(&'static str),
}

impl Check {
    pub(crate) fn build(spec: &wire::HealthCheck) -> Result<Self, CheckError> {
        let mode = match wire::HealthCheckMode::try_from(spec.mode) {
            Ok(wire::HealthCheckMode::Http) => Mode::Http,
            Ok(wire::HealthCheckMode::Grpc) => Mode::Grpc,
            _ => return Err(CheckError::Unknown),
        };
        let scheme = match wire::Scheme::try_from(spec.scheme) {
            Ok(wire::Scheme::Unspecified) => None,
            Ok(scheme) => Scheme::try_from(scheme).ok(),
            Err(_) => return Err(CheckError::Unknown),
        };
        let port = u16::try_from(spec.port)
            .map_err(|_| CheckError::Value("port", spec.port.to_string()))?;
        let status = match spec.status {
            0 => None,
            status => {
                let code = u16::try_from(status).ok();
                let code = code.and_then(|code| StatusCode::from_u16(code).ok());
                Some(code.ok_or_else(|| CheckError::Value("status", status.to_string()))?)
            }
        };
        let path = if spec.path.starts_with('/') {
            spec.path.clone()
        } else {
            format!("/{}", spec.path)
        };
        Ok(Self {
            mode,
            scheme,
            port: (port != 0).then_some(port),
            hostname: match spec.hostname.as_str() {
                "" => None,
                hostname => Some(value("hostname", hostname)?),
            },
            target: PathAndQuery::try_from(path)
                .map_err(|_| CheckError::Value("path", spec.path.clone()))?,
            method: Method::from_bytes(spec.method.as_bytes())
                .map_err(|_| CheckError::Value("method", spec.method.clone()))?,
            headers: spec
                .headers
                .iter()
                .map(|(name, text)| {
                    let header = HeaderName::try_from(name.as_str())
                        .map_err(|_| CheckError::Value("header", name.clone()))?;
                    Ok((header, value("header", text)?))
                })
                .collect::<Result<_, _>>()?,
            status,
            follow_redirects: spec.follow_redirects,
            interval: millis("interval", spec.interval_ms)?,
            unhealthy_interval: millis("unhealthyInterval", spec.unhealthy_interval_ms)?,
            timeout: millis("timeout", spec.timeout_ms)?,
        })
    }

    /// A server that answers this is well.
    pub(crate) fn expects(&self, status: StatusCode) -> bool {
        match self.status {
            Some(expected) => status == expected,
            None => status.is_success() || status.is_redirection(),
        }
    }
}

fn value(what: &'static str, text: &str) -> Result<HeaderValue, CheckError> {
    HeaderValue::from_str(text).map_err(|_| CheckError::Value(what, text.to_owned()))
}

fn millis(what: &'static str, millis: u32) -> Result<Duration, CheckError> {
    match millis {
        0 => Err(CheckError::Zero(what)),
        millis => Ok(Duration::from_millis(millis.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn spec() -> wire::HealthCheck {
        wire::HealthCheck {
            mode: wire::HealthCheckMode::Http.into(),
            path: "health?full=1".to_owned(),
            method: "GET".to_owned(),
            interval_ms: 1,
            unhealthy_interval_ms: 1,
            timeout_ms: 1,
            ..Default::default()
        }
    }

    #[test]
    fn a_status_is_expected_as_named_or_from_200_to_399() {
        let any = Check::build(&spec()).unwrap();
        assert_eq!(any.target.as_str(), "/health?full=1");
        let one = Check::build(&wire::HealthCheck {
            status: 418,
            ..spec()
        })
        .unwrap();
        for (status, by_any, by_one) in [
            (200, true, false),
            (399, true, false),
            (400, false, false),
            (418, false, true),
            (500, false, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!((any.expects(status), one.expects(status)), (by_any, by_one));
        }
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let spec = spec();
        #[rustfmt::skip]
        let cases = [
            (wire::HealthCheck { mode: 9, ..spec.clone() }, "the health check has a mode or a scheme that this proxy does not know"),
            (wire::HealthCheck { method: "G T".to_owned(), ..spec.clone() }, "`G T` cannot be the method of a health check"),
            (wire::HealthCheck { path: "a b\n".to_owned(), ..spec.clone() }, "`a b\n` cannot be the path of a health check"),
            (wire::HealthCheck { port: 70_000, ..spec.clone() }, "`70000` cannot be the port of a health check"),
            (wire::HealthCheck { status: 99, ..spec.clone() }, "`99` cannot be the status of a health check"),
            (wire::HealthCheck { interval_ms: 0, ..spec }, "the interval of the health check is 0"),
        ];
        for (spec, expected) in cases {
            assert_eq!(Check::build(&spec).unwrap_err().to_string(), expected);
        }
    }
}
