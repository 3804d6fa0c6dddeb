//! The harness itself: the fake engine as the real client sees it, the probe,
//! the backends and the fault proxy against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

mod backend;
mod fake_docker;
mod fault_proxy;
mod probe;
