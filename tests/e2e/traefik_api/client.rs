//! A client that knows Traefik's API and nothing else reads everything.

use super::shape::{
    Counts, EntryPoint, Features, Middleware, Overview, Protocol, RawData, Router, Service, Version,
};
use super::{read, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_traefik_reads_everything() {
    let world = world().await;
    let overview: Overview = read(&world, "/api/overview").await;
    let counts = |total, warnings, errors| Counts {
        total,
        warnings,
        errors,
    };
    assert_eq!(overview.http.routers, counts(5, 1, 1));
    assert_eq!(overview.http.services, counts(6, 0, 0));
    assert_eq!(overview.http.middlewares, counts(2, 0, 0));
    let Protocol {
        routers,
        services,
        middlewares,
    } = overview.tcp;
    for none in [
        routers,
        services,
        middlewares,
        overview.udp.routers,
        overview.udp.services,
    ] {
        assert_eq!(none, counts(0, 0, 0));
    }
    assert_eq!(overview.certificates, counts(0, 0, 0));
    let Features {
        tracing,
        metrics,
        access_log,
    } = overview.features;
    assert_eq!(
        (tracing.as_str(), metrics.as_str(), access_log),
        ("", "", false)
    );
    assert_eq!(overview.providers, ["Docker"]);

    let points: Vec<EntryPoint> = read(&world, "/api/entrypoints").await;
    let points: Vec<_> = points
        .iter()
        .map(|it| (it.name.as_str(), it.address.as_str()))
        .collect();
    let (http, api) = (
        format!(":{}", world.http_port()),
        world.api_address().to_string(),
    );
    assert_eq!(points, [("http", http.as_str()), ("traefik", &api)]);
    assert_eq!(
        read::<EntryPoint>(&world, "/api/entrypoints/http")
            .await
            .address,
        http
    );

    let version: Version = read(&world, "/api/version").await;
    assert!(!version.version.is_empty() && !version.codename.is_empty());
    assert!(version.start_date.starts_with("20") && version.start_date.ends_with('Z'));

    let raw: RawData = read(&world, "/api/rawdata").await;
    let routers: Vec<Router> = read(&world, "/api/http/routers").await;
    let services: Vec<Service> = read(&world, "/api/http/services").await;
    let middlewares: Vec<Middleware> = read(&world, "/api/http/middlewares").await;
    assert!(
        raw.routers
            .keys()
            .eq(routers.iter().map(|it| &it.state.name))
    );
    assert!(
        raw.services
            .keys()
            .eq(services.iter().map(|it| &it.state.name))
    );
    assert!(
        raw.middlewares
            .keys()
            .eq(middlewares.iter().map(|it| &it.state.name))
    );
    let others = [&raw.tcp_routers, &raw.tcp_middlewares, &raw.tcp_services];
    assert!(
        others
            .into_iter()
            .chain([&raw.udp_routers, &raw.udp_services])
            .all(|it| it.is_empty())
    );
    for router in &routers {
        assert_eq!(router.priority.to_string(), router.priority_str);
    }
    check_routers(&raw);
    check_services(&raw);
}

fn check_routers(raw: &RawData) {
    let shop = &raw.routers["shop@docker"];
    assert_eq!(
        (shop.state.provider.as_str(), shop.state.status.as_str()),
        ("docker", "enabled")
    );
    assert_eq!(shop.middlewares, ["up@docker", "auth@docker"]);
    assert_eq!(
        (shop.service.as_str(), shop.rule.as_str()),
        ("shop@docker", "Host(`shop.test`)")
    );
    assert_eq!(
        (&shop.entry_points, &shop.using),
        (&vec!["http".to_owned()], &shop.entry_points)
    );
    assert_eq!(shop.priority, 17);
    let half = &raw.routers["half@docker"];
    assert_eq!((half.state.status.as_str(), half.priority), ("warning", 7));
    assert!(half.state.error[0].contains("missing"), "{half:?}");
    let bad = &raw.routers["bad@docker"];
    assert_eq!(
        (bad.state.status.as_str(), bad.using.len()),
        ("disabled", 0)
    );
    assert!(bad.state.error[0].contains("does not parse"), "{bad:?}");
    let api = &raw.routers["api@internal"];
    assert_eq!(
        (api.priority, api.rule.as_str()),
        (i64::MAX - 1, "PathPrefix(`/api`)")
    );
    assert_eq!(
        (&api.using[..], api.service.as_str()),
        (&["traefik".to_owned()][..], "api@internal")
    );
    assert_eq!(raw.routers["ping@internal"].priority, i64::MAX);
}

fn check_services(raw: &RawData) {
    let shop = &raw.services["shop@docker"];
    assert_eq!(shop.kind.as_deref(), Some("loadbalancer"));
    assert_eq!(shop.used_by, ["shop@docker"]);
    let balancer = shop.load_balancer.as_ref().unwrap();
    assert_eq!(
        (balancer.strategy.as_str(), balancer.pass_host_header),
        ("wrr", true)
    );
    assert!(balancer.response_forwarding.flush_interval.ends_with("ms"));
    let [server] = &balancer.servers[..] else {
        panic!("{balancer:?}")
    };
    let statuses: Vec<_> = shop.server_status.iter().collect();
    assert_eq!(statuses, [(&server.url, &"UP".to_owned())]);
    let api = &raw.services["api@internal"];
    assert!(api.load_balancer.is_none() && api.kind.is_none());
    assert_eq!(
        (api.state.provider.as_str(), &api.used_by[..]),
        ("internal", &["api@internal".to_owned()][..])
    );
    let up = &raw.middlewares["up@docker"];
    assert_eq!(
        (up.kind.as_str(), &up.used_by[..]),
        ("addprefix", &["shop@docker".to_owned()][..])
    );
    assert_eq!(up.add_prefix.as_ref().unwrap().prefix, "/up");
}
