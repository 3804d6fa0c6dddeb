//! `digestAuth`: who passes, at which proxy, and what the server learns.

use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::world::{Setting, World};
use md5::{Digest as _, Md5};

use super::{ask, serve};

/// Password: `secret`, realm: `traefik`.
const REALM: &str = "traefik";

fn md5(text: &str) -> String {
    let sum = Md5::digest(text.as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn user(name: &str, realm: &str) -> String {
    format!("{name}:{realm}:{}", md5(&format!("{name}:{realm}:secret")))
}

/// The nonce of a challenge.
fn nonce(reply: &Reply) -> String {
    assert_eq!(reply.status(), 401, "{}", reply.text());
    let challenge = reply.head.header("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Digest realm=\"traefik\", nonce=\""));
    assert!(challenge.ends_with("algorithm=\"MD5\", qop=\"auth\""));
    let (_, rest) = challenge.split_once("nonce=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// What a browser answers to a challenge.
fn proof(name: &str, password: &str, method: &str, uri: &str, nonce: &str) -> String {
    let secret = md5(&format!("{name}:{REALM}:{password}"));
    let asked = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{secret}:{nonce}:00000001:abc:auth:{asked}"));
    format!(
        "Authorization: Digest username=\"{name}\", realm=\"{REALM}\", nonce=\"{nonce}\", \
         uri=\"{uri}\", qop=auth, nc=00000001, cnonce=\"abc\", response=\"{response}\"\r\n"
    )
}

async fn ask_of(world: &World, proxy: usize, name: &str, line: &str, headers: &str) -> Reply {
    let mut client = RawClient::connect(world.http_of(proxy)).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: {name}.test\r\n{headers}\r\n");
    client.exchange(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_made_for_one_proxy_is_taken_by_all() {
    let world = Setting::new().proxies(3).start().await;
    let ada = user("ada", REALM);
    let options = [
        ("digestauth.users", ada.as_str()),
        ("digestauth.removeheader", "true"),
        ("digestauth.headerfield", "X-User"),
    ];
    serve(&world, "kept", &options).await;
    let nonce = nonce(&ask(&world, "kept", "GET /a?b=c", "").await);
    for proxy in 0..3 {
        let good = proof("ada", "secret", "GET", "/a?b=c", &nonce);
        let reply = ask_of(&world, proxy, "kept", "GET /a?b=c", &good).await;
        let seen = reply.seen();
        assert_eq!(seen.header("x-user"), Some("ada"));
        assert_eq!(seen.header("authorization"), None);
        for (line, bad) in [
            ("GET /a?b=c", proof("ada", "wrong", "GET", "/a?b=c", &nonce)),
            (
                "GET /a?b=c",
                proof("eve", "secret", "GET", "/a?b=c", &nonce),
            ),
            ("GET /b", good.clone()),
            ("PUT /a?b=c", good.clone()),
        ] {
            let reply = ask_of(&world, proxy, "kept", line, &bad).await;
            assert_eq!(reply.status(), 401, "{line} {bad}");
            let challenge = reply.head.header("www-authenticate").unwrap();
            assert!(!challenge.contains("stale"));
        }
        let made_up = proof("ada", "secret", "GET", "/", "0123456789abcdef");
        let reply = ask_of(&world, proxy, "kept", "GET /", &made_up).await;
        let challenge = reply.head.header("www-authenticate").unwrap();
        assert!(challenge.contains("stale=\"true\""), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_a_file_and_of_the_realm_pass_and_nobody_is_shown_a_hash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let lines = format!(
        "# people\n{}\n{}\n",
        user("ada", REALM),
        user("bob", "other")
    );
    std::fs::write(&path, lines).unwrap();
    let allowed = format!(
        "--providers.docker.labelfiles={}",
        directory.path().display()
    );
    let world = Setting::new().flag(&allowed).start().await;
    let path = path.to_str().unwrap();
    serve(&world, "filed", &[("digestauth.usersfile", path)]).await;
    let nonce = nonce(&ask(&world, "filed", "GET /", "").await);
    for (name, status) in [("ada", 200), ("bob", 401)] {
        let proof = proof(name, "secret", "GET", "/", &nonce);
        let reply = ask(&world, "filed", "GET /", &proof).await;
        assert_eq!(reply.status(), status, "{name}");
    }
    let config = format!("{:?}", world.config().await);
    let hash = md5("ada:traefik:secret");
    assert!(
        config.contains("ada") && !config.contains(&hash),
        "{config}"
    );
    assert!(config.contains("nonce_key: []"), "{config}");
}
