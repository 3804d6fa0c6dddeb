//! The pages as a browser gets them.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;

async fn ask(target: &str, header: Option<(&str, &str)>) -> Response {
    let mut request = Request::get(target);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Body::empty()).unwrap();
    let service = TowerToHyperService::new(routes::<()>().with_state(()));
    service.call(request).await.unwrap()
}

fn value<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_page_has_its_type_and_its_bounds() {
    for (path, media_type) in [
        ("", "text/html; charset=utf-8"),
        ("js/main.js", "text/javascript; charset=utf-8"),
        ("css/base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let response = ask(&format!("/dashboard/{path}"), None).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(value(&response, "content-type"), media_type);
        assert_eq!(value(&response, "cache-control"), "no-cache");
        assert_eq!(value(&response, "x-content-type-options"), "nosniff");
        let policy = value(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let first = ask("/dashboard/", None).await;
    let etag = value(&first, "etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for (known, status) in [
        (etag.clone(), 304),
        (format!("\"other\", W/{etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let again = ask("/dashboard/", Some(("if-none-match", &known))).await;
        assert_eq!(again.status(), status, "{known}");
        assert_eq!(value(&again, "etag"), etag);
    }
}

#[tokio::test]
async fn other_paths_lead_to_the_dashboard_and_to_no_other_host() {
    for (target, prefix, location) in [
        ("/", None, "/dashboard/"),
        ("/?a=b", None, "/dashboard/?a=b"),
        ("/dashboard", None, "/dashboard/"),
        ("/", Some("/edge"), "/edge/dashboard/"),
        ("/", Some("/edge/"), "/edge/dashboard/"),
        ("/", Some("//evil.test"), "/dashboard/"),
        ("/", Some("/\\evil.test"), "/dashboard/"),
        ("/", Some("https://evil.test"), "/dashboard/"),
    ] {
        let header = prefix.map(|prefix| ("x-forwarded-prefix", prefix));
        let response = ask(target, header).await;
        assert_eq!(response.status(), 302, "{target} {prefix:?}");
        assert_eq!(value(&response, "location"), location);
    }
}

/// What a file names must be there, and must be Fairway's own.
#[test]
fn every_file_is_used_and_nothing_is_loaded_from_elsewhere() {
    let paths: BTreeSet<&str> = asset::all().map(|it| it.path).collect();
    let mut used = BTreeSet::from([""]);
    for asset in asset::all() {
        let text = std::str::from_utf8(asset.content).expect("text");
        let folder = asset.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for quote in text.split(['"', '\'']) {
            let is_file = [".js", ".css", ".svg"]
                .iter()
                .any(|end| quote.ends_with(end));
            if !is_file || quote.contains(char::is_whitespace) {
                continue;
            }
            assert!(!quote.contains("//"), "{} loads {quote}", asset.path);
            // Modules name each other from where they are, pages from the root.
            let from = if quote.starts_with('.') { folder } else { "" };
            let mut at: Vec<&str> = from.split('/').filter(|it| !it.is_empty()).collect();
            for part in quote.split('/') {
                match part {
                    "." => {}
                    ".." => _ = at.pop(),
                    part => at.push(part),
                }
            }
            let path = at.join("/");
            let known = paths.get(path.as_str());
            used.extend(known.copied());
            assert!(known.is_some(), "{} names {quote}", asset.path);
        }
        for forbidden in ["innerHTML", "onclick=", "style=", "eval("] {
            assert!(!text.contains(forbidden), "{}: {forbidden}", asset.path);
        }
    }
    assert_eq!(used, paths);
}
