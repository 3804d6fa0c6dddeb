//! `fairway-control wait`: asks a running control plane to answer when its
//! proxies have come far enough. For deploy scripts.

use std::fmt;
use std::time::Duration;

use fairway_proto::inspection::v1::inspection_client::InspectionClient;
use fairway_proto::inspection::v1::{WaitForVersionRequest, WaitForVersionResponse};
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::config::{WaitOptions, WaitTarget};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the control plane is given beyond the time it was told, to answer.
const GRACE: Duration = Duration::from_secs(5);

/// What was waited for has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    target: WaitTarget,
    /// Version from which on it is so.
    pub version: String,
    /// Connected proxies; every one of them is at that version or a later one.
    pub proxies: u32,
    /// Ids of proxies that disconnected lately: one that still runs serves what
    /// it had.
    pub disconnected: Vec<String>,
}

/// Why waiting did not end well.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// Nothing answers there.
    #[error("no control plane answers on {server}")]
    Unreachable {
        /// Where it should.
        server: String,
        /// What the system says.
        source: tonic::transport::Error,
    },
    /// The time is over.
    #[error("not within {}s: {obstacle}", timeout.as_secs_f64())]
    TimedOut {
        /// How much there was.
        timeout: Duration,
        /// What was missing.
        obstacle: String,
    },
    /// The control plane did not answer the question.
    #[error("the control plane says: {0}")]
    Refused(String),
}

/// Waits.
///
/// # Errors
/// If the time runs out first, or there is nobody to ask.
pub async fn wait(options: &WaitOptions) -> Result<Waited, WaitError> {
    let unreachable = |source| WaitError::Unreachable {
        server: options.server.clone(),
        source,
    };
    let channel = Endpoint::from_shared(options.server.clone())
        .map_err(unreachable)?
        .connect_timeout(CONNECT_TIMEOUT)
        .connect()
        .await
        .map_err(unreachable)?;
    let timed_out = |obstacle| WaitError::TimedOut {
        timeout: options.timeout,
        obstacle,
    };
    let mut client = InspectionClient::new(channel);
    let asked = client.wait_for_version(request(options));
    match tokio::time::timeout(options.timeout + GRACE, asked).await {
        Ok(Ok(response)) => Ok(Waited::new(options, response.into_inner())),
        Ok(Err(status)) if status.code() == Code::DeadlineExceeded => {
            Err(timed_out(status.message().to_owned()))
        }
        Ok(Err(status)) => Err(WaitError::Refused(told(&status))),
        Err(_) => Err(timed_out("the control plane does not answer".to_owned())),
    }
}

impl WaitError {
    /// What the process ends with: 3 if the time ran out, 1 for everything else.
    /// 2 is a command line that cannot be used.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::TimedOut { .. } => 3,
            Self::Unreachable { .. } | Self::Refused(_) => 1,
        }
    }
}

impl Waited {
    fn new(options: &WaitOptions, response: WaitForVersionResponse) -> Self {
        let WaitForVersionResponse {
            version,
            proxies,
            disconnected,
        } = response;
        Self {
            target: options.target.clone(),
            version,
            proxies,
            disconnected,
        }
    }
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version, proxies, ..
        } = self;
        let on = if *proxies == 1 {
            "1 proxy".to_owned()
        } else {
            format!("{proxies} proxies")
        };
        match &self.target {
            WaitTarget::Version(_) => write!(f, "version {version} is served by {on}"),
            WaitTarget::Container(name) => {
                write!(
                    f,
                    "container {name} is in rotation on {on} (version {version})"
                )
            }
            WaitTarget::Gone(name) => {
                write!(
                    f,
                    "container {name} is out of rotation on {on} (version {version})"
                )
            }
        }
    }
}

fn request(options: &WaitOptions) -> WaitForVersionRequest {
    let timeout_ms = u32::try_from(options.timeout.as_millis()).unwrap_or(u32::MAX);
    let (version, container, gone) = match options.target.clone() {
        WaitTarget::Version(version) => (version, String::new(), false),
        WaitTarget::Container(container) => (String::new(), container, false),
        WaitTarget::Gone(container) => (String::new(), container, true),
    };
    WaitForVersionRequest {
        version,
        timeout_ms,
        container,
        gone,
    }
}

fn told(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}
