//! gRPC through a proxy: Python's grpcio at both ends, HTTP/2 without TLS on both
//! sides.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};
use serde_json::{Value, json};

/// A script beside this one. `make grpc-clients` makes its interpreter.
fn script(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python: PathBuf = root.join("../target/grpc-clients/bin/python");
    assert!(
        python.exists(),
        "{} is missing: make grpc-clients",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(root.join("grpc").join(name));
    command
}

/// A server that ends with the test.
struct Server(Child);

impl Server {
    fn start(address: &str) -> Self {
        let mut child = script("echo_server.py")
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A world with one container `echo` that speaks gRPC, at `echo.test`.
async fn world() -> (World, Server) {
    let world = World::start().await;
    let spec = routed("echo", "echo", "Host(`echo.test`)")
        .label(
            "traefik.http.services.echo.loadbalancer.server.scheme",
            "h2c",
        )
        .port(world.backend_port());
    world.engine().run(spec);
    let address = world.engine().address("echo", None).unwrap();
    let address = format!("{address}:{}", world.backend_port());
    let server = blocking(move || Server::start(&address)).await;
    wait_for("a route", || async {
        (world.get("echo.test", "/").await.status() != 404).then_some(())
    })
    .await;
    (world, server)
}

/// What the cases of the client come to; all of them if none is named.
async fn client(world: &World, host: &str, cases: &[&str]) -> Value {
    let address = world.http().to_string();
    let mut command = script("echo_client.py");
    command.args([&address, host]).args(cases);
    let output = blocking(move || command.output().unwrap()).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcio_calls_grpcio_through_a_proxy_in_every_way() {
    let (world, _server) = world().await;
    let found = client(&world, "echo.test", &[]).await;
    let expected = json!({
        "unary": { "answer": "hello", "initial": "echo", "trailing": "n-1" },
        "server_stream": 50,
        "client_stream": "200 200000",
        "both_streams_in_turn": { "found": true, "rest": 0 },
        "status_and_details": { "code": "FAILED_PRECONDITION", "details": "told to: 100 % é" },
        "trailers_only": { "code": "UNIMPLEMENTED", "details": "Method not found!" },
        "deadline": { "code": "DEADLINE_EXCEEDED", "in_time": true },
        "cancel": "learnt",
        "cancel_of_a_stream": "0",
        "large_metadata": true,
        "binary_metadata": "00ff776879",
        "large_message": true,
        "empty_message": true,
        "compression": true,
        "many_at_once": 299 * 300 / 2,
        "a_pause": ["before", "after"],
    });
    for (case, expected) in expected.as_object().unwrap() {
        assert_eq!(&found[case], expected, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_a_server_is_unavailable_to_grpc() {
    let (world, server) = world().await;
    drop(server);
    let code = async |host| client(&world, host, &["one_call"]).await["one_call"]["code"].clone();
    assert_eq!(code("echo.test").await, "UNAVAILABLE");
    world.engine().kill("echo");
    wait_for("no server", || async {
        (world.get("echo.test", "/").await.status() == 503).then_some(())
    })
    .await;
    assert_eq!(code("echo.test").await, "UNAVAILABLE");
    assert_eq!(code("nobody.test").await, "UNIMPLEMENTED");
}
