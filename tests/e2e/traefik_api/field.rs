//! Every field of ours, those that Traefik does not have too.

use fairway_proto::discovery::v1::{Rejection, RejectionKind, ResourceId, ResourceKind};
use fairway_tests::discovery_client::StreamClient;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{World, routed};
use serde_json::{Value, json};

use super::{read, world};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_is_as_documented() {
    let world = world().await;
    let proxies: Vec<_> = world
        .list_proxies()
        .await
        .into_iter()
        .map(|it| it.node.unwrap().id)
        .collect();
    let url = |name: &str| {
        let address = world.engine().address(name, None).unwrap();
        format!("http://{address}:{}", world.backend_port())
    };
    let mut service = json!({
        "name": "shop@docker", "provider": "docker", "status": "enabled",
        "type": "loadbalancer", "usedBy": ["shop@docker"], "containers": ["shop-1"],
        "loadBalancer": {
            "servers": [{ "url": url("shop-1"), "container": "shop-1", "proxies": proxies }],
            "strategy": "wrr", "passHostHeader": true,
            "responseForwarding": { "flushInterval": "-1ms" },
        },
        "serverStatus": { url("shop-1"): "UP" },
    });
    let observability = json!({
        "accessLogs": true, "metrics": true, "tracing": true, "traceVerbosity": "minimal",
    });
    let router = json!({
        "name": "shop@docker", "provider": "docker", "status": "enabled",
        "entryPoints": ["http"], "using": ["http"], "middlewares": ["up@docker", "auth@docker"],
        "service": "shop@docker", "rule": "Host(`shop.test`)", "ruleSyntax": "v3",
        "priority": 17, "priorityStr": "17", "containers": ["shop-1"], "observability": observability,
    });
    let middleware = json!({
        "name": "auth@docker", "provider": "docker", "status": "enabled", "type": "headers",
        "usedBy": ["shop@docker"], "containers": ["shop-1"],
        "headers": { "customRequestHeaders": { "Authorization": "[redacted]", "X-Env": "prod" } },
    });
    let internal = json!({
        "name": "api@internal", "provider": "internal", "status": "enabled",
        "usedBy": ["api@internal"],
    });
    let entry_point = json!({
        "name": "http", "address": format!(":{}", world.http_port()),
        "forwardedHeaders": {}, "observability": observability,
        "http": {
            "encodedCharacters": {
                "allowEncodedSlash": false, "allowEncodedBackSlash": false,
                "allowEncodedNullCharacter": false, "allowEncodedSemicolon": true,
                "allowEncodedPercent": true, "allowEncodedQuestionMark": true,
                "allowEncodedHash": true,
            },
            "sanitizePath": true, "underscoreHeadersStrategy": "delete",
        },
        "transport": {
            "keepAliveMaxRequests": 0, "keepAliveMaxTime": "0s", "lifeCycle": {},
            "respondingTimeouts": {
                "idleTimeout": "0s", "readTimeout": "0s", "writeTimeout": "0s",
            },
        },
    });
    let raw: Value = read(&world, "/api/rawdata").await;
    let shown = &raw["services"]["shop@docker"]["loadBalancer"]["servers"][0]["id"];
    assert!(
        shown
            .as_str()
            .unwrap()
            .starts_with(&world.engine().id("shop-1"))
    );
    service["loadBalancer"]["servers"][0]["id"] = shown.clone();
    for (path, group, expected) in [
        ("/api/http/services/shop@docker", "services", &service),
        ("/api/http/services/shop%40docker", "services", &service),
        ("/api/http/routers/shop@docker", "routers", &router),
        (
            "/api/http/middlewares/auth@docker",
            "middlewares",
            &middleware,
        ),
        ("/api/http/services/api@internal", "services", &internal),
    ] {
        assert_eq!(&read::<Value>(&world, path).await, expected, "{path}");
        assert_eq!(
            &raw[group][expected["name"].as_str().unwrap()],
            expected,
            "{path}"
        );
    }
    assert_eq!(
        read::<Value>(&world, "/api/entrypoints/http").await,
        entry_point
    );
    let found: Vec<_> = raw["diagnostics"].as_array().unwrap().iter().collect();
    let of = |container: &str| {
        found
            .iter()
            .find(|it| it["container"] == container)
            .unwrap()
    };
    for (container, severity, label, object) in [
        (
            "bad",
            "error",
            "traefik.http.routers.bad.rule",
            "router bad@docker",
        ),
        (
            "half",
            "warning",
            "traefik.http.routers.half.entrypoints",
            "router half@docker",
        ),
    ] {
        let it = of(container);
        assert_eq!(it["severity"], severity, "{it}");
        assert_eq!(
            (&it["label"], &it["object"]),
            (&json!(label), &json!(object))
        );
        assert_eq!(it["provider"], "docker");
        assert!(
            it["message"].is_string() && it["suggestion"].is_string(),
            "{it}"
        );
    }
    assert!(!raw.to_string().contains("c2VjcmV0"));
    let inspected = format!("{:?}", world.config().await);
    assert!(inspected.contains("[redacted]") && !inspected.contains("c2VjcmV0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_proxies_that_serve_a_server_are_named_for_it() {
    let world = World::start().await;
    world.run_site(1).await;
    world.settle().await;
    let real = world.list_proxies().await.remove(0).node.unwrap().id;
    let named = || async {
        let service: Value = read(&world, "/api/http/services/web-test@docker").await;
        service["loadBalancer"]["servers"][0]["proxies"].clone()
    };
    assert_eq!(named().await, json!([real]));

    let mut other = StreamClient::connect(world.grpc_address(), "zz-other", None)
        .await
        .unwrap();
    let update = other.next().await.unwrap();
    assert_eq!(named().await, json!([real]), "not acknowledged yet");
    other.ack(&update, Vec::new());
    let both = json!([real, "zz-other"]);
    wait_for("both", || async { (named().await == both).then_some(()) }).await;

    world.run(routed("else", "else", "Host(`else.test`)")).await;
    let update = other.next().await.unwrap();
    wait_for("one", || async {
        (named().await == json!([real])).then_some(())
    })
    .await;
    let id = ResourceId {
        kind: ResourceKind::Service.into(),
        name: "web-test@docker".to_owned(),
    };
    let reason = "too new for me".to_owned();
    let kind = RejectionKind::Unsupported.into();
    other.ack(
        &update,
        vec![Rejection {
            id: Some(id),
            kind,
            reason,
        }],
    );
    let rejected = || async {
        let listed = world.list_proxies().await;
        listed
            .iter()
            .any(|proxy| !proxy.rejections.is_empty())
            .then_some(())
    };
    wait_for("the rejection", rejected).await;
    assert_eq!(named().await, json!([real]), "rejected");
    let service: Value = read(&world, "/api/http/services/else@docker").await;
    assert_eq!(
        service["loadBalancer"]["servers"][0]["proxies"], both,
        "another service"
    );

    drop(other);
    wait_for("the end of the stream", || async {
        let service: Value = read(&world, "/api/http/services/else@docker").await;
        (service["loadBalancer"]["servers"][0]["proxies"] == json!([real])).then_some(())
    })
    .await;
}
