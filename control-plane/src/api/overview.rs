//! `/api/overview`: how much there is of everything.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::view::{ServiceView, StateView};
use super::{Api, Catalog, Shared, respond};
use crate::model::Severity;

/// How many objects of a kind, and how many of them are not well.
#[derive(Debug, Default, Serialize)]
struct Counts {
    total: usize,
    warnings: usize,
    errors: usize,
}

pub(super) async fn answer(State(shared): State<Shared>) -> Response {
    shared.with_catalog(|catalog| respond::json(&overview(catalog, &shared.api)))
}

fn overview(catalog: &Catalog<'_>, api: &Api) -> Value {
    let metrics = match api.internal_services.prometheus {
        true => "Prometheus",
        false => "",
    };
    let none = Counts::default;
    let tracing = if api.tracing { "OTLP" } else { "" };
    let services = catalog.services();
    json!({
        "http": {
            "routers": Counts::of(catalog.routers().iter().map(|it| &it.state)),
            "services": Counts::of(services.iter().map(|it| &it.state)),
            "middlewares": Counts::of(catalog.middlewares().iter().map(|it| &it.state)),
        },
        "tcp": { "routers": none(), "services": none(), "middlewares": none() },
        "udp": { "routers": none(), "services": none() },
        "certificates": none(),
        "features": { "tracing": tracing, "metrics": metrics, "accessLog": api.access_log },
        "providers": api.providers,
        // Beside what Traefik has.
        "servers": Counts::of_servers(&services),
        "proxies": Counts::of_proxies(catalog),
        "diagnostics": Counts::of_diagnostics(catalog),
    })
}

impl Counts {
    fn of<'a>(states: impl Iterator<Item = &'a StateView<'a>>) -> Self {
        states.fold(Self::default(), |mut counts, state| {
            counts.add(state.status == "warning", state.status == "disabled");
            counts
        })
    }

    /// Those that are down for some proxies, and for all.
    fn of_servers(services: &[ServiceView<'_>]) -> Self {
        let mut counts = Self::default();
        for server in services.iter().flat_map(ServiceView::all_servers) {
            counts.add(server.is_partly_down(), server.is_down());
        }
        counts
    }

    /// Those that do not serve the latest version as sent, and those that are gone.
    fn of_proxies(catalog: &Catalog<'_>) -> Self {
        let mut counts = Self::default();
        for node in catalog.nodes() {
            let is_unwell = !catalog.is_current(node) || !node.rejections.is_empty();
            counts.add(node.is_connected() && is_unwell, !node.is_connected());
        }
        counts
    }

    fn of_diagnostics(catalog: &Catalog<'_>) -> Self {
        let mut counts = Self::default();
        for finding in &catalog.compiled.diagnostics {
            let is_error = finding.diagnostic.severity == Severity::Error;
            counts.add(!is_error, is_error);
        }
        let connected = catalog.nodes().iter().filter(|node| node.is_connected());
        for _ in connected.flat_map(|node| &node.rejections) {
            counts.add(false, true);
        }
        counts
    }

    fn add(&mut self, is_warning: bool, is_error: bool) {
        self.total += 1;
        self.warnings += usize::from(is_warning);
        self.errors += usize::from(is_error);
    }
}
