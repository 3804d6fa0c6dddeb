//! `fairway-control wait`: returns when it is so, on every proxy, and not before.

use std::time::{Duration, Instant};

use fairway_control::config::Command;
use fairway_control::wait::{WaitError, Waited, wait};
use fairway_proto::discovery::v1::{Rejection, RejectionKind, ResourceId, ResourceKind};
use fairway_tests::discovery_client::StreamClient;
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::wait::{wait_for, wait_until};
use fairway_tests::world::{Setting, World, routed};

/// Runs `fairway-control wait …` against a world.
async fn run(world: &World, line: &str) -> Result<Waited, WaitError> {
    let server = format!("--server=http://{}", world.grpc_address());
    let words = line.split_whitespace().map(str::to_owned);
    let words = ["wait".to_owned()].into_iter().chain(words).chain([server]);
    let Ok(Command::Wait(options)) = Command::parse(words) else {
        panic!("{line}")
    };
    wait(&options).await
}

/// What is said when the time has run out.
async fn obstacle(world: &World, line: &str) -> String {
    match run(world, &format!("{line} --timeout=300ms")).await {
        Err(error @ WaitError::TimedOut { .. }) => {
            assert_eq!(error.exit_code(), 3);
            error
                .to_string()
                .trim_start_matches("not within 0.3s: ")
                .to_owned()
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn web(name: &str) -> ContainerSpec {
    routed(name, "web", "Host(`web.test`)").compose("test", "web")
}

/// As documented: what ties the containers together is the name of the service.
fn shop(world: &World, name: &str) -> ContainerSpec {
    let port = world.backend_port().to_string();
    routed(name, "web", "Host(`web.test`)")
        .label("traefik.http.services.web.loadbalancer.server.port", &port)
}

/// The lines of the first script below a comment that names this file.
fn documented() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .skip_while(|line| !line.contains("tests/e2e/wait.rs"));
    let script = lines.skip_while(|line| *line != "```sh").skip(1);
    script
        .take_while(|line| *line != "```")
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_blue_green_deployment_loses_no_request() {
    let world = Setting::new().proxies(2).start().await;
    world.run(shop(&world, "web-blue")).await;
    world.wait_rotation("web.test", "/", &["web-blue"]).await;
    let probe = world.probe("web.test", "/");
    probe.wait_ok(100).await;
    let (mut waits, mut last) = (0, String::new());
    for line in documented() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["set", "-e"] => {}
            ["docker", "run", "-d", "--name", name, _] => world.run(shop(&world, name)).await,
            ["docker", "stop", _, name] => {
                world.stop_container(name, Duration::from_millis(200)).await;
            }
            ["docker", "rm", name] => world.engine().remove(name),
            ["fairway-control", "wait", rest @ ..] => {
                let waited = run(&world, &rest.join(" ")).await.unwrap();
                assert_eq!(waited.proxies, 2);
                waits += 1;
                if waits == 1 {
                    in_rotation_everywhere(&world, &["web-blue", "web-green"]).await;
                    probe.wait_ok(100).await;
                }
                last = waited.to_string();
            }
            _ => panic!("a line that this test does not know: {line}"),
        }
    }
    assert_eq!(waits, 2);
    assert!(
        last.starts_with("container web-blue is out of rotation on 2 proxies"),
        "{last}"
    );
    probe.wait_ok(100).await;
    probe.finish().await.assert_flawless();
    in_rotation_everywhere(&world, &["web-green"]).await;
}

/// Without waiting: each container answers within one round at each proxy.
async fn in_rotation_everywhere(world: &World, expected: &[&str]) {
    for proxy in 0..world.proxies() {
        let mut seen = std::collections::BTreeSet::new();
        // The load takes turns, too.
        for _ in 0..expected.len() * 20 {
            seen.insert(world.get_of(proxy, "web.test", "/").await.seen().name);
        }
        assert_eq!(
            seen.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_waited_for_until_it_is_healthy_and_found_by_its_id() {
    let world = World::start().await;
    world.run_site(1).await;
    let started = Instant::now();
    let delay = Duration::from_millis(500);
    let begin = async {
        let spec = web("web-2").healthcheck().port(world.backend_port());
        let id = world.engine().run(spec);
        world.begin_process("web-2").await;
        tokio::time::sleep(delay).await;
        world.engine().health("web-2", "healthy");
        id
    };
    // Asked before the container exists.
    let (waited, id) = tokio::join!(run(&world, "--container=web-2"), begin);
    let waited = waited.unwrap();
    assert!(started.elapsed() >= delay);
    assert_eq!(waited.version, world.version_of(0));
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    run(&world, &format!("--container={id}")).await.unwrap();
    run(&world, &format!("--container={}", &id[..12]))
        .await
        .unwrap();
    let text = obstacle(&world, &format!("--container={}", &id[..11])).await;
    assert!(text.starts_with("no container "), "{text}");
    let text = obstacle(&world, "--container=web-2 --gone").await;
    assert_eq!(text, "container web-2 is still in service web-test@docker");
    world.engine().pause("web-2");
    run(&world, "--container=web-2 --gone").await.unwrap();
    assert_eq!(world.rotation("web.test", "/", 4).await, ["web-1"; 4]);
    run(&world, &format!("--container={id} --gone"))
        .await
        .unwrap();
    run(&world, "--container=never-there --gone").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slowest_proxy_decides_and_is_named() {
    let world = World::start().await;
    world.run_site(1).await;
    let version = world.settle().await;
    let mut slow = StreamClient::connect(world.grpc_address(), "slow", None)
        .await
        .unwrap();
    let update = slow.next().await.unwrap();
    let behind = format!("behind version {version}: proxy slow");
    for line in [
        "--container=web-1",
        "",
        &format!("--version={version}"),
        "--container=x --gone",
    ] {
        assert_eq!(obstacle(&world, line).await, behind, "{line}");
    }
    slow.ack(&update, Vec::new());
    assert_eq!(run(&world, "--container=web-1").await.unwrap().proxies, 2);

    world.run_replica(2).await;
    let update = slow.next().await.unwrap();
    let text = obstacle(&world, "--container=web-2").await;
    assert!(text.ends_with("proxy slow"), "{text}");
    // What was served before is served still.
    let waited = run(&world, &format!("--version={version}")).await.unwrap();
    assert_eq!(waited.version, version);
    slow.ack(&update, Vec::new());
    assert_eq!(run(&world, "--container=web-2").await.unwrap().proxies, 2);

    drop(slow);
    let waited = wait_for("the end of the stream", || async {
        let waited = run(&world, "--container=web-2").await.unwrap();
        (waited.proxies == 1).then_some(waited)
    })
    .await;
    assert_eq!(waited.disconnected, ["slow"]);
}

/// Acknowledges what comes with this rejection, until nothing comes any more.
async fn rejecting(proxy: &mut StreamClient, rejection: Rejection) {
    let quiet = Duration::from_millis(500);
    while let Some(update) = proxy.next_within(quiet).await.unwrap() {
        proxy.ack(&update, vec![rejection.clone()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_rejects_the_service_does_not_serve_the_container() {
    let world = World::start().await;
    world.run_site(1).await;
    world.settle().await;
    let mut picky = StreamClient::connect(world.grpc_address(), "picky", None)
        .await
        .unwrap();
    let rejection = |kind: ResourceKind, name: &str| Rejection {
        id: Some(ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        kind: RejectionKind::Unsupported.into(),
        reason: "too new for me".to_owned(),
    };
    rejecting(
        &mut picky,
        rejection(ResourceKind::Service, "web-test@docker"),
    )
    .await;
    run(&world, "").await.unwrap();
    let text = obstacle(&world, "--container=web-1").await;
    assert_eq!(
        text,
        "proxy picky rejects service web-test@docker: too new for me"
    );

    // It may serve the form of the service that it has, with the container in it.
    world.stop_container("web-1", Duration::ZERO).await;
    rejecting(
        &mut picky,
        rejection(ResourceKind::Service, "web-test@docker"),
    )
    .await;
    let text = obstacle(&world, "--container=web-1 --gone").await;
    assert_eq!(
        text,
        "proxy picky rejects service web-test@docker: too new for me"
    );

    world.start_container("web-1").await;
    rejecting(&mut picky, rejection(ResourceKind::Router, "web@docker")).await;
    let text = obstacle(&world, "--container=web-1").await;
    assert_eq!(
        text,
        "proxy picky rejects router web@docker: too new for me"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_said() {
    let world = World::start().await;
    world.run_site(2).await;
    world.stop_container("web-2", Duration::ZERO).await;
    world
        .run(routed("broken", "broken", "Host(`broken.test`"))
        .await;
    let unused = ContainerSpec::new("unused")
        .label(
            "traefik.http.services.lonely.loadbalancer.server.port",
            "81",
        )
        .label("traefik.http.services.other.loadbalancer.server.port", "82");
    world.run(unused).await;
    world
        .wait_diagnostic("the broken rule", |it| it.container == "broken")
        .await;
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    for (line, parts) in [
        (
            "--container=web-7",
            vec!["no container web-7 takes part", "did you mean web-"],
        ),
        (
            "--container=web-2",
            vec!["web-2 is not in rotation", "stopped"],
        ),
        (
            "--container=broken",
            vec!["no router uses service", "does not parse"],
        ),
        (
            "--version=0a0b",
            vec!["version 0a0b never came; the current one is "],
        ),
    ] {
        let text = obstacle(&world, line).await;
        for part in parts {
            assert!(text.contains(part), "{line}: {text}");
        }
    }
    let settled = world.settle().await;
    assert_eq!(run(&world, "").await.unwrap().version, settled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_proxy_nothing_is_served() {
    let mut world = World::start().await;
    world.run_site(1).await;
    world.stop_last_proxy().await;
    wait_until("nobody", || world.proxies() == 0).await;
    wait_for("the end of the stream", || async {
        let listed = world.list_proxies().await;
        listed.iter().all(|proxy| !proxy.connected).then_some(())
    })
    .await;
    assert_eq!(
        obstacle(&world, "--container=web-1").await,
        "no proxy is connected"
    );
}
