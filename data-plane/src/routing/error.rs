//! Why a resource is not in service as it was sent.

use fairway_proto::discovery::v1::RejectionKind;

use super::entry_point::EntryPointError;
use super::matcher::MatcherError;
use crate::access_log::SelectionError;
use crate::balance::{ServerError, TransportError};
use crate::middleware::MiddlewareError;
use crate::trace::TracingError;

/// Becomes a rejection: the text is for the author of the resource.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Sent by a control plane that knows more kinds.
    #[error("this proxy does not know this kind of resource")]
    Kind,
    /// The id says another kind than the resource is.
    #[error("the resource is not of the kind that its id says")]
    Mismatch,
    #[error(transparent)]
    AccessLog(#[from] SelectionError),
    #[error(transparent)]
    EntryPoint(#[from] EntryPointError),
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    #[error(transparent)]
    Middleware(#[from] MiddlewareError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Tracing(#[from] TracingError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the loop guard `{0}` may not stand in a header")]
    LoopGuard(String),
    /// A service that consists of itself.
    #[error("the service `{0}` contains itself")]
    Circle(String),
    /// Services within services within …
    #[error("services are nested in more than {0} levels")]
    Levels(usize),
    /// What it refers to was not sent.
    #[error("the {kind} `{name}` does not exist")]
    Missing { kind: &'static str, name: String },
    /// What it refers to is rejected itself.
    #[error("the {kind} `{name}` is rejected")]
    Rejected { kind: &'static str, name: String },
}

impl BuildError {
    /// For the acknowledgement.
    pub(crate) fn kind(&self) -> RejectionKind {
        match self {
            Self::Kind
            | Self::Matcher(MatcherError::Unknown)
            | Self::Middleware(MiddlewareError::Unknown)
            | Self::Tracing(TracingError::Protocol)
            | Self::Server(
                ServerError::Scheme(_) | ServerError::Strategy | ServerError::Internal(_),
            ) => RejectionKind::Unsupported,
            Self::Missing { .. } | Self::Rejected { .. } => RejectionKind::Dependency,
            Self::Mismatch
            | Self::AccessLog(_)
            | Self::EntryPoint(_)
            | Self::Matcher(_)
            | Self::Middleware(_)
            | Self::Server(_)
            | Self::Tracing(_)
            | Self::Transport(_)
            | Self::Circle(_)
            | Self::Levels(_)
            | Self::LoopGuard(_) => RejectionKind::Invalid,
        }
    }
}
