//! The access log, from the control plane's flags to lines in files.

use std::path::Path;

use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, routed};
use serde_json::Value;

/// The lines that are in a file once there are so many.
async fn lines(path: &Path, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} lines in {}", path.display()), || async {
        let text = std::fs::read_to_string(path).ok()?;
        let whole = text.ends_with('\n') && text.lines().count() >= count;
        whole.then(|| {
            let lines = text.lines().map(serde_json::from_str);
            lines.collect::<Result<Vec<_>, _>>().expect("lines of JSON")
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_logged_as_flags_and_labels_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let world = Setting::new()
        .flag("--accesslog.format=json")
        .flag(&format!("--accesslog.filepath={}", path.display()))
        .flag("--accesslog.filters.statuscodes=200-299,404")
        .flag("--accesslog.fields.headers.names.X-Seen=keep")
        .flag("--accesslog.requestid")
        .start()
        .await;
    world.run(routed("loud", "loud", "Host(`loud.test`)")).await;
    let quiet = routed("quiet", "quiet", "Host(`quiet.test`)").label(
        "traefik.http.routers.quiet.observability.accesslogs",
        "false",
    );
    world.run(quiet).await;
    world.wait_rotation("quiet.test", "/", &["quiet"]).await;
    world.wait_rotation("loud.test", "/", &["loud"]).await;
    let version = world.settle().await;
    let before = lines(&path, 1).await.len();
    world.get("quiet.test", "/not-logged").await;
    world.get("loud.test", "/logged?a=1").await;
    world.get("nobody.test", "/nowhere").await;
    let logged = wait_for("both lines", || async {
        let all = lines(&path, before).await;
        let is = |line: &Value, target: &str| line["RequestPath"] == target;
        let found = |target| all.iter().find(|it| is(it, target)).cloned();
        assert!(found("/not-logged").is_none());
        Some((found("/logged?a=1")?, found("/nowhere")?))
    })
    .await;
    let (answered, refused) = logged;
    assert_eq!(answered["RouterName"], "loud@docker");
    assert_eq!(answered["ServiceName"], "loud@docker");
    assert_eq!(answered["container"], "loud");
    assert_eq!(answered["DownstreamStatus"], 200);
    assert_eq!(answered["config_version"], version);
    assert_eq!(answered["request_id"].as_str().map(str::len), Some(32));
    assert_eq!(refused["DownstreamStatus"], 404);
    assert_eq!(refused["reason"], "no_route");
    let nodes = world.list_proxies().await;
    assert_eq!(answered["node"], nodes[0].node.as_ref().unwrap().id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_cannot_write_says_so_and_serves() {
    let world = Setting::new()
        .flag("--accesslog.filepath=/proc/not/there")
        .start()
        .await;
    world.run(routed("web", "web", "Host(`web.test`)")).await;
    world.wait_rotation("web.test", "/", &["web"]).await;
    let proxies = world.list_proxies().await;
    let rejection = proxies[0].rejections.first().expect("a rejection");
    assert!(
        rejection
            .reason
            .starts_with("cannot write to /proc/not/there: "),
        "{rejection:?}"
    );
}
