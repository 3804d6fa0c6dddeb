//! A merged service as typed values.

use std::collections::BTreeMap;

use super::{Place, Problem, Project, Service, mount, port};
use crate::document::{Entry, Node, Value};

/// Most containers of one service.
const MAX_REPLICAS: usize = 1000;

/// Reads a service into the project, together with what is wrong with it.
pub(super) fn read(entry: &Entry, networks: &[Entry], project: &mut Project) {
    let mut reader = Reader {
        name: &entry.key,
        problems: Vec::new(),
    };
    let node = &entry.node;
    let text = |field| node.field(field).and_then(Node::text);
    let mut service = Service {
        name: entry.key.clone(),
        place: entry.place,
        image: text("image").unwrap_or_default().to_owned(),
        labels: reader.labels(node),
        networks: reader.networks(node, networks, &project.name),
        network_mode: text("network_mode").unwrap_or_default().to_owned(),
        ports: reader.ports(node),
        replicas: reader.replicas(node),
        container_name: text("container_name").map(str::to_owned),
        command: node.field("command").map(words).unwrap_or_default(),
        mounts: mounts(node, project),
    };
    if service.container_name.is_some() && service.replicas > 1 {
        reader.error(
            entry.place,
            format!(
                "service {} has a container_name and more than one replica",
                entry.key
            ),
            "remove container_name: Compose refuses to start two containers of one name",
        );
        service.replicas = 1;
    }
    project.problems.append(&mut reader.problems);
    project.services.push(service);
}

struct Reader<'a> {
    name: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn labels(&mut self, node: &Node) -> BTreeMap<String, (String, Place)> {
        let mut labels = BTreeMap::new();
        let field = node.field("labels");
        for entry in field.map(Node::entries).unwrap_or_default() {
            let value = match &entry.node.value {
                Value::Scalar(text) => text.clone(),
                Value::Null => String::new(),
                Value::List(_) | Value::Map(_) => {
                    let (message, advice) = match entry.key.as_str() {
                        "" => (
                            "an item of the list of labels is not a text".to_owned(),
                            "write `- key=value`, or drop the dashes and write `key: value`",
                        ),
                        key => (
                            format!("label {key} is not a text"),
                            "write one line for each label, as in `key: value`",
                        ),
                    };
                    self.error(entry.node.place, message, advice);
                    continue;
                }
            };
            labels.insert(entry.key.clone(), (value, entry.place));
        }
        if let Some(field) = field.filter(|it| it.text().is_some()) {
            let advice = "write a map, or a list of `key=value`";
            self.error(
                field.place,
                "labels are neither a list nor a map".to_owned(),
                advice,
            );
        }
        if let Some(field) = node.field("label_file") {
            self.warning(
                field.place,
                format!(
                    "the labels of service {} in label_file are not read",
                    self.name
                ),
                "write them under labels to have them checked",
            );
        }
        let deploy = node.field("deploy").and_then(|it| it.field("labels"));
        let routing = |it: &&Entry| it.key.to_ascii_lowercase().starts_with("traefik.");
        if let Some(entry) = deploy
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .find(routing)
        {
            self.warning(
                entry.place,
                format!(
                    "the labels under deploy of service {} are for Swarm services: containers do \
                     not get them",
                    self.name
                ),
                "move them from deploy.labels to labels",
            );
        }
        labels
    }

    fn networks(&mut self, node: &Node, declared: &[Entry], project: &str) -> Vec<String> {
        if node.field("network_mode").and_then(Node::text).is_some() {
            return Vec::new();
        }
        let used = node
            .field("networks")
            .map(Node::entries)
            .unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for entry in used {
            let known = declared.iter().find(|it| it.key == entry.key);
            if known.is_none() && entry.key != "default" {
                self.error(
                    entry.place,
                    format!(
                        "service {} is on network {}, which the file does not declare",
                        self.name, entry.key
                    ),
                    "declare it under networks at the top of the file; Compose refuses it otherwise",
                );
            }
            names.push(real_name(&entry.key, known, project));
        }
        if names.is_empty() {
            let known = declared.iter().find(|it| it.key == "default");
            names.push(real_name("default", known, project));
        }
        names
    }

    fn ports(&mut self, node: &Node) -> Vec<super::Port> {
        let mut ports = Vec::new();
        for (field, read) in [
            (
                "ports",
                port::published as fn(&Node) -> Option<Vec<super::Port>>,
            ),
            ("expose", port::exposed),
        ] {
            for item in node.field(field).map(Node::items).unwrap_or_default() {
                match read(item) {
                    Some(more) => ports.extend(more),
                    None => self.error(
                        item.place,
                        format!("{} is no port", item.text().unwrap_or("an item of ports")),
                        "write for instance \"8080:80\", or for expose \"80\"",
                    ),
                }
            }
        }
        ports
    }

    fn replicas(&mut self, node: &Node) -> usize {
        let deploy = node.field("deploy").and_then(|it| it.field("replicas"));
        let Some(field) = node.field("scale").or(deploy) else {
            return 1;
        };
        let count = field.text().and_then(|text| text.parse::<usize>().ok());
        match count {
            Some(count) if count <= MAX_REPLICAS => count,
            Some(_) => {
                let message = format!(
                    "only {MAX_REPLICAS} replicas of {} are looked at",
                    self.name
                );
                self.warning(field.place, message, "use a smaller number to see them all");
                MAX_REPLICAS
            }
            None => {
                let message = format!("the number of replicas of {} is no number", self.name);
                self.error(field.place, message, "write for instance `replicas: 2`");
                1
            }
        }
    }

    fn error(&mut self, place: Place, message: String, suggestion: &str) {
        self.problems
            .push(Problem::error(place, message, suggestion).of(self.name));
    }

    fn warning(&mut self, place: Place, message: String, suggestion: &str) {
        self.problems
            .push(Problem::warning(place, message, suggestion).of(self.name));
    }
}

fn mounts(node: &Node, project: &Project) -> Vec<mount::Mount> {
    let items = node.field("volumes").map(Node::items).unwrap_or_default();
    let read = |item: &Node| mount::read(item, project.folders.get(item.place.file)?);
    items.iter().filter_map(read).collect()
}

/// A network's name in the engine.
fn real_name(key: &str, declared: Option<&Entry>, project: &str) -> String {
    let node = declared.map(|entry| &entry.node);
    let name = node.and_then(|node| node.field("name")?.text());
    let external = node.and_then(|node| node.field("external"));
    match (name, external) {
        (Some(name), _) => name.to_owned(),
        (None, Some(external)) => match (external.text(), external.field("name")) {
            (Some("true" | "yes" | "on"), _) => key.to_owned(),
            (None, Some(name)) => name.text().unwrap_or(key).to_owned(),
            _ => format!("{project}_{key}"),
        },
        (None, None) => format!("{project}_{key}"),
    }
}

/// The words of a command: a list, or a line as a shell would split it.
fn words(node: &Node) -> Vec<String> {
    if let Some(line) = node.text() {
        return split(line);
    }
    let items = node.items().iter().filter_map(Node::text);
    items.map(str::to_owned).collect()
}

fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_as_a_shell_does() {
        let line = " --a=1  \"--b=x y\" '--c=`$' --d=\\\" --e=\"\\\"\" '' ";
        assert_eq!(
            split(line),
            ["--a=1", "--b=x y", "--c=`$", "--d=\"", "--e=\"", ""]
        );
    }
}
