//! Fairway's own services, `…@internal`, through routers.

use clap::Parser as _;
use fairway_control::explain::{ExplainOptions, explain};
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use serde_json::{Value, json};

/// `cy`, whose password is `secret`.
const USER: &str = "cy:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
const LOGIN: &str = "Authorization: Basic Y3k6c2VjcmV0\r\n";

/// A container at `NAME.test` whose only router goes to this service. It has no port.
fn panel(name: &str, service: &str) -> ContainerSpec {
    let rule = format!("Host(`{name}.test`)");
    routed(name, name, &rule).label(&format!("traefik.http.routers.{name}.service"), service)
}

/// The API is on, and not on a port of its own.
async fn with_api() -> World {
    let setting = Setting::new().flag("--api.insecure=false");
    let world = setting.start().await;
    let guarded = panel("panel", "api@internal")
        .label("traefik.http.routers.panel.middlewares", "guard")
        .label("traefik.http.middlewares.guard.basicauth.users", USER);
    world.engine().run(guarded);
    serves(&world, "panel", 401).await;
    world
}

/// Waits until the router answers like this.
async fn serves(world: &World, name: &str, status: u16) {
    let host = format!("{name}.test");
    wait_for(&format!("{status} of {host}"), || async {
        (world.get(&host, "/").await.status() == status).then_some(())
    })
    .await;
}

async fn ask(world: &World, request: &str, lines: &str, body: &str) -> Reply {
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: panel.test\r\n{LOGIN}{lines}\r\n{body}");
    client.exchange(head).await.unwrap()
}

