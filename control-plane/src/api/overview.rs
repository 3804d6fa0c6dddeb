//! `/api/overview`: how much there is of everything.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::view::StateView;
use super::{Catalog, Shared, respond};

/// How many objects of a kind, and how many of them are not well.
#[derive(Debug, Default, Serialize)]
struct Counts {
    total: usize,
    warnings: usize,
    errors: usize,
}

pub(super) async fn answer(State(shared): State<Shared>) -> Response {
    let providers = &shared.api.providers;
    let metrics = match shared.api.internal_services.prometheus {
        true => "Prometheus",
        false => "",
    };
    shared.with_catalog(|catalog| respond::json(&overview(catalog, providers, metrics)))
}

fn overview(catalog: &Catalog<'_>, providers: &[&str], metrics: &str) -> Value {
    let none = Counts::default;
    json!({
        "http": {
            "routers": Counts::of(catalog.routers().iter().map(|it| &it.state)),
            "services": Counts::of(catalog.services().iter().map(|it| &it.state)),
            "middlewares": Counts::of(catalog.middlewares().iter().map(|it| &it.state)),
        },
        "tcp": { "routers": none(), "services": none(), "middlewares": none() },
        "udp": { "routers": none(), "services": none() },
        "certificates": none(),
        "features": { "tracing": "", "metrics": metrics, "accessLog": false },
        "providers": providers,
    })
}

impl Counts {
    fn of<'a>(states: impl Iterator<Item = &'a StateView<'a>>) -> Self {
        states.fold(Self::default(), |mut counts, state| {
            counts.total += 1;
            match state.status {
                "warning" => counts.warnings += 1,
                "disabled" => counts.errors += 1,
                _ => {}
            }
            counts
        })
    }
}
