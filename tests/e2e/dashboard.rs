//! What the dashboard asks the API for; its pages are looked at in `tests/browser`.

use std::time::Duration;

use fairway_tests::raw_client::{self, RawClient};
use fairway_tests::wait::{DEADLINE, wait_for};
use fairway_tests::world::{Setting, World, routed};
use serde_json::{Value, json};
use tokio::time::timeout;

async fn read(world: &World, target: &str) -> Value {
    let reply = raw_client::get(world.api_address(), "api", target).await;
    let reply = reply.unwrap();
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

/// A stream of events.
struct Events(RawClient);

impl Events {
    async fn open(world: &World) -> Self {
        let mut client = RawClient::connect(world.api_address()).await.unwrap();
        let request = "GET /api/events HTTP/1.1\r\nHost: api\r\n\r\n";
        client.send(request).await.unwrap();
        let head = client.read_head().await.unwrap();
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        Self(client)
    }

    /// `None`: the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let chunk = timeout(DEADLINE, self.0.read_chunk()).await;
            let chunk = chunk.expect("an event in time").ok()??;
            let text = String::from_utf8(chunk).unwrap();
            // What has no data is a sign of life.
            if let Some(data) = text.strip_prefix("data: ") {
                return Some(serde_json::from_str(data.trim_end()).unwrap());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_events_says_what_to_ask_again_and_ends_with_the_control_plane() {
    let mut world = World::start().await;
    world.run_site(1).await;
    let version = world.settle().await;
    let mut events = Events::open(&world).await;
    let first = events.next().await.expect("how things are");
    assert!(first["process"].is_u64(), "{first}");
    assert_eq!(first["version"], json!(version));
    world.run_replica(2).await;
    let mut changed = Vec::new();
    while !["objects", "configuration", "proxies", "changes"]
        .iter()
        .all(|topic| changed.contains(&json!(topic)))
    {
        let event = events.next().await.expect("a change");
        changed.extend(event["changed"].as_array().unwrap().iter().cloned());
    }
    world.stop_control_plane().await;
    let end = async { while events.next().await.is_some() {} };
    timeout(DEADLINE, end).await.expect("an end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_tell_what_happened_and_who_serves_it() {
    let world = Setting::new().proxies(2).start().await;
    world.run_site(1).await;
    world.run_replica(2).await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    world.stop_container("web-2", Duration::ZERO).await;
    world.engine().remove("web-2");
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    let version = world.settle().await;
    let latest = wait_for("both proxies in the last record", || async {
        let changes = read(&world, "/api/changes?limit=1").await;
        let served = changes[0]["acknowledgements"].as_array()?.len();
        (changes[0]["version"] == json!(version) && served == 2).then_some(changes)
    })
    .await;
    assert_eq!(latest.as_array().unwrap().len(), 1);
    let all = read(&world, "/api/changes").await;
    let all = all.as_array().unwrap();
    assert_eq!(all.last().unwrap()["isFirst"], true);
    let text = Value::from(all.clone()).to_string();
    for part in ["joined: web-2", "left: web-2"] {
        assert!(text.contains(part), "{part} is missing from {text}");
    }
    let happened = |subject: &str, action: &str| {
        let records = all
            .iter()
            .flat_map(|it| it["occurrences"].as_array().unwrap());
        let found = records.filter(|it| it["subject"] == subject);
        found
            .clone()
            .any(|it| it["action"].as_str().unwrap().starts_with(action))
    };
    assert!(happened("web-2", "start"), "{text}");
    assert!(happened("web-2", "kill"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_has_all_that_belongs_to_an_object() {
    let world = World::start().await;
    let shop = routed("shop-1", "shop", "Host(`shop.test`) && !Path(`/x`)")
        .label("traefik.http.routers.shop.middlewares", "auth")
        .label("traefik.http.routers.shop.priority", "7")
        .label(
            "traefik.http.middlewares.auth.basicauth.users",
            "ada:$apr1$x$5en6G6MezRroT3XKqkdPOmY",
        );
    world.run(shop).await;
    world.run(routed("bad", "bad", "Host(`bad.test`")).await;
    world
        .wait_diagnostic("the broken rule", |it| it.container == "bad")
        .await;
    world.settle().await;
    let router = read(&world, "/api/detail/routers/shop@docker").await;
    let expected = json!({ "and": [
        { "matcher": "Host", "arguments": ["shop.test"] },
        { "not": { "matcher": "Path", "arguments": ["/x"] } },
    ]});
    assert_eq!(router["rule"], expected);
    let given = json!({ "rule": true, "entryPoints": false, "priority": true });
    assert_eq!(router["given"], given);
    let settings = router["settings"].as_array().unwrap();
    let priority = json!({
        "container": "shop-1", "label": "traefik.http.routers.shop.priority", "value": "7",
    });
    assert!(settings.contains(&priority), "{settings:?}");
    let name = router["map"]["routers"][0]["service"].as_str().unwrap();
    assert!(router["map"]["services"][name].is_object());
    assert!(router["map"]["middlewares"]["auth@docker"].is_object());
    let auth = read(&world, "/api/detail/middlewares/auth@docker").await;
    assert_eq!(auth["settings"][0]["value"], Value::Null);
    assert!(!auth.to_string().contains("5en6G6MezRroT3XKqkdPOmY"));
    assert_eq!(auth["map"]["routers"][0]["name"], "shop@docker");
    let service = read(&world, &format!("/api/detail/services/{name}")).await;
    assert_eq!(service["map"]["routers"][0]["name"], "shop@docker");
    let bad = read(&world, "/api/detail/routers/bad@docker").await;
    assert!(bad["rule"]["error"].as_str().unwrap().contains("column"));
    assert_eq!(bad["diagnostics"][0]["container"], "bad");
    let found = read(&world, "/api/diagnostics?status=error&search=bad").await;
    assert!(found[0]["since"].is_u64(), "{found}");
    let proxies = read(&world, "/api/proxies").await;
    assert_eq!(proxies["proxies"][0]["isCurrent"], true);
    let overview = read(&world, "/api/overview").await;
    assert_eq!(overview["proxies"]["total"], 1);
    assert_eq!(overview["servers"]["errors"], 0);
    for target in ["/api/detail/routers/none@docker", "/api/detail/services/x"] {
        let reply = raw_client::get(world.api_address(), "api", target).await;
        assert_eq!(reply.unwrap().status(), 404, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_say_how_many_there_are_and_the_dashboard_can_be_off() {
    let world = Setting::new().flag("--api.dashboard=false").start().await;
    world.run_site(2).await;
    let get = |target: &'static str| raw_client::get(world.api_address(), "api", target);
    let page = get("/api/map?per_page=1&provider=docker").await.unwrap();
    assert_eq!(page.head.header("x-total-count"), Some("1"));
    let map: Value = serde_json::from_slice(&page.body).unwrap();
    let servers = &map["services"]["web-test@docker"]["loadBalancer"]["servers"];
    assert_eq!(servers.as_array().unwrap().len(), 2, "{map}");
    let none = get("/api/http/routers?entryPoint=missing").await.unwrap();
    assert_eq!(none.head.header("x-total-count"), Some("0"));
    for target in ["/", "/dashboard/", "/dashboard/js/main.js"] {
        assert_eq!(get(target).await.unwrap().status(), 404, "{target}");
    }
    let refused = get("/api/changes?limit=0").await.unwrap();
    assert_eq!(refused.status(), 400);
}
