//! How an engine is reached: where it listens, and what has to be said before it listens
//! to us.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::Endpoint;
use crate::label_file;
use crate::model::ClientTls;
use crate::tls;

/// What findings call the files of `tls`.
const TLS_FILES: [&str; 3] = ["tls.ca", "tls.cert", "tls.key"];

/// How an engine is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// TLS over TCP; `None`: none, but to an endpoint of `https`. Files are read for every
    /// session, so that new certificates count from the next one on.
    pub tls: Option<ClientTls>,
    /// For what stands before the engine and asks.
    pub credentials: Option<Credentials>,
    /// Version of the API; `None`: the engine is asked.
    pub api_version: Option<ApiVersion>,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Has no `:`.
    pub username: String,
    /// The password.
    pub password: String,
}

/// A version of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersion {
    /// Of `1.44` the 1.
    pub major: usize,
    /// Of `1.44` the 44.
    pub minor: usize,
}

/// Opens connections.
pub(super) struct Connector {
    endpoint: Endpoint,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Value of `Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// A connection of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Access {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A file that cannot be used.
    pub(super) fn connector(&self) -> io::Result<Connector> {
        let tls = match &self.endpoint {
            Endpoint::Unix(_) => None,
            Endpoint::Tcp(place) => {
                let tls = self.tls.as_ref();
                tls.map(|tls| secure(tls, place)).transpose()?
            }
            Endpoint::Https(place) => {
                let tls = self.tls.clone().unwrap_or_default();
                Some(secure(&tls, place)?)
            }
        };
        let authorization = self.credentials.as_ref().map(Credentials::header);
        Ok(Connector {
            endpoint: self.endpoint.clone(),
            tls,
            authorization: authorization.transpose()?,
        })
    }
}

impl Access {
    /// Opens a connection and closes it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn try_out(&self) -> io::Result<()> {
        self.connector()?.open().await.map(drop)
    }
}

fn secure(tls: &ClientTls, place: &str) -> io::Result<(TlsConnector, ServerName<'static>)> {
    let read = |path: &str| label_file::read(Path::new(path)).map(Some);
    let tls = tls
        .with_files(TLS_FILES, &read)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let identity = tls.cert.text().zip(tls.key.text());
    let config = tls::client(tls.ca.text(), identity, tls.insecure_skip_verify);
    let config = config.map_err(io::Error::other)?;
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

impl Connector {
    /// By path each time: the engine makes a new socket when it restarts.
    pub(super) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let place = match &self.endpoint {
            Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Endpoint::Tcp(place) | Endpoint::Https(place) => place,
        };
        let tcp = TcpStream::connect(place).await?;
        match &self.tls {
            None => Ok(Box::new(tcp)),
            Some((tls, name)) => {
                let secured = tls.connect(name.clone(), tcp).await;
                let stream = secured.map_err(|error| io::Error::other(format!("TLS: {error}")))?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl Credentials {
    fn header(&self) -> io::Result<HeaderValue> {
        let Self { username, password } = self;
        let encoded = STANDARD.encode(format!("{username}:{password}"));
        let mut value =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(io::Error::other)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.split_once('.').ok_or(())?;
        Ok(Self {
            major: major.parse().map_err(|_| ())?,
            minor: minor.parse().map_err(|_| ())?,
        })
    }
}
