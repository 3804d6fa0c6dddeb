//! Services with middlewares that are parts of others.

use super::*;

#[test]
fn a_part_with_middlewares_is_reached_through_them_only() {
    let mut config = DynamicConfig::default();
    let chain = |names: &[&str]| {
        let middlewares = names.iter().map(ToString::to_string).collect();
        Middleware::Chain(Chain { middlewares })
    };
    let prefix = || {
        let prefix = "/p".to_owned();
        Middleware::AddPrefix(AddPrefix { prefix })
    };
    for (name, value) in [
        ("p", prefix()),
        ("q", prefix()),
        ("all", chain(&["p", "q"])),
    ] {
        config.middlewares.insert(name.into(), declared(value));
    }
    let guarded = |address: &str, middlewares: &[&str]| {
        let mut service = servers(address);
        if let Some(balancer) = service.load_balancer_mut() {
            balancer.middlewares = middlewares.iter().map(ToString::to_string).collect();
        }
        service
    };
    let top = Weighted {
        services: shares(&[("a", 1), ("open", 1), ("shut", 0)]),
        middlewares: vec!["q".into()],
        ..Weighted::default()
    };
    let outer = weighted(&[("top", 1)]);
    for (name, service) in [
        ("a", guarded("10.0.0.3:80", &["all"])),
        ("open", servers("10.0.0.4:80")),
        ("shut", guarded("10.0.0.5:80", &["p"])),
        ("lone", guarded("10.0.0.6:80", &["p"])),
        ("top", Service::Weighted(top)),
        ("outer", outer),
    ] {
        config.services.insert(name.into(), declared(service));
    }
    config.routers.insert("r".into(), declared(router("outer")));
    let compiled = compile_file(config);
    assert_eq!(findings(&compiled), []);
    let Some(Parts::Weighted(parts)) = sent(&compiled, "top@file").parts else {
        panic!("another kind");
    };
    let named: Vec<_> = parts
        .services
        .iter()
        .map(|it| it.service.as_str())
        .collect();
    assert_eq!(
        named,
        [
            "a@file behind its middlewares",
            "open@file",
            "shut@file behind its middlewares"
        ]
    );
    let behind = |middlewares: &[&str], service: &str| {
        Some(Parts::Behind(wire::Behind {
            middlewares: middlewares.iter().map(ToString::to_string).collect(),
            service: service.to_owned(),
        }))
    };
    assert_eq!(
        sent(&compiled, "a@file behind its middlewares").parts,
        behind(&["p@file", "q@file"], "a@file")
    );
    assert_eq!(
        sent(&compiled, "top@file behind its middlewares").parts,
        behind(&["q@file"], "top@file")
    );
    assert_eq!(sent(&compiled, "a@file").parts, None, "its servers");
    let lone = |it: &wire::Resource| {
        it.id
            .as_ref()
            .is_some_and(|id| id.name.contains("lone@file b"))
    };
    assert!(!compiled.resources.iter().any(lone), "nobody goes there");
    for used in ["all@file", "p@file", "q@file"] {
        let by = &compiled.middlewares[used].used_by;
        assert!(by.contains("r@file"), "{used}");
    }
}

#[test]
fn a_part_without_one_of_its_middlewares_is_no_part() {
    let mut guarded = servers("10.0.0.3:80");
    if let Some(balancer) = guarded.load_balancer_mut() {
        balancer.middlewares = vec!["gone".into()];
    }
    let compiled = compiled(&[("top", weighted(&[("a", 1)])), ("a", guarded)]);
    let why = "a@file cannot be a part of it: middleware gone@file does not exist";
    assert_eq!(sent(&compiled, "top@file").unavailable_reason, why);
    assert_eq!(compiled.services["top@file"].outcome, Outcome::Rejected);
}

#[test]
fn a_part_whose_error_page_is_what_it_is_a_part_of_is_a_circle() {
    let mut config = DynamicConfig::default();
    let errors = Errors {
        status: vec!["500-599".into()],
        status_rewrites: BTreeMap::new(),
        service: "top".into(),
        query: String::new(),
        error_request_headers: None,
    };
    config
        .middlewares
        .insert("e".into(), declared(Middleware::Errors(errors)));
    let mut guarded = servers("10.0.0.3:80");
    if let Some(balancer) = guarded.load_balancer_mut() {
        balancer.middlewares = vec!["e".into()];
    }
    config.services.insert("a".into(), declared(guarded));
    config
        .services
        .insert("top".into(), declared(weighted(&[("a", 1)])));
    config.routers.insert("r".into(), declared(router("top")));
    let compiled = compile_file(config);
    assert_eq!(compiled.services["top@file"].outcome, Outcome::Rejected);
    let message = findings(&compiled)[0].1;
    assert!(
        message.contains("service top@file contains itself"),
        "{message}"
    );
}
