//! The demo, as `docker compose up -d --build --wait` brings it up.

use std::collections::BTreeSet;

use fairway_proto::inspection::v1::{
    ListDiagnosticsRequest, ListProxiesRequest, WaitForVersionRequest,
};
use fairway_tests::wait::wait_until;

use crate::compose::{API_PATH, Project, a_moment, docker, get, short};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_and_loses_no_request_whatever_is_scaled_stopped_or_restarted()
-> anyhow::Result<()> {
    let demo = Project::new("demo", ".")?;
    demo.up(&[]).await?;
    it_serves_both_routes_in_turn(&demo).await?;
    it_can_be_inspected(&demo).await?;
    the_proxies_hold_nothing_worth_stealing(&demo)?;
    scaling_the_site_changes_the_rotation(&demo).await?;
    a_container_stopped_by_hand_leaves_at_once(&demo).await?;
    a_container_that_comes_back_on_another_address_is_found(&demo).await?;
    proxies_scale_behind_the_same_port(&demo).await?;
    the_control_plane_may_die(&demo).await?;
    a_killed_proxy_loses_only_what_it_had_in_flight(&demo).await?;
    Ok(())
}

async fn it_serves_both_routes_in_turn(demo: &Project) -> anyhow::Result<()> {
    demo.answered_by("/", &demo.containers("static")?).await;
    demo.answered_by(API_PATH, &demo.containers("api")?).await;
    for path in ["/", API_PATH] {
        let row = demo.ask_in_a_row(path, 6)?;
        let [a, b, ..] = &row[..] else {
            anyhow::bail!("{path}: {row:?}")
        };
        assert_ne!(a, b, "{path}: {row:?}");
        assert_eq!(row, [a, b, a, b, a, b].map(Clone::clone), "{path}");
    }
    assert!(
        demo.ask("/index.html").is_ok(),
        "the site has the rest of the host"
    );
    Ok(())
}

async fn it_can_be_inspected(demo: &Project) -> anyhow::Result<()> {
    let mut inspection = demo.inspection().await?;
    let proxies = inspection
        .list_proxies(ListProxiesRequest {})
        .await?
        .into_inner()
        .proxies;
    assert_eq!(proxies.len(), 2);
    let versions: BTreeSet<_> = proxies.iter().map(|proxy| &proxy.version).collect();
    assert_eq!(versions.len(), 1, "both serve one version: {proxies:#?}");
    assert!(
        proxies
            .iter()
            .all(|proxy| proxy.connected && proxy.rejections.is_empty())
    );
    let all = ListDiagnosticsRequest::default();
    let findings = inspection
        .list_diagnostics(all)
        .await?
        .into_inner()
        .diagnostics;
    assert!(findings.is_empty(), "{findings:#?}");

    let rawdata: serde_json::Value = serde_json::from_str(&get(demo.api(), "/api/rawdata")?)?;
    let router = &rawdata["routers"]["api@docker"];
    assert_eq!(router["rule"], "Host(`demo.res.ch`) && Path(`/api/flats/`)");
    assert_eq!(router["status"], "enabled");
    let servers = rawdata["services"]["api@docker"]["loadBalancer"]["servers"].as_array();
    assert_eq!(servers.map(Vec::len), Some(2), "{rawdata:#}");
    assert!(rawdata["middlewares"]["root@docker"]["replacePath"]["path"] == "/");
    assert_eq!(get(demo.api(), "/ping")?, "OK");
    Ok(())
}

fn the_proxies_hold_nothing_worth_stealing(demo: &Project) -> anyhow::Result<()> {
    for proxy in demo.containers("proxy")? {
        let inspected: serde_json::Value =
            serde_json::from_str(&docker(&["inspect", "-f", "{{json .}}", &proxy.id])?)?;
        let host = &inspected["HostConfig"];
        assert_eq!(
            inspected["Mounts"],
            serde_json::json!([]),
            "a volume or a socket"
        );
        assert_eq!(host["ReadonlyRootfs"], true);
        assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
        assert_eq!(host["Privileged"], false);
        assert_eq!(inspected["Config"]["User"], "65532:65532");
        assert_eq!(
            inspected["Config"]["Cmd"],
            serde_json::json!(["--control-plane=http://control:9090"])
        );
    }
    for service in ["edge", "proxy", "static", "api"] {
        for container in demo.containers(service)? {
            let mounts = docker(&["inspect", "-f", "{{json .HostConfig.Binds}}", &container.id])?;
            assert!(!mounts.contains("docker.sock"), "{service} has the socket");
        }
    }
    Ok(())
}

