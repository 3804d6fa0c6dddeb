//! Files to what they declare together.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{FileOptions, FileSource};
use crate::document;
use crate::label;
use crate::model::{Declared, Diagnostic, DynamicConfig, ObjectId, ProviderState};
use crate::rule::RuleSyntax;
use crate::template;

/// Longest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most files that are read.
const MAX_FILES: usize = 10_000;
/// Deepest directory that is looked into: links can go in circles.
const MAX_DEPTH: usize = 16;

/// Reads the files, and remembers what each was good for.
#[derive(Debug)]
pub(super) struct Reader {
    source: FileSource,
    syntax: RuleSyntax,
    files: BTreeMap<PathBuf, Seen>,
    /// In the order in which they count.
    order: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// What is below a directory.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// What is known of a file.
#[derive(Debug, Default)]
struct Seen {
    /// As last read.
    text: Option<String>,
    /// What it declared when it last could be parsed.
    good: Option<Arc<DynamicConfig>>,
    /// What is to be told of it.
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    pub(super) fn new(options: &FileOptions) -> Self {
        Self {
            source: options.source.clone(),
            syntax: options.rule_syntax,
            files: BTreeMap::new(),
            order: Vec::new(),
            folders: Vec::new(),
        }
    }

    /// Files and directories whose changes matter.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let folder = |path: &Path| path.parent().map(Path::to_owned);
        let mut places: Vec<PathBuf> = self.order.iter().chain(&self.folders).cloned().collect();
        match &self.source {
            // An editor may replace the file, and it need not be there yet.
            FileSource::File(path) => places.extend(folder(path)),
            FileSource::Directory(path) => places.push(path.clone()),
        }
        // Links lead elsewhere, and what changes is there.
        let links = self.order.iter().filter(|path| path.is_symlink());
        let real: Vec<_> = links.filter_map(|path| path.canonicalize().ok()).collect();
        places.extend(real.iter().filter_map(|path| folder(path)));
        places.extend(real);
        places.sort();
        places.dedup();
        places
    }

    /// Reads everything again.
    pub(super) fn read(&mut self) -> ProviderState {
        let mut diagnostics = Vec::new();
        match &self.source {
            FileSource::File(path) => self.order = vec![path.clone()],
            FileSource::Directory(path) => {
                let mut found = Found::default();
                match list(path, 0, &mut found) {
                    Ok(()) => (self.order, self.folders) = (found.files, found.folders),
                    Err(error) => {
                        diagnostics.push(unreadable(path, &error, !self.order.is_empty()))
                    }
                }
            }
        }
        if self.order.len() > MAX_FILES {
            let message = format!("there are more than {MAX_FILES} files: the rest is ignored");
            diagnostics.push(Diagnostic::error(
                message,
                "put more objects into each file",
            ));
            self.order.truncate(MAX_FILES);
        }
        self.files.retain(|path, _| self.order.contains(path));
        for path in &self.order {
            self.files
                .entry(path.clone())
                .or_default()
                .read(path, self.syntax);
        }
        let config = self.merge(&mut diagnostics);
        diagnostics.sort();
        diagnostics.dedup();
        ProviderState {
            config,
            diagnostics,
            ..ProviderState::default()
        }
    }

    /// The first file that declares an object has its way.
    fn merge(&self, diagnostics: &mut Vec<Diagnostic>) -> DynamicConfig {
        let mut all = DynamicConfig::default();
        let mut owners = BTreeMap::new();
        let seen = self.order.iter().filter_map(|path| self.files.get(path));
        for seen in seen {
            diagnostics.extend(seen.diagnostics.iter().cloned());
            let Some(config) = &seen.good else { continue };
            let mut taker = Taker {
                owners: &mut owners,
                diagnostics,
            };
            taker.take(&config.routers, &mut all.routers, |name: &String| {
                ObjectId::router(name)
            });
            taker.take(&config.services, &mut all.services, |name: &String| {
                ObjectId::service(name)
            });
            taker.take(
                &config.middlewares,
                &mut all.middlewares,
                |name: &String| ObjectId::middleware(name),
            );
            taker.take(
                &config.servers_transports,
                &mut all.servers_transports,
                |name: &String| ObjectId::servers_transport(name),
            );
            taker.take(&config.rejected, &mut all.rejected, |id: &ObjectId| {
                id.clone()
            });
        }
        all
    }
}

