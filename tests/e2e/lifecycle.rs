//! What happens to single containers: killed, drained, moved, paused, renamed.

use std::time::{Duration, Instant};

use fairway_tests::backend::Mode;
use fairway_tests::fake_docker::{ContainerSpec, Generation};
use fairway_tests::raw_client;
use fairway_tests::wait::{stays, wait_until};
use fairway_tests::world::{Setting, World, routed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_container_costs_no_idempotent_request() {
    for generation in [Generation::V20_10, Generation::V28] {
        let world = Setting::new().generation(generation).start().await;
        world.run_site(3).await;
        let probe = world.probe("web.test", "/");
        probe.wait_ok(100).await;
        world.kill_container("web-2").await;
        world
            .wait_rotation("web.test", "/", &["web-1", "web-3"])
            .await;
        probe.wait_ok(100).await;
        probe.finish().await.assert_flawless();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_signal_takes_a_container_out_before_it_is_dead() {
    let cases = [
        (None, 15, true),
        (None, 9, true),
        (Some("SIGUSR1"), 10, true),
        (None, 1, false),
    ];
    for (stop_signal, signal, drains) in cases {
        let world = World::start().await;
        for number in 1..=2 {
            let name = format!("web-{number}");
            let mut spec = routed(&name, "web", "Host(`web.test`)").compose("test", "web");
            if let Some(stop_signal) = stop_signal {
                spec = spec.stop_signal(stop_signal);
            }
            world.run(spec).await;
        }
        world
            .wait_rotation("web.test", "/", &["web-1", "web-2"])
            .await;
        let started = Instant::now();
        world.engine().signal("web-1", signal);
        if drains {
            world.wait_rotation("web.test", "/", &["web-2"]).await;
            println!(
                "signal {signal}: out of rotation after {:?}",
                started.elapsed()
            );
        } else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            world
                .wait_rotation("web.test", "/", &["web-1", "web-2"])
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_draining_container_has_it_may_finish() {
    let world = World::start().await;
    world.run_site(2).await;
    let before = world.requests("web-1");
    world.mode("web-1", Mode::Slow(Duration::from_secs(3)));
    // In turn: one of two goes to the slow one.
    let requests = [1, 2].map(|_| tokio::spawn(raw_client::get(world.http(), "web.test", "/slow")));
    wait_until("the request", || world.requests("web-1") > before).await;
    world.mode("web-1", Mode::Normal);
    world.engine().begin_stop("web-1");
    world.wait_rotation("web.test", "/", &["web-2"]).await;
    let pending = requests
        .iter()
        .filter(|request| !request.is_finished())
        .count();
    assert_eq!(pending, 1, "the slow one is still under way");
    let mut names = Vec::new();
    for request in requests {
        names.push(request.await.unwrap().unwrap().seen().name);
    }
    names.sort();
    assert_eq!(names, ["web-1", "web-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_disconnect_takes_out_and_a_connect_brings_back() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    for _ in 0..3 {
        world.engine().disconnect("bridge", "web-1");
        world.wait_rotation("web.test", "/", &["web-2"]).await;
        // Docker gives the first free address: the same one.
        world.engine().connect("bridge", "web-1");
        world
            .wait_rotation("web.test", "/", &["web-1", "web-2"])
            .await;
    }
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_of_the_label_is_used() {
    let world = World::start().await;
    let spec = routed("web", "web", "Host(`web.test`)")
        .network("a")
        .network("b")
        .label("traefik.docker.network", "b");
    world.engine().run(spec.port(world.backend_port()));
    let address = world.engine().address("web", Some("b")).unwrap();
    world
        .begin_process_at("web", (address, world.backend_port()).into())
        .await;
    world.wait_rotation("web.test", "/", &["web"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_container_rests_and_comes_back() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    world.engine().pause("web-1");
    world.wait_rotation("web.test", "/", &["web-2"]).await;
    world.engine().unpause("web-1");
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_decides_where_a_container_has_a_check() {
    let world = World::start().await;
    world.run_site(1).await;
    let spec = routed("web-2", "web", "Host(`web.test`)")
        .compose("test", "web")
        .healthcheck();
    world.run(spec).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.wait_rotation("web.test", "/", &["web-1"]).await;
    world.engine().health("web-2", "healthy");
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    world.engine().health("web-2", "unhealthy");
    world.wait_rotation("web.test", "/", &["web-1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_rule_follows_a_new_name() {
    let world = World::start().await;
    world.run(ContainerSpec::new("old")).await;
    world.wait_rotation("old", "/", &["old"]).await;
    world.engine().rename("old", "new");
    world.wait_rotation("new", "/", &["old"]).await;
    assert_eq!(world.get("old", "/").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_container_is_503_and_a_removed_one_404() {
    let world = World::start().await;
    world.run_site(1).await;
    world.stop_container("web-1", Duration::ZERO).await;
    world.wait_rotation("web.test", "/", &["503"]).await;
    world.engine().remove("web-1");
    world.wait_rotation("web.test", "/", &["404"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_restarts_elsewhere_is_found_there() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    let before = world.engine().address("web-1", None);
    world
        .stop_container("web-1", Duration::from_millis(200))
        .await;
    world
        .run(routed("other", "other", "Host(`other.test`)"))
        .await;
    assert_eq!(
        world.engine().address("other", None),
        before,
        "the address is used again"
    );
    world.start_container("web-1").await;
    assert_ne!(world.engine().address("web-1", None), before);
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    world.wait_rotation("other.test", "/", &["other"]).await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_used_again_never_answers_for_its_old_owner() {
    for generation in [Generation::V20_10, Generation::V28] {
        let world = Setting::new().generation(generation).start().await;
        world.run_site(1).await;
        let config = fairway_tests::probe::ProbeConfig {
            expected: vec!["web-*".to_owned()],
            rate: 400.0,
            ..fairway_tests::probe::ProbeConfig::new(world.http(), "web.test", "/")
        };
        let probe = fairway_tests::probe::Probe::start(config);
        for round in 0..30 {
            let (name, thief) = (format!("web-{}", round + 2), format!("other-{round}"));
            world
                .run(routed(&name, "web", "Host(`web.test`)").compose("test", "web"))
                .await;
            probe.wait_ok(20).await;
            let address = world.engine().address(&name, None);
            world.stop_container(&name, Duration::from_millis(50)).await;
            world
                .run(routed(&thief, "other", "Host(`other.test`)"))
                .await;
            assert_eq!(world.engine().address(&thief, None), address);
            probe.wait_ok(20).await;
            world.engine().remove(&name);
            world.kill_container(&thief).await;
            world.engine().remove(&thief);
        }
        probe.finish().await.assert_flawless();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_listens_late_costs_no_request() {
    let world = World::start().await;
    world.run_site(1).await;
    let probe = world.probe("web.test", "/");
    let spec = routed("web-2", "web", "Host(`web.test`)").compose("test", "web");
    world.engine().run(spec.port(world.backend_port()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.begin_process("web-2").await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flapping_containers_do_not_starve_the_others() {
    let world = World::start().await;
    world.run_site(2).await;
    for number in 0..5 {
        world
            .run(routed(
                &format!("flap-{number}"),
                &format!("flap-{number}"),
                "Host(`f.test`)",
            ))
            .await;
    }
    let probe = world.probe("web.test", "/");
    for round in 0..40 {
        let name = format!("flap-{}", round % 5);
        world.kill_container(&name).await;
        world.start_container(&name).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stays("the probe", Duration::from_millis(200), || {
        probe.counts().failed == 0
    })
    .await;
    probe.finish().await.assert_flawless();
}