async fn read(world: &World, path: &str) -> Value {
    let reply = ask(world, &format!("GET {path}"), "", "").await;
    assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

async fn written(world: &World, url: &str, more: &[&str]) -> String {
    let server = format!("http://{}", world.grpc_address());
    let line = ["explain", "--server", &server, url];
    let options = ExplainOptions::try_parse_from([&line, more].concat());
    explain(&options.unwrap()).await.unwrap()
}

async fn told(world: &World, url: &str, more: &[&str]) -> Value {
    let text = written(world, url, &[more, &["--format", "json"]].concat()).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_is_reached_through_a_router_and_its_middlewares() {
    let world = with_api().await;
    // Unlike the API's own port, which is open for the ping alone.
    let own = RawClient::connect(world.api_address()).await.unwrap();
    assert_eq!(exchange(own, "GET /api/overview").await.status(), 404);

    let raw = read(&world, "/api/rawdata").await;
    assert_eq!(raw["routers"]["panel@docker"]["service"], "api@internal");
    assert_eq!(raw["diagnostics"], json!([]));
    assert!(!raw.to_string().contains("5en6G6MezRroT3XKqkdPOmY"));
    let names = |objects: &Value| Vec::from_iter(objects.as_object().unwrap().keys().cloned());
    assert_eq!(names(&raw["routers"]), ["panel@docker", "ping@internal"]);
    let service = read(&world, "/api/http/services/api@internal").await;
    let expected = json!({
        "name": "api@internal", "provider": "internal", "status": "enabled",
        "usedBy": ["panel@docker"],
    });
    assert_eq!(service, expected);
    let page = ask(&world, "GET /api/http/services?per_page=1", "", "").await;
    assert_eq!(page.head.header("x-next-page"), Some("2"));
    let overview = read(&world, "/api/overview").await;
    assert_eq!(overview["http"]["routers"]["errors"], 0);
    let head = ask(&world, "HEAD /api/version", "", "").await;
    assert_eq!((head.status(), head.body.len()), (200, 0));
    let refused = ask(&world, "POST /api/overview", "Content-Length: 2\r\n", "{}").await;
    assert_eq!(refused.status(), 405);
    for (path, status) in [("/api/nothing", 404), ("/nothing", 404), ("/ping", 404)] {
        let reply = ask(&world, &format!("GET {path}"), "", "").await;
        assert_eq!(reply.status(), status, "{path}");
        assert!(reply.text().contains("404 page not found"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_is_reached_through_a_router_and_its_middlewares() {
    let world = with_api().await;
    let root = ask(&world, "GET /", "", "").await;
    assert_eq!(root.status(), 302);
    assert_eq!(root.head.header("location"), Some("/dashboard/"));
    let page = ask(&world, "GET /dashboard/", "", "").await;
    assert_eq!(page.status(), 200);
    let policy = page.head.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let script = ask(&world, "GET /dashboard/js/main.js", "", "").await;
    assert_eq!(script.status(), 200);
    let question = r#"{"url":"http://panel.test/api/overview","headers":["X-A: 1"]}"#;
    let length = format!("Content-Length: {}\r\n", question.len());
    let told = ask(&world, "POST /api/explain", &length, question).await;
    assert_eq!(told.status(), 200, "{}", told.text());
    let nobody = exchange(
        RawClient::connect(world.http()).await.unwrap(),
        "GET /dashboard/",
    );
    assert_eq!(nobody.await.status(), 404, "without the router's host");
}

async fn exchange(mut client: RawClient, request: &str) -> Reply {
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n");
    client.exchange(head).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_the_api_is_reached_that_way() {
    let world = with_api().await;
    let grpc = "Content-Type: application/grpc\r\nTE: trailers\r\nContent-Length: 5\r\n";
    let empty_message = "\0\0\0\0\0";
    for service in [
        "fairway.inspection.v1.Inspection/GetConfig",
        "fairway.discovery.v1.Discovery/Stream",
        "grpc.health.v1.Health/Check",
    ] {
        for target in [format!("/{service}"), format!("/api/../{service}")] {
            let reply = ask(&world, &format!("POST {target}"), grpc, empty_message).await;
            assert_eq!(reply.status(), 404, "{target}: {}", reply.text());
            assert_eq!(reply.head.header("grpc-status"), None, "{target}");
        }
        let escaped = format!("POST /..%2f{service}");
        let reply = ask(&world, &escaped, grpc, empty_message).await;
        assert_eq!(reply.status(), 400, "{escaped}");
    }
    let doubled = ask(&world, "GET /fairway.internal.v1/api/overview", "", "").await;
    assert_eq!(doubled.status(), 404);
    // What speaks HTTP/1, as browsers do, gets nothing from the gRPC port.
    let mut browser = RawClient::connect(world.grpc_address()).await.unwrap();
    let request = "GET /fairway.internal.v1/api/overview HTTP/1.1\r\nHost: x\r\n\r\n";
    assert!(browser.exchange(request).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_api_its_router_is_rejected_and_told_why() {
    let world = Setting::new().flag("--api=false").start().await;
    world.engine().run(panel("panel", "api@internal"));
    let found = world
        .wait_diagnostic("the API", |found| found.container == "panel")
        .await;
    assert_eq!(
        (
            found.label.as_str(),
            found.message.as_str(),
            found.suggestion.as_str()
        ),
        (
            "traefik.http.routers.panel.service",
            "service api@internal is off, as the API is not enabled",
            "start the control plane with --api=true",
        )
    );
    assert_eq!(world.get("panel.test", "/api/overview").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_is_away_with_the_control_plane_and_comes_back_with_it() {
    let mut world = with_api().await;
    world.run_site(1).await;
    read(&world, "/api/overview").await;
    world.stop_control_plane().await;
    // What it still says on a connection that it is about to close counts as here.
    wait_for("the API to be away", || async {
        let reply = ask(&world, "GET /api/overview", "", "").await;
        (reply.status() == 502).then_some(())
    })
    .await;
    assert_eq!(world.get("web.test", "/").await.status(), 200);
    world.start_control_plane().await;
    wait_for("the API", || async {
        let reply = ask(&world, "GET /api/overview", "", "").await;
        (reply.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_answer_ping_and_noop_without_a_control_plane() {
    let mut world = Setting::new().proxies(2).start().await;
    world.engine().run(panel("alive", "ping@internal"));
    let redirected = panel("old", "noop@internal")
        .label("traefik.http.routers.old.middlewares", "to-new")
        .label(
            "traefik.http.middlewares.to-new.redirectregex.regex",
            "^http://old.test/a",
        )
        .label(
            "traefik.http.middlewares.to-new.redirectregex.replacement",
            "http://new.test/a",
        );
    world.engine().run(redirected);
    serves(&world, "alive", 200).await;
    serves(&world, "old", 418).await;
    world.settle().await;
    world.stop_control_plane().await;
    for proxy in 0..2 {
        let pong = world.get_of(proxy, "alive.test", "/any").await;
        assert_eq!((pong.status(), pong.text().as_str()), (200, "OK"));
        let noop = world.get_of(proxy, "old.test", "/b").await;
        assert_eq!((noop.status(), noop.body.len()), (418, 0));
        let moved = world.get_of(proxy, "old.test", "/a").await;
        assert_eq!(moved.head.header("location"), Some("http://new.test/a"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explanations_tell_who_answers() {
    let world = with_api().await;
    world.engine().run(panel("alive", "ping@internal"));
    world.engine().run(panel("old", "noop@internal"));
    serves(&world, "alive", 200).await;
    serves(&world, "old", 418).await;
    world.settle().await;
    let url = |host: &str| format!("http://{host}.test:{}/api/version?x=1", world.http_port());
    for (host, status, reason) in [("alive", 200, "ping"), ("old", 418, "noop")] {
        let told = told(&world, &url(host), &[]).await;
        assert_eq!(
            (&told["status"], &told["reason"]),
            (&json!(status), &json!(reason))
        );
        assert_eq!(told["servers"], json!([]));
        let text = written(&world, &url(host), &[]).await;
        let lines = [
            format!("{status} {reason}: the proxy is the service {reason}@internal itself"),
            format!("  Service {reason}@internal:\n    is the proxy itself\n"),
        ];
        for line in lines {
            assert!(text.contains(&line), "{text}");
        }
    }
    let guarded = told(&world, &url("panel"), &[]).await;
    assert_eq!(guarded["reason"], "unauthorized");
    let passed = told(&world, &url("panel"), &["-H", LOGIN.trim_end()]).await;
    assert_eq!(
        (&passed["status"], &passed["router"]),
        (&Value::Null, &json!("panel@docker"))
    );
    assert_eq!(passed["target"], "/fairway.internal.v1/api/version?x=1");
    let server = &passed["servers"][0];
    let address = world.line().address();
    assert_eq!(server["url"], format!("h2c://{address}"));
    assert_eq!(server["container"], "control plane");
}
