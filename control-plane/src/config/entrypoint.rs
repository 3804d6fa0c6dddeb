//! Options of one entry point.

/// One entry point as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPointOptions {
    /// `host:port`; an empty host means every address.
    pub address: String,
    /// Serves routers that name no entry point. If no entry point is so marked,
    /// all but the API's do.
    pub as_default: bool,
    /// Whose `X-Forwarded-*` headers are believed.
    pub forwarded_headers: ForwardedHeaders,
}

/// Whose `X-Forwarded-*` headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardedHeaders {
    /// Everybody's.
    pub insecure: bool,
    /// Those of clients in these addresses and networks (CIDR), as written and
    /// checked.
    pub trusted_ips: Vec<String>,
}
