//! `fairway-control check --docker`: the program itself, at engines that are well, away
//! and mute.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use fairway_tests::fake_docker::{FakeDocker, Options};
use fairway_tests::world::routed;
use serde_json::Value;

/// The longest that the program may take for an engine that is mute, with what it
/// takes on a busy machine to start.
const LIMIT: Duration = Duration::from_secs(13);

/// Cargo puts it beside the tests' folder.
pub(super) fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    let folder = tests.ancestors().nth(2).expect("a folder");
    let program = folder.join("fairway-control");
    assert!(
        program.exists(),
        "{} is missing: cargo build -p fairway-control",
        program.display()
    );
    program
}

/// Runs it at an engine.
async fn check(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command
        .args(["check", "--docker"])
        .args(arguments)
        .arg("--")
        .arg(format!("--providers.docker.endpoint={endpoint}"))
        .arg("--entrypoints.web.address=:80");
    tokio::task::spawn_blocking(move || command.output().expect("a program"))
        .await
        .expect("an end")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn engine(tcp: bool) -> FakeDocker {
    let docker = FakeDocker::start(Options {
        tcp,
        ..Options::default()
    })
    .await;
    let good = routed("shop", "shop", "Host(`shop.test`)").port(80);
    docker.engine().run(good);
    docker
}

fn bad() -> fairway_tests::fake_docker::ContainerSpec {
    routed("bad", "bad", "Hots(`bad.test`)").port(80)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_without_mistakes_is_shown_and_the_exit_code_is_0() {
    let docker = engine(true).await;
    let tcp = docker.tcp_endpoint().expect("a TCP endpoint");
    for endpoint in [docker.endpoint(), tcp] {
        let output = check(&endpoint, &[]).await;
        let printed = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{printed}{output:?}");
        for part in ["shop@docker", "Host(`shop.test`)", "web"] {
            assert!(printed.contains(part), "no {part} in\n{printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_is_named_as_text_and_as_json_and_the_exit_code_is_1() {
    let docker = engine(false).await;
    docker.engine().run(bad());
    let output = check(&docker.endpoint(), &[]).await;
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}{output:?}");
    for part in [
        "bad",
        "traefik.http.routers.bad.rule",
        "Host",
        "shop@docker",
    ] {
        assert!(printed.contains(part), "no {part} in\n{printed}");
    }

    let output = check(&docker.endpoint(), &["--format", "json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["routers"]["shop@docker"]["rule"], "Host(`shop.test`)");
    assert!(json["services"]["shop@docker"].is_object(), "{json:#}");
    assert!(json["middlewares"].is_object(), "{json:#}");
    let diagnostics = json["diagnostics"].as_array().expect("a list");
    let named = diagnostics.iter().find(|it| it["container"] == "bad");
    let named = named.unwrap_or_else(|| panic!("nothing names the container: {json:#}"));
    assert_eq!(named["severity"], "error");
    assert_eq!(named["label"], "traefik.http.routers.bad.rule");
    for field in ["message", "suggestion"] {
        let said = named[field].as_str().unwrap_or_default();
        assert!(!said.is_empty(), "{field}: {named:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_is_only_looked_at() {
    let docker = engine(false).await;
    let before = docker.engine().log().len();
    check(&docker.endpoint(), &[]).await;
    assert_eq!(docker.engine().log().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_is_named_at_once() {
    let docker = engine(true).await;
    let tcp = docker.tcp_endpoint().expect("a TCP endpoint");
    docker.go_away();
    for endpoint in [docker.endpoint(), tcp] {
        let begun = Instant::now();
        let output = check(&endpoint, &[]).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!("cannot reach the Docker Engine at {endpoint}: ");
        assert!(said.contains(&expected), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_mute_is_named_within_the_time_limit() {
    let docker = engine(false).await;
    docker.engine().fault(|faults| faults.hang = true);
    let begun = Instant::now();
    let output = check(&docker.endpoint(), &["--format", "json"]).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let expected = format!(
        "the Docker Engine at {} gave no list of containers within 10 s",
        docker.endpoint()
    );
    assert!(said.contains(&expected), "{said}");
    assert!(begun.elapsed() < LIMIT, "took {:?}", begun.elapsed());
}
