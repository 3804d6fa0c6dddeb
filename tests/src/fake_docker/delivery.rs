//! From the log to one event stream: this is where events get lost, doubled,
//! late and out of order. Deterministic for a seed and a number of stream.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::engine::Engine;
use super::event::{Event, Filter};
use super::fault::EventFaults;
use super::generation::Generation;
use super::state::Signal;

type Line = Result<Bytes, io::Error>;

/// Opens a stream of lines of JSON.
pub(crate) fn stream(
    engine: &Engine,
    filter: Filter,
    since: Option<u64>,
) -> mpsc::UnboundedReceiver<Line> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (signals, seed, legacy) = {
        let mut state = engine.state();
        let number = state.calls.get("events").copied().unwrap_or_default();
        let seed = state.seed ^ u64::try_from(number).unwrap_or_default().rotate_left(32);
        let legacy = state.generation != Generation::V29;
        (state.subscribe(filter, since), seed, legacy)
    };
    let engine = engine.clone();
    let random = StdRng::seed_from_u64(seed);
    tokio::spawn(
        Delivery {
            engine,
            random,
            legacy,
            sender,
            held: None,
        }
        .run(signals),
    );
    receiver
}

struct Delivery {
    engine: Engine,
    random: StdRng,
    legacy: bool,
    sender: mpsc::UnboundedSender<Line>,
    /// Waits to be sent after the next event.
    held: Option<Event>,
}

impl Delivery {
    async fn run(mut self, mut signals: mpsc::UnboundedReceiver<Signal>) {
        // Held signals keep their own time, so that a delay shifts and does not add up.
        let (late, mut due) = mpsc::unbounded_channel();
        let clock = self.engine.clone();
        let closed = self.sender.clone();
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    signal = signals.recv() => signal,
                    // A client that went away is no subscriber any more.
                    () = closed.closed() => break,
                };
                let Some(signal) = signal else { break };
                let delay = clock.state().faults.events.delay;
                if late.send((Instant::now() + delay, signal)).is_err() {
                    break;
                }
            }
        });
        while let Some((when, signal)) = due.recv().await {
            tokio::time::sleep_until(when).await;
            let mut faults = self.engine.state().announced.subscribe();
            let _ = faults.wait_for(|faults| !faults.hang).await;
            match signal {
                Signal::End { cleanly: true } => break,
                Signal::End { cleanly: false } => {
                    // What was sent before shall arrive.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let _ = self.sender.send(Err(io::Error::other("cut on purpose")));
                    break;
                }
                Signal::Event(event) => self.deliver(event),
            }
        }
    }

    fn deliver(&mut self, event: Event) {
        let EventFaults {
            drop,
            duplicate,
            reorder,
            ..
        } = self.engine.state().faults.events;
        // Always the same number of draws: switching one fault on does not change the others.
        let [dropped, doubled, swapped] = [drop, duplicate, reorder].map(|chance| {
            let draw: f64 = self.random.random();
            draw < chance
        });
        if dropped {
            return;
        }
        if swapped && self.held.is_none() {
            self.held = Some(event);
            return;
        }
        self.send(&event);
        if doubled {
            self.send(&event);
        }
        if let Some(held) = self.held.take() {
            self.send(&held);
        }
    }

    fn send(&self, event: &Event) {
        let line = format!("{}\n", event.to_json(self.legacy));
        let _ = self.sender.send(Ok(Bytes::from(line)));
    }
}
