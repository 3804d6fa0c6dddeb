//! Middlewares: what lists of them come down to, and whose lack costs what.

use super::*;

#[test]
fn users_come_from_a_file_or_the_middleware_is_rejected() {
    let auth = |users_file: &str| {
        declared(Middleware::BasicAuth(BasicAuth {
            users: Users::default(),
            users_file: users_file.into(),
            realm: String::new(),
            remove_header: false,
            header_field: String::new(),
        }))
    };
    let with_file = |path: &str| {
        compiled(vec![(
            "docker",
            docker(|config| {
                config.middlewares.insert("auth".into(), auth(path));
                config
                    .routers
                    .insert("r".into(), router("Path(`/`)", &["auth"], "web"));
            }),
        )])
    };
    let good = with_file("/users");
    let sent = good
        .resources
        .iter()
        .find_map(|resource| match &resource.spec {
            Some(Spec::Middleware(middleware)) => middleware.kind.clone(),
            _ => None,
        });
    let Some(wire::middleware::Kind::BasicAuth(sent)) = sent else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (sent.users[0].name.as_str(), sent.realm.as_str()),
        ("ada", "traefik")
    );
    assert!(sent_router(&good, "r@docker").is_some());

    for (path, why) in [
        ("/gone", "No such file"),
        ("/odd", "line 1 is not `name:hash`"),
        ("/new", "it was not read"),
    ] {
        let bad = with_file(path);
        assert!(
            sent_router(&bad, "r@docker").is_none(),
            "served without its middleware"
        );
        assert_eq!(bad.middlewares["auth@docker"].outcome, Outcome::Rejected);
        let told = &bad.middlewares["auth@docker"].errors;
        assert!(told[0].contains(path) && told[0].contains(why), "{told:?}");
        assert!(!format!("{:?}", bad.diagnostics).contains("secret"));
    }
}

