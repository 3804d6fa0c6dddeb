//! `POST /api/explain`: what a request would meet, as `fairway-control explain` tells it.
//!
//! A proxy answers, over its stream; no server is asked. It changes nothing: it is POST
//! because headers that hold secrets do not belong into a URL.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Shared, respond};
use crate::explain::{ExplainOptions, Format, json};
use crate::inspection::InspectionServer;

/// The question, in the words of the command line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    url: String,
    #[serde(default)]
    method: String,
    /// `Name: value`.
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    entry_point: String,
    /// Address of the client.
    #[serde(default)]
    client: String,
    /// The proxy that is to answer; empty: any.
    #[serde(default)]
    node: String,
    /// Every proxy is to answer.
    #[serde(default)]
    all: bool,
}

/// `POST /api/explain`.
pub(super) async fn answer(State(shared): State<Shared>, body: Bytes) -> Response {
    let question = match serde_json::from_slice::<Question>(&body) {
        Ok(question) => question,
        Err(error) => {
            let message = format!("the question cannot be read: {error}");
            return respond::error(StatusCode::BAD_REQUEST, &message);
        }
    };
    let all = question.all;
    let request = match question.options().and_then(|options| {
        let request = options.request();
        request.map_err(|error| error.to_string())
    }) {
        Ok(request) => request,
        Err(message) => return respond::error(StatusCode::BAD_REQUEST, &message),
    };
    let api = &shared.api;
    let inspection =
        InspectionServer::new(api.latest.clone(), api.compiled.clone(), api.nodes.clone());
    match inspection.ask(request).await {
        Ok(told) => respond::json(&json::value(all, &told)),
        Err(status) => {
            let code = match status.code() {
                tonic::Code::NotFound => StatusCode::NOT_FOUND,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            respond::error(code, status.message())
        }
    }
}

impl Question {
    fn options(self) -> Result<ExplainOptions, String> {
        let client = match self.client.trim() {
            "" => IpAddr::from([127, 0, 0, 1]),
            text => text.parse().map_err(|_| {
                format!("client {text:?} is not an address, such as 192.0.2.1 or 2001:db8::1")
            })?,
        };
        let some = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(ExplainOptions {
            server: String::new(),
            node: some(self.node),
            all: self.all,
            method: some(self.method).unwrap_or_else(|| "GET".to_owned()),
            headers: self.headers,
            entry_point: some(self.entry_point),
            client,
            format: Format::Json,
            url: self.url.trim().to_owned(),
        })
    }
}
