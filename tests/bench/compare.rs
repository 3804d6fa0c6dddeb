//! Every workload on every proxy, as tables, on the terminal and in
//! `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::load::{self, Sample};
use super::peer::{Ground, Peer, Scene};
use super::process;
use super::workload::{self, Workload};

/// Where the tables go.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");

/// Between these two lines of it.
const BEGIN: &str = "<!-- written by `make bench`: begin -->\n";
const END: &str = "<!-- written by `make bench`: end -->\n";

/// What one proxy did in all rounds: medians.
struct Row {
    peer: Peer,
    middle: Sample,
}

/// Measures the workloads whose titles contain `only`, prints them, and writes the
/// document if that is all of them.
pub(crate) async fn measure(only: &str) -> anyhow::Result<()> {
    let mut document = versions()?;
    print!("{document}");
    let mut quiet = None;
    for workload in workload::ALL.iter().filter(|it| it.title.contains(only)) {
        let rows = rows(workload).await?;
        let table = table(workload, &rows, quiet);
        println!("\n{table}");
        writeln!(document, "\n{table}")?;
        // The first is what those without peers are held against.
        quiet = quiet.or_else(|| rows.last().map(|row| row.middle));
    }
    if only.is_empty() {
        write(Path::new(DOCUMENT), &document)?;
    }
    Ok(())
}

fn versions() -> anyhow::Result<String> {
    let mut text = String::new();
    for peer in Peer::ALL {
        let (program, flag) = peer.program()?;
        let version = process::version(&program, flag)
            .with_context(|| format!("{} is missing: see docs/benchmarks.md", peer.name()))?;
        // Some tell where they are.
        writeln!(text, "* {}", version.replace(&program, peer.name()))?;
    }
    for (tool, flag) in [("wrk", "-v"), ("h2load", "--version")] {
        let version = process::version(tool, flag)
            .with_context(|| format!("{tool} is missing: see docs/benchmarks.md"))?;
        writeln!(text, "* {version}")?;
    }
    Ok(text)
}

async fn rows(workload: &Workload) -> anyhow::Result<Vec<Row>> {
    let ground = Ground::prepare(workload.scene).await?;
    let mut samples: Vec<(Peer, Vec<Sample>)> = Vec::new();
    samples.extend(workload.peers.iter().map(|peer| (*peer, Vec::new())));
    for _ in 0..workload.rounds {
        for (peer, samples) in &mut samples {
            let running = ground.start(*peer).await?;
            let load = workload.load;
            let measured = tokio::task::spawn_blocking(move || load::measure(&running, load));
            let sample = if workload.scene == Scene::Changing {
                tokio::select! {
                    sample = measured => sample,
                    () = ground.change() => continue,
                }
            } else {
                measured.await
            };
            samples.push(sample??);
        }
    }
    let rows = samples.into_iter().map(|(peer, samples)| Row {
        peer,
        middle: Sample {
            cpu_us: median(&samples, |it| it.cpu_us),
            rate: median(&samples, |it| it.rate),
            p99_ms: median(&samples, |it| it.p99_ms),
            failed: samples.iter().map(|it| it.failed).sum(),
        },
    });
    Ok(rows.collect())
}

fn median(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// In Markdown. Without peers, ratios are to `quiet`: Fairway at the first workload.
fn table(workload: &Workload, rows: &[Row], quiet: Option<Sample>) -> String {
    let peers = rows
        .iter()
        .filter(|row| matches!(row.peer, Peer::HaProxy | Peer::Nginx));
    let better = peers.map(|row| row.middle.cpu_us).reduce(f64::min);
    let base = better.or(quiet.map(|quiet| quiet.cpu_us));
    let mut text = format!("### {}\n\n", workload.title);
    text += "| | µs CPU/request | ratio | requests/s | p99 ms | failed |\n\
             |---|---:|---:|---:|---:|---:|\n";
    for row in rows {
        let Sample {
            cpu_us,
            rate,
            p99_ms,
            failed,
        } = row.middle;
        let ratio = base.map_or("–".to_owned(), |base| format!("{:.2}", cpu_us / base));
        let p99 = if p99_ms > 0.0 {
            format!("{p99_ms:.2}")
        } else {
            "–".to_owned()
        };
        let name = row.peer.name();
        let _ = writeln!(
            text,
            "| {name} | {cpu_us:.2} | {ratio} | {rate:.0} | {p99} | {failed} |"
        );
    }
    let to = if better.is_some() {
        "the better of HAProxy and nginx"
    } else {
        "the first table's"
    };
    match workload.target {
        Some(target) => {
            let _ = writeln!(text, "\nRatios are to {to}; target ≤ {target:.2}.");
        }
        None => {
            let _ = writeln!(
                text,
                "\nRatios are to {to}, at {:.2} ms p99.",
                quiet.map_or(0.0, |it| it.p99_ms)
            );
        }
    }
    text
}

/// Puts `tables` into the document's place for them.
fn write(path: &Path, tables: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (head, rest) = text
        .split_once(BEGIN)
        .context("the document has no place for tables")?;
    let (_, tail) = rest
        .split_once(END)
        .context("the document has no end of the tables")?;
    std::fs::write(path, format!("{head}{BEGIN}\n{tables}\n{END}{tail}"))?;
    Ok(())
}
