//! Health checks from the label to the API, and what proxies report.

use std::net::SocketAddr;
use std::time::Duration;

use fairway_tests::backend::Mode;
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::raw_client;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use serde_json::Value;
use tonic_health::ServingStatus;

const CHECK: &str = "traefik.http.services.web.loadbalancer.healthcheck";
const PASSIVE: &str = "traefik.http.services.web.loadbalancer.passivehealthcheck";

/// A container of the service `web` at `web.test` with these options.
fn replica(name: &str, options: &[(&str, &str)]) -> ContainerSpec {
    let spec = routed(name, "web", "Host(`web.test`)")
        .compose("test", "web")
        .label("traefik.http.services.web.loadbalancer.server.weight", "1");
    options
        .iter()
        .fold(spec, |spec, (key, value)| spec.label(key, value))
}

async fn service(world: &World) -> Value {
    let address = world.api_address();
    let reply = raw_client::get(address, "api", "/api/http/services/web@docker").await;
    serde_json::from_slice(&reply.unwrap().body).unwrap()
}

/// The server of this container in the API; null if it is not there yet.
fn server(service: &Value, container: &str) -> Value {
    let servers = service["loadBalancer"]["servers"].as_array();
    let mut servers = servers.into_iter().flatten();
    let found = servers.find(|server| server["container"] == container);
    found.cloned().unwrap_or_default()
}

