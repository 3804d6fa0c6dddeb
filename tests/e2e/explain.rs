//! Why a request meets what it meets: asked with the command, answered by real
//! proxies, and compared with the request itself.

use clap::Parser as _;
use fairway_control::explain::{ExplainError, ExplainOptions, explain};
use fairway_proto::discovery::v1::{CandidateState, RequestHead};
use fairway_proto::inspection::v1::{Diagnostic, ExplainRequest};
use fairway_tests::discovery_client::StreamClient;
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::loopback::free_port;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use rand::seq::IndexedRandom as _;
use serde_json::Value;

/// The command with these arguments.
async fn command(world: &World, line: &[&str]) -> Result<String, ExplainError> {
    let server = format!("http://{}", world.grpc_address());
    let head = ["explain", "--server", &server];
    let options = ExplainOptions::try_parse_from([&head, line].concat()).expect("arguments");
    explain(&options).await
}

async fn json(world: &World, line: &[&str]) -> Value {
    let text = command(world, &[line, &["--format", "json"]].concat()).await;
    serde_json::from_str(&text.expect("an explanation")).expect("JSON")
}

fn url(world: &World, host: &str, target: &str) -> String {
    format!("http://{host}:{}{target}", world.http_port())
}

fn texts<'v>(list: &'v Value, field: &str) -> Vec<&'v str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|item| item[field].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_match_is_told_with_its_servers_and_asks_none_of_them() {
    let world = World::start().await;
    world.run_site(2).await;
    world.settle().await;
    let before = world.requests("web-1") + world.requests("web-2");
    let asked = url(&world, "web.test", "/x?y=1");
    let told = json(&world, &[&asked]).await;
    assert_eq!(told["entrypoint"], "http");
    assert_eq!(told["router"], "web@docker");
    assert_eq!(told["service"], "web-test@docker");
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&Value::Null, &"".into())
    );
    assert_eq!(told["target"], "/x?y=1");
    assert_eq!(told["tried"][0]["matched"], true);
    let mut containers = texts(&told["servers"], "container");
    let next = containers[0].to_owned();
    containers.sort_unstable();
    assert_eq!(containers, ["web-1", "web-2"]);
    assert_eq!(
        texts(&told["servers"], "state"),
        ["inRotation", "inRotation"]
    );
    let text = command(&world, &[&asked]).await.unwrap();
    let line = "\nweb@docker sends it to one of 2 servers as /x?y=1\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(world.requests("web-1") + world.requests("web-2"), before);
    // Telling took no turn either.
    let reply = world.get("web.test", "/x?y=1").await;
    assert_eq!(reply.seen().name, next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_is_told_with_the_part_of_each_rule_that_failed() {
    let world = World::start().await;
    let rule = "Host(`shop.test`) && PathPrefix(`/api`)";
    world.run(routed("api", "api", rule)).await;
    world.run(routed("blog", "blog", "Host(`blog.test`)")).await;
    let secret = "Host(`shop.test`) && Header(`Authorization`, `Bearer c2VjcmV0`)";
    world.run(routed("inner", "inner", secret)).await;
    world
        .run(routed("broken", "broken", "Host(`shop.test`"))
        .await;
    world.wait_rotation("blog.test", "/", &["blog"]).await;
    let broken = |found: &Diagnostic| found.container == "broken";
    world.wait_diagnostic("the broken rule", broken).await;
    world.settle().await;
    let asked = url(&world, "shop.test", "/cart");
    let told = json(&world, &[&asked]).await;
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&404.into(), &"no_route".into())
    );
    assert_eq!(told["router"], Value::Null);
    let routers = texts(&told["tried"], "router");
    assert_eq!(routers, ["inner@docker", "api@docker", "blog@docker"]);
    assert_eq!(
        texts(&told["tried"], "failed"),
        [
            "Header(`authorization`, `…`)",
            "PathPrefix(`/api`)",
            "Host(`blog.test`)"
        ]
    );
    assert_eq!(
        texts(&told["tried"], "found"),
        ["no header authorization", "path /cart", "host shop.test"]
    );
    assert!(!told.to_string().contains("c2VjcmV0"), "{told}");
    // The router that could not be read is the one that is missing.
    assert_eq!(told["diagnostics"][0]["container"], "broken");
    let text = command(&world, &[&asked]).await.unwrap();
    assert!(
        text.contains("\n404 no_route: no router matches\n"),
        "{text}"
    );
    let part = "        PathPrefix(`/api`) does not match: path /cart\n";
    assert!(text.contains(part), "{text}");
    assert_eq!(world.get("shop.test", "/cart").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_entry_point_is_told_with_the_right_one() {
    let other = free_port();
    let flag = format!("--entrypoints.other.address=:{other}");
    let world = Setting::new().flag(&flag).start().await;
    let spec = routed("app", "app", "Host(`app.test`)")
        .label("traefik.http.routers.app.entrypoints", "other");
    world.run(spec).await;
    world.settle().await;
    let told = wait_for("the router", || async {
        let told = json(&world, &[&url(&world, "app.test", "/")]).await;
        (!told["elsewhere"].as_array()?.is_empty()).then_some(told)
    })
    .await;
    assert_eq!(told["entrypoint"], "http");
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&404.into(), &"no_route".into())
    );
    assert_eq!(texts(&told["elsewhere"], "router"), ["app@docker"]);
    assert_eq!(texts(&told["elsewhere"], "entrypoint"), ["other"]);
    assert_eq!(world.get("app.test", "/").await.status(), 404);

    let there = format!("http://app.test:{other}/");
    assert_eq!(json(&world, &[&there]).await["router"], "app@docker");
    let named = json(&world, &["--entrypoint", "other", "http://app.test/"]).await;
    assert_eq!(named["router"], "app@docker");

    let nowhere = json(&world, &["http://app.test:1/"]).await;
    assert_eq!(
        (&nowhere["entrypoint"], &nowhere["status"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(nowhere["reason"], "no_entry_point");
    assert_eq!(texts(&nowhere["entrypoints"], "name"), ["http", "other"]);
    let text = command(&world, &["http://app.test:1/"]).await.unwrap();
    assert!(
        text.contains("no entry point listens on port 1; there are http ("),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_a_server_is_told_with_why() {
    let world = World::start().await;
    world.run_site(1).await;
    world.kill_container("web-1").await;
    let told = wait_for("the container to be out", || async {
        let told = json(&world, &[&url(&world, "web.test", "/")]).await;
        (told["reason"] == "no_server").then_some(told)
    })
    .await;
    assert_eq!(
        (&told["status"], &told["router"]),
        (&503.into(), &"web@docker".into())
    );
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("no server: ") && detail.contains("web-1"),
        "{detail}"
    );
    assert_eq!(world.get("web.test", "/").await.status(), 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_accept_is_told_to_be_out_of_rotation() {
    let world = World::start().await;
    let rule = "Host(`gone.test`)";
    world.engine().run(routed("gone", "gone", rule).port(9));
    world.wait_rotation("gone.test", "/", &["502"]).await;
    let told = json(&world, &[&url(&world, "gone.test", "/")]).await;
    assert_eq!(
        (&told["status"], &told["router"]),
        (&Value::Null, &"gone@docker".into())
    );
    assert_eq!(texts(&told["servers"], "container"), ["gone"]);
    assert_ne!(told["servers"][0]["state"], "inRotation");
    let text = command(&world, &[&url(&world, "gone.test", "/")])
        .await
        .unwrap();
    assert!(text.contains("expect 502 or 504"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn middlewares_are_told_with_what_they_do_and_the_one_that_answers() {
    let world = World::start().await;
    let option = |name: &str, option: &str| format!("traefik.http.middlewares.{name}.{option}");
    let spec = routed("app", "app", "Host(`app.test`)")
        .label(&option("strip", "stripprefix.prefixes"), "/v1")
        .label(
            &option("head", "headers.customrequestheaders.X-From"),
            "edge",
        )
        .label(
            &option("head", "headers.customrequestheaders.X-Api-Key"),
            "c2VjcmV0",
        )
        .label(&option("tls", "redirectscheme.scheme"), "https")
        .label("traefik.http.routers.app.middlewares", "strip,head,tls");
    world.run(spec).await;
    world.wait_rotation("app.test", "/", &["302"]).await;
    let asked = url(&world, "app.test", "/v1/x?y");
    let told = json(&world, &[&asked]).await;
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&302.into(), &"redirect".into())
    );
    assert_eq!(told["location"], "https://app.test/x?y");
    assert_eq!(told["servers"], Value::Array(Vec::new()));
    let steps = &told["middlewares"];
    assert_eq!(
        texts(steps, "name"),
        ["strip@docker", "head@docker", "tls@docker"]
    );
    assert_eq!(steps[0]["effects"][0], "target /v1/x?y becomes /x?y");
    let effects = steps[1]["effects"].as_array().unwrap();
    assert!(
        effects.contains(&"sets the request header x-from: edge".into()),
        "{effects:?}"
    );
    assert!(
        effects.contains(&"sets the request header x-api-key: …".into()),
        "{effects:?}"
    );
    assert_eq!(steps[2]["answers"], true);
    assert!(!told.to_string().contains("c2VjcmV0"), "{told}");
    let host = format!("app.test:{}", world.http_port());
    let reply = world.get(&host, "/v1/x?y").await;
    assert_eq!(reply.status(), 302);
    assert_eq!(reply.head.header("location"), told["location"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_proxies_are_compared_and_one_that_does_not_answer_is_named() {
    let world = Setting::new().proxies(2).start().await;
    world.run_site(1).await;
    world.settle().await;
    let asked = url(&world, "web.test", "/");
    let told = json(&world, &["--all", &asked]).await;
    assert_eq!(texts(&told["proxies"], "router"), ["web@docker"; 2]);
    assert_eq!(told["differences"], Value::Array(Vec::new()));
    let text = command(&world, &["--all", &asked]).await.unwrap();
    assert!(text.contains("\n2 proxies agree: "), "{text}");

    // Takes updates and knows no questions, as an earlier version would.
    let mut silent = StreamClient::connect(world.grpc_address(), "silent", None)
        .await
        .unwrap();
    let update = silent.next().await.unwrap();
    silent.ack(&update, Vec::new());
    let told = json(&world, &["--all", &asked]).await;
    let difference = "silent gave no answer: the proxy did not answer within 5 s";
    assert_eq!(told["differences"], serde_json::json!([difference]));
    let refused = command(&world, &["--node", "silent", &asked]).await;
    let refused = refused.unwrap_err().to_string();
    assert_eq!(refused, "silent: the proxy did not answer within 5 s");
    // Any proxy will do if nobody is named.
    assert_eq!(json(&world, &[&asked]).await["router"], "web@docker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_not_connected_is_said_to_be_so() {
    let mut world = World::start().await;
    world.run_site(1).await;
    world.settle().await;
    let node = world.list_proxies().await.remove(0).node.unwrap().id;
    let asked = url(&world, "web.test", "/");
    let told = json(&world, &["--node", &node, &asked]).await;
    assert_eq!(
        (&told["node"], &told["router"]),
        (&node.as_str().into(), &"web@docker".into())
    );

    world.stop_last_proxy().await;
    wait_for("the proxy to be gone", || async {
        (!world.list_proxies().await[0].connected).then_some(())
    })
    .await;
    for (line, expected) in [
        (
            vec!["--node", &*node],
            format!("{node}: the proxy is not connected"),
        ),
        (
            vec!["--node", "nobody"],
            format!("no proxy `nobody`; there are {node}"),
        ),
        (vec!["--all"], "no proxy is connected".to_owned()),
        (vec![], "no proxy is connected".to_owned()),
    ] {
        let refused = command(&world, &[&line[..], &[&*asked]].concat()).await;
        assert_eq!(refused.unwrap_err().to_string(), expected);
    }
    world.stop_control_plane().await;
    let refused = command(&world, &[&asked]).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("no control plane answers at http://"),
        "{refused}"
    );
}

/// Containers with random routers over few hosts and paths.
fn random_site() -> Vec<ContainerSpec> {
    let mut random = rand::rng();
    let hosts = [
        "Host(`a.test`)",
        "Host(`b.test`)",
        "Host(`*.test`)",
        "HostRegexp(`^[ab]`)",
    ];
    let parts = [
        "",
        " && PathPrefix(`/a`)",
        " && !Path(`/a/b`)",
        " && Method(`POST`)",
        " && Query(`q`, `1`)",
        " && (Path(`/`) || Path(`/a`))",
        " && Header(`X-A`, `1`)",
    ];
    let middlewares = ["strip", "add", "tls", "strip,add", "add,tls", ""];
    let spec = |number: usize| {
        let name = format!("r{number}");
        let rule = [
            *hosts.choose(&mut random).unwrap(),
            parts.choose(&mut random).unwrap(),
        ];
        let mut spec = routed(&name, &name, &rule.concat());
        if let Some(chosen) = middlewares
            .choose(&mut random)
            .filter(|list| !list.is_empty())
        {
            spec = spec.label(&format!("traefik.http.routers.{name}.middlewares"), chosen);
        }
        spec.label("traefik.http.middlewares.strip.stripprefix.prefixes", "/a")
            .label("traefik.http.middlewares.add.addprefix.prefix", "/p")
            .label(
                "traefik.http.middlewares.tls.redirectscheme.scheme",
                "https",
            )
    };
    (0..12).map(spec).collect()
}

/// The whole way: labels, both planes, the stream. The request path's every reason is
/// compared where the access log can be seen, in the proxy's own tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_over_the_stream_is_what_happens() {
    let world = World::start().await;
    for spec in random_site() {
        world.run(spec).await;
    }
    for number in 1..=3 {
        let spec = routed(&format!("web-{number}"), "web", "Host(`web.example`)");
        world.run(spec.compose("test", "web")).await;
    }
    world
        .run(routed("dead", "dead", "Host(`dead.example`)"))
        .await;
    let web = ["web-1", "web-2", "web-3"];
    world.wait_rotation("web.example", "/", &web).await;
    world.wait_rotation("dead.example", "/", &["dead"]).await;
    world.kill_container("dead").await;
    world.wait_rotation("dead.example", "/", &["503"]).await;
    let mut client = world.inspection().await;
    world.settle().await;
    let (hosts, paths) = (
        [
            "a.test",
            "b.test",
            "c.test",
            "x.b.test",
            "web.example",
            "dead.example",
            "A.Test.",
        ],
        ["/", "/a", "/a/b", "/a?q=1", "//a/./b", "/%61", "/%2f", "/x"],
    );
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..300 {
        let (host, target) = {
            let mut random = rand::rng();
            let host = *hosts.choose(&mut random).unwrap();
            (host, *paths.choose(&mut random).unwrap())
        };
        let request = RequestHead {
            host: host.to_owned(),
            port: world.http_port().into(),
            target: target.to_owned(),
            ..RequestHead::default()
        };
        let asked = ExplainRequest {
            request: Some(request),
            proxies: None,
        };
        let answer = client.explain(asked).await.unwrap().into_inner();
        let told = answer.proxies[0].explanation.clone().unwrap();
        let reply = world.get(host, target).await;
        let what = format!("{host}{target}: {told:#?}");
        if told.servers.is_empty() {
            assert_eq!(u32::from(reply.status()), told.status, "{what}");
            let location = reply.head.header("location").unwrap_or_default();
            assert_eq!(location, told.location, "{what}");
            *kinds.entry(told.reason).or_default() += 1;
        } else {
            let seen = reply.seen();
            assert_eq!((told.status, reply.status()), (0, 200), "{what}");
            assert_eq!(
                told.servers[0].state(),
                CandidateState::InRotation,
                "{what}"
            );
            assert_eq!(told.servers[0].container, seen.name, "{what}");
            assert_eq!(told.target, seen.target, "{what}");
            *kinds.entry("server".to_owned()).or_default() += 1;
        }
    }
    println!("explained and sent: {kinds:?}");
    for kind in ["server", "no_route", "no_server", "bad_request"] {
        assert!(kinds.contains_key(kind), "{kinds:?}");
    }
}
