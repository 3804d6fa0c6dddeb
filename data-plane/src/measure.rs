//! The route table alone, for `make bench`: how long it takes to find a route.
//! Nothing that serves uses this.

use std::net::{IpAddr, Ipv4Addr};

use fairway_proto::discovery::v1::{Resource, Update, UpdateMode};

use crate::discovery::Mirror;
use crate::proxy::{self, head::Head};
use crate::routing::{self, RouteTable};

/// A table and what it was made of.
#[derive(Debug, Default)]
pub struct Routes {
    mirror: Mirror,
    table: RouteTable,
}

/// A request as far as rules see it.
#[derive(Debug)]
pub struct Asked(Head);

impl Routes {
    /// Takes these resources in and builds the next table. Answers how many of all
    /// are rejected.
    pub fn apply(&mut self, upserts: Vec<Resource>) -> usize {
        self.mirror.apply(Update {
            nonce: 1,
            version: "measured".to_owned(),
            mode: UpdateMode::Delta.into(),
            upserts,
            removals: Vec::new(),
        });
        let (table, rejections) = routing::build(&self.mirror, &self.table);
        self.table = table;
        rejections.len()
    }

    /// Name of the router that takes the request.
    pub fn find(&self, entry_point: &str, asked: &Asked) -> Option<&str> {
        let route = self.table.find(entry_point, &asked.0)?;
        Some(&route.name)
    }
}

impl Asked {
    /// `GET path`, as it is after the gate; `None` if it would not pass.
    pub fn get(host: &str, path: &str) -> Option<Self> {
        let request = http::Request::get(path).header(http::header::HOST, host);
        let (parts, ()) = request.body(()).ok()?.into_parts();
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        proxy::head_of(parts, peer).map(Self)
    }
}
