//! A server's place in the rotation of a service, and why, for people.

use std::time::Duration;

/// Whether a server takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Takes its turns.
    InRotation,
    /// Did not accept connections: passed over for this long, unless all are.
    Ejected(Duration),
    /// The next request tries whether it accepts connections again.
    Probe,
    /// Its health check failed like this: gets no request.
    Down(String),
    /// Its health check is under way: passed over, unless no other is up.
    Untested,
    /// Answered with errors: gets no request for this long, or until its health check
    /// finds it well.
    Failing(Option<Duration>),
}

impl Standing {
    /// A request may go there, if only for want of a better one.
    pub(crate) fn may_be_asked(&self) -> bool {
        match self {
            Self::InRotation | Self::Ejected(_) | Self::Probe => true,
            Self::Down(_) | Self::Untested | Self::Failing(_) => false,
        }
    }

    /// Why it gets no requests; empty if it does.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::InRotation => String::new(),
            Self::Ejected(_) | Self::Probe => "did not accept connections".to_owned(),
            Self::Down(why) => why.clone(),
            Self::Untested => "its health check has not been answered yet".to_owned(),
            Self::Failing(Some(_)) => "answered with errors".to_owned(),
            Self::Failing(None) => {
                "answered with errors, and its health check has not passed since".to_owned()
            }
        }
    }
}