/// Waits until the API shows this many proxies that see the server up, and down.
async fn wait_seen(world: &World, container: &str, up: usize, unhealthy: usize) -> Value {
    let what = format!("{container}: {up} proxies see it up, {unhealthy} do not");
    wait_for(&what, || async {
        let service = service(world).await;
        let server = server(&service, container);
        let count = |field: &str| server[field].as_array().map_or(0, Vec::len);
        (count("proxies") == up && count("unhealthy") == unhealthy).then_some(service)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_well_is_out_at_every_proxy_and_the_api_says_who_sees_it() {
    let path = format!("{CHECK}.path");
    let interval = format!("{CHECK}.interval");
    let options = [(path.as_str(), "/health"), (interval.as_str(), "50ms")];
    let mut world = Setting::new().proxies(2).start().await;
    for name in ["web-1", "web-2"] {
        world.run(replica(name, &options)).await;
    }
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    let version = world.settle().await;
    let all_up = wait_seen(&world, "web-2", 2, 0).await;
    let check = &all_up["loadBalancer"]["healthCheck"];
    assert_eq!(check["path"], "/health");
    assert_eq!(check["interval"], "50ms");
    assert_eq!(check["timeout"], "5s");
    assert_eq!(all_up["status"], "enabled");

    world.mode("web-2", Mode::Status(503));
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    let one_down = wait_seen(&world, "web-2", 0, 2).await;
    let down = server(&one_down, "web-2");
    assert_eq!(down["unhealthy"][0]["state"], "down");
    assert_eq!(down["unhealthy"][0]["reason"], "answered 503");
    let url = down["url"].as_str().unwrap();
    assert_eq!(one_down["serverStatus"][url], "DOWN");
    assert_eq!(one_down["status"], "enabled");
    for proxy in world.list_proxies().await {
        assert_eq!(proxy.unhealthy.len(), 1);
        assert_eq!(proxy.unhealthy[0].service, "web@docker");
    }
    // A proxy that loses its stream tells everything again over the next one.
    world.line().fault(|fault| fault.reset = true);
    wait_for("no proxy is connected", || async {
        let proxies = world.list_proxies().await;
        let gone = |proxy: &fairway_proto::inspection::v1::Proxy| {
            !proxy.connected && proxy.unhealthy.is_empty()
        };
        proxies.iter().all(gone).then_some(())
    })
    .await;
    world.line().heal();
    wait_seen(&world, "web-2", 0, 2).await;
    // What a proxy said goes with it.
    world.stop_last_proxy().await;
    wait_seen(&world, "web-2", 0, 1).await;

    world.mode("web-1", Mode::Status(500));
    let none = wait_seen(&world, "web-1", 0, 1).await;
    assert_eq!(none["status"], "warning");
    assert_eq!(
        none["error"][0],
        "every server is down, as every proxy sees it"
    );
    assert_eq!(world.get("web.test", "/").await.status(), 503);
    world.mode("web-1", Mode::Normal);
    world.mode("web-2", Mode::Normal);
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    let well = wait_seen(&world, "web-2", 1, 0).await;
    assert_eq!(well["serverStatus"][url], "UP");
    assert_eq!(world.settle().await, version, "health is no configuration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_connections_or_answers_with_errors_is_reported_as_ejected() {
    let window = format!("{PASSIVE}.failurewindow");
    let attempts = format!("{PASSIVE}.maxfailedattempts");
    let options = [(window.as_str(), "30s"), (attempts.as_str(), "2")];
    let world = World::start().await;
    for name in ["web-1", "web-2", "web-3", "web-4"] {
        world.run(replica(name, &options)).await;
    }
    let all = ["web-1", "web-2", "web-3", "web-4"];
    world.wait_rotation("web.test", "/", &all).await;
    world.mode("web-2", Mode::Status(500));
    world
        .wait_rotation("web.test", "/", &["web-1", "web-3", "web-4"])
        .await;
    let seen = wait_seen(&world, "web-2", 0, 1).await;
    let server = |name: &str, seen: &Value| server(seen, name)["unhealthy"][0].clone();
    assert_eq!(server("web-2", &seen)["state"], "ejected");
    assert_eq!(server("web-2", &seen)["reason"], "answered with errors");

    // The process is gone and the engine has not noticed.
    world.end_process("web-3").await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-4"])
        .await;
    let seen = wait_seen(&world, "web-3", 0, 1).await;
    assert_eq!(server("web-3", &seen)["state"], "ejected");
    assert_eq!(
        server("web-3", &seen)["reason"],
        "did not accept connections"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_server_is_asked_by_its_health_service() {
    let world = World::start().await;
    let mode = format!("{CHECK}.mode");
    let interval = format!("{CHECK}.interval");
    let options = [(mode.as_str(), "grpc"), (interval.as_str(), "50ms")];
    let spec = replica("web-1", &options);
    world.engine().run(spec.port(world.backend_port()));
    let ip = world.engine().address("web-1", None).expect("an address");
    let address = SocketAddr::new(ip.into(), world.backend_port());
    let (reporter, service) = tonic_health::server::health_reporter();
    let served = tonic::transport::Server::builder()
        .add_service(service)
        .serve(address);
    let task = tokio::spawn(served);
    let up = || async {
        let service = self::service(&world).await;
        let server = server(&service, "web-1");
        (server["proxies"].as_array()?.len() == 1).then_some(())
    };
    // Not before the first answer: a refused connection may come before that.
    wait_for("it is up", || async { up().await }).await;
    reporter
        .set_service_status("", ServingStatus::NotServing)
        .await;
    let seen = wait_seen(&world, "web-1", 0, 1).await;
    let why = &server(&seen, "web-1")["unhealthy"][0]["reason"];
    assert_eq!(
        why,
        "its gRPC health service answered that it is not serving"
    );
    assert_eq!(world.get("web.test", "/").await.status(), 503);
    reporter
        .set_service_status("", ServingStatus::Serving)
        .await;
    wait_for("it is up again", || async { up().await }).await;
    task.abort();
    let _ = task.await;
    let seen = wait_for("it is gone", || async {
        let seen = wait_seen(&world, "web-1", 0, 1).await;
        let why = server(&seen, "web-1")["unhealthy"][0]["reason"].clone();
        (why == "connection refused").then_some(seen)
    });
    tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .expect("it is told");
}
