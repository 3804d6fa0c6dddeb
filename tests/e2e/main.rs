//! Both planes in one process, end to end: real bollard at one end, raw bytes at
//! the other, faults in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop loudly"
)]

mod access_log;
mod balancing;
mod check_docker;
mod control_plane;
mod dashboard;
mod diagnostic;
mod engine_fault;
mod engine_tls;
mod entry_point;
mod explain;
mod file_provider;
mod foreign_client;
mod grpc;
mod health;
mod http2_attack;
mod internal;
mod lifecycle;
mod metrics;
mod middleware;
mod protocol_model;
mod proxy_protocol;
mod routing;
mod rule_fixture;
mod scaling;
mod servers_transport;
mod stream;
mod trace;
mod traefik_api;
mod wait;
mod websocket;
