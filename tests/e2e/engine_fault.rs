//! An engine that forgets, lies, hangs and goes away.

use std::time::{Duration, Instant};

use fairway_tests::fake_docker::{Generation, InspectFault, ListFault};
use fairway_tests::wait::{wait_for, wait_until};
use fairway_tests::world::{Setting, World, routed};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_event_is_healed_by_the_periodic_list() {
    let world = World::start().await;
    world.run_site(2).await;
    world.engine().fault(|faults| faults.events.drop = 1.0);
    world.kill_container("web-1").await;
    world.run(routed("new", "new", "Host(`new.test`)")).await;
    world.wait_rotation("new.test", "/", &["new"]).await;
    world.wait_rotation("web.test", "/", &["web-2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_starts_while_the_first_list_is_made_is_not_missed() {
    let mut world = World::start().await;
    world.run_site(1).await;
    world.stop_control_plane().await;
    let port = world.backend_port();
    world.engine().after_next_list(move |engine| {
        engine.run(routed("late", "late", "Host(`late.test`)").port(port));
    });
    world.start_control_plane().await;
    wait_until("the late one", || {
        world.engine().log().iter().any(|event| {
            event.action == "start"
                && event
                    .attributes
                    .get("name")
                    .is_some_and(|name| name == "late")
        })
    })
    .await;
    world.begin_process("late").await;
    let started = Instant::now();
    world.wait_rotation("late.test", "/", &["late"]).await;
    // The subscription was there before the list; a list of the period is not needed.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_engine_is_away_everything_goes_on_and_then_catches_up() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    world.docker().go_away();
    probe.wait_ok(200).await;
    world.run_replica(3).await;
    world.kill_container("web-1").await;
    probe.wait_ok(100).await;
    world.docker().come_back().await;
    world
        .wait_rotation("web.test", "/", &["web-2", "web-3"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_is_not_asked_all_the_time() {
    let world = World::start().await;
    world.run_site(1).await;
    world.docker().go_away();
    world.docker().come_back().await;
    world
        .engine()
        .fault(|faults| faults.list = Some(ListFault::Status(500)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = world.engine().count("list");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = world.engine().count("list") - before;
    assert!(asked <= 20, "{asked} lists in 5 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_lists_change_nothing() {
    let faults = [
        ListFault::Empty,
        ListFault::Truncated,
        ListFault::Cut,
        ListFault::UnknownState,
        ListFault::Status(500),
    ];
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    for (number, fault) in faults.into_iter().enumerate() {
        world
            .engine()
            .fault(|faults| (faults.list, faults.list_times) = (Some(fault), 1));
        // Something happens, so that a list is made.
        let name = format!("extra-{number}");
        let lists = world.engine().count("list");
        world
            .run(routed(&name, &name, &format!("Host(`{name}.test`)")))
            .await;
        wait_until("a list", || world.engine().count("list") > lists).await;
        world
            .wait_rotation(&format!("{name}.test"), "/", &[&name])
            .await;
        assert_eq!(probe.counts().failed, 0, "{fault:?}");
    }
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_that_is_true_is_believed() {
    let world = World::start().await;
    world.run_site(1).await;
    world.engine().fault(|faults| faults.events.drop = 1.0);
    world.kill_container("web-1").await;
    world.engine().remove("web-1");
    world.wait_rotation("web.test", "/", &["404"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_inspection_harms_nobody_else_and_keeps_what_was_known() {
    for fault in [
        InspectFault::Status(500),
        InspectFault::Truncated,
        InspectFault::Slow(Duration::from_secs(30)),
        InspectFault::Hang,
    ] {
        let world = World::start().await;
        world.run_site(1).await;
        world.engine().fault(|faults| {
            faults.inspect.insert("web-1".to_owned(), fault);
            faults.inspect.insert("bad".to_owned(), fault);
        });
        world.run(routed("bad", "bad", "Host(`bad.test`)")).await;
        let started = Instant::now();
        world.run(routed("good", "good", "Host(`good.test`)")).await;
        world.wait_rotation("good.test", "/", &["good"]).await;
        let waited = started.elapsed();
        assert!(
            waited < Duration::from_secs(3),
            "{fault:?} held up the others for {waited:?}"
        );
        assert_eq!(world.get("web.test", "/").await.status(), 200, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_engine_stops_no_traffic_and_is_followed_again_afterwards() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    world.engine().fault(|faults| faults.hang = true);
    world.run_replica(3).await;
    probe.wait_ok(400).await;
    world.engine().fault(|faults| faults.hang = false);
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2", "web-3"])
        .await;
    probe.finish().await.assert_flawless();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_that_ends_is_opened_again() {
    let world = World::start().await;
    world.run_site(1).await;
    for (number, cleanly) in [(2, true), (3, false), (4, true)] {
        world.engine().cut_events(cleanly);
        wait_until("a new subscription", || world.engine().subscribers() > 0).await;
        world.run_replica(number).await;
        let names: Vec<String> = (1..=number).map(|number| format!("web-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.wait_rotation("web.test", "/", &names).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_doubled_late_and_swapped_events_end_in_the_truth() {
    for generation in Generation::ALL {
        let world = Setting::new().generation(generation).start().await;
        world.run_site(1).await;
        world.engine().fault(|faults| {
            faults.events.drop = 0.3;
            faults.events.duplicate = 0.3;
            faults.events.reorder = 0.3;
            faults.events.delay = Duration::from_millis(5);
        });
        let mut random = StdRng::seed_from_u64(3);
        let mut running = [false; 5];
        for _ in 0..60 {
            let number = random.random_range(0..running.len());
            let name = format!("web-{}", number + 2);
            if running[number] {
                world.kill_container(&name).await;
                world.engine().remove(&name);
            } else {
                world.run_replica(number + 2).await;
            }
            running[number] = !running[number];
            if random.random_bool(0.05) {
                world.engine().cut_events(random.random());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut names = vec!["web-1".to_owned()];
        let alive = running.iter().enumerate().filter(|(_, alive)| **alive);
        names.extend(alive.map(|(number, _)| format!("web-{}", number + 2)));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.wait_rotation("web.test", "/", &names).await;
        assert_eq!(world.engine().count("forbidden"), 0, "only reading");
        assert_eq!(
            world.engine().count("unknown"),
            0,
            "only what a socket proxy allows"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_cannot_be_spoken_to_keeps_what_was_known() {
    let world = World::start().await;
    world.run_site(1).await;
    world.docker().go_away();
    world
        .engine()
        .fault(|faults| faults.api_window = Some((60, 70)));
    world.docker().come_back().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.get("web.test", "/").await.status(), 200);
    world.docker().go_away();
    world.engine().fault(|faults| faults.api_window = None);
    world.docker().come_back().await;
    world.run_replica(2).await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_containers_are_not_inspected_again_for_each_new_one() {
    let world = World::start().await;
    for number in 0..200 {
        let name = format!("many-{number}");
        world
            .engine()
            .run(routed(&name, &name, &format!("Host(`m{number}.test`)")).port(80));
    }
    world.run_site(1).await;
    let mut inspected = 0;
    wait_for("the end of inspections", || {
        let now = world.engine().count("inspect");
        let quiet = now == inspected && now >= 201;
        inspected = now;
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            quiet.then_some(())
        }
    })
    .await;
    assert!(
        inspected <= 2 * 201,
        "{inspected} inspections of 201 containers"
    );
    world.run_replica(2).await;
    world
        .wait_rotation("web.test", "/", &["web-1", "web-2"])
        .await;
    let more = world.engine().count("inspect") - inspected;
    assert!(more <= 10, "{more} inspections for one new container");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_behind_a_socket_proxy_is_enough() {
    let world = Setting::new().tcp().start().await;
    world.run_site(2).await;
    world.kill_container("web-1").await;
    world.wait_rotation("web.test", "/", &["web-2"]).await;
    for call in ["forbidden", "unknown"] {
        assert_eq!(
            world.engine().count(call),
            0,
            "{:?}",
            world.engine().calls()
        );
    }
}
