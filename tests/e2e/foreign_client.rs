//! gRPC clients that others made and that know nothing of our `.proto` files:
//! Python's grpcio, and buf (written in Go), both over server reflection.

use std::path::{Path, PathBuf};
use std::process::Command;

use fairway_tests::world::{Setting, World};
use serde_json::Value;

/// `make grpc-clients` puts them there.
fn client(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/grpc-clients/bin")
        .join(program);
    assert!(
        path.exists(),
        "{} is missing: make grpc-clients",
        path.display()
    );
    path
}

async fn run(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

async fn world() -> World {
    let world = Setting::new().proxies(2).start().await;
    world.run_site(2).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcio_learns_the_inspection_service_by_reflection_and_calls_it() {
    let world = world().await;
    let mut command = Command::new(client("python"));
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("grpc/inspection_client.py"))
        .arg(world.grpc_address().to_string());
    let found: Value = serde_json::from_str(&run(command).await).unwrap();
    let services: Vec<_> = found["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::as_str)
        .collect();
    for service in [
        "fairway.discovery.v1.Discovery",
        "fairway.inspection.v1.Inspection",
        "grpc.health.v1.Health",
    ] {
        assert!(services.contains(&Some(service)), "{services:?}");
    }
    let answers = &found["answers"];
    let version = &answers["GetConfig"]["version"];
    let proxies = answers["ListProxies"]["proxies"].as_array().unwrap();
    assert_eq!(proxies.len(), 2);
    for proxy in proxies {
        assert_eq!(&proxy["version"], version, "{proxy:#}");
        assert_eq!(proxy["connected"], true);
        assert!(proxy["listeners"]["http"].is_string(), "{proxy:#}");
    }
    let names: Vec<_> = answers["GetConfig"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["id"]["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"web@docker"), "{names:?}");
    assert_eq!(&found["watched"]["version"], version);
    assert_eq!(answers["WaitForVersion"]["proxies"], 2);
    assert!(
        answers["ListDiagnostics"].get("diagnostics").is_none(),
        "{answers:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_lists_and_calls_the_inspection_service() {
    let world = world().await;
    let url = format!("http://{}", world.grpc_address());
    let buf = |arguments: &[&str]| {
        let mut command = Command::new(client("buf"));
        command
            .args(["curl", "--protocol", "grpc", "--http2-prior-knowledge"])
            .args(arguments);
        command
    };
    let listed = run(buf(&["--list-methods", &url])).await;
    assert!(
        listed.contains("fairway.inspection.v1.Inspection/ListProxies"),
        "{listed}"
    );
    let method = format!("{url}/fairway.inspection.v1.Inspection/GetConfig");
    let filter = r#"{"kind": "RESOURCE_KIND_SERVICE", "name": "WEB"}"#;
    let answer: Value = serde_json::from_str(&run(buf(&["-d", filter, &method])).await).unwrap();
    let [service] = &answer["resources"].as_array().unwrap()[..] else {
        panic!("{answer:#}")
    };
    assert_eq!(service["id"]["name"], "web-test@docker");
    assert_eq!(service["service"]["servers"].as_array().unwrap().len(), 2);
}
