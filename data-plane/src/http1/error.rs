//! Why a head cannot be read.

/// A head that has no single reading, or is larger than anything useful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    /// The text says what is wrong.
    #[error("{0}")]
    Malformed(&'static str),
    #[error("request target is too long")]
    TargetTooLong,
    #[error("method is too long")]
    MethodTooLong,
    /// In bytes or in lines.
    #[error("head is too large")]
    TooLarge,
    #[error("version of HTTP is not offered")]
    Version,
}
