//! The dashboard in a real browser, Debian's Chromium, against both planes and the fake
//! engine. Screenshots go to `target/screenshots/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

mod accessibility;
mod driver;
mod keyboard;
mod list;
mod live;
mod page;
mod pages;
mod stage;
mod why;
