//! Strict at the edge, byte by byte: what a hostile client or a broken server sends,
//! as raw bytes against a running proxy whose servers keep every byte they get.
//!
//! `fixtures/edge/*.txt` has the bytes and what may come of them ([`fixture`] is the
//! form); [`stage`] is the world they assume; [`play`] plays one and judges it. What
//! needs time or many messages is written as a test of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

mod fixture;
mod flood;
mod origin;
mod play;
mod reply;
mod slow;
mod socket;
mod stage;
mod table;
