//! The command lines of `check` and `diff`.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

/// What `fairway-control check` was asked.
#[derive(Clone, Debug, Parser)]
#[command(
    bin_name = "fairway-control check",
    about = "Shows what Compose files, or the containers of an engine, become: routers, services, \
             middlewares, and everything that is not served as written. Changes nothing. Exit \
             status: 0, 1 if something is not served, 2 if the command line cannot be used.",
    disable_version_flag = true
)]
pub struct CheckOptions {
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Look at the containers of the engine instead of files
    #[arg(long, conflicts_with = "paths")]
    pub docker: bool,
    /// What to look at.
    #[command(flatten)]
    pub files: Files,
}

/// What `fairway-control diff` was asked.
#[derive(Clone, Debug, Parser)]
#[command(
    bin_name = "fairway-control diff",
    about = "Shows what Compose files would change in a control plane that runs. Changes nothing. \
             Exit status: 0, 1 if something of the files is not served or the control plane cannot \
             be asked, 2 if the command line cannot be used.",
    disable_version_flag = true
)]
pub struct DiffOptions {
    /// How to print it
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// The gRPC address of the control plane
    #[arg(long, default_value = "http://127.0.0.1:9090", value_name = "URL")]
    pub server: String,
    /// What to look at.
    #[command(flatten)]
    pub files: Files,
}

/// Compose files and what goes with them.
#[derive(Args, Clone, Debug, Default)]
pub struct Files {
    /// Compose files; later ones are merged over earlier ones
    #[arg(value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Name of the project, as in `docker compose --project-name`
    #[arg(short, long = "project-name", value_name = "NAME")]
    pub project: Option<String>,
    /// File of variables instead of the .env beside the first file
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Flags of the control plane, as in `-- --entrypoints.web.address=:80`
    #[arg(last = true, value_name = "FLAGS")]
    pub flags: Vec<String>,
    /// Folder the project is named after if nothing else names it.
    #[arg(skip)]
    pub directory: String,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}
