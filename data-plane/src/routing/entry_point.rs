//! Where proxies listen, and whose forwarded headers they believe there.

use std::net::IpAddr;

/// An address every proxy listens on.
#[derive(Debug)]
pub(crate) struct EntryPoint {
    name: String,
    address: String,
    trusted: Trust,
}

impl EntryPoint {
    /// As in the flag: `web`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `host:port`, `[v6]:port` or `:port` (all addresses).
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whose `X-Forwarded-*` headers are believed.
    pub(crate) fn trusted(&self) -> &Trust {
        &self.trusted
    }
}

/// Whose forwarded headers are believed.
#[derive(Debug)]
pub(crate) struct Trust {
    everybody: bool,
}

impl Trust {
    /// Are the forwarded headers of this peer believed?
    pub(crate) fn is_trusted(&self, peer: IpAddr) -> bool {
        let _ = peer;
        self.everybody
    }
}
