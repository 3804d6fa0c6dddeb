//! Every page: it renders in both colour schemes and on a telephone, everybody can use
//! it, and it keeps to itself.

use crate::driver::Screen;
use crate::page::Dashboard;
use crate::stage;

const DESK: Screen = Screen(1440, 900);
const TELEPHONE: Screen = Screen(390, 844);

/// Hash, heading, what tells that its content is there, and a text in it.
const PAGES: [(&str, &str, &str, &str); 12] = [
    ("overview", "Overview", ".route", "demo.test"),
    ("map", "Map", ".node, .way-card", "site"),
    ("routers", "Routers", ".list tbody th a", "site"),
    ("services", "Services", ".list tbody th a", "site"),
    ("middlewares", "Middlewares", ".list tbody th a", "strip"),
    (
        "routers/api%40docker",
        "api",
        ".rule-leaf",
        "the path begins with /api",
    ),
    (
        "services/site-demo%40docker",
        "site-demo",
        ".card tbody th",
        "site-1",
    ),
    ("middlewares/auth%40docker", "auth", ".facts", "[redacted]"),
    ("proxies", "Proxies", ".card tbody tr", "up to date"),
    ("diagnostics", "Diagnostics", ".finding", "does not parse"),
    ("changes", "Changes", ".timeline > li", "service"),
    ("why", "Why?", "#why", "URL"),
];

#[tokio::test]
async fn every_page_renders_and_everybody_can_use_it() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    for (screen, size) in [("desk", DESK), ("telephone", TELEPHONE)] {
        dashboard.browser.resize(size).await;
        for scheme in ["light", "dark"] {
            let script = "fairwayTheme.set(arguments[0])";
            dashboard.run(script, vec![scheme.into()]).await;
            for (hash, heading, content, text) in PAGES {
                dashboard.go(hash, heading).await;
                dashboard.wait_for_text(content, text).await;
                let name = hash.replace(['/', '%'], "-");
                dashboard
                    .picture(&format!("{name}-{scheme}-{screen}"))
                    .await;
                let page = format!("{hash} {scheme} {screen}");
                dashboard.assert_accessible(&page).await;
            }
        }
    }
    dashboard.assert_well().await;
}

#[tokio::test]
async fn a_broken_router_is_told_with_what_would_work() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard
        .wait_for_text("#verdict", "1 router is not served")
        .await;
    dashboard.go("routers/bad%40docker", "bad").await;
    dashboard
        .wait_for_text(".finding", "traefik.http.routers.bad.rule")
        .await;
    dashboard.go("routers/silent%40docker", "silent").await;
    dashboard.wait_for_text("main", "degraded").await;
    dashboard.go("nowhere", "No such page").await;
    dashboard.go("routers/gone%40docker", "gone").await;
    dashboard
        .wait_for_text(".empty", "There is no such router now")
        .await;
    dashboard.picture("gone").await;
}

#[tokio::test]
async fn the_map_shows_a_chosen_way() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("map", "Map").await;
    dashboard.wait_for("[data-box='router:api@docker']").await;
    dashboard.click("[data-box='router:api@docker']").await;
    dashboard
        .wait_for("[data-box='router:api@docker'].chosen")
        .await;
    let on_path = dashboard.texts(".node.on").await.join(" ");
    for part in ["http", "strip → auth", "api-demo", "api-1"] {
        assert!(on_path.contains(part), "{part} is missing from {on_path}");
    }
    assert!(!on_path.contains("site-1"), "{on_path}");
    dashboard.picture("map-chosen").await;
    dashboard
        .go("map?select=service%3Asite-demo%40docker", "Map")
        .await;
    dashboard
        .wait_for("[data-box='service:site-demo@docker'].chosen")
        .await;
}
