//! The control plane dies, hangs, restarts and meets bad proxies.

use std::time::{Duration, Instant};

use fairway_proto::discovery::v1::{
    Rejection, RejectionKind, ResourceId, ResourceKind, UpdateMode,
};
use fairway_tests::discovery_client::StreamClient;
use fairway_tests::wait::{wait_for, wait_until};
use fairway_tests::world::{Setting, World, routed};
use prost::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_same_state_sends_nothing() {
    let mut world = Setting::new().proxies(2).start().await;
    for number in 0..100 {
        let (name, rule) = (
            format!("more-{number}"),
            format!("Host(`more{number}.test`)"),
        );
        world.engine().run(routed(&name, &name, &rule).port(80));
    }
    world.run_site(3).await;
    world.wait_rotation("more99.test", "/", &["502"]).await;
    let version = world.settle().await;
    let mut client = StreamClient::connect(world.grpc_address(), "watcher", None)
        .await
        .unwrap();
    client.follow_to(&version).await.unwrap();
    let probe = world.probe("web.test", "/");
    probe.wait_ok(50).await;

    world.stop_control_plane().await;
    probe.wait_ok(100).await;
    let carried = world.line().bytes_to_client();
    world.start_control_plane().await;
    let what = "the proxies at the new control plane";
    wait_for(what, || async {
        let proxies = world.list_proxies().await;
        let current = proxies
            .iter()
            .filter(|proxy| proxy.connected && proxy.version == version);
        (current.count() == 2).then_some(())
    })
    .await;

    assert_eq!(
        world.config().await.version,
        version,
        "the same state has the same version"
    );
    let held = Some(client.held());
    let mut client = StreamClient::connect(world.grpc_address(), "watcher", held)
        .await
        .unwrap();
    let update = client.next().await.unwrap();
    assert_eq!(
        (update.mode(), update.version.as_str()),
        (UpdateMode::Delta, version.as_str())
    );
    assert!(update.upserts.is_empty() && update.removals.is_empty());
    client.ack(&update, Vec::new());
    assert_eq!(
        client.next_within(Duration::from_secs(1)).await.unwrap(),
        None
    );

    // Two connections and two greetings: a small part of the set.
    let carried = world.line().bytes_to_client() - carried;
    let size: usize = world
        .config()
        .await
        .resources
        .iter()
        .map(Message::encoded_len)
        .sum();
    println!("{carried} bytes to two proxies after the restart; the set has {size}");
    assert!(
        usize::try_from(carried).unwrap() < size / 10,
        "{carried} of {size} bytes"
    );
    for proxy in 0..2 {
        assert_eq!(world.version_of(proxy), version);
    }
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_control_plane_traffic_goes_on_and_changes_wait_for_it() {
    let mut world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    world.stop_control_plane().await;
    world.run_replica(3).await;
    probe.wait_ok(300).await;
    assert!(world.is_ready(0), "ready for ever");
    world.start_control_plane().await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2", "web-3"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_between_the_planes_is_noticed_at_both_ends() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    let connections = world.line().accepted();
    world.line().fault(|fault| fault.black_hole = true);
    let started = Instant::now();
    wait_until("another try of the proxy", || {
        world.line().accepted() > connections
    })
    .await;
    println!("the proxy noticed after {:?}", started.elapsed());
    wait_for("the control plane to notice", || async {
        world
            .list_proxies()
            .await
            .iter()
            .all(|proxy| !proxy.connected)
            .then_some(())
    })
    .await;
    println!("the control plane noticed after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(25));
    world.run_replica(3).await;
    world.line().heal();
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2", "web-3"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_proxy_delays_nobody() {
    let world = Setting::new().proxies(2).start().await;
    world.run_site(1).await;
    let mut stalled = StreamClient::connect(world.grpc_address(), "stalled", None)
        .await
        .unwrap();
    stalled.next().await.unwrap();
    // It never acknowledges, and never reads again.
    for number in 2..=6 {
        let started = Instant::now();
        world.run_replica(number).await;
        let names: Vec<String> = (1..=number).map(|number| format!("web-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.wait_rotation("web.test", "/", &names).await;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    let shown = world.list_proxies().await;
    let shown = shown
        .iter()
        .find(|proxy| proxy.node.as_ref().unwrap().id == "stalled")
        .unwrap();
    assert!(shown.version.is_empty() && shown.lag_ms > 0 && !shown.pending_version.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_removed_while_a_proxy_is_disconnected_is_gone_when_it_returns() {
    let world = World::start().await;
    world.run_site(2).await;
    world.run(routed("gone", "gone", "Host(`gone.test`)")).await;
    world.wait_rotation("gone.test", "/", &["gone"]).await;
    let version = world.settle().await;
    let mut client = StreamClient::connect(world.grpc_address(), "watcher", None)
        .await
        .unwrap();
    client.follow_to(&version).await.unwrap();
    let held = client.held();

    world
        .line()
        .fault(|fault| (fault.reset, fault.refuse) = (true, true));
    world.kill_container("gone").await;
    world.engine().remove("gone");
    wait_for("the new version", || async {
        (world.config().await.version != version).then_some(())
    })
    .await;
    let current = wait_for("a quiet control plane", || async {
        let config = world.config().await;
        let named = |name: &str| {
            config
                .resources
                .iter()
                .any(|r| r.id.as_ref().unwrap().name == name)
        };
        (!named("gone@docker")).then_some(config.version)
    })
    .await;
    world.line().heal();
    world.wait_rotation("gone.test", "/", &["404"]).await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;

    let mut client = StreamClient::connect(world.grpc_address(), "watcher", Some(held))
        .await
        .unwrap();
    client.follow_to(&current).await.unwrap();
    let router = i32::from(ResourceKind::Router);
    assert!(
        !client
            .mirror
            .contains_key(&(router, "gone@docker".to_owned()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_proxy_rejects_is_shown_and_not_sent_again() {
    let world = World::start().await;
    world.run_site(1).await;
    let version = world.settle().await;
    let mut client = StreamClient::connect(world.grpc_address(), "picky", None)
        .await
        .unwrap();
    let update = client.next().await.unwrap();
    assert_eq!(update.version, version);
    let id = ResourceId {
        kind: ResourceKind::Router.into(),
        name: "web@docker".to_owned(),
    };
    let kind = RejectionKind::Unsupported.into();
    let rejection = Rejection {
        id: Some(id),
        kind,
        reason: "too new for me".to_owned(),
    };
    client.ack(&update, vec![rejection.clone()]);
    let shown = wait_for("the rejection", || async {
        let proxies = world.list_proxies().await;
        proxies
            .into_iter()
            .find(|proxy| !proxy.rejections.is_empty())
    })
    .await;
    assert_eq!(shown.node.unwrap().id, "picky");
    assert_eq!(shown.rejections, [rejection]);
    assert_eq!(shown.version, version);
    assert_eq!(
        client.next_within(Duration::from_secs(1)).await.unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_cannot_listen_says_so() {
    let mut world = World::start().await;
    world.run_site(1).await;
    let number = world.proxies();
    let taken = (world.bind_address(number), world.http_port());
    let _holder = std::net::TcpListener::bind(taken).unwrap();
    world.begin_proxy();
    let rejections = wait_for("the rejection", || async {
        let proxies = world.list_proxies().await;
        proxies
            .into_iter()
            .map(|proxy| proxy.rejections)
            .find(|rejections| !rejections.is_empty())
    })
    .await;
    let id = rejections[0].id.as_ref().unwrap();
    assert_eq!(
        (id.kind(), id.name.as_str()),
        (ResourceKind::EntryPoint, "http")
    );
    assert!(!rejections[0].reason.is_empty());
    assert_eq!(world.get("web.test", "/").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inspection_and_the_api_show_what_is_served() {
    let world = Setting::new().proxies(2).start().await;
    world.run_site(2).await;
    let version = world.settle().await;
    let config = world.config().await;
    assert_eq!(config.version, version);
    let service = config.resources.iter().find(|resource| {
        resource
            .id
            .as_ref()
            .is_some_and(|id| id.kind() == ResourceKind::Service && id.name.ends_with("@docker"))
    });
    assert_eq!(
        service.unwrap().origin.as_ref().unwrap().containers,
        ["web-1", "web-2"]
    );
    let proxies = world.list_proxies().await;
    assert_eq!(proxies.len(), 2);
    for proxy in proxies {
        assert!(proxy.connected);
        assert_eq!(proxy.version, version);
        assert!(proxy.listeners["http"].ends_with(&format!(":{}", world.http_port())));
    }
    let api = fairway_tests::raw_client::get(world.api_address(), "api", "/api/rawdata").await;
    let raw: serde_json::Value = serde_json::from_slice(&api.unwrap().body).unwrap();
    assert_eq!(
        raw["routers"]["web@docker"]["rule"], "Host(`web.test`)",
        "{raw:#}"
    );
    let ping = fairway_tests::raw_client::get(world.api_address(), "api", "/ping")
        .await
        .unwrap();
    assert_eq!((ping.status(), ping.text().as_str()), (200, "OK"));
}
