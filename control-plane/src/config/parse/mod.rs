//! Assignments to a configuration: values checked, defaults filled in.

mod docker;
mod entrypoint;
mod metrics;
mod observability;
mod servers_transport;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Parser as _;

use self::docker::DockerDraft;
use super::error::subject;
use super::flag::{self, Assignment};
use super::source::Outside;
use super::vocabulary::Effect;
use super::{
    API_ENTRY_POINT, ApiOptions, Command, ConfigError, EntryPointOptions, LabelFiles, LogFormat,
    LogLevel, LogOptions, MetricsOptions, StaticConfig, address,
};
use crate::check::{CheckOptions, DiffOptions};
use crate::explain::ExplainOptions;
use crate::model::{Diagnostic, ServersTransport};
use crate::provider::file::{FileOptions, FileSource};
use crate::rule::RuleSyntax;

/// Entry point that exists where none is configured.
const DEFAULT_ENTRY_POINT: (&str, &str) = ("http", ":80");
const DEFAULT_API_ADDRESS: &str = ":8080";
const DEFAULT_GRPC_PORT: u16 = 9090;

/// Reads a command line.
pub(super) fn command(
    args: impl IntoIterator<Item = String>,
    outside: &Outside<'_>,
) -> Result<Command, ConfigError> {
    let mut args = args.into_iter().peekable();
    if args.next_if(|word| word == "version").is_some() {
        return Ok(Command::Version);
    }
    if args
        .next_if(|word| word == "help" || word == "-h")
        .is_some()
    {
        return Ok(Command::Help);
    }
    if args.next_if(|word| word == "check").is_some() {
        return subcommand(args, |it: CheckOptions| {
            let has_input = it.docker || !it.files.paths.is_empty();
            has_input.then(|| Command::Check(Box::new(it)))
        });
    }
    if args.next_if(|word| word == "diff").is_some() {
        return subcommand(args, |it: DiffOptions| {
            (!it.files.paths.is_empty()).then(|| Command::Diff(Box::new(it)))
        });
    }
    if args.next_if(|word| word == "wait").is_some() {
        return super::wait::command(args);
    }
    if args.next_if(|word| word == "explain").is_some() {
        return explain(args);
    }
    let healthcheck = args.next_if(|word| word == "healthcheck").is_some();
    let assignments = flag::assignments(args)?;
    for assignment in &assignments {
        match assignment.flag.path {
            "help" => return Ok(Command::Help),
            "version" => return Ok(Command::Version),
            _ => {}
        }
    }
    let chosen = outside.choose(assignments)?;
    let env = |name: &str| outside.variable(name);
    let mut config = Box::new(Draft::read(chosen.assignments)?.finish(&env)?);
    config.warnings.extend(chosen.warnings);
    if !healthcheck {
        return match config.docker {
            Some(_) => Ok(Command::Run(config)),
            None if config.file.is_some() => Ok(Command::Run(config)),
            None => Err(ConfigError::NoProvider),
        };
    }
    Ok(Command::Healthcheck(config))
}

/// Reads the words after a sub-command, of which no command is made without files.
fn subcommand<T: clap::Parser>(
    args: impl Iterator<Item = String>,
    command: impl Fn(T) -> Option<Command>,
) -> Result<Command, ConfigError> {
    // clap takes the first word for the name of the program.
    let words = ["fairway-control".to_owned()].into_iter().chain(args);
    match T::try_parse_from(words) {
        Ok(options) => command(options)
            .ok_or_else(|| ConfigError::Usage("name at least one FILE; see --help".to_owned())),
        Err(error) if !error.use_stderr() => Ok(Command::Show(error.to_string())),
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            Err(ConfigError::Usage(text.to_owned()))
        }
    }
}

/// Reads the arguments of `explain`.
fn explain(args: impl Iterator<Item = String>) -> Result<Command, ConfigError> {
    let name = "fairway-control explain".to_owned();
    match ExplainOptions::try_parse_from(std::iter::once(name).chain(args)) {
        Ok(options) => Ok(Command::Explain(Box::new(options))),
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Err(ConfigError::Usage(text.trim_end().to_owned()))
        }
        Err(_) => Ok(Command::ExplainHelp),
    }
}

