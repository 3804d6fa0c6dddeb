//! `basicAuth`.

use fairway_proto::inspection::v1::Diagnostic;
use fairway_tests::raw_client::RawClient;
use fairway_tests::world::{Setting, World};

use super::{ask, serve};

/// `ada`, whose password is `U*U`.
const ADA: &str = "ada:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// `bob`, whose password is `secret`.
const BOB: &str = "bob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";
/// `cy`, whose password is `secret`, too.
const CY: &str = "cy:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// `Authorization` of `ada:U*U`, `bob:secret`, `cy:secret`, `ada:secret`.
const LOGIN_ADA: &str = "Authorization: Basic YWRhOlUqVQ==\r\n";
const LOGIN_BOB: &str = "Authorization: Basic Ym9iOnNlY3JldA==\r\n";
const LOGIN_CY: &str = "Authorization: Basic Y3k6c2VjcmV0\r\n";
const WRONG_ADA: &str = "Authorization: Basic YWRhOnNlY3JldA==\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_users_with_their_password_pass() {
    let world = World::start().await;
    let users = [ADA, BOB, CY].join(",");
    serve(&world, "plain", &[("basicauth.users", &users)]).await;
    serve(
        &world,
        "told",
        &[
            ("basicauth.users", &users),
            ("basicauth.realm", "Back office"),
            ("basicauth.removeheader", "true"),
            ("basicauth.headerfield", "X-WebAuth-User"),
        ],
    )
    .await;
    // The first time by the hash, then from memory.
    for _ in 0..2 {
        for (login, name) in [(LOGIN_ADA, "ada"), (LOGIN_BOB, "bob"), (LOGIN_CY, "cy")] {
            let seen = ask(&world, "plain", "GET /", login).await.seen();
            let sent = login.trim_end().split_once(": ").map(|(_, value)| value);
            assert_eq!(seen.header("authorization"), sent);
            let lie = format!("{login}X-WebAuth-User: root\r\n");
            let seen = ask(&world, "told", "GET /", &lie).await.seen();
            assert_eq!(seen.header("authorization"), None);
            assert_eq!(seen.header("x-webauth-user"), Some(name));
        }
        for (name, realm) in [("plain", "traefik"), ("told", "Back office")] {
            let before = world.requests(name);
            for login in [WRONG_ADA, "", "Authorization: Bearer x\r\n"] {
                let reply = ask(&world, name, "GET /", login).await;
                assert_eq!(reply.status(), 401, "{login}");
                let challenge = format!("Basic realm=\"{realm}\"");
                assert_eq!(
                    reply.head.header("www-authenticate"),
                    Some(challenge.as_str())
                );
                assert_eq!(reply.head.header("content-type"), Some("text/plain"));
                assert_eq!(reply.text(), "401 Unauthorized\n");
            }
            assert_eq!(world.requests(name), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_come_from_a_file_too_and_nobody_is_shown_a_hash() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = format!(
        "--providers.docker.labelfiles={}",
        directory.path().display()
    );
    let world = Setting::new().flag(&allowed).start().await;
    let file = tempfile::NamedTempFile::new_in(&directory).unwrap();
    // Bob is in both: the label counts.
    let lines = format!("# people\n\n{ADA}\nbob:{{SHA}}AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    std::fs::write(file.path(), lines).unwrap();
    let path = file.path().to_str().unwrap();
    let options = [("basicauth.usersfile", path), ("basicauth.users", BOB)];
    serve(&world, "filed", &options).await;
    for login in [LOGIN_ADA, LOGIN_BOB] {
        assert_eq!(ask(&world, "filed", "GET /", login).await.status(), 200);
    }
    assert_eq!(ask(&world, "filed", "GET /", LOGIN_CY).await.status(), 401);

    // One that is not there, and one that no label may name.
    let gone = directory.path().join("nobody");
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(elsewhere.path(), ADA).unwrap();
    for (name, path, problem) in [
        ("gone", gone.as_path(), "No such file"),
        (
            "elsewhere",
            elsewhere.path(),
            "labels may only name files below",
        ),
    ] {
        let path = path.to_str().unwrap();
        serve(&world, name, &[("basicauth.usersfile", path)]).await;
        assert_eq!(ask(&world, name, "GET /", LOGIN_ADA).await.status(), 404);
        let told = |it: &Diagnostic| it.message.contains(path) && it.message.contains(problem);
        let told = world.wait_diagnostic(problem, told).await;
        assert_eq!(told.container, name);
    }

    let config = format!("{:?}", world.config().await);
    let mut client = RawClient::connect(world.api_address()).await.unwrap();
    let api = client
        .get("localhost", "/api/rawdata")
        .await
        .unwrap()
        .text();
    assert!(api.contains("bob:[redacted]"), "{api}");
    for shown in [config, api] {
        assert!(shown.contains("bob"), "{shown}");
        assert!(
            !shown.contains("apr1") && !shown.contains("CCCC"),
            "{shown}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_hashes_do_not_hold_up_the_traffic_of_others() {
    let world = World::start().await;
    world.run_site(1).await;
    // About a second of work for each password.
    let slow = "ada:$2y$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    serve(&world, "slow", &[("basicauth.users", slow)]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = RawClient::connect(world.http()).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: slow.test\r\n{WRONG_ADA}\r\n");
        client.send(request).await.unwrap();
        clients.push(client);
    }
    // New connections reach every worker; none of them is busy with a hash.
    let started = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(world.get("web.test", "/").await.status(), 200);
    }
    let took = started.elapsed();
    // The same credentials are checked once: eight answers for the price of one.
    for client in &mut clients {
        assert_eq!(client.read_reply("GET").await.unwrap().status(), 401);
    }
    let all = started.elapsed();
    assert!(took * 2 < all, "{took:?} of {all:?}");
}
