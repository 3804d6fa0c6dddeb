//! `make bench`: Fairway beside HAProxy, nginx and Envoy, and the time from a Docker
//! event to all proxies. `make bench-slow`: thousands of slow clients. `bench scale`: what
//! many containers and routers cost. `bench instructions`: what a request costs the proxy
//! in instructions, whatever the machine's mood.
//!
//! Everything is on loopback and on this machine: the proxy under test alone on
//! core 0, load and servers on core 1. Peers run in turn within each round, so
//! that what else the machine does falls on all of them; the figure for each is
//! the median of its rounds, and what counts is the ratio.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a measurement stops loudly"
)]

mod change;
mod compare;
mod instructions;
mod load;
mod peer;
mod process;
mod scale;
mod slow;
mod workload;

use load::websocket;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    // Alone on its core.
    let one = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    match command.as_deref() {
        Some("scale") => scale::measure(),
        Some("slow") => runtime()?.block_on(slow::measure()),
        Some("instructions") => runtime()?.block_on(instructions::measure()),
        Some("echo") => one()?.block_on(websocket::echo(arguments)),
        Some("websocket-load") => one()?.block_on(websocket::load(arguments)),
        only => runtime()?.block_on(async {
            compare::measure(only.unwrap_or_default()).await?;
            change::measure().await
        }),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    Ok(runtime.worker_threads(2).enable_all().build()?)
}
