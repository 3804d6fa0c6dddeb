//! Where the static configuration comes from: a file, flags or the environment.
//!
//! As with Traefik the first of them that says anything is the only one that counts,
//! in this order; that the others are ignored is told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::flag::Assignment;
use super::{ConfigError, file, variable};
use crate::model::Diagnostic;

/// What surrounds the command line.
pub(super) struct Outside<'a> {
    /// The environment.
    pub(super) variables: BTreeMap<String, String>,
    /// Reads a file.
    pub(super) read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// What counts.
pub(super) struct Chosen {
    pub(super) assignments: Vec<Assignment>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Outside<'_> {
    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    /// Chooses what counts, given the flags.
    pub(super) fn choose(&self, flags: Vec<Assignment>) -> Result<Chosen, ConfigError> {
        let is_file = |it: &&Assignment| it.flag.path == "configFile";
        let named = flags.iter().rfind(is_file).map(|it| it.value.clone());
        let flags: Vec<Assignment> = flags.into_iter().filter(|it| !is_file(&it)).collect();
        let mut warnings = Vec::new();
        let environment = variable::assignments(&self.variables, &mut warnings);
        let mut ignored = Vec::new();
        if let Some((path, text)) = self.file(named)? {
            let name = path.display().to_string();
            let assignments = file::assignments(&name, &text, &mut warnings)?;
            ignored.extend(summary("the flags", &flags));
            if let Ok(variables) = &environment {
                ignored.extend(summary("the variables", variables));
            }
            warnings.extend(told(&format!("the file {name}"), &ignored));
            return Ok(Chosen {
                assignments,
                warnings,
            });
        }
        if !flags.is_empty() {
            if let Ok(variables) = &environment {
                ignored.extend(summary("the variables", variables));
            }
            warnings.extend(told("a flag", &ignored));
            return Ok(Chosen {
                assignments: flags,
                warnings,
            });
        }
        Ok(Chosen {
            assignments: environment?,
            warnings,
        })
    }

    /// The file that was named, or the first one where it is looked for.
    fn file(&self, named: Option<String>) -> Result<Option<(PathBuf, String)>, ConfigError> {
        let unreadable = |path: &Path, error: &io::Error| ConfigError::File {
            place: path.display().to_string(),
            message: format!("it cannot be read: {error}"),
        };
        if let Some(path) = named.filter(|path| !path.trim().is_empty()) {
            let path = PathBuf::from(path);
            return match (self.read)(&path) {
                Ok(text) => Ok(Some((path, text))),
                Err(error) => Err(unreadable(&path, &error)),
            };
        }
        for path in self.places() {
            match (self.read)(&path) {
                Ok(text) => return Ok(Some((path, text))),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        Ok(None)
    }

    /// Where a file is looked for that nobody named.
    fn places(&self) -> Vec<PathBuf> {
        let mut folders = vec![
            (PathBuf::from("/etc/fairway"), "fairway"),
            (PathBuf::from("/etc/traefik"), "traefik"),
        ];
        let users = [
            self.variable("XDG_CONFIG_HOME").map(PathBuf::from),
            self.variable("HOME")
                .map(|home| Path::new(&home).join(".config")),
            Some(PathBuf::from(".")),
        ];
        for folder in users.into_iter().flatten() {
            folders.push((folder.clone(), "fairway"));
            folders.push((folder, "traefik"));
        }
        let endings = ["toml", "yaml", "yml"];
        folders
            .iter()
            .flat_map(|(folder, name)| {
                endings.map(|ending| folder.join(format!("{name}.{ending}")))
            })
            .collect()
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

/// Whose assignments these are, and the first of them.
fn summary(whose: &str, assignments: &[Assignment]) -> Option<String> {
    let first = assignments.first()?;
    Some(match assignments.len() {
        1 => format!("{whose} ({})", first.written),
        more => format!("{whose} ({} and {} more)", first.written, more - 1),
    })
}

fn told(counts: &str, ignored: &[String]) -> Option<Diagnostic> {
    let message = format!(
        "only {counts} counts, for the static configuration comes from one place: {} are ignored",
        ignored.join(" and ")
    );
    (!ignored.is_empty()).then(|| {
        Diagnostic::warning(
            message,
            "put everything into one of them: a file, flags or the environment, in this order",
        )
    })
}

#[cfg(test)]
mod tests;
