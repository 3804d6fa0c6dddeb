//! How many connections are kept and how long things may take; and health checks, which
//! go the same way as requests.

use std::time::Duration;

use fairway_tests::backend::{Backend, Mode};
use fairway_tests::loopback::free_address;
use fairway_tests::raw_client;
use fairway_tests::tls::{Authority, TlsFront, TlsOptions};
use fairway_tests::wait::{DEADLINE, wait_for};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Folder, https, service, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_idle_connections_are_kept_as_the_transport_says_and_for_so_long() {
    const REQUESTS: usize = 20;
    const BURST: usize = 8;
    let folder = Folder::new();
    let [none, usual] = [
        Backend::start_anywhere("none").await,
        Backend::start_anywhere("usual").await,
    ];
    let authority = Authority::new("ours");
    let ours = folder.pem("ours.pem", &authority.pem());
    let address = free_address();
    let options = TlsOptions::new(authority.certify(&[&address.ip().to_string()]));
    let short = TlsFront::start(address, options, usual.address()).await;
    let crowd = Backend::start_anywhere("crowd").await;
    let address = free_address();
    let options = TlsOptions::new(authority.certify(&[&address.ip().to_string()]));
    let few = TlsFront::start(address, options, crowd.address()).await;
    let url = |backend: &Backend| format!("http://{}", backend.address());
    let brief = format!("{{rootCAs: ['{ours}'], forwardingTimeouts: {{idleConnTimeout: 1s}}}}");
    let world = folder
        .world(&[
            service("none", &url(&none), "{maxIdleConnsPerHost: -1}"),
            service("usual", &url(&usual), "{maxIdleConnsPerHost: 5}"),
            service(
                "few",
                &https(few.address()),
                &format!("{{rootCAs: ['{ours}'], maxIdleConnsPerHost: 2}}"),
            ),
            service("short", &https(short.address()), &brief),
        ])
        .await;
    for _ in 0..REQUESTS {
        assert_eq!(status(&world, "none").await, 200);
        assert_eq!(status(&world, "usual").await, 200);
    }
    assert_eq!(none.connections(), REQUESTS);
    assert!(usual.connections() < REQUESTS, "{}", usual.connections());

    // After a burst the surplus is closed, long before the 90 seconds of the others.
    crowd.mode(Mode::Slow(Duration::from_secs(2)));
    let burst = (0..BURST).map(|_| status(&world, "few"));
    assert_eq!(join_all(burst).await, [200; BURST]);
    assert!(few.handshakes().len() > 2, "{}", few.handshakes().len());
    wait_for("the end of the surplus", || async {
        (few.open() <= 2).then_some(())
    })
    .await;

    assert_eq!(status(&world, "short").await, 200);
    assert_eq!(short.handshakes().len(), 1);
    // Without the option it would stay for 90 seconds.
    wait_for("the end of the idle connection", || async {
        (short.open() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_too_slow_is_given_up_as_the_transport_says() {
    let folder = Folder::new();
    let backend = Backend::start_anywhere("slow").await;
    backend.mode(Mode::Slow(Duration::from_secs(600)));
    let url = format!("http://{}", backend.address());
    let limits = "{forwardingTimeouts: {responseHeaderTimeout: 200ms}}";
    // Takes connections and is silent, so that no handshake comes to an end.
    let mute = TcpListener::bind(free_address()).await.unwrap();
    let silent = https(mute.local_addr().unwrap());
    let world = folder
        .world(&[
            service("slow", &url, limits),
            service("mute", &silent, "{insecureSkipVerify: true}"),
        ])
        .await;
    let reply = world.get("slow.test", "/").await;
    assert_eq!(
        (reply.status(), reply.text()),
        (504, "Gateway Timeout".to_owned())
    );
    // Longer than other tests wait for an answer.
    let mut client = TcpStream::connect(world.http()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: mute.test\r\nConnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = client.read_to_string(&mut answer);
    tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_goes_the_way_of_requests() {
    let folder = Folder::new();
    let authority = Authority::new("ours");
    let ours = folder.pem("ours.pem", &authority.pem());
    let backend = Backend::start_anywhere("checked").await;
    let address = free_address();
    let options = TlsOptions::new(authority.certify(&[&address.ip().to_string()]));
    let front = TlsFront::start(address, options, backend.address()).await;
    let url = https(front.address());
    let transport = format!("{{rootCAs: ['{ours}']}}");
    let text = super::text(&[
        service("well", &url, &transport),
        service("ill", &url, "{}"),
    ]);
    let check = "loadBalancer: {healthCheck: {path: /health, interval: 50ms}, ";
    std::fs::write(folder.path(), text.replace("loadBalancer: {", check)).unwrap();
    let world = folder.setting().start().await;
    wait_for("the first check", || async {
        (status(&world, "well").await == 200).then_some(())
    })
    .await;
    let seen = wait_for("what the proxy has found out", || async {
        let path = "/api/http/services/ill@file";
        let reply = raw_client::get(world.api_address(), "api", path)
            .await
            .ok()?;
        let service: Value = serde_json::from_slice(&reply.body).ok()?;
        let server = service["loadBalancer"]["servers"][0].clone();
        let why = server["unhealthy"][0]["reason"].as_str()?.to_owned();
        Some((service, why))
    })
    .await;
    assert!(seen.1.contains("certificate"), "{}", seen.1);
    assert_eq!(seen.0["loadBalancer"]["serversTransport"], "ill");
    assert_eq!(status(&world, "ill").await, 503);
}
