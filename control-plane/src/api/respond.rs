//! Answers: JSON, and errors as clients of Traefik's API know them.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// Number of the next page of a list; 1: there is none.
const NEXT_PAGE: HeaderName = HeaderName::from_static("x-next-page");

/// How many items all pages of a list have together. Traefik does not tell.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// 200 with a body.
pub(super) fn json(body: &impl Serialize) -> Response {
    Json(body).into_response()
}

/// 200 with one page of a list of `total` items.
pub(super) fn page(body: &impl Serialize, next: usize, total: usize) -> Response {
    let mut response = json(body);
    let headers = response.headers_mut();
    headers.insert(NEXT_PAGE, HeaderValue::from(next));
    headers.insert(TOTAL_COUNT, HeaderValue::from(total));
    response
}

/// JSON text sent as plain text, which is what Traefik does.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let mut response = (status, json!({ "message": message }).to_string()).into_response();
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
