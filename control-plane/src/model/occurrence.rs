//! What a provider saw happen: for people who ask why something changed.

use std::time::SystemTime;

/// One thing that happened at a provider's source. Nothing is decided by it: what is
/// declared follows from how the source is, not from what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Rises from 1 in the life of the provider.
    pub number: u64,
    /// When it was heard of.
    pub at: SystemTime,
    /// What it happened to: the name of a container, or a file.
    pub subject: String,
    /// What happened, in the source's word: `start`, `die`, …
    pub action: String,
}
