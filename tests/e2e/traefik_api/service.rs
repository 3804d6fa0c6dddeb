//! Services of every kind, field by field: those that containers declare and those that
//! only files do.

use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, routed};
use serde_json::{Value, json};

use super::{ask, read};

const FILE: &str = "\
http:
  routers:
    old: {rule: 'Host(`old.test`)', service: split}
  services:
    split:
      weighted:
        services: [{name: web@docker, weight: 3}, {name: steady}]
        sticky: {cookie: {name: way, secure: true, httpOnly: true, sameSite: lax, maxAge: 60, path: /a}}
    steady:
      highestRandomWeight:
        services: [{name: web@docker}]
        healthCheck: {}
    shadowed:
      mirroring:
        service: web@docker
        mirrors: [{name: steady, percent: 10}]
        maxBodySize: 1024
    backed:
      failover:
        service: web@docker
        fallback: steady
        errors: {status: ['500-599', '404'], maxRequestBodyBytes: 2048}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_service_has_traefiks_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yml");
    std::fs::write(&path, FILE).unwrap();
    let flag = format!("--providers.file.filename={}", path.display());
    let world = Setting::new().flag(&flag).start().await;
    let option = |name: &str| format!("traefik.http.services.web.loadbalancer.{name}");
    let web = routed("web-1", "web", "Host(`web.test`)")
        .label(&option("server.port"), &world.backend_port().to_string())
        .label(&option("strategy"), "p2c")
        .label(&option("passhostheader"), "false")
        .label(&option("sticky.cookie.name"), "kept")
        .label(&option("healthcheck.path"), "/")
        .label(&option("healthcheck.interval"), "1h")
        .label(&option("passivehealthcheck.maxfailedattempts"), "3");
    world.run(web).await;
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    let server = format!(
        "http://{}:{}",
        world.engine().address("web-1", None).unwrap(),
        world.backend_port()
    );
    let proxy = world.list_proxies().await.remove(0).node.unwrap().id;
    let web = || async {
        let web: Value = read(&world, "/api/http/services/web@docker").await;
        (web["loadBalancer"]["servers"][0]["proxies"] == json!([proxy])).then_some(web)
    };
    let web = wait_for("a proxy that sees the server up", web).await;
    let id = &web["loadBalancer"]["servers"][0]["id"];
    let container = world.engine().id("web-1");
    assert!(id.as_str().unwrap().starts_with(&container), "{id}");
    assert_eq!(
        web,
        json!({
            "name": "web@docker", "provider": "docker", "status": "enabled",
            "type": "loadbalancer", "containers": ["web-1"],
            "usedBy": ["old@file", "web@docker"],
            "loadBalancer": {
                "servers": [
                    { "id": id, "url": server, "container": "web-1", "proxies": [proxy] },
                ],
                "strategy": "p2c", "passHostHeader": false,
                "responseForwarding": { "flushInterval": "-1ms" },
                "sticky": { "cookie": { "name": "kept", "path": "/" } },
                "healthCheck": {
                    "mode": "http", "path": "/", "method": "GET", "interval": "1h0m0s",
                    "unhealthyInterval": "1h0m0s", "timeout": "5s", "followRedirects": true,
                },
                "passiveHealthCheck": { "failureWindow": "10s", "maxFailedAttempts": 3 },
            },
            "serverStatus": { server: "UP" },
        })
    );
    let raw: Value = read(&world, "/api/rawdata").await;
    let file = path.display().to_string();
    for (name, kind, field, options) in [
        (
            "split",
            "weighted",
            "weighted",
            json!({
                "services": [{ "name": "web@docker", "weight": 3 }, { "name": "steady", "weight": 1 }],
                "sticky": { "cookie": {
                    "name": "way", "secure": true, "httpOnly": true, "sameSite": "lax",
                    "maxAge": 60, "path": "/a",
                } },
            }),
        ),
        (
            "steady",
            "highestrandomweight",
            "highestRandomWeight",
            json!({ "services": [{ "name": "web@docker", "weight": 1 }], "healthCheck": {} }),
        ),
        (
            "shadowed",
            "mirroring",
            "mirroring",
            json!({
                "service": "web@docker", "mirrors": [{ "name": "steady", "percent": 10 }],
                "mirrorBody": true, "maxBodySize": 1024,
            }),
        ),
        (
            "backed",
            "failover",
            "failover",
            json!({
                "service": "web@docker", "fallback": "steady",
                "errors": { "status": ["500-599", "404"], "maxRequestBodyBytes": 2048 },
            }),
        ),
    ] {
        let used: &[&str] = match name {
            "split" | "steady" => &["old@file"],
            _ => &[],
        };
        let expected = json!({
            "name": format!("{name}@file"), "provider": "file", "status": "enabled",
            "type": kind, field: options, "usedBy": used, "containers": [file],
        });
        let path = format!("/api/http/services/{name}@file");
        assert_eq!(read::<Value>(&world, &path).await, expected, "{path}");
        assert_eq!(raw["services"][format!("{name}@file")], expected, "{path}");
    }
    let none = ask(&world, "/api/certificates").await;
    assert_eq!((none.status(), none.text().as_str()), (200, "[]"));
}

const DRESSED: &str = "\
http:
  routers:
    plain: {rule: 'Host(`plain.test`, `other.test`)', ruleSyntax: v2, service: dressed}
  services:
    dressed:
      loadBalancer: {servers: [{url: 'http://127.0.0.1:9'}]}
      middlewares: [note]
  middlewares:
    note: {headers: {customRequestHeaders: {X-Note: noted}}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn middlewares_of_services_and_the_syntax_of_rules_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.yml");
    std::fs::write(&path, DRESSED).unwrap();
    let flag = format!("--providers.file.filename={}", path.display());
    let world = Setting::new().flag(&flag).start().await;
    let router = || async {
        let reply = ask(&world, "/api/http/routers/plain@file").await;
        (reply.status() == 200).then_some(())
    };
    wait_for("the file's router", router).await;
    let router: Value = read(&world, "/api/http/routers/plain@file").await;
    assert_eq!(
        (&router["ruleSyntax"], &router["status"]),
        (&json!("v2"), &json!("enabled")),
        "{router}"
    );
    let service: Value = read(&world, "/api/http/services/dressed@file").await;
    assert_eq!(service["middlewares"], json!(["note@file"]), "{service}");
    let note: Value = read(&world, "/api/http/middlewares/note@file").await;
    // By the service that names it, and by the router whose requests pass it.
    let users = json!(["dressed@file", "plain@file"]);
    assert_eq!(note["usedBy"], users, "{note}");
}
