//! One line for each request, written when its response body ends, however.
//!
//! Off by default: then no [`Record`] exists and nothing is measured. Field names
//! are Traefik's, so that tools for its access log read ours.

use std::net::IpAddr;
use std::time::Instant;

use http::{Method, StatusCode};

/// What is known of one request.
pub(crate) struct Record {
    pub(crate) started: Instant,
    pub(crate) client: IpAddr,
    pub(crate) entry_point: String,
    pub(crate) method: Method,
    pub(crate) host: String,
    /// As received, before middlewares; with the query.
    pub(crate) path: String,
    pub(crate) router: String,
    pub(crate) service: String,
    /// As a server that was asked calls the client.
    pub(crate) user: String,
    /// Address of the server that answered.
    pub(crate) server: String,
    pub(crate) container: String,
    pub(crate) status: StatusCode,
    /// Reason code of an answer of our own, or of a response that broke off.
    pub(crate) reason: &'static str,
    /// Bytes of the body sent.
    pub(crate) bytes: u64,
}

impl Record {
    /// Writes the line. `broken`: the response did not reach its end.
    pub(crate) fn write(&self, broken: bool) {
        tracing::info!(
            target: "access",
            ClientHost = %self.client,
            entryPointName = self.entry_point,
            RequestMethod = %self.method,
            RequestHost = self.host,
            RequestPath = self.path,
            RouterName = self.router,
            ServiceName = self.service,
            ClientUsername = self.user,
            ServiceAddr = self.server,
            container = self.container,
            DownstreamStatus = self.status.as_u16(),
            DownstreamContentSize = self.bytes,
            Duration = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Broken = broken,
            reason = self.reason,
        );
    }
}