/// Reads flags.
pub(super) fn static_config(
    args: impl IntoIterator<Item = String>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<StaticConfig, ConfigError> {
    Draft::read(flag::assignments(args)?)?.finish(&env)
}

/// What the flags read so far say.
struct Draft {
    docker: Option<DockerDraft>,
    file: Option<FileDraft>,
    rule_syntax: RuleSyntax,
    entry_points: BTreeMap<String, Entry>,
    api: Option<ApiOptions>,
    ping: bool,
    metrics: MetricsOptions,
    log: LogOptions,
    grpc: SocketAddr,
    transport: ServersTransport,
    observability: observability::Draft,
    label_files: Option<Vec<String>>,
    not_append_x_forwarded_for: bool,
    warnings: Vec<Diagnostic>,
}

/// What the flags say of the file provider.
#[derive(Default)]
struct FileDraft {
    off: bool,
    filename: String,
    directory: String,
    once: bool,
}

/// An entry point, under the lower-case form of its name.
struct Entry {
    name: String,
    options: EntryPointOptions,
    closed: Option<String>,
}

impl Draft {
    fn read(assignments: Vec<Assignment>) -> Result<Self, ConfigError> {
        let mut draft = Self {
            docker: None,
            file: None,
            rule_syntax: RuleSyntax::default(),
            entry_points: BTreeMap::new(),
            api: None,
            ping: false,
            metrics: MetricsOptions::default(),
            log: LogOptions::default(),
            grpc: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), DEFAULT_GRPC_PORT),
            transport: ServersTransport::default(),
            observability: observability::Draft::default(),
            label_files: None,
            not_append_x_forwarded_for: false,
            warnings: Vec::new(),
        };
        for assignment in assignments {
            match assignment.flag.effect {
                Effect::Full => draft.assign(&assignment)?,
                Effect::NotYet => draft.warn_not_yet(&assignment),
                Effect::Never(instead) => draft.warn_never(&assignment, instead),
                Effect::Closes(what) => draft.close(&assignment, what),
                Effect::Moot | Effect::Gone(_) => {}
            }
        }
        Ok(draft)
    }

    fn assign(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        match it.flag.path {
            "api" if it.truth()? => _ = self.api.get_or_insert_default(),
            "api" => self.api = None,
            "api.insecure" => self.api.get_or_insert_default().insecure = it.truth()?,
            "api.dashboard" => self.api.get_or_insert_default().dashboard = it.truth()?,
            "api.dashboardName" => {
                let api = self.api.get_or_insert_default();
                api.dashboard_name.clone_from(&it.value);
            }
            "global.notAppendXForwardedFor" => self.not_append_x_forwarded_for = it.truth()?,
            "ping" => self.ping = it.truth()?,
            "log.level" => self.log.level = level(it)?,
            "core.defaultRuleSyntax" => self.rule_syntax = self.syntax(it)?,
            "log.format" => self.log.format = format(it)?,
            "log.noColor" => self.log.no_color = it.truth()?,
            "log.filePath" => self.log.file_path.clone_from(&it.value),
            "grpc.address" => {
                let expected = "HOST:PORT or :PORT";
                self.grpc = address::socket(&it.value).ok_or_else(|| it.invalid(expected))?;
            }
            path if path.starts_with("serversTransport.") => {
                servers_transport::assign(&mut self.transport, it)?;
            }
            "providers.docker.labelFiles" => self.assign_label_files(it)?,
            path if path.starts_with("providers.docker") => {
                self.docker.get_or_insert_default().assign(it)?;
            }
            path if path.starts_with("accessLog") || path.starts_with("tracing") => {
                self.observability.assign(it)?;
            }
            path if path.starts_with("providers.file") => self.assign_file(it)?,
            path if path.starts_with("metrics.") => metrics::assign(&mut self.metrics, it)?,
            path if path.starts_with("entryPoints.") => self.assign_entry_point(it)?,
            _ => {}
        }
        Ok(())
    }

    fn assign_label_files(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        if LabelFiles::below(it.items()).is_none() {
            return Err(it.invalid("a list of absolute paths of directories"));
        }
        let known = self.label_files.get_or_insert_default();
        known.extend(it.items());
        Ok(())
    }

    fn assign_file(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        let file = self.file.get_or_insert_default();
        match it.flag.path {
            "providers.file" => file.off = !it.truth()?,
            "providers.file.filename" => file.filename.clone_from(&it.value),
            "providers.file.directory" => file.directory.clone_from(&it.value),
            "providers.file.watch" => file.once = !it.truth()?,
            _ => {}
        }
        Ok(())
    }

    fn assign_entry_point(&mut self, it: &Assignment) -> Result<(), ConfigError> {
        let entry = self.entry_point(it.name());
        match it.flag.path {
            "entryPoints.*.address" => {
                let expected = "[HOST]:PORT, as in :80";
                let address = address::listen(&it.value).ok_or_else(|| it.invalid(expected))?;
                entry.options.address = address.text;
                if address.udp {
                    entry.closed = Some("UDP is not available yet".to_owned());
                }
            }
            _ => entrypoint::assign(&mut entry.options, it)?,
        }
        Ok(())
    }

    fn syntax(&mut self, it: &Assignment) -> Result<RuleSyntax, ConfigError> {
        match it.value.as_str() {
            "v3" => Ok(RuleSyntax::V3),
            "v2" => {
                self.warnings.push(Diagnostic::warning(
                    format!(
                        "{} is v2, the syntax of an earlier Traefik",
                        subject(&it.written)
                    ),
                    "write rules in v3 syntax; until then a router can say ruleSyntax=v2",
                ));
                Ok(RuleSyntax::V2)
            }
            _ => Err(it.invalid("v3 or v2")),
        }
    }

    fn entry_point(&mut self, name: &str) -> &mut Entry {
        self.entry_points
            .entry(name.to_lowercase())
            .or_insert_with(|| Entry {
                name: name.to_owned(),
                options: EntryPointOptions::default(),
                closed: None,
            })
    }

    fn warn_not_yet(&mut self, it: &Assignment) {
        self.warnings.push(Diagnostic::warning(
            format!("{} has no effect yet", subject(&it.written)),
            "it may stay for when it does",
        ));
    }

    fn warn_never(&mut self, it: &Assignment, instead: &str) {
        let message = format!("{} has no effect", subject(&it.written));
        self.warnings.push(Diagnostic::warning(message, instead));
    }

    fn close(&mut self, it: &Assignment, what: &str) {
        if it.value == "false" {
            return;
        }
        let reason = format!("{what} ({}) cannot be had yet", it.written);
        self.entry_point(it.name()).closed.get_or_insert(reason);
    }

    fn finish(
        mut self,
        env: &impl Fn(&str) -> Option<String>,
    ) -> Result<StaticConfig, ConfigError> {
        let docker = self.docker.take();
        let docker = docker.map(|it| it.finish(self.rule_syntax, env, &mut self.warnings));
        let docker = docker.transpose()?.flatten();
        let file = self.file.take().filter(|file| !file.off);
        let file = file.map(|file| file.finish(self.rule_syntax)).transpose()?;
        if let Some(prometheus) = &mut self.metrics.prometheus {
            metrics::find_entry_point(prometheus, &self.entry_points, &mut self.warnings);
        }
        self.add_default_entry_points();
        for entry in self.entry_points.values_mut() {
            let forwarded = &mut entry.options.forwarded_headers;
            forwarded.not_append_x_forwarded_for |= self.not_append_x_forwarded_for;
        }
        let addresses = self.entry_points.iter();
        let addresses = addresses
            .map(|(name, it)| (name.clone(), it.options.address.clone()))
            .collect();
        let entries = self.entry_points.values_mut();
        let entries = entries.map(|it| (it.name.as_str(), &mut it.options));
        entrypoint::finish(entries, &addresses, &mut self.warnings);
        let mut entry_points = BTreeMap::new();
        let mut closed_entry_points = BTreeMap::new();
        for Entry {
            name,
            options,
            closed,
        } in self.entry_points.into_values()
        {
            if options.address.is_empty() {
                return Err(ConfigError::NoAddress { name });
            }
            match closed {
                None => {
                    entry_points.insert(name, options);
                }
                Some(reason) => {
                    self.warnings.push(Diagnostic::error(
                        format!("entry point {name} stays closed: {reason}"),
                        "remove the flag to open the entry point without it",
                    ));
                    closed_entry_points.insert(name, reason);
                }
            }
        }
        check_addresses(&entry_points)?;
        Ok(StaticConfig {
            docker,
            file,
            entry_points,
            closed_entry_points,
            api: self.api,
            ping: self.ping,
            metrics: self.metrics,
            log: self.log,
            grpc_address: self.grpc,
            servers_transport: self.transport,
            observability: self.observability.finish(),
            label_files: self
                .label_files
                .and_then(LabelFiles::below)
                .unwrap_or_default(),
            warnings: self.warnings,
        })
    }

    fn add_default_entry_points(&mut self) {
        if self.entry_points.keys().all(|name| name == API_ENTRY_POINT) {
            let (name, address) = DEFAULT_ENTRY_POINT;
            address.clone_into(&mut self.entry_point(name).options.address);
        }
        let prometheus = self.metrics.prometheus.as_ref();
        let scraped =
            prometheus.is_some_and(|it| !it.manual_routing && it.entry_point == API_ENTRY_POINT);
        if self.ping || scraped || self.api.as_ref().is_some_and(|api| api.insecure) {
            let address = &mut self.entry_point(API_ENTRY_POINT).options.address;
            if address.is_empty() {
                DEFAULT_API_ADDRESS.clone_into(address);
            }
        }
    }
}

