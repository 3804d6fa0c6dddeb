//! What a proxy process is told at its start: flags, environment, defaults.
//!
//! The only setting that matters in production is the control plane's address;
//! everything about traffic comes over the stream. [`Config`] is plain data, so
//! that tests start a proxy without a command line.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use http::HeaderValue;

/// Settings of one proxy process.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Control plane to take the configuration from, `http://host:9090`; repeat
    /// it for several, which are tried in random order.
    #[arg(
        long = "control-plane",
        env = "FAIRWAY_CONTROL_PLANE",
        value_delimiter = ','
    )]
    pub control_planes: Vec<String>,

    /// Name of this proxy [default: host name and a random suffix].
    #[arg(
        long = "node.id",
        env = "FAIRWAY_NODE_ID",
        default_value_t = unique_node_id(),
        hide_default_value = true
    )]
    pub node_id: String,

    /// Replaces the host part of the entry points' addresses.
    #[arg(long = "bind-address", env = "FAIRWAY_BIND_ADDRESS")]
    pub bind_address: Option<IpAddr>,

    /// Worker threads [default: available cores].
    #[arg(
        long,
        env = "FAIRWAY_WORKERS",
        default_value_t = available_cores(),
        hide_default_value = true
    )]
    pub workers: usize,

    /// Where /readyz, /healthz and /metrics answer: `unix:PATH` or `host:port`.
    #[arg(long = "admin.address", env = "FAIRWAY_ADMIN_ADDRESS")]
    pub admin_address: Option<String>,

    /// Connections of clients and tunnels this process holds at most.
    #[arg(
        long = "connections.max",
        env = "FAIRWAY_CONNECTIONS_MAX",
        default_value_t = 16_000
    )]
    pub max_connections: usize,

    /// When to give up on slow clients.
    #[command(flatten)]
    pub timeouts: Timeouts,

    /// How a stop goes.
    #[command(flatten)]
    pub drain: Drain,
}

/// When the proxy gives up on a slow client.
#[derive(Args, Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the first byte of a request head to its last; also from the
    /// connection to its first byte.
    #[arg(id = "timeouts_head", value_name = "TIME", long = "timeouts.head", env = "FAIRWAY_TIMEOUTS_HEAD",
          default_value = "10s", value_parser = duration)]
    pub head: Duration,
    /// Between two requests of a connection.
    #[arg(id = "timeouts_idle", value_name = "TIME", long = "timeouts.idle", env = "FAIRWAY_TIMEOUTS_IDLE",
          default_value = "60s", value_parser = duration)]
    pub idle: Duration,
    /// Between two pieces of a request body.
    #[arg(id = "timeouts_body", value_name = "TIME", long = "timeouts.body", env = "FAIRWAY_TIMEOUTS_BODY",
          default_value = "15s", value_parser = duration)]
    pub body: Duration,
    /// Until a client takes more of its response.
    #[arg(id = "timeouts_write", value_name = "TIME", long = "timeouts.write", env = "FAIRWAY_TIMEOUTS_WRITE",
          default_value = "15s", value_parser = duration)]
    pub write: Duration,
}

/// How a stop goes: not ready at once, then three steps, each counted from the
/// end of the one before, but the last one from the start.
#[derive(Args, Clone, Copy, Debug)]
pub struct Drain {
    /// Go on accepting connections this long.
    #[arg(id = "drain_accept", value_name = "TIME", long = "drain.accept", env = "FAIRWAY_DRAIN_ACCEPT",
          default_value = "1s", value_parser = duration)]
    pub accept: Duration,
    /// Leave idle keep-alive connections this long the chance of one more
    /// request, whose answer then says `Connection: close`.
    #[arg(id = "drain_idle", value_name = "TIME", long = "drain.idle", env = "FAIRWAY_DRAIN_IDLE",
          default_value = "5s", value_parser = duration)]
    pub idle: Duration,
    /// Cut what is still running after this long.
    #[arg(id = "drain_timeout", value_name = "TIME", long = "drain.timeout", env = "FAIRWAY_DRAIN_TIMEOUT",
          default_value = "25s", value_parser = duration)]
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            control_planes: Vec::new(),
            node_id: unique_node_id(),
            bind_address: None,
            workers: available_cores(),
            admin_address: None,
            max_connections: 16_000,
            timeouts: Timeouts::default(),
            drain: Drain::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body: Duration::from_secs(15),
            write: Duration::from_secs(15),
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            accept: Duration::from_secs(1),
            idle: Duration::from_secs(5),
            timeout: Duration::from_secs(25),
        }
    }
}

/// Name of the machine, as containers see it; `localhost` if it has none.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// [`host_name`], ready to be written.
pub(crate) fn host_name_header() -> HeaderValue {
    HeaderValue::from_str(&host_name()).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
}

/// Replicas that share a network namespace share the host name: the suffix
/// tells them apart.
fn unique_node_id() -> String {
    format!("{}-{:08x}", host_name(), rand::random::<u32>())
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads `250ms`, `10s`, `2m`; a bare number is seconds, as in Traefik.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a duration such as 250ms or 10s"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("unit `{unit}` of `{text}` is none of ms, s, m")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        let cases = [
            ("250ms", Some(Duration::from_millis(250))),
            ("10s", Some(Duration::from_secs(10))),
            ("7", Some(Duration::from_secs(7))),
            ("2m", Some(Duration::from_secs(120))),
            ("", None),
            ("s", None),
            ("5h", None),
            ("-1s", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn two_processes_on_one_host_have_different_node_ids() {
        assert_ne!(Config::default().node_id, Config::default().node_id);
    }

    #[test]
    fn control_planes_are_repeatable_and_comma_separated() {
        let cli = Cli::parse_from([
            "fairway-proxy",
            "--control-plane=http://a:9090,http://b:9090",
            "--control-plane=http://c:9090",
            "--workers=3",
            "--drain.idle=250ms",
        ]);
        assert_eq!(
            cli.config.control_planes,
            ["http://a:9090", "http://b:9090", "http://c:9090"]
        );
        assert_eq!(cli.config.workers, 3);
        assert_eq!(cli.config.drain.idle, Duration::from_millis(250));
    }
}
