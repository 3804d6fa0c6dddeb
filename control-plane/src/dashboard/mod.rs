//! The dashboard: pages for browsers, part of the binary.
//!
//! Static files only ([`asset`]); what they show they ask the API for, over paths relative
//! to their own, so that they work behind prefixes and middlewares as the API does.
//! Nothing is loaded from anywhere else, and no script or style stands in a page.

mod asset;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use asset::{Asset, ETag};

/// What browsers may do with the pages: nothing but talk to where they come from.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Where it is.
const ROOT: &str = "/dashboard/";

/// Longest prefix that a redirection puts before [`ROOT`].
const MAX_PREFIX: usize = 1024;

/// The pages, and the way to them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new()
        .route("/", get(redirect))
        .route("/dashboard", get(redirect));
    for asset in asset::all() {
        let etag = Arc::new(asset.etag());
        let answer = move |headers: HeaderMap| async move { serve(asset, &etag, &headers) };
        router = router.route(&format!("{ROOT}{}", asset.path), get(answer));
    }
    router
}

/// To the dashboard, on the path by which the client came. The query stays.
async fn redirect(uri: Uri, headers: HeaderMap) -> Response {
    let prefix = headers.get("x-forwarded-prefix");
    let prefix = prefix.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let prefix = if is_prefix(prefix) { prefix } else { "" };
    let query = uri.query().map(|query| format!("?{query}"));
    let location = format!(
        "{}{ROOT}{}",
        prefix.trim_end_matches('/'),
        query.unwrap_or_default()
    );
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// A path on this host: `//` and `/\` would lead to another one.
fn is_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.~-".contains(c);
    text.starts_with('/')
        && !text.contains("//")
        && text.len() <= MAX_PREFIX
        && text.chars().all(plain)
}

fn serve(asset: &Asset, etag: &ETag, asked: &HeaderMap) -> Response {
    let known = asked.get_all(header::IF_NONE_MATCH).iter();
    let is_known = known
        .filter_map(|it| it.to_str().ok())
        .any(|it| etag.is_in(it));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.media_type)], asset.content).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // Kept, and asked for again: a new control plane has new pages.
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ETAG, etag.header());
    response
}

#[cfg(test)]
mod tests;
