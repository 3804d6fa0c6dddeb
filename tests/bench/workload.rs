//! What the proxies are made to do, one table each.

use super::load::Load;
use super::peer::{HOST, Peer, Scene};

/// One table of the comparison.
pub(crate) struct Workload {
    /// Heading.
    pub(crate) title: &'static str,
    pub(crate) scene: Scene,
    pub(crate) load: Load,
    pub(crate) peers: &'static [Peer],
    /// Rounds of all peers; the median counts.
    pub(crate) rounds: usize,
    /// CPU per request, as a share of the better of HAProxy and nginx.
    pub(crate) target: Option<f64>,
}

/// Small answers; `PATH` becomes `/`.
const SMALL: &str = "/api/flats/";

const fn small(connections: u32) -> Load {
    Load::Get {
        path: SMALL,
        connections,
        close: false,
    }
}

const fn file(path: &'static str) -> Load {
    Load::Get {
        path,
        connections: 64,
        close: false,
    }
}

/// In the order they are measured.
pub(crate) const ALL: &[Workload] = &[
    Workload {
        title: "Small answers, path replaced, 64 connections",
        scene: Scene::Plain,
        load: small(64),
        peers: Peer::ALL,
        rounds: 5,
        target: Some(0.85),
    },
    Workload {
        title: "Small answers, path replaced, 1 000 connections",
        scene: Scene::Plain,
        load: small(1000),
        peers: Peer::ALL,
        rounds: 5,
        target: Some(0.65),
    },
    Workload {
        title: "The same with access log, metrics and three middlewares, 64 connections",
        scene: Scene::Observed,
        load: small(64),
        peers: Peer::ALL,
        rounds: 3,
        target: Some(1.0),
    },
    Workload {
        title: "Answers of 64 KiB",
        scene: Scene::Plain,
        load: file("/file/64k"),
        peers: Peer::ALL,
        rounds: 3,
        target: Some(0.9),
    },
    Workload {
        title: "Answers of 10 MiB",
        scene: Scene::Plain,
        load: file("/file/10m"),
        peers: Peer::ALL,
        rounds: 3,
        target: Some(0.9),
    },
    Workload {
        title: "A new connection for each request",
        scene: Scene::Plain,
        load: Load::Get {
            path: SMALL,
            connections: 64,
            close: true,
        },
        peers: Peer::ALL,
        rounds: 3,
        target: Some(1.1),
    },
    Workload {
        title: "WebSocket echo, 1 000 sockets",
        scene: Scene::Plain,
        load: Load::WebSocket { sockets: 1000 },
        peers: Peer::ALL,
        rounds: 3,
        target: Some(1.1),
    },
    Workload {
        title: "HTTP/2, 100 streams on each of 8 connections",
        scene: Scene::Plain,
        load: Load::Http2 {
            path: SMALL,
            connections: 8,
            streams: 100,
        },
        peers: Peer::ALL,
        rounds: 3,
        target: Some(1.1),
    },
    Workload {
        title: "Small answers beside 10 000 other routers, 64 connections",
        scene: Scene::Routers(10_000),
        load: small(64),
        peers: &[Peer::Fairway],
        rounds: 5,
        target: None,
    },
    Workload {
        title: "Small answers while 50 changes a second arrive, 64 connections",
        scene: Scene::Changing,
        load: small(64),
        peers: &[Peer::Fairway],
        rounds: 5,
        target: None,
    },
];

/// What every load asks for.
pub(crate) fn host_header() -> String {
    format!("Host: {HOST}")
}
