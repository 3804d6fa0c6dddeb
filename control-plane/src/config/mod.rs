//! The static configuration: what the process is told once, by flags in
//! Traefik's names.
//!
//! First in the flow: [`Command::parse`] turns the command line into a
//! [`StaticConfig`] that the rest of the process is built from. The same options come
//! from a file or the environment instead (`source`), under the same names and from
//! one vocabulary. Options that Fairway does not know are errors; options of
//! Traefik's that have no effect yet are warnings.

mod address;
mod entrypoint;
mod error;
mod file;
mod flag;
mod metrics;
mod observability;
mod parse;
mod source;
mod variable;
mod vocabulary;
mod wait;

use std::collections::BTreeMap;
use std::net::SocketAddr;

pub use entrypoint::{
    AllowedEscapes, EntryPointOptions, ForwardedHeaders, Http2, HttpOptions, ProxyProtocol,
    Redirection, TransportOptions, UnderscoreHeaders,
};
pub use error::ConfigError;
pub use metrics::{MetricsOptions, PrometheusOptions};
pub use observability::{
    AccessLogFormat, AccessLogOptions, FieldMode, FieldSelection, ObservabilityOptions,
    OtlpOptions, OtlpProtocol, TracingOptions, UnreadableFile,
};
pub use wait::{WaitOptions, WaitTarget};

use crate::check::{CheckOptions, DiffOptions};
use crate::explain::ExplainOptions;
pub use crate::label_file::LabelFiles;
use crate::model::{Diagnostic, ServersTransport};
use crate::provider::docker::DockerOptions;
use crate::provider::file::FileOptions;

/// Name of the entry point that serves the API and the ping of the control plane.
pub const API_ENTRY_POINT: &str = "traefik";

/// What the process was asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Run the control plane.
    Run(Box<StaticConfig>),
    /// Ask the control plane that runs with this configuration whether it is well.
    Healthcheck(Box<StaticConfig>),
    /// Show what files would become.
    Check(Box<CheckOptions>),
    /// Show what files would change.
    Diff(Box<DiffOptions>),
    /// Wait until the proxies of a running control plane have come far enough.
    Wait(WaitOptions),
    /// Ask a running control plane what a request would meet.
    Explain(Box<ExplainOptions>),
    /// Print [`ExplainOptions::help`].
    ExplainHelp,
    /// Print the version.
    Version,
    /// Print the help of a sub-command.
    Show(String),
    /// Print [`Command::help`].
    Help,
}

/// The static configuration, with defaults filled in.
#[derive(Clone, Debug)]
pub struct StaticConfig {
    /// The Docker provider, if it is switched on.
    pub docker: Option<DockerOptions>,
    /// The file provider, if it is switched on.
    pub file: Option<FileOptions>,
    /// Entry points by name, as first spelled. [`API_ENTRY_POINT`] is among them
    /// if the API, the ping or `/metrics` is on there; it is the control plane's own.
    pub entry_points: BTreeMap<String, EntryPointOptions>,
    /// Entry points that were asked for but stay closed, and why: serving
    /// without what was asked for (TLS, middlewares) would be worse.
    pub closed_entry_points: BTreeMap<String, String>,
    /// The read API, if it is switched on.
    pub api: Option<ApiOptions>,
    /// Answer `/ping` on [`API_ENTRY_POINT`].
    pub ping: bool,
    /// How requests are counted, and who is told.
    pub metrics: MetricsOptions,
    /// What is logged, and how.
    pub log: LogOptions,
    /// Where the gRPC services listen.
    pub grpc_address: SocketAddr,
    /// How the proxies speak to servers of services that name no transport; files are
    /// not read yet.
    pub servers_transport: ServersTransport,
    /// What the proxies tell about requests.
    pub observability: ObservabilityOptions,
    /// Which files labels may name.
    pub label_files: LabelFiles,
    /// Flags that were accepted without effect, and other advice.
    pub warnings: Vec<Diagnostic>,
}

/// Options of the read API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOptions {
    /// Serve it on [`API_ENTRY_POINT`] without authentication.
    pub insecure: bool,
    /// Serve the dashboard wherever the API is served.
    pub dashboard: bool,
    /// What the dashboard is called besides its name.
    pub dashboard_name: String,
}

/// Traefik's defaults.
impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            insecure: false,
            dashboard: true,
            dashboard_name: String::new(),
        }
    }
}

/// Which of Fairway's own services routers may use besides `noop@internal`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InternalServices {
    /// `api@internal`.
    pub api: bool,
    /// `ping@internal`.
    pub ping: bool,
    /// `prometheus@internal`.
    pub prometheus: bool,
}

/// Options of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Least severity that is logged.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogFormat,
    /// No colours, also on a terminal.
    pub no_color: bool,
    /// Where it is written; empty: standard error.
    pub file_path: String,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to follow one decision.
    Debug,
    /// One line per applied change.
    #[default]
    Info,
    /// Somebody's configuration was ignored, or a connection lost.
    Warn,
    /// Something does not work.
    Error,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Common,
    /// One JSON object per line.
    Json,
}

impl Command {
    /// Reads a command line without its first word, and what it leaves to a file or
    /// the environment.
    ///
    /// # Errors
    /// The first option that cannot be used, with what would work.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, ConfigError> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let outside = source::Outside {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| text(name).zip(text(value)))
                .collect(),
            read: &|path| std::fs::read_to_string(path),
        };
        parse::command(args, &outside)
    }

    /// The text of `--help`.
    #[must_use]
    pub fn help() -> String {
        vocabulary::help()
    }
}

impl StaticConfig {
    /// Reads flags only: no sub-command.
    ///
    /// # Errors
    /// The first flag that cannot be used, with what would work.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, ConfigError> {
        parse::static_config(args, |name| std::env::var(name).ok())
    }

    /// Reads flags, and not `DOCKER_HOST`.
    pub(crate) fn parse_without_environment(
        args: impl IntoIterator<Item = String>,
    ) -> Result<Self, ConfigError> {
        parse::static_config(args, |_| None)
    }

    /// Which of Fairway's own services are on.
    #[must_use]
    pub fn internal_services(&self) -> InternalServices {
        InternalServices {
            api: self.api.is_some(),
            ping: self.ping,
            prometheus: self.metrics.prometheus.is_some(),
        }
    }

    /// `/metrics` is served on [`API_ENTRY_POINT`], by the control plane itself.
    #[must_use]
    pub fn serves_metrics(&self) -> bool {
        self.metrics.scraped_at() == Some(API_ENTRY_POINT)
    }

    /// The providers that are switched on, as Traefik's API calls them.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &'static str> {
        let docker = self.docker.as_ref().map(|_| "Docker");
        let file = self.file.as_ref().map(|_| "File");
        docker.into_iter().chain(file)
    }

    /// Where the API, the ping and `/metrics` listen (`host:port`, the host may be
    /// empty); `None` if none of them is on.
    #[must_use]
    pub fn api_address(&self) -> Option<&str> {
        if self.ping || self.serves_metrics() || self.api.as_ref().is_some_and(|api| api.insecure) {
            self.entry_points
                .get(API_ENTRY_POINT)
                .map(|entry| entry.address.as_str())
        } else {
            None
        }
    }
}

impl LogLevel {
    /// The level in the words of `tracing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
