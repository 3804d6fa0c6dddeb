//! A client that knows Traefik's API and nothing else: it requires the fields
//! that Traefik always sends and passes over what it does not know.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1::{Rejection, RejectionKind, ResourceId, ResourceKind};
use fairway_tests::discovery_client::StreamClient;
use fairway_tests::raw_client::{self, RawClient, Reply};
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What every object has.
#[derive(Debug, Deserialize)]
struct State {
    name: String,
    provider: String,
    status: String,
    #[serde(default)]
    error: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    #[serde(flatten)]
    state: State,
    entry_points: Vec<String>,
    #[serde(default)]
    middlewares: Vec<String>,
    service: String,
    rule: String,
    priority: i64,
    priority_str: String,
    #[serde(default)]
    using: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    #[serde(flatten)]
    state: State,
    load_balancer: Option<LoadBalancer>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    server_status: BTreeMap<String, String>,
    #[serde(default)]
    used_by: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancer {
    #[serde(default)]
    servers: Vec<Server>,
    strategy: String,
    pass_host_header: bool,
}

#[derive(Debug, Deserialize)]
struct Server {
    url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Middleware {
    #[serde(flatten)]
    state: State,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    used_by: Vec<String>,
    add_prefix: Option<AddPrefix>,
}

#[derive(Debug, Deserialize)]
struct AddPrefix {
    prefix: String,
}

#[derive(Debug, Deserialize)]
struct EntryPoint {
    name: String,
    address: String,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Counts {
    total: usize,
    warnings: usize,
    errors: usize,
}

#[derive(Debug, Deserialize)]
struct Protocol {
    routers: Counts,
    services: Counts,
    middlewares: Counts,
}

#[derive(Debug, Deserialize)]
struct Udp {
    routers: Counts,
    services: Counts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Features {
    tracing: String,
    metrics: String,
    access_log: bool,
}

#[derive(Debug, Deserialize)]
struct Overview {
    http: Protocol,
    tcp: Protocol,
    udp: Udp,
    certificates: Counts,
    features: Features,
    providers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawData {
    routers: BTreeMap<String, Router>,
    middlewares: BTreeMap<String, Middleware>,
    services: BTreeMap<String, Service>,
    tcp_routers: BTreeMap<String, Value>,
    tcp_middlewares: BTreeMap<String, Value>,
    tcp_services: BTreeMap<String, Value>,
    udp_routers: BTreeMap<String, Value>,
    udp_services: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
    #[serde(rename = "Codename")]
    codename: String,
    #[serde(rename = "startDate")]
    start_date: String,
}

#[derive(Debug, Deserialize)]
struct Failure {
    message: String,
}

async fn ask(world: &World, target: &str) -> Reply {
    raw_client::get(world.api_address(), "api", target)
        .await
        .unwrap()
}

async fn read<T: DeserializeOwned>(world: &World, target: &str) -> T {
    let reply = ask(world, target).await;
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    assert_eq!(
        reply.head.header("content-type"),
        Some("application/json"),
        "{target}"
    );
    serde_json::from_slice(&reply.body)
        .unwrap_or_else(|error| panic!("{target}: {error}: {}", reply.text()))
}

/// One page of names, and the number of the next.
async fn page(world: &World, target: &str) -> (Vec<String>, String) {
    let reply = ask(world, target).await;
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    let items: Vec<State> = serde_json::from_slice(&reply.body).unwrap();
    let next = reply
        .head
        .header("x-next-page")
        .expect("always there")
        .to_owned();
    (items.into_iter().map(|item| item.name).collect(), next)
}

/// Errors are JSON in the clothes of plain text.
async fn refused(world: &World, target: &str) -> (u16, String) {
    let reply = ask(world, target).await;
    assert!(
        reply
            .head
            .header("content-type")
            .unwrap()
            .starts_with("text/plain"),
        "{target}"
    );
    assert_eq!(
        reply.head.header("x-content-type-options"),
        Some("nosniff"),
        "{target}"
    );
    let failure: Failure = serde_json::from_slice(&reply.body).unwrap();
    (reply.status(), failure.message)
}

fn auth(name: &str) -> String {
    format!("traefik.http.middlewares.auth.headers.customrequestheaders.{name}")
}

/// Two proxies; a good router, a degraded one, a rejected one.
async fn world() -> World {
    let world = Setting::new().proxies(2).start().await;
    let good = routed("shop-1", "shop", "Host(`shop.test`)")
        .label("traefik.http.routers.shop.middlewares", "up,auth")
        .label(
            "traefik.http.services.shop.loadbalancer.server.port",
            &port(&world),
        )
        .label("traefik.http.middlewares.up.addprefix.prefix", "/up")
        .label(&auth("Authorization"), "Basic c2VjcmV0")
        .label(&auth("X-Env"), "prod");
    world.run(good).await;
    let half = routed("half", "half", "Host(`half.test`) && PathPrefix(`/Long`)")
        .label("traefik.http.routers.half.entrypoints", "http,missing")
        .label("traefik.http.routers.half.priority", "7");
    world.run(half).await;
    world.run(routed("bad", "bad", "Host(`bad.test`")).await;
    world
        .wait_diagnostic("the broken rule", |it| it.container == "bad")
        .await;
    world.wait_rotation("half.test", "/Long", &["half"]).await;
    world.settle().await;
    world
}

fn port(world: &World) -> String {
    world.backend_port().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_traefik_reads_everything() {
    let world = world().await;
    let overview: Overview = read(&world, "/api/overview").await;
    let counts = |total, warnings, errors| Counts {
        total,
        warnings,
        errors,
    };
    assert_eq!(overview.http.routers, counts(5, 1, 1));
    assert_eq!(overview.http.services, counts(5, 0, 0));
    assert_eq!(overview.http.middlewares, counts(2, 0, 0));
    let Protocol {
        routers,
        services,
        middlewares,
    } = overview.tcp;
    for none in [
        routers,
        services,
        middlewares,
        overview.udp.routers,
        overview.udp.services,
    ] {
        assert_eq!(none, counts(0, 0, 0));
    }
    assert_eq!(overview.certificates, counts(0, 0, 0));
    let Features {
        tracing,
        metrics,
        access_log,
    } = overview.features;
    assert_eq!(
        (tracing.as_str(), metrics.as_str(), access_log),
        ("", "", false)
    );
    assert_eq!(overview.providers, ["Docker"]);

    let points: Vec<EntryPoint> = read(&world, "/api/entrypoints").await;
    let points: Vec<_> = points
        .iter()
        .map(|it| (it.name.as_str(), it.address.as_str()))
        .collect();
    let (http, api) = (
        format!(":{}", world.http_port()),
        world.api_address().to_string(),
    );
    assert_eq!(points, [("http", http.as_str()), ("traefik", &api)]);
    assert_eq!(
        read::<EntryPoint>(&world, "/api/entrypoints/http")
            .await
            .address,
        http
    );

    let version: Version = read(&world, "/api/version").await;
    assert!(!version.version.is_empty() && !version.codename.is_empty());
    assert!(version.start_date.starts_with("20") && version.start_date.ends_with('Z'));

    let raw: RawData = read(&world, "/api/rawdata").await;
    let routers: Vec<Router> = read(&world, "/api/http/routers").await;
    let services: Vec<Service> = read(&world, "/api/http/services").await;
    let middlewares: Vec<Middleware> = read(&world, "/api/http/middlewares").await;
    assert!(
        raw.routers
            .keys()
            .eq(routers.iter().map(|it| &it.state.name))
    );
    assert!(
        raw.services
            .keys()
            .eq(services.iter().map(|it| &it.state.name))
    );
    assert!(
        raw.middlewares
            .keys()
            .eq(middlewares.iter().map(|it| &it.state.name))
    );
    let others = [&raw.tcp_routers, &raw.tcp_middlewares, &raw.tcp_services];
    assert!(
        others
            .into_iter()
            .chain([&raw.udp_routers, &raw.udp_services])
            .all(|it| it.is_empty())
    );
    for router in &routers {
        assert_eq!(router.priority.to_string(), router.priority_str);
    }
    check_routers(&raw);
    check_services(&raw);
}

fn check_routers(raw: &RawData) {
    let shop = &raw.routers["shop@docker"];
    assert_eq!(
        (shop.state.provider.as_str(), shop.state.status.as_str()),
        ("docker", "enabled")
    );
    assert_eq!(shop.middlewares, ["up@docker", "auth@docker"]);
    assert_eq!(
        (shop.service.as_str(), shop.rule.as_str()),
        ("shop@docker", "Host(`shop.test`)")
    );
    assert_eq!(
        (&shop.entry_points, &shop.using),
        (&vec!["http".to_owned()], &shop.entry_points)
    );
    assert_eq!(shop.priority, 17);
    let half = &raw.routers["half@docker"];
    assert_eq!((half.state.status.as_str(), half.priority), ("warning", 7));
    assert!(half.state.error[0].contains("missing"), "{half:?}");
    let bad = &raw.routers["bad@docker"];
    assert_eq!(
        (bad.state.status.as_str(), bad.using.len()),
        ("disabled", 0)
    );
    assert!(bad.state.error[0].contains("does not parse"), "{bad:?}");
    let api = &raw.routers["api@internal"];
    assert_eq!(
        (api.priority, api.rule.as_str()),
        (i64::MAX - 1, "PathPrefix(`/api`)")
    );
    assert_eq!(
        (&api.using[..], api.service.as_str()),
        (&["traefik".to_owned()][..], "api@internal")
    );
    assert_eq!(raw.routers["ping@internal"].priority, i64::MAX);
}

fn check_services(raw: &RawData) {
    let shop = &raw.services["shop@docker"];
    assert_eq!(shop.kind.as_deref(), Some("loadbalancer"));
    assert_eq!(shop.used_by, ["shop@docker"]);
    let balancer = shop.load_balancer.as_ref().unwrap();
    assert_eq!(
        (balancer.strategy.as_str(), balancer.pass_host_header),
        ("wrr", true)
    );
    let [server] = &balancer.servers[..] else {
        panic!("{balancer:?}")
    };
    let statuses: Vec<_> = shop.server_status.iter().collect();
    assert_eq!(statuses, [(&server.url, &"UP".to_owned())]);
    let api = &raw.services["api@internal"];
    assert!(api.load_balancer.is_none() && api.kind.is_none());
    assert_eq!(
        (api.state.provider.as_str(), &api.used_by[..]),
        ("internal", &["api@internal".to_owned()][..])
    );
    let up = &raw.middlewares["up@docker"];
    assert_eq!(
        (up.kind.as_str(), &up.used_by[..]),
        ("addprefix", &["shop@docker".to_owned()][..])
    );
    assert_eq!(up.add_prefix.as_ref().unwrap().prefix, "/up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_is_as_documented() {
    let world = world().await;
    let proxies: Vec<_> = world
        .list_proxies()
        .await
        .into_iter()
        .map(|it| it.node.unwrap().id)
        .collect();
    let url = |name: &str| {
        let address = world.engine().address(name, None).unwrap();
        format!("http://{address}:{}", world.backend_port())
    };
    let service = json!({
        "name": "shop@docker", "provider": "docker", "status": "enabled",
        "type": "loadbalancer", "usedBy": ["shop@docker"], "containers": ["shop-1"],
        "loadBalancer": {
            "servers": [{ "url": url("shop-1"), "container": "shop-1", "proxies": proxies }],
            "strategy": "wrr", "passHostHeader": true,
        },
        "serverStatus": { url("shop-1"): "UP" },
    });
    let router = json!({
        "name": "shop@docker", "provider": "docker", "status": "enabled",
        "entryPoints": ["http"], "using": ["http"], "middlewares": ["up@docker", "auth@docker"],
        "service": "shop@docker", "rule": "Host(`shop.test`)", "priority": 17,
        "priorityStr": "17", "containers": ["shop-1"],
    });
    let middleware = json!({
        "name": "auth@docker", "provider": "docker", "status": "enabled", "type": "headers",
        "usedBy": ["shop@docker"], "containers": ["shop-1"],
        "headers": { "customRequestHeaders": { "Authorization": "[redacted]", "X-Env": "prod" } },
    });
    let internal = json!({
        "name": "api@internal", "provider": "internal", "status": "enabled",
        "usedBy": ["api@internal"],
    });
    let entry_point = json!({
        "name": "http", "address": format!(":{}", world.http_port()),
        "forwardedHeaders": {}, "http": {},
    });
    let raw: Value = read(&world, "/api/rawdata").await;
    for (path, group, expected) in [
        ("/api/http/services/shop@docker", "services", &service),
        ("/api/http/services/shop%40docker", "services", &service),
        ("/api/http/routers/shop@docker", "routers", &router),
        (
            "/api/http/middlewares/auth@docker",
            "middlewares",
            &middleware,
        ),
        ("/api/http/services/api@internal", "services", &internal),
    ] {
        assert_eq!(&read::<Value>(&world, path).await, expected, "{path}");
        assert_eq!(
            &raw[group][expected["name"].as_str().unwrap()],
            expected,
            "{path}"
        );
    }
    assert_eq!(
        read::<Value>(&world, "/api/entrypoints/http").await,
        entry_point
    );
    let found: Vec<_> = raw["diagnostics"].as_array().unwrap().iter().collect();
    let of = |container: &str| {
        found
            .iter()
            .find(|it| it["container"] == container)
            .unwrap()
    };
    for (container, severity, label, object) in [
        (
            "bad",
            "error",
            "traefik.http.routers.bad.rule",
            "router bad@docker",
        ),
        (
            "half",
            "warning",
            "traefik.http.routers.half.entrypoints",
            "router half@docker",
        ),
    ] {
        let it = of(container);
        assert_eq!(it["severity"], severity, "{it}");
        assert_eq!(
            (&it["label"], &it["object"]),
            (&json!(label), &json!(object))
        );
        assert_eq!(it["provider"], "docker");
        assert!(
            it["message"].is_string() && it["suggestion"].is_string(),
            "{it}"
        );
    }
    assert!(!raw.to_string().contains("c2VjcmV0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_searched_filtered_sorted_and_cut() {
    let world = world().await;
    let routers = |query: &str| format!("/api/http/routers?{query}");
    for (target, expected, next) in [
        (
            routers("per_page=2"),
            vec!["api@internal", "bad@docker"],
            "2",
        ),
        (
            routers("per_page=2&page=2"),
            vec!["half@docker", "ping@internal"],
            "3",
        ),
        (routers("per_page=2&page=3"), vec!["shop@docker"], "1"),
        (routers("search=HALF"), vec!["half@docker"], "1"),
        (routers("search=%2Flong"), vec!["half@docker"], "1"),
        (routers("search=nothing"), vec![], "1"),
        (routers("status=disabled"), vec!["bad@docker"], "1"),
        (routers("status=Warning"), vec!["half@docker"], "1"),
        (routers("serviceName=shop@docker"), vec!["shop@docker"], "1"),
        (
            routers("middlewareName=auth%40docker"),
            vec!["shop@docker"],
            "1",
        ),
        (
            routers("sortBy=priority&direction=desc&per_page=3"),
            vec!["ping@internal", "api@internal", "shop@docker"],
            "2",
        ),
        (
            "/api/http/services?search=s".to_owned(),
            vec!["shop@docker"],
            "1",
        ),
        (
            "/api/http/services?sortBy=servers&direction=desc&per_page=1&page=5".to_owned(),
            vec!["api@internal"],
            "1",
        ),
        (
            "/api/http/middlewares?sortBy=type&direction=desc".to_owned(),
            vec!["auth@docker", "up@docker"],
            "1",
        ),
    ] {
        let found = page(&world, &target).await;
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(found, (expected, next.to_owned()), "{target}");
    }
    for list in [
        "tcp/routers",
        "tcp/services",
        "tcp/middlewares",
        "udp/routers",
        "udp/services",
    ] {
        let found = page(&world, &format!("/api/{list}?search=x&status=enabled")).await;
        assert_eq!(found, (vec![], "1".to_owned()), "{list}");
    }
    assert_eq!(page_of_entry_points(&world).await, "2");
}

async fn page_of_entry_points(world: &World) -> String {
    let reply = ask(world, "/api/entrypoints?per_page=1").await;
    reply.head.header("x-next-page").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_as_traefik_tells_it() {
    let world = world().await;
    for (target, status, message) in [
        ("/api/http/routers/x@y", 404, "router not found: x@y"),
        (
            "/api/http/services/a%2Fb@docker",
            404,
            "service not found: a/b@docker",
        ),
        ("/api/http/middlewares/x", 404, "middleware not found: x"),
        ("/api/entrypoints/x", 404, "entry point not found: x"),
        ("/api/tcp/routers/x@y", 404, "router not found: x@y"),
        ("/api/tcp/middlewares/x@y", 404, "middleware not found: x@y"),
        ("/api/udp/services/x@y", 404, "service not found: x@y"),
        (
            "/api/http/routers/%zz",
            400,
            "unable to decode the router's name",
        ),
        ("/api/http/routers?page=0", 400, "invalid request: page: 0"),
        (
            "/api/http/services?per_page=many",
            400,
            "invalid request: per_page: many",
        ),
        (
            "/api/http/routers?page=9",
            400,
            "invalid request: page: 9, per_page: 100",
        ),
        (
            "/api/tcp/routers?page=2",
            400,
            "invalid request: page: 2, per_page: 100",
        ),
        ("/api/udp/middlewares", 404, "404 page not found"),
        ("/api/http/routers/a/b", 404, "404 page not found"),
        ("/api/nothing", 404, "404 page not found"),
    ] {
        assert_eq!(
            refused(&world, target).await,
            (status, message.to_owned()),
            "{target}"
        );
    }
    for target in [
        "/api/rawdata",
        "/api/overview",
        "/api/http/routers",
        "/api/tcp/routers",
    ] {
        let mut client = RawClient::connect(world.api_address()).await.unwrap();
        let post = format!("POST {target} HTTP/1.1\r\nHost: api\r\nContent-Length: 0\r\n\r\n");
        let reply = client.exchange(post).await.unwrap();
        assert_eq!(reply.status(), 405, "{target}");
        assert!(
            reply.head.header("allow").unwrap().contains("GET"),
            "{target}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_a_slash_is_found_by_its_escaped_form() {
    let world = World::start().await;
    world
        .run(routed("slash", "a/b", "Host(`slash.test`)"))
        .await;
    world.wait_rotation("slash.test", "/", &["slash"]).await;
    let router: Router = read(&world, "/api/http/routers/a%2Fb@docker").await;
    assert_eq!(router.state.name, "a/b@docker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_proxies_that_serve_a_server_are_named_for_it() {
    let world = World::start().await;
    world.run_site(1).await;
    world.settle().await;
    let real = world.list_proxies().await.remove(0).node.unwrap().id;
    let named = || async {
        let service: Value = read(&world, "/api/http/services/web-test@docker").await;
        service["loadBalancer"]["servers"][0]["proxies"].clone()
    };
    assert_eq!(named().await, json!([real]));

    let mut other = StreamClient::connect(world.grpc_address(), "zz-other", None)
        .await
        .unwrap();
    let update = other.next().await.unwrap();
    assert_eq!(named().await, json!([real]), "not acknowledged yet");
    other.ack(&update, Vec::new());
    let both = json!([real, "zz-other"]);
    wait_for("both", || async { (named().await == both).then_some(()) }).await;

    world.run(routed("else", "else", "Host(`else.test`)")).await;
    let update = other.next().await.unwrap();
    wait_for("one", || async {
        (named().await == json!([real])).then_some(())
    })
    .await;
    let id = ResourceId {
        kind: ResourceKind::Service.into(),
        name: "web-test@docker".to_owned(),
    };
    let reason = "too new for me".to_owned();
    let kind = RejectionKind::Unsupported.into();
    other.ack(
        &update,
        vec![Rejection {
            id: Some(id),
            kind,
            reason,
        }],
    );
    let rejected = || async {
        let listed = world.list_proxies().await;
        listed
            .iter()
            .any(|proxy| !proxy.rejections.is_empty())
            .then_some(())
    };
    wait_for("the rejection", rejected).await;
    assert_eq!(named().await, json!([real]), "rejected");
    let service: Value = read(&world, "/api/http/services/else@docker").await;
    assert_eq!(
        service["loadBalancer"]["servers"][0]["proxies"], both,
        "another service"
    );

    drop(other);
    wait_for("the end of the stream", || async {
        let service: Value = read(&world, "/api/http/services/else@docker").await;
        (service["loadBalancer"]["servers"][0]["proxies"] == json!([real])).then_some(())
    })
    .await;
}
