//! The files of the dashboard, and what tells their versions apart.

use axum::http::HeaderValue;

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// Below the root of the dashboard; empty: the root itself.
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: &'static [u8],
}

/// Changes whenever a file does.
#[derive(Debug)]
pub(super) struct ETag(String);

macro_rules! assets {
    ($media_type:literal: $($path:literal),+ $(,)?) => {
        [$(Asset {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("assets/", $path)),
        }),+]
    };
}

const PAGE: [Asset; 1] = [Asset {
    path: "",
    media_type: "text/html; charset=utf-8",
    content: include_bytes!("assets/index.html"),
}];
const ICONS: [Asset; 1] = assets!["image/svg+xml": "icon.svg"];
const STYLES: [Asset; 6] = assets!["text/css; charset=utf-8":
    "css/base.css", "css/shell.css", "css/parts.css", "css/table.css", "css/pages.css",
    "css/map.css",
];
const SCRIPTS: [Asset; 29] = assets!["text/javascript; charset=utf-8":
    "js/theme.js", "js/main.js", "js/shell.js", "js/keyboard.js", "js/place.js", "js/api.js",
    "js/live.js", "js/numbers.js", "js/dom.js", "js/morph.js", "js/format.js", "js/parts.js", "js/list.js",
    "js/rule.js", "js/way.js", "js/chart.js", "js/layout.js",
    "js/pages/overview.js", "js/pages/map.js", "js/pages/routers.js", "js/pages/services.js",
    "js/pages/middlewares.js", "js/pages/router.js", "js/pages/service.js",
    "js/pages/middleware.js", "js/pages/proxies.js", "js/pages/diagnostics.js",
    "js/pages/why.js", "js/pages/changes.js",
];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Asset> {
    [&PAGE[..], &ICONS, &STYLES, &SCRIPTS].into_iter().flatten()
}

impl Asset {
    pub(super) fn etag(&self) -> ETag {
        let digest = blake3::hash(self.content).to_hex();
        ETag(format!("\"{}\"", digest.get(..16).unwrap_or_default()))
    }
}

impl ETag {
    /// Whether it is in the value of an `If-None-Match`.
    pub(super) fn is_in(&self, list: &str) -> bool {
        let mut tags = list.split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}