impl FileDraft {
    fn finish(self, rule_syntax: RuleSyntax) -> Result<FileOptions, ConfigError> {
        let source = match (self.directory.as_str(), self.filename.as_str()) {
            ("", "") => return Err(ConfigError::NoFile),
            ("", filename) => FileSource::File(filename.into()),
            (directory, _) => FileSource::Directory(directory.into()),
        };
        Ok(FileOptions {
            source,
            watch: !self.once,
            rule_syntax,
        })
    }
}

/// Two entry points of the data plane cannot share an address. The API's is in
/// another process.
fn check_addresses(entries: &BTreeMap<String, EntryPointOptions>) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, options) in entries.iter().filter(|(name, _)| *name != API_ENTRY_POINT) {
        if options.address.ends_with(":0") {
            continue;
        }
        if let Some(first) = seen.insert(&options.address, name) {
            return Err(ConfigError::SameAddress {
                first: first.to_owned(),
                second: name.clone(),
                address: options.address.clone(),
            });
        }
    }
    Ok(())
}

fn level(it: &Assignment) -> Result<LogLevel, ConfigError> {
    Ok(match it.value.to_ascii_uppercase().as_str() {
        "TRACE" => LogLevel::Trace,
        "DEBUG" => LogLevel::Debug,
        "INFO" => LogLevel::Info,
        "WARN" | "WARNING" => LogLevel::Warn,
        "ERROR" | "FATAL" | "PANIC" => LogLevel::Error,
        _ => return Err(it.invalid("one of TRACE, DEBUG, INFO, WARN, ERROR")),
    })
}

fn format(it: &Assignment) -> Result<LogFormat, ConfigError> {
    Ok(match it.value.to_ascii_lowercase().as_str() {
        "common" => LogFormat::Common,
        "json" => LogFormat::Json,
        _ => return Err(it.invalid("common or json")),
    })
}

/// A bare number counts seconds; else numbers with units, as in `1m30s`.
fn duration(it: &Assignment) -> Result<Duration, ConfigError> {
    let expected = "a duration, as in 500ms, 10s, 1m30s or a number of seconds";
    parse_duration(&it.value).ok_or_else(|| it.invalid(expected))
}

pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) = after.split_at(
            after
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(after.len()),
        );
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    if text.is_empty() {
        None
    } else {
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests;
