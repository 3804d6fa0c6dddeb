//! What proxies count, as the control plane and Prometheus get it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use fairway_tests::raw_client;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use serde_json::Value;

async fn page(address: SocketAddr) -> String {
    let reply = raw_client::get(address, "x", "/metrics").await.unwrap();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let kind = reply.head.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    reply.text()
}

/// Sum of the samples of a name whose labels have all of these in them.
fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = page.lines().filter_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let rest = sample.strip_prefix(name)?;
        let is_it = rest.is_empty() || rest.starts_with('{');
        let fits = is_it && labels.iter().all(|label| rest.contains(label));
        fits.then(|| value.parse::<f64>().unwrap())
    });
    samples.sum()
}

const REQUESTS: &str = "traefik_entrypoint_requests_total";

async fn wait_sum(world: &World, labels: &[&str], expected: f64) {
    let what = format!("{expected} requests with {labels:?}");
    wait_for(&what, || async {
        let found = sum(&page(world.api_address()).await, REQUESTS, labels);
        (found == expected).then_some(())
    })
    .await;
}

/// Families of a page, as Prometheus' own parser reads it.
fn families(page: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../target/grpc-clients/bin/python");
    assert!(
        python.exists(),
        "{} is missing: make grpc-clients",
        python.display()
    );
    let mut child = Command::new(python)
        .arg(root.join("prometheus/families.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn listed(name: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures/metrics").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// A world in which everything has happened that makes a series.
async fn busy() -> World {
    let world = Setting::new()
        .proxies(2)
        .flag("--metrics.prometheus=true")
        .flag("--metrics.prometheus.addRoutersLabels=true")
        .start()
        .await;
    let service = "traefik.http.services.watched.loadbalancer";
    let watched = routed("watched", "watched", "Host(`watched.test`)")
        .label(&format!("{service}.healthcheck.path"), "/")
        .label(&format!("{service}.healthcheck.interval"), "1s");
    world.run(watched).await;
    world.run_site(2).await;
    // Nothing listens on its port: tried again, and answered by the proxy.
    let closed = routed("closed", "closed", "Host(`closed.test`)");
    world.engine().run(closed.port(9));
    world.wait_rotation("closed.test", "/", &["502"]).await;
    world.wait_rotation("watched.test", "/", &["watched"]).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_planes_have_every_metric_by_its_name_type_and_labels() {
    let world = busy().await;
    let found = wait_for("every metric at the control plane", || async {
        let found = families(&page(world.api_address()).await);
        found
            .is_superset(&listed("control-plane.txt"))
            .then_some(found)
    })
    .await;
    assert_eq!(found, listed("control-plane.txt"));
    let found = wait_for("every metric at a proxy", || async {
        let found = families(&page(world.admin_of(0)).await);
        found.is_superset(&listed("proxy.txt")).then_some(found)
    })
    .await;
    assert_eq!(found, listed("proxy.txt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_control_plane_has_the_sums_whoever_was_cut_off_or_restarted() {
    let setting = Setting::new().proxies(2);
    let mut world = setting.flag("--metrics.prometheus=true").start().await;
    let ok = ["code=\"200\"", "entrypoint=\"http\""];
    world.run_site(1).await;
    // What waiting for the site has asked for is counted, too.
    let before = wait_for("what was asked so far", || async {
        let [one, other] = [world.admin_of(0), world.admin_of(1)];
        let proxies = sum(&page(one).await, REQUESTS, &ok) + sum(&page(other).await, REQUESTS, &ok);
        let all = sum(&page(world.api_address()).await, REQUESTS, &ok);
        (all == proxies && all > 0.0).then_some(all)
    })
    .await;
    let ask = async |world: &World, count: usize| {
        for proxy in 0..2 {
            for _ in 0..count {
                assert_eq!(world.get_of(proxy, "web.test", "/").await.status(), 200);
            }
        }
    };
    ask(&world, 10).await;
    wait_sum(&world, &ok, before + 20.0).await;

    world.stop_control_plane().await;
    ask(&world, 5).await;
    world.start_control_plane().await;
    ask(&world, 1).await;
    wait_sum(&world, &ok, before + 32.0).await;

    let stats = raw_client::get(world.api_address(), "x", "/api/stats").await;
    let stats: Value = serde_json::from_slice(&stats.unwrap().body).unwrap();
    let proxies = stats["proxies"].as_array().unwrap();
    assert_eq!(proxies.len(), 2, "{stats}");
    for proxy in proxies {
        assert_eq!(proxy["connected"], true);
        assert!(proxy["residentBytes"].as_u64().unwrap() > 0, "{proxy}");
    }
    let path = "/api/stats/services/web-test@docker";
    let service = wait_for("the servers of the service", || async {
        let reply = raw_client::get(world.api_address(), "x", path).await.ok()?;
        let service: Value = serde_json::from_slice(&reply.body).ok()?;
        (service["servers"].as_array()?.len() == 1).then_some(service)
    })
    .await;
    assert!(service["chart"]["requests"].is_array(), "{service}");
    let unknown = raw_client::get(world.api_address(), "x", "/api/stats/routers/no@docker");
    assert_eq!(unknown.await.unwrap().text(), "null");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_is_not_shown_any_more() {
    let setting = Setting::new().flag("--metrics.prometheus=true");
    let world = setting.start().await;
    world.run_site(1).await;
    let of_service = ["service=\"web-test@docker\""];
    let count = async |address| {
        let page = page(address).await;
        sum(&page, "traefik_service_requests_total", &of_service)
    };
    for address in [world.api_address(), world.admin_of(0)] {
        wait_for("requests of the service", || async {
            (count(address).await > 0.0).then_some(())
        })
        .await;
    }
    world.engine().remove("web-1");
    for address in [world.admin_of(0), world.api_address()] {
        wait_for("no requests of the service", || async {
            (count(address).await == 0.0).then_some(())
        })
        .await;
    }
    let page = page(world.api_address()).await;
    assert!(
        sum(&page, REQUESTS, &["entrypoint=\"http\""]) > 0.0,
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_entry_point_or_a_router_serves_the_metrics_of_all_proxies() {
    let setting = Setting::new().proxies(2).flag("--metrics.prometheus=true");
    // On the proxies, as entry points are.
    let world = setting
        .flag("--metrics.prometheus.entryPoint=http")
        .start()
        .await;
    assert_eq!(
        raw_client::get(world.api_address(), "x", "/metrics")
            .await
            .unwrap()
            .status(),
        404
    );
    let router = routed("panel", "panel", "Host(`panel.test`)")
        .label("traefik.http.routers.panel.service", "prometheus@internal");
    world.engine().run(router);
    for (host, path) in [("x", "/metrics"), ("panel.test", "/some/path")] {
        wait_for(host, || async {
            let reply = world.get_of(1, host, path).await;
            let is_page = reply.text().contains("fairway_proxies_connected 2\n");
            (reply.status() == 200 && is_page).then_some(())
        })
        .await;
    }
    // What leads to them is not counted, as nobody has asked for it.
    let page = world.get("x", "/metrics").await.text();
    assert!(!page.contains("prometheus@internal"), "{page}");
}

#[test]
fn the_board_asks_for_metrics_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/monitoring");
    let text = std::fs::read_to_string(root.join("grafana/board.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let known: BTreeSet<String> = listed("control-plane.txt")
        .iter()
        .flat_map(|line| {
            let name = line.split(' ').next().unwrap();
            let parts = ["_bucket", "_sum", "_count"].map(|it| format!("{name}{it}"));
            let parts = parts.into_iter().filter(|_| line.contains(" histogram "));
            parts.chain([name.to_owned()])
        })
        .collect();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 15, "{}", panels.len());
    for target in panels
        .iter()
        .flat_map(|it| it["targets"].as_array().unwrap())
    {
        let expression = target["expr"].as_str().unwrap();
        let words = expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let prefixes = ["traefik_", "fairway_", "process_"];
        let named = words.filter(|word| prefixes.iter().any(|it| word.starts_with(it)));
        let named: Vec<_> = named.collect();
        assert!(!named.is_empty(), "{expression}");
        for name in named {
            assert!(known.contains(name), "{name} in {expression}");
        }
    }
}
