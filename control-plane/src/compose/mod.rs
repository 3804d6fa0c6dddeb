//! Compose files in, the containers they would start out.
//!
//! Used by `check` and `diff` only: nothing that runs for long reads files. Files
//! are read (`document`), variables filled in (`interpolate`, `dotenv`), files and
//! `extends` merged (`load`, `merge`), services read (`service`), and each becomes
//! the provider's containers (`container`), so that all that follows is what the
//! running control plane does. Only what routing depends on is read; what Compose
//! refuses elsewhere is not noticed. Where a file of a container is on this machine its
//! bind mounts tell (`mount`). Reading goes through [`Sources`]: nothing here
//! touches a file or the environment by itself.

mod container;
mod dotenv;
mod flag;
mod interpolate;
mod load;
mod merge;
mod mount;
mod port;
mod service;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use crate::document::Place;
pub(crate) use container::{Guests, containers};
pub(crate) use flag::flags;
pub(crate) use load::load;
pub(crate) use mount::{Mount, outside};

use crate::model::{Diagnostic, ProviderState};
use crate::provider::docker::Port;
use crate::provider::file::FileOptions;

/// Where texts and variables come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The value of an environment variable; it has precedence over `.env`.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What the files of a file provider declare.
    pub declared: &'a dyn Fn(&FileOptions) -> ProviderState,
}

/// What to load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Compose files, later ones over earlier ones.
    pub(crate) files: Vec<PathBuf>,
    /// Name of the project; `None`: as Compose finds it.
    pub(crate) project: Option<String>,
    /// File of variables; `None`: `.env` beside the first file.
    pub(crate) env_file: Option<PathBuf>,
}

/// Compose files as one.
#[derive(Debug, Default)]
pub(crate) struct Project {
    /// Name, which containers and networks begin with.
    pub(crate) name: String,
    /// Every file that was read; a [`Place`] is an index into it.
    pub(crate) files: Vec<PathBuf>,
    /// Of each file, where its relative paths begin.
    pub(crate) folders: Vec<PathBuf>,
    /// In the order of the files.
    pub(crate) services: Vec<Service>,
    /// What is wrong with the files.
    pub(crate) problems: Vec<Problem>,
}

/// What of a service concerns routing.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) image: String,
    /// Values with the place of each.
    pub(crate) labels: BTreeMap<String, (String, Place)>,
    /// Names as the engine has them.
    pub(crate) networks: Vec<String>,
    /// As written; empty: networks.
    pub(crate) network_mode: String,
    pub(crate) ports: Vec<Port>,
    pub(crate) replicas: usize,
    pub(crate) container_name: Option<String>,
    /// Words of its command.
    pub(crate) command: Vec<String>,
    /// What it sees of this machine's files.
    pub(crate) mounts: Vec<Mount>,
}

/// Something wrong in a file.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Where, if it is anywhere.
    pub(crate) place: Option<Place>,
    /// The service concerned, if it is one.
    pub(crate) service: Option<String>,
    pub(crate) diagnostic: Diagnostic,
}

impl Problem {
    fn error(place: Place, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::at(place, Diagnostic::error(message, suggestion))
    }

    fn warning(place: Place, message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self::at(place, Diagnostic::warning(message, suggestion))
    }

    fn at(place: Place, diagnostic: Diagnostic) -> Self {
        Self {
            place: Some(place),
            service: None,
            diagnostic,
        }
    }

    fn of(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