impl Seen {
    fn read(&mut self, path: &Path, syntax: RuleSyntax) {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) => {
                self.text = None;
                self.diagnostics = vec![unreadable(path, &error, self.good.is_some())];
                return;
            }
        };
        if self.text.as_ref() == Some(&text) {
            return;
        }
        let name = path.display().to_string();
        match parse(&name, &text, syntax) {
            Ok((config, diagnostics)) => {
                self.good = Some(Arc::new(config));
                self.diagnostics = diagnostics;
            }
            Err(broken) => {
                let message = format!("{}; {}", broken.message, fallback(self.good.is_some()));
                let diagnostic = Diagnostic::error(message, broken.suggestion)
                    .container(name)
                    .label(broken.position);
                self.diagnostics = vec![diagnostic];
            }
        }
        self.text = Some(text);
    }
}

/// Why nothing can be read from a file.
struct Broken {
    /// `line 3, column 5`
    position: String,
    message: String,
    suggestion: String,
}

fn parse(
    name: &str,
    text: &str,
    syntax: RuleSyntax,
) -> Result<(DynamicConfig, Vec<Diagnostic>), Broken> {
    let text = if text.contains("{{") {
        &fill_in(text)?
    } else {
        text
    };
    let Some(parsed) = document::read(name, text) else {
        return Err(Broken {
            position: "name".to_owned(),
            message: "the file is neither .yml, .yaml nor .toml".to_owned(),
            suggestion: "rename it".to_owned(),
        });
    };
    let root = parsed.map_err(|error| Broken {
        position: error.position(),
        message: error.message,
        suggestion: error.suggestion.to_owned(),
    })?;
    if !root.is_map() && !root.is_null() {
        return Err(Broken {
            position: "line 1".to_owned(),
            message: "the file is not a map".to_owned(),
            suggestion: "a file starts with http:".to_owned(),
        });
    }
    Ok(label::decode_file(name, &root, syntax))
}

/// Files are templates, as with Traefik.
fn fill_in(text: &str) -> Result<String, Broken> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut filled = String::new();
    template::parse(text, Some(&environment))
        .and_then(|nodes| template::render(&nodes, None, &mut filled))
        .map_err(|error| Broken {
            position: error
                .line
                .map_or_else(|| "template".to_owned(), |line| format!("line {line}")),
            message: format!("the template cannot be used: {error}"),
            suggestion: "mend it, or write {{ \"{{\" }} for two braces that are meant".to_owned(),
        })?;
    Ok(filled)
}

/// Takes objects over, unless an earlier file has one of the same name.
struct Taker<'a> {
    owners: &'a mut BTreeMap<ObjectId, String>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Taker<'_> {
    fn take<K: Ord + Clone, T: Clone>(
        &mut self,
        from: &BTreeMap<K, Declared<T>>,
        to: &mut BTreeMap<K, Declared<T>>,
        id: impl Fn(&K) -> ObjectId,
    ) {
        for (name, declared) in from {
            let id = id(name);
            let file = declared.containers.first().cloned().unwrap_or_default();
            match self.owners.get(&id) {
                Some(owner) if *owner != file => {
                    let message = format!("{id} is already declared in {owner}, which is in force");
                    let advice = "remove one of the two, or rename it";
                    self.diagnostics.push(
                        Diagnostic::warning(message, advice)
                            .container(file)
                            .object(id),
                    );
                }
                _ => {
                    self.owners.insert(id, file);
                    to.insert(name.clone(), declared.clone());
                }
            }
        }
    }
}

/// The files below a directory in the order of their names; a directory has its
/// place among the files.
fn list(folder: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.iter().map(|entry| entry.path()).collect();
    paths.sort();
    found.folders.push(folder.to_owned());
    for path in paths {
        if found.files.len() > MAX_FILES {
            break;
        }
        if path.is_dir() {
            // Links to what is read anyway, as Kubernetes mounts have them.
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(".."));
            if depth < MAX_DEPTH && !hidden {
                list(&path, depth + 1, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|it| it == "yml" || it == "yaml" || it == "toml")
        {
            found.files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!(
            "it is longer than {MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error, known: bool) -> Diagnostic {
    let name = path.display().to_string();
    let message = format!("{name} cannot be read: {error}; {}", fallback(known));
    let advice = "check that it is there, mounted into the control plane, and readable";
    Diagnostic::error(message, advice).container(name)
}

fn fallback(known: bool) -> &'static str {
    if known {
        "what it last declared stays in force"
    } else {
        "nothing in it is served"
    }
}
