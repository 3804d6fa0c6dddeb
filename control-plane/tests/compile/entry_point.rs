//! Entry points of routers.

use super::*;

#[test]
fn entry_points_that_do_not_exist_are_named_with_what_would_work() {
    let wanting = |wanted: &[&str]| {
        docker(|config| {
            let mut router = router("Path(`/`)", &[], "web");
            router.value.entry_points = wanted.iter().map(ToString::to_string).collect();
            config.routers.insert("r".into(), router);
        })
    };
    let label = "traefik.http.routers.r.entrypoints";
    let none = compiled(vec![("docker", wanting(&["http"]))]);
    assert!(sent_router(&none, "r@docker").is_none());
    assert_eq!(
        finding(&none),
        (
            label,
            "none of the router's entry points exists: http",
            "use web, or start the control plane with --entrypoints.http.address=:PORT",
        )
    );
    let some = compiled(vec![("docker", wanting(&["web", "wob"]))]);
    let sent = sent_router(&some, "r@docker").expect("it works on the other");
    assert_eq!(sent.entry_points, ["web"]);
    assert_eq!(some.routers["r@docker"].outcome, Outcome::Degraded);
    assert_eq!(
        finding(&some),
        (
            label,
            "entry point wob is not there; the router works on web",
            "did you mean web?"
        )
    );
    let closed = compiled(vec![("docker", wanting(&["websecure"]))]);
    assert_eq!(
        finding(&closed),
        (
            label,
            "entry point websecure is closed: TLS is not there",
            "use web"
        )
    );
}

#[test]
fn entry_points_marked_as_default_are_those_of_routers_that_name_none() {
    let options = |as_default| EntryPointOptions {
        address: ":80".into(),
        as_default,
        ..EntryPointOptions::default()
    };
    let sent_to = |entry_points: &[(&str, bool)]| {
        let entry_points = entry_points
            .iter()
            .map(|(name, it)| ((*name).into(), options(*it)));
        let config = docker(|config| {
            config
                .routers
                .insert("r".into(), router("Path(`/`)", &[], "web"));
        });
        let state = ProviderState {
            config,
            ..ProviderState::default()
        };
        let compiled = compile(Input {
            entry_points: &entry_points.collect(),
            closed_entry_points: &BTreeMap::new(),
            internal_services: InternalServices::default(),
            metrics: &MetricsOptions::default(),
            servers_transport: &ServersTransport::default(),
            observability: &ObservabilityOptions::default(),
            providers: &BTreeMap::from([("docker".into(), Arc::new(state))]),
            nonce_key: &[7; 32],
            files: &BTreeMap::new(),
        });
        (
            sent_router(&compiled, "r@docker").map(|sent| sent.entry_points),
            compiled,
        )
    };
    let (both, _) = sent_to(&[("a", false), ("b", false), ("traefik", true)]);
    assert_eq!(both, Some(vec!["a".into(), "b".into()]));
    let (marked, _) = sent_to(&[("a", false), ("b", true), ("traefik", false)]);
    assert_eq!(marked, Some(vec!["b".into()]));
    let (none, compiled) = sent_to(&[("traefik", false)]);
    assert_eq!(none, None);
    assert_eq!(finding(&compiled).1, "no entry point is open");
}
