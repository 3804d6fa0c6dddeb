//! h2load: HTTP/2 with prior knowledge.

use std::net::SocketAddr;

use anyhow::Context as _;

use super::{Seen, number, output_of};
use crate::peer::HOST;

pub(super) fn run(
    address: SocketAddr,
    path: &str,
    connections: u32,
    streams: u32,
    seconds: u32,
) -> anyhow::Result<Seen> {
    let arguments = [
        "-t1".to_owned(),
        format!("-c{connections}"),
        format!("-m{streams}"),
        format!("-D{seconds}"),
        "-H".to_owned(),
        format!(":authority: {HOST}"),
        format!("http://{address}{path}"),
    ];
    let text = output_of("h2load", &arguments)?;
    read(&text).with_context(|| text.clone())
}

/// `finished in 4.00s, 50210.25 req/s, 9.61MB/s` and
/// `status codes: 200841 2xx, 0 3xx, 0 4xx, 0 5xx`.
fn read(text: &str) -> Option<Seen> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let rate = line("finished in ")?.split(", ").nth(1).and_then(number)?;
    let mut codes = line("status codes: ")?
        .split(", ")
        .filter_map(|part| part.split(' ').next()?.parse::<u64>().ok());
    let requests = codes.next()?;
    Some(Seen {
        requests,
        rate,
        p99_ms: 0.0,
        failed: codes.sum(),
    })
}