async fn scaling_the_site_changes_the_rotation(demo: &Project) -> anyhow::Result<()> {
    let load = demo.load();
    load.go_on(200).await;
    demo.scale(&["--scale", "static=4", "static"])?;
    let containers = demo.containers("static")?;
    assert_eq!(containers.len(), 4);
    demo.answered_by("/", &containers).await;
    demo.scale(&["--scale", "static=2", "static"])?;
    demo.answered_by("/", &demo.containers("static")?).await;
    load.go_on(200).await;
    load.finish_flawless("site scaled 2 to 4 to 2").await;
    Ok(())
}

async fn a_container_stopped_by_hand_leaves_at_once(demo: &Project) -> anyhow::Result<()> {
    let load = demo.load();
    load.go_on(200).await;
    let [first, ..] = &demo.containers("api")?[..] else {
        anyhow::bail!("no api")
    };
    docker(&["stop", &first.id])?;
    demo.answered_by(API_PATH, &demo.containers("api")?).await;
    docker(&["start", &first.id])?;
    demo.answered_by(API_PATH, &demo.containers("api")?).await;
    load.go_on(200).await;
    load.finish_flawless("container stopped and started").await;
    Ok(())
}

async fn a_container_that_comes_back_on_another_address_is_found(
    demo: &Project,
) -> anyhow::Result<()> {
    let load = demo.load();
    load.go_on(200).await;
    let [first, ..] = &demo.containers("static")?[..] else {
        anyhow::bail!("no static")
    };
    let address = |id: &str| {
        docker(&[
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            id,
        ])
    };
    let before = address(&first.id)?;
    docker(&["stop", &first.id])?;
    // Takes the address that just became free.
    let squatter = docker(&[
        "run",
        "-d",
        "--rm",
        "--network",
        &demo.default_network(),
        "--label",
        "traefik.enable=false",
        "debian:bookworm-slim",
        "sleep",
        "600",
    ])?;
    let started = docker(&["start", &first.id]);
    let after = address(&first.id);
    let answered = demo.containers("static").map(|containers| async move {
        demo.answered_by("/", &containers).await;
    });
    if let Ok(answered) = answered {
        answered.await;
    }
    docker(&["rm", "-f", squatter.trim()])?;
    started?;
    assert_ne!(before, after?, "the container came back on its old address");
    load.go_on(200).await;
    load.finish_flawless("container back on another address")
        .await;
    Ok(())
}

async fn proxies_scale_behind_the_same_port(demo: &Project) -> anyhow::Result<()> {
    let load = demo.load();
    load.go_on(200).await;
    let mut inspection = demo.inspection().await?;
    for count in [4, 1, 2] {
        demo.scale(&["--scale", &format!("proxy={count}")])?;
        let version = inspection
            .wait_for_version(WaitForVersionRequest::default())
            .await?;
        println!(
            "{count} proxies: {} serve {}",
            version.get_ref().proxies,
            version.get_ref().version
        );
        let connected = inspection
            .list_proxies(ListProxiesRequest {})
            .await?
            .into_inner()
            .proxies;
        let connected = connected.iter().filter(|proxy| proxy.connected).count();
        assert_eq!(connected, count);
        load.go_on(300).await;
    }
    load.finish_flawless("proxies scaled 2 to 4 to 1 to 2")
        .await;
    Ok(())
}

async fn the_control_plane_may_die(demo: &Project) -> anyhow::Result<()> {
    let version = || async {
        let mut inspection = demo.inspection().await.ok()?;
        let waited = inspection
            .wait_for_version(WaitForVersionRequest::default())
            .await
            .ok()?;
        Some(waited.into_inner().version)
    };
    let before = version().await;
    let load = demo.load();
    load.go_on(200).await;
    let [control] = &demo.containers("control")?[..] else {
        anyhow::bail!("no control")
    };
    docker(&["kill", "-s", "KILL", &control.id])?;
    load.go_on(400).await;
    docker(&["start", &control.id])?;
    let mut after = None;
    while after.is_none() {
        after = version().await;
        a_moment().await;
    }
    assert_eq!(before, after, "the same containers give the same version");
    load.go_on(200).await;
    load.finish_flawless("control plane killed and restarted")
        .await;
    Ok(())
}

async fn a_killed_proxy_loses_only_what_it_had_in_flight(demo: &Project) -> anyhow::Result<()> {
    let load = demo.load();
    load.go_on(200).await;
    let [victim, ..] = &demo.containers("proxy")?[..] else {
        anyhow::bail!("no proxy")
    };
    docker(&["kill", "-s", "KILL", &victim.id])?;
    load.go_on(400).await;
    load.finish_with_losses_in_flight("proxy killed").await;
    wait_until("answers after the kill", || demo.ask("/").is_ok()).await;
    println!("killed proxy {}", short(&victim.id));
    Ok(())
}
