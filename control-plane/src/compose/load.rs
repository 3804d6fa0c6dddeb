//! Files to one project: reads them, fills in variables, follows `include` and
//! `extends`, merges.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::interpolate::interpolate;
use super::{Place, Problem, Project, Request, Sources, dotenv, merge, service};
use crate::document::{self, Entry, Node, Value};
use crate::model::Diagnostic;

/// Most files that are read: an `include` may go in a circle.
const MAX_FILES: usize = 100;
/// Longest chain of `extends`.
const MAX_EXTENDS: usize = 16;
/// Fields of a service that concern routing; variables elsewhere are left alone.
const FIELDS: [&str; 13] = [
    "image",
    "labels",
    "networks",
    "network_mode",
    "ports",
    "expose",
    "scale",
    "deploy",
    "container_name",
    "command",
    "extends",
    "label_file",
    "volumes",
];

/// Loads a project. Never fails: what cannot be read is a problem of the project.
pub(crate) fn load(request: &Request, directory: &str, sources: Sources<'_>) -> Project {
    let mut loader = Loader {
        request,
        sources,
        variables: BTreeMap::new(),
        project: Project::default(),
        services: Vec::new(),
        networks: Vec::new(),
        name: None,
        unset: BTreeSet::new(),
        quiet: false,
    };
    loader.read_variables();
    for path in &request.files {
        loader.file(path);
    }
    let name = request
        .project
        .clone()
        .or_else(|| loader.variable("COMPOSE_PROJECT_NAME"))
        .filter(|name| !name.is_empty())
        .or(loader.name.take())
        .unwrap_or_else(|| directory.to_owned());
    loader.project.name = normalize(&name);
    let mut project = loader.project;
    for entry in &loader.services {
        service::read(entry, &loader.networks, &mut project);
    }
    project
}

/// The name of a project as Compose spells it.
fn normalize(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

struct Loader<'a> {
    request: &'a Request,
    sources: Sources<'a>,
    /// From `.env`.
    variables: BTreeMap<String, String>,
    project: Project,
    services: Vec<Entry>,
    networks: Vec<Entry>,
    name: Option<String>,
    /// Variables without a value that were told of.
    unset: BTreeSet<String>,
    /// What is wrong with variables is not told: it concerns few services' routing.
    quiet: bool,
}

