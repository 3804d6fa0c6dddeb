//! What files would change in a control plane that runs.

use std::path::Path;

use fairway_control::StaticConfig;
use fairway_control::check::{self, Changes, Format, Sources};
use serde_json::Value;

use crate::{files, nothing, text};

/// What changes if a control plane that runs `before` is given `after`.
fn changes(before: &str, after: &str) -> Vec<String> {
    let running = text(before, &[]).compiled.resources;
    let changes = Changes {
        changes: check::between(&text(after, &[]), &running),
        report: text(after, &[]),
        version: "v1".to_owned(),
    };
    let json: Value = serde_json::from_str(&changes.print(Format::Json)).unwrap();
    assert_eq!(
        json["changes"].as_array().unwrap().len(),
        changes.changes.len()
    );
    changes
        .print(Format::Text)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_difference_tells_what_comes_goes_and_changes() {
    let service = |name: &str, scale: usize, rule: &str| {
        format!(
            "  {name}:\n    scale: {scale}\n    expose: [80]\n    labels:\n    - \
             traefik.http.routers.{name}.rule={rule}\n"
        )
    };
    let before = format!(
        "services:\n{}{}{}",
        service("same", 1, "Host(`s.test`)"),
        service("web", 1, "Host(`a.test`)"),
        service("old", 1, "Host(`o.test`)")
    );
    let after = format!(
        "services:\n{}{}{}",
        service("same", 1, "Host(`s.test`)"),
        service("web", 2, "Host(`bb.test`)"),
        service("new", 1, "Host(`n.test`)")
    );
    let expected = [
        "+ router new@docker",
        "    entryPoints: http",
        "    middlewares: ",
        "    priority: 14",
        "    rule: Host(`n.test`)",
        "    service: new-shop@docker",
        "- router old@docker",
        "    entryPoints: http",
        "    middlewares: ",
        "    priority: 14",
        "    rule: Host(`o.test`)",
        "    service: old-shop@docker",
        "~ router web@docker",
        "    priority: 14 -> 15",
        "    rule: Host(`a.test`) -> Host(`bb.test`)",
        "+ service new-shop@docker",
        "    passHostHeader: true",
        "    servers: http://shop-new-1:80",
        "- service old-shop@docker",
        "    passHostHeader: true",
        "    servers: http://shop-old-1:80",
        "~ service web-shop@docker",
        "    servers: http://shop-web-1:80 -> http://shop-web-1:80, http://shop-web-2:80",
        "6 changes in version v1",
    ];
    assert_eq!(changes(&before, &after), expected);
    assert_eq!(
        changes(&before, &before),
        ["nothing would change in version v1"]
    );
}

#[test]
fn a_difference_leaves_alone_what_other_projects_declare() {
    let before = "name: other\nservices:\n  a:\n    expose: [80]\n    labels:\n    - \
                  traefik.http.routers.a.rule=Host(`a.test`)\n    - \
                  traefik.http.services.all.loadbalancer.server.port=80\n";
    let after = before.replace("other", "mine");
    let expected = [
        "~ service all@docker",
        "    servers: http://other-a-1:80 -> http://mine-a-1:80, http://other-a-1:80",
        "1 change in version v1",
    ];
    assert_eq!(changes(before, &after), expected);
    assert_eq!(
        changes(before, "name: mine"),
        ["nothing would change in version v1"]
    );
}

#[tokio::test]
async fn a_running_control_plane_is_asked_what_it_has() {
    let flags = [
        "--grpc.address=127.0.0.1:0",
        "--entrypoints.front.address=:8000",
    ];
    let config = StaticConfig::parse(flags.map(str::to_owned)).unwrap();
    let running = fairway_control::start(config).await.unwrap();
    let server = format!("http://{}", running.grpc_address());
    let project = "services:\n  a:\n    expose: [80]\n    labels:\n    - \
                   traefik.http.routers.a.rule=Host(`a.test`)\n";
    let read = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(project.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let sources = Sources {
        read: &read,
        variable: &|_| None,
        declared: &nothing,
    };
    let wait = std::time::Duration::from_millis(20);
    let changes = loop {
        match check::diff(&files(&["compose.yml"], &[]), &server, sources).await {
            Ok(changes) => break changes,
            Err(check::DiffError::Refused { .. }) => tokio::time::sleep(wait).await,
            Err(error) => panic!("{error}"),
        }
    };
    let names: Vec<_> = changes
        .changes
        .iter()
        .map(|it| format!("{} {}", it.kind, it.name))
        .collect();
    assert_eq!(
        names,
        ["router a@docker", "service a-shop@docker"],
        "its entry points stay"
    );
    let router = changes.changes[0].after.as_ref().unwrap();
    assert_eq!(
        router["entryPoints"], "front",
        "the entry points are those that run"
    );
    running.stop().await;
}

#[test]
fn a_difference_shows_no_secrets() {
    let after = "services:\n  a:\n    labels:\n    - \
                 traefik.http.middlewares.m.headers.customrequestheaders.Authorization=s3cret\n";
    let lines = changes("services: {}", after).join("\n");
    assert!(
        lines.contains("[redacted]") && !lines.contains("s3cret"),
        "{lines}"
    );
}
