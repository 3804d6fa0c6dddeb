//! The rules of `control-plane/tests/fixtures/rules.json`, each in force on a
//! running proxy: the requests that must match reach the container, the others
//! are answered 404.

use std::net::IpAddr;

use fairway_tests::raw_client::RawClient;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Fixture {
    case: String,
    #[serde(default)]
    syntax: String,
    rule: String,
    refused: Option<String>,
    #[serde(default)]
    matches: Vec<Request>,
    #[serde(default)]
    passes_by: Vec<Request>,
}

/// GET of `/` at `example.com` where it does not say otherwise.
#[derive(Debug, Deserialize)]
struct Request {
    method: Option<String>,
    host: Option<String>,
    target: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    peer: Option<IpAddr>,
}

impl Request {
    fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    fn bytes(&self) -> String {
        let target = self.target.as_deref().unwrap_or("/");
        let host = self.host.as_deref().unwrap_or("example.com");
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: {host}\r\n", self.method());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    async fn status(&self, world: &World) -> u16 {
        let mut client = match self.peer {
            Some(peer) => RawClient::connect_from(peer, world.http()).await,
            None => RawClient::connect(world.http()).await,
        }
        .unwrap();
        client.send(self.bytes()).await.unwrap();
        client.read_reply(self.method()).await.unwrap().status()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_matches_what_its_fixture_says_and_nothing_else() {
    let fixtures = include_str!("../../control-plane/tests/fixtures/rules.json");
    let fixtures: Vec<Fixture> = serde_json::from_str(fixtures).unwrap();
    let world = World::start().await;
    let mut sent = 0;
    for (number, fixture) in fixtures.iter().enumerate() {
        if fixture.refused.is_some() {
            continue;
        }
        let name = format!("case-{number}");
        // The second router tells when the proxy serves the first.
        let sign = format!("{name}.sign.test");
        let spec = routed(&name, &name, &fixture.rule)
            .label(
                &format!("traefik.http.routers.{name}.ruleSyntax"),
                &fixture.syntax,
            )
            .label("traefik.http.routers.sign.rule", &format!("Host(`{sign}`)"))
            .label("traefik.http.routers.sign.priority", "1000000");
        world.run(spec).await;
        wait_for(&fixture.case, || async {
            let reply = world.get(&sign, "/").await;
            (reply.status() == 200).then_some(())
        })
        .await;
        for (requests, status) in [(&fixture.matches, 200), (&fixture.passes_by, 404)] {
            for request in requests {
                let got = request.status(&world).await;
                assert_eq!(
                    got, status,
                    "{}: `{}`: {request:?}",
                    fixture.case, fixture.rule
                );
                sent += 1;
            }
        }
        world.kill_container(&name).await;
        world.engine().remove(&name);
        wait_for("the end of the rule", || async {
            let reply = world.get(&sign, "/").await;
            (reply.status() == 404).then_some(())
        })
        .await;
    }
    println!("{sent} requests over {} rules", fixtures.len());
    assert!(sent > 100, "the fixtures have shrunk to {sent} requests");
}