impl Loader<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        (self.sources.variable)(name).or_else(|| self.variables.get(name).cloned())
    }

    fn read_variables(&mut self) {
        let request = self.request;
        let beside = || Some(request.files.first()?.parent()?.join(".env"));
        let path = match &request.env_file {
            Some(path) => path.clone(),
            None => match beside() {
                Some(path) => path,
                None => return,
            },
        };
        match (self.sources.read)(&path) {
            Ok(text) => self.variables = dotenv::read(&text, self.sources.variable),
            Err(error) if request.env_file.is_some() => self.unreadable(None, &path, &error),
            Err(_) => {}
        }
    }

    /// Takes in a file and those it includes.
    fn file(&mut self, path: &Path) {
        let Some(root) = self.open(None, path) else {
            return;
        };
        for item in root.field("include").map(Node::items).unwrap_or_default() {
            self.include(item, path);
        }
        if let Some(name) = root.field("name").and_then(Node::text) {
            let variables = |name: &str| self.variable(name);
            self.name = interpolate(name, &variables, &mut Vec::new()).ok();
        }
        for entry in root
            .field("networks")
            .map(Node::entries)
            .unwrap_or_default()
        {
            let mut entry = entry.clone();
            self.fill(&mut entry.node, "");
            merge_into(&mut self.networks, entry);
        }
        let Some(services) = root.field("services") else {
            return;
        };
        for entry in services.entries() {
            if let Some(node) = self.service(&root, &entry.key, path, 0) {
                let merged = Entry {
                    key: entry.key.clone(),
                    place: entry.place,
                    node,
                    folded: false,
                };
                merge_into(&mut self.services, merged);
            }
        }
    }

    fn include(&mut self, item: &Node, from: &Path) {
        let paths: Vec<&Node> = match item.field("path") {
            Some(path) if !path.items().is_empty() => path.items().iter().collect(),
            Some(path) => vec![path],
            None => vec![item],
        };
        for node in paths {
            let mut node = node.clone();
            self.fill(&mut node, "");
            match node.text() {
                Some(text) => self.file(&beside(from, text)),
                None => self.project.problems.push(Problem::error(
                    node.place,
                    "an item of include names no file",
                    "write the path of a Compose file",
                )),
            }
        }
    }

    /// A service of a file, with variables filled in and `extends` followed.
    fn service(&mut self, root: &Node, name: &str, path: &Path, depth: usize) -> Option<Node> {
        let mut node = root.field("services")?.field(name)?.clone();
        match &mut node.value {
            Value::Map(entries) => entries.retain(|it| FIELDS.contains(&it.key.as_str())),
            Value::Null => {}
            Value::Scalar(_) | Value::List(_) => {
                let message = format!("service {name} is not a map");
                let advice = "write its fields below it, as in `image: …`";
                self.tell(Problem::error(node.place, message, advice).of(name));
                return None;
            }
        }
        self.fill(&mut node, name);
        merge::normalize(&mut node);
        let Some(extends) = node.field("extends").cloned() else {
            return Some(node);
        };
        let base = self.base(root, name, &extends, path, depth);
        Some(match base {
            Some(base) => merge::service(base, node),
            None => node,
        })
    }

    fn base(
        &mut self,
        root: &Node,
        name: &str,
        extends: &Node,
        path: &Path,
        depth: usize,
    ) -> Option<Node> {
        let wanted = extends.text().or_else(|| extends.field("service")?.text());
        let mut fail = |message: String, suggestion: &str| {
            self.tell(Problem::error(extends.place, message, suggestion).of(name));
            None
        };
        let Some(wanted) = wanted else {
            return fail(
                format!("service {name} extends nothing"),
                "name the service",
            );
        };
        if depth >= MAX_EXTENDS {
            return fail(
                format!("service {name} extends itself, in a circle or a long chain"),
                "take one `extends` out",
            );
        }
        let deeper = depth.saturating_add(1);
        let base = match extends.field("file").and_then(Node::text) {
            Some(file) => {
                let path = beside(path, file);
                let root = self.open(Some(extends.place), &path)?;
                self.service(&root, wanted, &path, deeper)
            }
            None => self.service(root, wanted, path, deeper),
        };
        if base.is_none() {
            self.tell(
                Problem::error(
                    extends.place,
                    format!("service {name} extends service {wanted}, which is not there"),
                    "name a service of the same file, or the file with `file:`",
                )
                .of(name),
            );
        }
        base
    }

    fn open(&mut self, from: Option<Place>, path: &Path) -> Option<Node> {
        if self.project.files.len() >= MAX_FILES {
            return None;
        }
        let text = match (self.sources.read)(path) {
            Ok(text) => text,
            Err(error) => {
                self.unreadable(from, path, &error);
                return None;
            }
        };
        let file = self.project.files.len();
        self.project.files.push(path.to_owned());
        self.project.folders.push(self.folder(path));
        match document::read_yaml(file, &text) {
            Ok(root) if root.is_null() || matches!(root.value, Value::Map(_)) => Some(root),
            Ok(root) => {
                self.tell(Problem::error(
                    root.place,
                    "the file is not a map",
                    "a Compose file starts with `services:`",
                ));
                None
            }
            Err(error) => {
                self.tell(Problem::error(error.place, error.message, error.suggestion));
                None
            }
        }
    }

    /// Where relative paths of a file begin: for all files of the command line that is
    /// beside the first.
    fn folder(&self, path: &Path) -> PathBuf {
        let given = self.request.files.iter().any(|it| it == path);
        let first = self.request.files.first().filter(|_| given);
        let file = first.map_or(path, PathBuf::as_path);
        file.parent().map(Path::to_owned).unwrap_or_default()
    }

    fn unreadable(&mut self, from: Option<Place>, path: &Path, error: &std::io::Error) {
        let message = format!("{} cannot be read: {error}", path.display());
        self.project.problems.push(Problem {
            place: from,
            service: None,
            diagnostic: Diagnostic::error(message, "check the path"),
        });
    }

    /// Fills in the variables of all values below a node.
    fn fill(&mut self, node: &mut Node, service: &str) {
        match &mut node.value {
            Value::Null => {}
            Value::Scalar(text) => {
                let filled = self.text(text, node.place, service);
                if let Some(filled) = filled {
                    *text = filled;
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.fill(item, service)),
            Value::Map(entries) => {
                for entry in entries {
                    let before = self.quiet;
                    self.quiet |= entry.key == "volumes";
                    self.fill(&mut entry.node, service);
                    self.quiet = before;
                }
            }
        }
    }

    fn text(&mut self, text: &str, place: Place, service: &str) -> Option<String> {
        if !text.contains('$') {
            return None;
        }
        let mut unset = Vec::new();
        let filled = interpolate(text, &|name| self.variable(name), &mut unset);
        if self.quiet {
            return filled.ok();
        }
        let owner = (!service.is_empty()).then(|| service.to_owned());
        for name in unset {
            if self.unset.insert(name.clone()) {
                let mut problem = Problem::warning(
                    place,
                    format!("variable {name} has no value; Compose takes the empty text"),
                    format!("set it in .env or the environment, or write ${{{name}:-default}}"),
                );
                problem.service.clone_from(&owner);
                self.tell(problem);
            }
        }
        match filled {
            Ok(filled) => Some(filled),
            Err(error) => {
                let advice = "set the variable, or write `$$` where a `$` is meant";
                let mut problem = Problem::error(place, error.to_string(), advice);
                problem.service = owner;
                self.tell(problem);
                None
            }
        }
    }

    /// A service that others extend is filled in more than once.
    fn tell(&mut self, problem: Problem) {
        let known =
            |it: &Problem| (it.place, &it.diagnostic) == (problem.place, &problem.diagnostic);
        if !self.project.problems.iter().any(known) {
            self.project.problems.push(problem);
        }
    }
}

fn merge_into(entries: &mut Vec<Entry>, over: Entry) {
    match entries.iter_mut().find(|entry| entry.key == over.key) {
        Some(entry) => {
            let empty = Node::new(over.place, Value::Null);
            let base = std::mem::replace(&mut entry.node, empty);
            entry.node = merge::service(base, over.node);
            entry.place = over.place;
        }
        None => entries.push(over),
    }
}

fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

#[cfg(test)]
mod tests;
