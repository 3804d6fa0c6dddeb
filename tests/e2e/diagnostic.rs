//! Bad input: named, explained, and harmless to everything else.

use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::world::{World, routed};

struct Case {
    what: &'static str,
    spec: fn() -> ContainerSpec,
    /// Part of the label the diagnostic names.
    label: &'static str,
    /// Part of what would work.
    suggestion: &'static str,
    /// What `bad.test` answers meanwhile.
    status: u16,
}

const CASES: &[Case] = &[
    Case {
        what: "an unknown option of a router",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)").label("traefik.http.routers.bad.rul", "x")
        },
        label: "traefik.http.routers.bad.rul",
        suggestion: "rule",
        status: 404,
    },
    Case {
        what: "a rule that does not parse",
        spec: || routed("bad", "bad", "Host(`bad.test`"),
        label: "traefik.http.routers.bad.rule",
        suggestion: "",
        status: 404,
    },
    Case {
        what: "a matcher of version 1",
        spec: || routed("bad", "bad", "Hots(`bad.test`)"),
        label: "traefik.http.routers.bad.rule",
        suggestion: "Host",
        status: 404,
    },
    Case {
        what: "a port that the container does not expose",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)")
                .label("traefik.http.services.bad.loadbalancer.server.port", "9")
        },
        label: "traefik.http.services.bad.loadbalancer.server.port",
        suggestion: "",
        status: 502,
    },
    Case {
        what: "a port that is no number",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)")
                .label("traefik.http.services.bad.loadbalancer.server.port", "http")
        },
        label: "traefik.http.services.bad.loadbalancer.server.port",
        suggestion: "",
        status: 503,
    },
    Case {
        what: "a middleware that is missing",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)")
                .label("traefik.http.routers.bad.middlewares", "missing")
        },
        label: "traefik.http.routers.bad.middlewares",
        suggestion: "",
        status: 404,
    },
    Case {
        what: "a middleware that cannot be built",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)")
                .label(
                    "traefik.http.middlewares.broken.replacepathregex.regex",
                    "(",
                )
                .label(
                    "traefik.http.middlewares.broken.replacepathregex.replacement",
                    "/",
                )
                .label("traefik.http.routers.bad.middlewares", "broken")
        },
        label: "traefik.http.middlewares.broken.replacepathregex.regex",
        suggestion: "",
        status: 404,
    },
    Case {
        what: "traefik.enable that is neither true nor false",
        spec: || routed("bad", "bad", "Host(`bad.test`)").label("traefik.enable", "yes"),
        label: "traefik.enable",
        suggestion: "true",
        status: 404,
    },
    Case {
        what: "a label of version 1",
        spec: || routed("bad", "bad", "Host(`bad.test`)").label("traefik.frontend.rule", "Host:x"),
        label: "traefik.frontend.rule",
        suggestion: "traefik.http",
        status: 200,
    },
    Case {
        what: "an entry point that does not exist",
        spec: || {
            routed("bad", "bad", "Host(`bad.test`)")
                .label("traefik.http.routers.bad.entrypoints", "websecure")
        },
        label: "traefik.http.routers.bad.entrypoints",
        suggestion: "http",
        status: 404,
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_input_is_named_with_what_would_work_and_harms_nothing_else() {
    let world = World::start().await;
    world.run_site(2).await;
    let probe = world.probe("web.test", "/");
    let mut wrong = Vec::new();
    for case in CASES {
        world.run((case.spec)()).await;
        if let Err(text) = check(&world, case).await {
            wrong.push(format!("{}: {text}", case.what));
        }
        world.kill_container("bad").await;
        world.engine().remove("bad");
        fairway_tests::wait::wait_for("no diagnostic any more", || async {
            let left = world.diagnostics().await;
            left.iter()
                .all(|diagnostic| diagnostic.container != "bad")
                .then_some(())
        })
        .await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    probe.finish().await.assert_flawless();
}

/// Waits until the container is taken in, and compares with what the case says.
async fn check(world: &World, case: &Case) -> Result<(), String> {
    let status = case.status.to_string();
    world
        .wait_rotation(
            "bad.test",
            "/",
            &[if case.status == 200 { "bad" } else { &status }],
        )
        .await;
    // A container that is not routed looks like one that is not yet there.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    let found = loop {
        let all = world.diagnostics().await;
        let mine = all
            .iter()
            .filter(|diagnostic| diagnostic.container == "bad");
        let named = mine
            .clone()
            .find(|diagnostic| diagnostic.label.contains(case.label));
        match named {
            Some(found) => break found.clone(),
            None if tokio::time::Instant::now() > deadline => {
                return Err(format!(
                    "nothing names {}: {:?}",
                    case.label,
                    mine.collect::<Vec<_>>()
                ));
            }
            None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    let advice = format!("{} {}", found.message, found.suggestion);
    if found.message.is_empty() || found.suggestion.is_empty() || !advice.contains(case.suggestion)
    {
        return Err(format!("no advice: {found:?}"));
    }
    world.settle().await;
    match world.get("bad.test", "/").await.status() {
        status if status == case.status => Ok(()),
        other => Err(format!("answered {other} and not {}", case.status)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_containers_that_disagree_the_one_that_started_first_is_followed() {
    let world = World::start().await;
    world
        .run(routed("first", "same", "Host(`first.test`)").compose("test", "same"))
        .await;
    world.wait_rotation("first.test", "/", &["first"]).await;
    world
        .run(routed("second", "same", "Host(`second.test`)").compose("test", "same"))
        .await;
    let found = world
        .wait_diagnostic("the disagreement", |diagnostic| {
            let text = format!("{} {}", diagnostic.container, diagnostic.message);
            text.contains("first") && text.contains("second")
        })
        .await;
    assert!(
        found.label.contains("traefik.http.routers.same"),
        "{found:?}"
    );
    assert!(!found.suggestion.is_empty(), "{found:?}");
    world.settle().await;
    assert_eq!(world.get("first.test", "/").await.status(), 200);
    assert_eq!(world.get("second.test", "/").await.status(), 404);
    world.kill_container("first").await;
    world.engine().remove("first");
    world.wait_rotation("second.test", "/", &["second"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_object_does_not_take_the_rest_of_its_container_along() {
    let world = World::start().await;
    let spec = routed("app", "good", "Host(`good.test`)")
        .label("traefik.http.routers.broken.rule", "Host(")
        .label(
            "traefik.http.services.app.loadbalancer.server.port",
            &world.backend_port().to_string(),
        );
    world.run(spec).await;
    world.wait_rotation("good.test", "/", &["app"]).await;
    world
        .wait_diagnostic("the broken one", |diagnostic| {
            diagnostic.label.contains("broken")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_router_is_never_served_without_one_of_its_middlewares() {
    let world = World::start().await;
    let spec = routed("app", "app", "Host(`app.test`)")
        .label(
            "traefik.http.middlewares.auth.digestauth.users",
            "a:realm:0123",
        )
        .label("traefik.http.routers.app.middlewares", "auth");
    world.run(spec).await;
    world.run_site(1).await;
    world.settle().await;
    assert_eq!(world.get("app.test", "/").await.status(), 404);
    assert_eq!(world.requests("app"), 0);
    let all = world.diagnostics().await;
    assert!(
        all.iter().any(|diagnostic| diagnostic.container == "app"),
        "{all:?}"
    );
}
