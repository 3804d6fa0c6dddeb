//! Whole projects, read from texts.

use std::collections::BTreeMap;
use std::io;

use super::*;
use crate::compose::containers;
use crate::model::ProviderState;

/// Loads files by name; the first is the one asked for, others that start with
/// `over` are given after it.
fn project(files: &[(&str, &str)]) -> Project {
    let texts: BTreeMap<PathBuf, String> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    let read = |path: &Path| {
        texts
            .get(path)
            .cloned()
            .ok_or(io::ErrorKind::NotFound.into())
    };
    let variable = |name: &str| (name == "OUTSIDE").then(|| "outside".to_owned());
    let given = files.iter().map(|(path, _)| PathBuf::from(path));
    let given = given
        .enumerate()
        .filter(|(at, path)| *at == 0 || path.to_string_lossy().starts_with("over"));
    let request = Request {
        files: given.map(|(_, path)| path).collect(),
        ..Request::default()
    };
    let sources = Sources {
        read: &read,
        variable: &variable,
        declared: &|_| ProviderState::default(),
    };
    load(&request, "My.Shop", sources)
}

fn labels(project: &Project) -> Vec<String> {
    let line = |it: &crate::compose::Service| {
        let labels = it.labels.iter();
        let labels: Vec<_> = labels
            .map(|(key, (value, place))| format!("{key}={value}@{}:{}", place.file, place.line))
            .collect();
        format!("{}: {}", it.name, labels.join(" "))
    };
    project.services.iter().map(line).collect()
}

fn problems(project: &Project) -> Vec<String> {
    let line = |it: &Problem| {
        let line = it.place.map_or(0, |place| place.line);
        format!("{line} {}", it.diagnostic.message)
    };
    project.problems.iter().map(line).collect()
}

#[test]
fn files_are_merged_and_every_label_keeps_its_place() {
    let project = project(&[
        (
            "c.yml",
            "services:\n  web:\n    labels:\n      a: ${A}\n      b: $OUTSIDE\n",
        ),
        (
            "over.yml",
            "services:\n  web:\n    labels:\n    - c=3\n    - b=${B:-no}\n  db:\n",
        ),
        (".env", "A=1\nOUTSIDE=inside\n"),
    ]);
    assert_eq!(labels(&project), ["web: a=1@0:4 b=no@1:5 c=3@1:4", "db: "]);
    assert_eq!(problems(&project), Vec::<String>::new());
    assert_eq!(project.name, "myshop");
}

#[test]
fn services_extend_others_of_the_same_and_of_another_file() {
    let project = project(&[
        (
            "c.yml",
            "services:\n  a:\n    extends: b\n    labels: [x=1]\n  b:\n    extends: {service: base, file: sub/base.yml}\n    labels: {y: 2}\n",
        ),
        (
            "sub/base.yml",
            "services:\n  base:\n    labels: {x: 0, z: 3}\n",
        ),
    ]);
    let found: Vec<_> = project
        .services
        .iter()
        .map(|it| {
            let pair = |(key, (value, _)): (&String, &(String, Place))| format!("{key}{value}");
            it.labels.iter().map(pair).collect::<String>()
        })
        .collect();
    assert_eq!(found, ["x1y2z3", "x0y2z3"]);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let rows = [
        (
            "services:\n  a: {extends: a}",
            "2 service a extends itself, in a circle or a long chain",
        ),
        (
            "services:\n  a: {extends: {service: b, file: no.yml}}",
            "2 no.yml cannot be read: entity not found",
        ),
        (
            "services:\n  a:\n    extends: b",
            "3 service a extends service b, which is not there",
        ),
        ("services:\n  a: [", "3 the file is not YAML: "),
        ("- a", "1 the file is not a map"),
        (
            "include: [no.yml]",
            "0 no.yml cannot be read: entity not found",
        ),
        ("services:\n  a: text", "2 service a is not a map"),
        (
            "services:\n  a:\n    labels: [x: 1]",
            "3 an item of the list of labels is not a text",
        ),
        (
            "services:\n  a:\n    labels: {x: [1]}",
            "3 label x is not a text",
        ),
        (
            "services:\n  a:\n    networks: [n]",
            "3 service a is on network n, which the file does not declare",
        ),
        ("services:\n  a:\n    ports: [x]", "3 x is no port"),
        (
            "services:\n  a: {container_name: x, scale: 2}",
            "2 service a has a container_name and more than one replica",
        ),
        (
            "services:\n  a:\n    image: ${X}",
            "3 variable X has no value; Compose takes the empty text",
        ),
        (
            "services:\n  a:\n    image: ${X:?set X}",
            "3 variable X is required but has no value: set X",
        ),
        (
            "services:\n  a:\n    deploy:\n      labels:\n      - traefik.enable=true",
            "5 the labels under deploy of service a are for Swarm services: containers do not get them",
        ),
    ];
    for (text, expected) in rows {
        let found = problems(&project(&[("c.yml", text)]));
        assert!(
            found.iter().any(|it| it.starts_with(expected)),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn an_include_in_a_circle_ends() {
    let project = project(&[
        ("c.yml", "include: [d.yml]\nservices: {a: {}}"),
        ("d.yml", "include: [{path: c.yml}]\nservices: {b: {}}"),
    ]);
    assert_eq!(project.services.len(), 2);
}

#[test]
fn containers_are_named_and_placed_as_compose_does() {
    let project = project(&[(
        "c.yml",
        "name: shop\nservices:\n  web: {scale: 2, networks: [front, back]}\n  db: {container_name: data}\n  \
         side: {network_mode: 'service:web'}\n  gone: {deploy: {replicas: 0}}\n  host: {network_mode: host}\n\
         networks:\n  front: {external: true}\n  back: {name: real}\n",
    )]);
    let (containers, guests) = containers(&project);
    let lines: Vec<_> = containers
        .iter()
        .map(|it| {
            let networks: Vec<_> = it.networks.keys().map(String::as_str).collect();
            format!("{} [{}] {}", it.name, networks.join(" "), it.network_mode)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "shop-web-1 [front real] ",
            "shop-web-2 [front real] ",
            "data [shop_default] ",
            "shop-side-1 [] container:shop-web-1",
            "shop-host-1 [] host",
        ]
    );
    assert_eq!(guests.service("shop-web-2"), Some(0));
}
