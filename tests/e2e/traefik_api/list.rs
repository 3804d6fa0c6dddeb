//! Lists, single objects, and what is not there.

use fairway_tests::raw_client::RawClient;
use fairway_tests::world::{World, routed};

use super::shape::Router;
use super::{ask, page, read, refused, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_searched_filtered_sorted_and_cut() {
    let world = world().await;
    let routers = |query: &str| format!("/api/http/routers?{query}");
    for (target, expected, next) in [
        (
            routers("per_page=2"),
            vec!["api@internal", "bad@docker"],
            "2",
        ),
        (
            routers("per_page=2&page=2"),
            vec!["half@docker", "ping@internal"],
            "3",
        ),
        (routers("per_page=2&page=3"), vec!["shop@docker"], "1"),
        (routers("search=HALF"), vec!["half@docker"], "1"),
        (routers("search=%2Flong"), vec!["half@docker"], "1"),
        (routers("search=nothing"), vec![], "1"),
        (routers("status=disabled"), vec!["bad@docker"], "1"),
        (routers("status=Warning"), vec!["half@docker"], "1"),
        (routers("serviceName=shop@docker"), vec!["shop@docker"], "1"),
        (
            routers("middlewareName=auth%40docker"),
            vec!["shop@docker"],
            "1",
        ),
        (
            routers("sortBy=priority&direction=desc&per_page=3"),
            vec!["ping@internal", "api@internal", "shop@docker"],
            "2",
        ),
        (
            "/api/http/services?search=s".to_owned(),
            vec!["shop@docker"],
            "1",
        ),
        (
            "/api/http/services?sortBy=servers&direction=desc&per_page=1&page=6".to_owned(),
            vec!["api@internal"],
            "1",
        ),
        (
            "/api/http/middlewares?sortBy=type&direction=desc".to_owned(),
            vec!["auth@docker", "up@docker"],
            "1",
        ),
    ] {
        let found = page(&world, &target).await;
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(found, (expected, next.to_owned()), "{target}");
    }
    for list in [
        "tcp/routers",
        "tcp/services",
        "tcp/middlewares",
        "udp/routers",
        "udp/services",
        "certificates",
    ] {
        let found = page(&world, &format!("/api/{list}?search=x&status=enabled")).await;
        assert_eq!(found, (vec![], "1".to_owned()), "{list}");
    }
    assert_eq!(page_of_entry_points(&world).await, "2");
}

async fn page_of_entry_points(world: &World) -> String {
    let reply = ask(world, "/api/entrypoints?per_page=1").await;
    reply.head.header("x-next-page").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_as_traefik_tells_it() {
    let world = world().await;
    for (target, status, message) in [
        ("/api/http/routers/x@y", 404, "router not found: x@y"),
        (
            "/api/http/services/a%2Fb@docker",
            404,
            "service not found: a/b@docker",
        ),
        ("/api/http/middlewares/x", 404, "middleware not found: x"),
        ("/api/entrypoints/x", 404, "entry point not found: x"),
        ("/api/tcp/routers/x@y", 404, "router not found: x@y"),
        ("/api/tcp/middlewares/x@y", 404, "middleware not found: x@y"),
        ("/api/udp/services/x@y", 404, "service not found: x@y"),
        ("/api/certificates/00ff", 404, "certificate not found: 00ff"),
        (
            "/api/http/routers/%zz",
            400,
            "unable to decode the router's name",
        ),
        ("/api/http/routers?page=0", 400, "invalid request: page: 0"),
        (
            "/api/http/services?per_page=many",
            400,
            "invalid request: per_page: many",
        ),
        (
            "/api/http/routers?page=9",
            400,
            "invalid request: page: 9, per_page: 100",
        ),
        (
            "/api/tcp/routers?page=2",
            400,
            "invalid request: page: 2, per_page: 100",
        ),
        ("/api/udp/middlewares", 404, "404 page not found"),
        ("/api/http/routers/a/b", 404, "404 page not found"),
        ("/api/nothing", 404, "404 page not found"),
    ] {
        assert_eq!(
            refused(&world, target).await,
            (status, message.to_owned()),
            "{target}"
        );
    }
    for target in [
        "/api/rawdata",
        "/api/overview",
        "/api/http/routers",
        "/api/tcp/routers",
    ] {
        let mut client = RawClient::connect(world.api_address()).await.unwrap();
        let post = format!("POST {target} HTTP/1.1\r\nHost: api\r\nContent-Length: 0\r\n\r\n");
        let reply = client.exchange(post).await.unwrap();
        assert_eq!(reply.status(), 405, "{target}");
        assert!(
            reply.head.header("allow").unwrap().contains("GET"),
            "{target}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_a_slash_is_found_by_its_escaped_form() {
    let world = World::start().await;
    world
        .run(routed("slash", "a/b", "Host(`slash.test`)"))
        .await;
    world.wait_rotation("slash.test", "/", &["slash"]).await;
    let router: Router = read(&world, "/api/http/routers/a%2Fb@docker").await;
    assert_eq!(router.state.name, "a/b@docker");
}
