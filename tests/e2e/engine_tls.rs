//! A Docker Engine behind TLS, as one on another machine is.

use std::net::SocketAddr;
use std::process::Command;

use fairway_control::StaticConfig;
use fairway_control::check::check_docker;
use fairway_tests::fake_docker::{FakeDocker, Options};
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client;
use fairway_tests::tls::{Authority, TlsFront, TlsOptions};
use fairway_tests::wait::wait_for;
use fairway_tests::world::routed;

use super::check_docker::program;

/// An engine with the container `shop` that wants to see a certificate, and a directory
/// with the files that Docker's own tools expect.
struct Remote {
    docker: FakeDocker,
    front: TlsFront,
    folder: tempfile::TempDir,
}

impl Remote {
    async fn start() -> Self {
        let docker = FakeDocker::start(Options {
            tcp: true,
            ..Options::default()
        })
        .await;
        docker
            .engine()
            .run(routed("shop", "shop", "Host(`shop.test`)").port(80));
        let authority = Authority::new("engines");
        let address = free_address();
        let identity = authority.certify(&[&address.ip().to_string()]);
        let options = TlsOptions::new(identity).clients_of(authority.pem());
        let engine = docker.tcp_endpoint().unwrap();
        let engine: SocketAddr = engine.trim_start_matches("tcp://").parse().unwrap();
        let front = TlsFront::start(address, options.tls12(), engine).await;
        let folder = tempfile::tempdir().unwrap();
        let client = authority.certify(&["control.test"]);
        let other = Authority::new("theirs").pem();
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("cert.pem", client.cert),
            ("key.pem", client.key),
            ("other.pem", other),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self {
            docker,
            front,
            folder,
        }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn flag(&self, option: &str, file: &str) -> String {
        format!("--providers.docker.tls.{option}={}", self.file(file))
    }

    fn endpoint(&self, scheme: &str) -> String {
        let address = self.front.address();
        format!("--providers.docker.endpoint={scheme}://{address}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_is_reached_with_the_certificates_of_the_flags_and_with_no_others() {
    let remote = Remote::start().await;
    let ca = remote.flag("ca", "ca.pem");
    let cert = remote.flag("cert", "cert.pem");
    let key = remote.flag("key", "key.pem");
    let inline = std::fs::read_to_string(remote.file("ca.pem")).unwrap();
    let inline = format!("--providers.docker.tls.ca={inline}");
    let other = remote.flag("ca", "other.pem");
    let nowhere = remote.flag("ca", "nowhere.pem");
    let insecure = "--providers.docker.tls.insecureSkipVerify=true".to_owned();
    #[rustfmt::skip]
    let rows = [
        ("tcp", vec![&ca, &cert, &key], ""),
        ("https", vec![&ca, &cert, &key], ""),
        ("tcp", vec![&inline, &cert, &key], ""),
        ("tcp", vec![&insecure, &cert, &key], ""),
        ("tcp", vec![&other, &cert, &key], "TLS: invalid peer certificate"),
        ("https", vec![&cert, &key], "TLS: "),
        ("tcp", vec![&ca], "TLS: "),
        ("tcp", vec![&nowhere, &cert, &key], "nowhere.pem cannot be used: No such file"),
        ("tcp", vec![&ca, &cert], "flag --providers.docker.tls.cert needs --providers.docker.tls.key"),
    ];
    for (scheme, tls, expected) in rows {
        let mut flags = vec![
            "--entrypoints.web.address=:80".to_owned(),
            remote.endpoint(scheme),
        ];
        flags.extend(tls.into_iter().cloned());
        match check_docker(&flags).await {
            Ok(report) => {
                assert_eq!(expected, "", "{flags:?}");
                assert!(report.compiled.routers.contains_key("shop@docker"));
            }
            Err(error) => {
                let error = error.to_string();
                assert!(!expected.is_empty() && error.contains(expected), "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_variables_of_dockers_own_tools_do_the_same() {
    let remote = Remote::start().await;
    let mut command = Command::new(program());
    command
        .args(["check", "--docker", "--", "--entrypoints.web.address=:80"])
        .env("DOCKER_HOST", format!("tcp://{}", remote.front.address()))
        .env("DOCKER_CERT_PATH", remote.folder.path())
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_API_VERSION", "1.44");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{printed}{output:?}");
    assert!(printed.contains("shop@docker"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_over_tls_too_and_a_lost_engine_is_found_again() {
    let remote = Remote::start().await;
    let api = free_address();
    let flags = [
        remote.endpoint("tcp"),
        remote.flag("ca", "ca.pem"),
        remote.flag("cert", "cert.pem"),
        remote.flag("key", "key.pem"),
        "--entrypoints.http.address=127.0.0.1:0".to_owned(),
        format!("--entrypoints.traefik.address={api}"),
        "--api.insecure=true".to_owned(),
        format!("--grpc.address={}", free_address()),
    ];
    let config = StaticConfig::parse(flags).unwrap();
    let running = fairway_control::start(config).await.unwrap();
    let served = |name: &'static str| async move {
        wait_for(name, || async {
            let path = format!("/api/http/routers/{name}@docker");
            let reply = raw_client::get(api, "api", &path).await.ok()?;
            (reply.status() == 200).then_some(())
        })
        .await;
    };
    served("shop").await;
    let later = |name: &str| routed(name, name, &format!("Host(`{name}.test`)")).port(80);
    remote.docker.engine().run(later("cart"));
    served("cart").await;
    remote.docker.go_away();
    remote.docker.engine().run(later("wish"));
    remote.docker.come_back().await;
    served("wish").await;
    running.stop().await;
}
