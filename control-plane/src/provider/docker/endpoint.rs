//! Where a Docker Engine listens.

use std::fmt;
use std::path::PathBuf;

/// Where a Docker Engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket, `unix://PATH`.
    Unix(PathBuf),
    /// A TCP address, `tcp://HOST:PORT` or `http://HOST:PORT`: with TLS if there is
    /// something to trust.
    Tcp(String),
    /// A TCP address with TLS, `https://HOST:PORT`.
    Https(String),
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A scheme that exists and is not available.
    #[error("{scheme}:// is not available; use unix://PATH, tcp://HOST:PORT or https://HOST:PORT")]
    Unavailable {
        /// As written.
        scheme: String,
    },
    /// No scheme at all, or one nobody knows.
    #[error("an endpoint is unix://PATH, tcp://HOST:PORT or https://HOST:PORT")]
    Scheme,
    /// Nothing, or not `HOST:PORT`, after the scheme.
    #[error("{text:?} after the scheme is not {expected}")]
    Place {
        /// As written.
        text: String,
        /// `a path` or `HOST:PORT`.
        expected: &'static str,
    },
}

impl Endpoint {
    /// Reads an endpoint.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let Some((scheme, place)) = text.split_once("://") else {
            return Err(EndpointError::Scheme);
        };
        let refuse = |expected| EndpointError::Place {
            text: place.to_owned(),
            expected,
        };
        match scheme {
            "unix" if place.starts_with('/') => Ok(Self::Unix(PathBuf::from(place))),
            "unix" => Err(refuse("an absolute path")),
            "tcp" | "http" | "https" => {
                let place = place.trim_end_matches('/');
                let port = place.rsplit_once(':').and_then(|(host, port)| {
                    if host.is_empty() {
                        None
                    } else {
                        port.parse::<u16>().ok()
                    }
                });
                port.ok_or_else(|| refuse("HOST:PORT"))?;
                Ok(match scheme {
                    "https" => Self::Https(place.to_owned()),
                    _ => Self::Tcp(place.to_owned()),
                })
            }
            "ssh" | "npipe" => Err(EndpointError::Unavailable {
                scheme: scheme.to_owned(),
            }),
            _ => Err(EndpointError::Scheme),
        }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::Unix(PathBuf::from("/var/run/docker.sock"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp://{place}"),
            Self::Https(place) => write!(f, "https://{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_unix_tcp_or_https() {
        for (text, expected) in [
            ("unix:///run/docker.sock", Ok("unix:///run/docker.sock")),
            ("tcp://proxy:2375", Ok("tcp://proxy:2375")),
            ("http://[::1]:2375/", Ok("tcp://[::1]:2375")),
            ("ssh://root@host", Err("ssh:// is not available")),
            ("https://host:2376", Ok("https://host:2376")),
            ("/run/docker.sock", Err("an endpoint is unix://PATH")),
            ("tcp://host", Err("is not HOST:PORT")),
            ("unix://docker.sock", Err("is not an absolute path")),
        ] {
            let parsed = Endpoint::parse(text);
            match expected {
                Ok(shown) => assert_eq!(parsed.unwrap().to_string(), shown),
                Err(part) => {
                    let error = parsed.unwrap_err().to_string();
                    assert!(error.contains(part), "{text}: {error}");
                }
            }
        }
    }
}
