//! The real thing: images built from the Dockerfile, Compose projects as a user
//! brings them up, a real engine, and load on the published port all the while.
//!
//! These tests fail where Docker or Compose is missing; they never skip. Load goes
//! to 127.0.0.1 only, and every project takes itself down at the end.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

mod compose;
mod demo;
mod seed;