#[test]
fn chains_are_flattened_across_providers_and_do_not_travel() {
    let file = DynamicConfig {
        middlewares: BTreeMap::from([
            ("both".into(), chain(&["inner", "a@docker"])),
            ("inner".into(), prefix("/inner")),
        ]),
        ..DynamicConfig::default()
    };
    let config = docker(|config| {
        config.middlewares.insert("a".into(), prefix("/a"));
        config
            .middlewares
            .insert("outer".into(), chain(&["a", "both@file"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["outer"], "web"));
    });
    let compiled = compiled(vec![("docker", config), ("file", file)]);
    let sent = sent_router(&compiled, "r@docker").expect("the router is sent");
    assert_eq!(sent.middlewares, ["a@docker", "inner@file", "a@docker"]);
    let middlewares = compiled
        .resources
        .iter()
        .filter(|r| matches!(r.spec, Some(Spec::Middleware(_))));
    assert_eq!(middlewares.count(), 2);
}

#[test]
fn a_chain_that_contains_itself_rejects_its_routers() {
    let config = docker(|config| {
        config.middlewares.insert("a".into(), chain(&["b"]));
        config.middlewares.insert("b".into(), chain(&["a"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["a"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "r@docker").is_none());
    assert_eq!(
        finding(&compiled),
        (
            "traefik.http.routers.r.middlewares",
            "middleware a@docker contains itself: a@docker -> b@docker -> a@docker",
            "take one of them out of its chain",
        )
    );
}

#[test]
fn a_misspelt_middleware_rejects_the_router_and_is_named() {
    let config = docker(|config| {
        config
            .middlewares
            .insert("replacepath".into(), prefix("/p"));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["replacpath"], "web"));
        config
            .routers
            .insert("other".into(), router("Path(`/x`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(
        sent_router(&compiled, "r@docker").is_none(),
        "never served without its middleware"
    );
    assert!(
        sent_router(&compiled, "other@docker").is_some(),
        "the other router lives"
    );
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Rejected);
    assert_eq!(
        finding(&compiled),
        (
            "traefik.http.routers.r.middlewares",
            "middleware replacpath@docker does not exist",
            "did you mean replacepath@docker?",
        )
    );
}

#[test]
fn a_rejected_middleware_rejects_the_router() {
    let config = docker(|config| {
        config.rejected.insert(
            ObjectId::middleware("auth"),
            declared("not available".into()),
        );
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["auth"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert!(sent_router(&compiled, "r@docker").is_none());
    assert_eq!(finding(&compiled).1, "middleware auth@docker is rejected");
    assert_eq!(
        compiled.middlewares["auth@docker"].outcome,
        Outcome::Rejected
    );
}

#[test]
fn error_pages_may_be_of_another_provider_and_have_to_exist() {
    let with = |pages: &str| {
        let errors = Errors {
            status: vec!["500-599".into()],
            status_rewrites: BTreeMap::new(),
            service: pages.into(),
            query: String::new(),
            error_request_headers: None,
        };
        let config = docker(|config| {
            let errors = declared(Middleware::Errors(errors));
            config.middlewares.insert("e".into(), errors);
            let router = router("Path(`/`)", &["e"], "web");
            config.routers.insert("r".into(), router);
        });
        let mut other = DynamicConfig::default();
        other.services.insert("pages".into(), service());
        compiled(vec![("docker", config), ("file", other)])
    };
    for (written, sent) in [("web", "web@docker"), ("pages@file", "pages@file")] {
        let compiled = with(written);
        let found = compiled
            .resources
            .iter()
            .find_map(|resource| match &resource.spec {
                Some(Spec::Middleware(wire::Middleware {
                    kind: Some(wire::middleware::Kind::Errors(errors)),
                })) => Some((errors.service.as_str(), errors.query.as_str())),
                _ => None,
            });
        assert_eq!(found, Some((sent, "/")));
        assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Routed);
    }
    let compiled = with("page@file");
    let label = "traefik.http.middlewares.e.errors.service";
    let mut told = compiled
        .diagnostics
        .iter()
        .map(|finding| &finding.diagnostic);
    let told = told
        .find(|told| told.label.as_deref() == Some(label))
        .unwrap();
    assert_eq!(
        told.message,
        "the service page@file of the error pages does not exist"
    );
    assert_eq!(told.suggestion, "did you mean pages@file?");
    assert_eq!(compiled.routers["r@docker"].outcome, Outcome::Rejected);
}

/// The service `web` behind these middlewares.
fn behind(middlewares: &[&str]) -> Declared<Service> {
    let mut service = service();
    if let Some(balancer) = service.value.load_balancer_mut() {
        balancer.middlewares = middlewares.iter().map(ToString::to_string).collect();
    }
    service
}

#[test]
fn middlewares_of_a_service_come_after_those_of_its_routers() {
    let config = docker(|config| {
        config.middlewares.insert("r".into(), prefix("/r"));
        config.middlewares.insert("s".into(), prefix("/s"));
        config.middlewares.insert("c".into(), chain(&["s", "r"]));
        config.services.insert("web".into(), behind(&["c"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &["r"], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    let sent = sent_router(&compiled, "r@docker").expect("the router is sent");
    assert_eq!(sent.middlewares, ["r@docker", "s@docker", "r@docker"]);
    let used_by = &compiled.middlewares["c@docker"].used_by;
    assert!(used_by.contains("r@docker"), "{used_by:?}");
}

#[test]
fn a_service_without_one_of_its_middlewares_is_not_served() {
    let config = docker(|config| {
        config.services.insert("web".into(), behind(&["gone"]));
        config
            .routers
            .insert("r".into(), router("Path(`/`)", &[], "web"));
    });
    let compiled = compiled(vec![("docker", config)]);
    assert_eq!(sent_router(&compiled, "r@docker"), None);
    let (label, message, _) = finding(&compiled);
    assert_eq!(label, "traefik.http.routers.r.service");
    assert_eq!(message, "middleware gone@docker does not exist");
}
