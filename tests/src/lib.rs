//! What the tests stand on: a Docker Engine that is scripted, backends that say
//! what they saw, a load probe that counts every kind of failure, a TCP proxy
//! with faults, and both planes in one process.
//!
//! Nothing here is part of the product. A harness stops loudly: a wrong script
//! is a bug of the test and panics with a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a harness stops loudly"
)]

pub mod backend;
pub mod collector;
pub mod discovery_client;
pub mod fake_docker;
pub mod fault_proxy;
pub mod loopback;
pub mod probe;
pub mod raw_client;
pub mod swarm;
pub mod tls;
pub mod wait;
pub mod world;
