//! The HTTP API, as a client of Traefik's reads it and field by field.

mod client;
mod field;
mod list;
mod service;
mod shape;

use fairway_tests::raw_client::{self, Reply};
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};
use serde::de::DeserializeOwned;

use shape::{Failure, State};

async fn ask(world: &World, target: &str) -> Reply {
    raw_client::get(world.api_address(), "api", target)
        .await
        .unwrap()
}

async fn read<T: DeserializeOwned>(world: &World, target: &str) -> T {
    let reply = ask(world, target).await;
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    assert_eq!(
        reply.head.header("content-type"),
        Some("application/json"),
        "{target}"
    );
    serde_json::from_slice(&reply.body)
        .unwrap_or_else(|error| panic!("{target}: {error}: {}", reply.text()))
}

/// One page of names, and the number of the next.
async fn page(world: &World, target: &str) -> (Vec<String>, String) {
    let reply = ask(world, target).await;
    assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
    let items: Vec<State> = serde_json::from_slice(&reply.body).unwrap();
    let next = reply
        .head
        .header("x-next-page")
        .expect("always there")
        .to_owned();
    (items.into_iter().map(|item| item.name).collect(), next)
}

/// Errors are JSON in the clothes of plain text.
async fn refused(world: &World, target: &str) -> (u16, String) {
    let reply = ask(world, target).await;
    assert!(
        reply
            .head
            .header("content-type")
            .unwrap()
            .starts_with("text/plain"),
        "{target}"
    );
    assert_eq!(
        reply.head.header("x-content-type-options"),
        Some("nosniff"),
        "{target}"
    );
    let failure: Failure = serde_json::from_slice(&reply.body).unwrap();
    (reply.status(), failure.message)
}

fn auth(name: &str) -> String {
    format!("traefik.http.middlewares.auth.headers.customrequestheaders.{name}")
}

/// Two proxies; a good router, a degraded one, a rejected one.
async fn world() -> World {
    let world = Setting::new().proxies(2).start().await;
    let good = routed("shop-1", "shop", "Host(`shop.test`)")
        .label("traefik.http.routers.shop.middlewares", "up,auth")
        .label(
            "traefik.http.services.shop.loadbalancer.server.port",
            &port(&world),
        )
        .label("traefik.http.middlewares.up.addprefix.prefix", "/up")
        .label(&auth("Authorization"), "Basic c2VjcmV0")
        .label(&auth("X-Env"), "prod");
    world.run(good).await;
    let half = routed("half", "half", "Host(`half.test`) && PathPrefix(`/Long`)")
        .label("traefik.http.routers.half.entrypoints", "http,missing")
        .label("traefik.http.routers.half.priority", "7");
    world.run(half).await;
    world.run(routed("bad", "bad", "Host(`bad.test`")).await;
    world
        .wait_diagnostic("the broken rule", |it| it.container == "bad")
        .await;
    world.wait_rotation("half.test", "/Long", &["half"]).await;
    wait_for("three services with a server each", || async {
        let (unwell, _) = page(&world, "/api/http/services?status=warning").await;
        let (all, _) = page(&world, "/api/http/services").await;
        (unwell.is_empty() && all.len() == 6).then_some(())
    })
    .await;
    world.settle().await;
    world
}

fn port(world: &World) -> String {
    world.backend_port().to_string()
}
