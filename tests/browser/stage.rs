//! A small system with something of everything to look at.

use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};

/// Two proxies; routers that are served, degraded and rejected; middlewares; a service of
/// two containers and one without a server.
pub(crate) async fn populated() -> World {
    let world = Setting::new().proxies(2).start().await;
    for name in ["site-1", "site-2"] {
        let site = routed(name, "site", "Host(`demo.test`) && PathPrefix(`/`)")
            .label("traefik.http.routers.site.priority", "5");
        world.run(site.compose("demo", "site")).await;
    }
    let api = routed(
        "api-1",
        "api",
        "Host(`demo.test`) && (PathPrefix(`/api`) || Header(`X-Api`, `1`))",
    )
    .label("traefik.http.routers.api.middlewares", "strip,auth")
    .label(
        "traefik.http.middlewares.strip.stripprefix.prefixes",
        "/api",
    )
    .label(
        "traefik.http.middlewares.auth.headers.customrequestheaders.Authorization",
        "Basic c2VjcmV0",
    );
    world.run(api.compose("demo", "api")).await;
    let half = routed("half", "half", "Path(`/half`)")
        .label("traefik.http.routers.half.entrypoints", "http,missing");
    world.run(half).await;
    world.run(routed("bad", "bad", "Host(`bad.test`")).await;
    let silent = routed("silent", "silent", "Path(`/silent`)");
    world.engine().run(silent);
    world
        .wait_diagnostic("the broken rule", |it| it.container == "bad")
        .await;
    world
        .wait_rotation("demo.test", "/", &["site-1", "site-2"])
        .await;
    world.wait_rotation("demo.test", "/api", &["api-1"]).await;
    world.settle().await;
    wait_for("both proxies at the latest version", || async {
        let proxies = world.list_proxies().await;
        let is_settled = proxies.len() == 2 && proxies.iter().all(|it| it.lag_ms == 0);
        is_settled.then_some(())
    })
    .await;
    world
}
