//! `/api/rawdata`: everything at once.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::internal::Internal;
use super::view::{DiagnosticView, MiddlewareView, RouterView, ServiceView};
use super::{Catalog, Shared, respond};
use crate::compile::Compiled;

/// Objects by qualified name.
type Named<'a, V> = BTreeMap<&'a str, V>;

/// Of a protocol that is not served.
type Nothing = BTreeMap<&'static str, ()>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RawData<'a> {
    routers: Named<'a, RouterView<'a>>,
    middlewares: Named<'a, MiddlewareView<'a>>,
    services: Named<'a, ServiceView<'a>>,
    tcp_routers: Nothing,
    tcp_middlewares: Nothing,
    tcp_services: Nothing,
    udp_routers: Nothing,
    udp_services: Nothing,
    /// Everything that is not served as written: what Traefik only logs.
    diagnostics: Vec<DiagnosticView<'a>>,
}

pub(super) async fn answer(State(shared): State<Shared>) -> Response {
    shared.with_catalog(|catalog| respond::json(&RawData::new(catalog)))
}

/// The answer for what was compiled and is served by nobody.
pub(crate) fn unserved(compiled: &Compiled) -> serde_json::Value {
    let internal = Internal::default();
    let catalog = Catalog::new(compiled, &internal, None, &[]);
    serde_json::to_value(RawData::new(&catalog)).unwrap_or_default()
}

impl<'a> RawData<'a> {
    fn new(catalog: &Catalog<'a>) -> Self {
        Self {
            routers: catalog
                .routers()
                .into_iter()
                .map(|it| (it.state.name, it))
                .collect(),
            middlewares: catalog
                .middlewares()
                .into_iter()
                .map(|it| (it.state.name, it))
                .collect(),
            services: catalog
                .services()
                .into_iter()
                .map(|it| (it.state.name, it))
                .collect(),
            tcp_routers: Nothing::new(),
            tcp_middlewares: Nothing::new(),
            tcp_services: Nothing::new(),
            udp_routers: Nothing::new(),
            udp_services: Nothing::new(),
            diagnostics: catalog
                .compiled
                .diagnostics
                .iter()
                .map(DiagnosticView::new)
                .collect(),
        }
    }
}
