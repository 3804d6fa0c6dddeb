//! The dashboard without a mouse.

use crate::page::Dashboard;
use crate::stage;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const RIGHT: &str = "\u{e014}";

#[tokio::test]
async fn everything_is_reached_by_keys() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    // The first stop leads past the navigation.
    dashboard.press(TAB).await;
    assert_eq!(focus(&dashboard, "id").await, "skip");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(dashboard.run(outline, vec![]).await, "solid");
    dashboard.press(ENTER).await;
    assert_eq!(focus(&dashboard, "id").await, "main");
    // `g r`: the routers; their heading has the focus.
    dashboard.press("gr").await;
    dashboard.wait_for_text("h1", "Routers").await;
    dashboard.wait_for_text("h1:focus", "Routers").await;
    // `/`: the search.
    dashboard.press("/").await;
    dashboard.wait_for("#search:focus").await;
    dashboard.press("demo.test").await;
    dashboard.wait_for_text(".total", "2 routers").await;
    dashboard.press(ESCAPE).await;
    dashboard.wait_without("#search:focus").await;
    // Through the rows, and into one.
    dashboard
        .run("document.querySelector('.list tbody a').focus()", vec![])
        .await;
    dashboard.press(DOWN).await;
    dashboard
        .wait_for_text(".list tbody tr:nth-child(3) a:focus", "site")
        .await;
    dashboard.press(ENTER).await;
    dashboard.wait_for_text("h1:focus", "site").await;
    dashboard.browser.client.back().await.unwrap();
    dashboard.wait_for_text("h1", "Routers").await;
    // Along a way of the map.
    dashboard.go("map", "Map").await;
    dashboard.wait_for("[data-box='entrypoint:http']").await;
    dashboard
        .run(
            "document.querySelector('[data-box=\"router:api@docker\"]').focus()",
            vec![],
        )
        .await;
    for expected in ["strip → auth", "api-demo", "api-1"] {
        dashboard.press(RIGHT).await;
        dashboard.wait_for_text(".node:focus", expected).await;
    }
    dashboard.press(ENTER).await;
    dashboard.wait_for_text(".node.chosen", "api-1").await;
    dashboard.assert_well().await;
}

async fn focus(dashboard: &Dashboard, attribute: &str) -> String {
    let script = "return document.activeElement.getAttribute(arguments[0])";
    let found = dashboard.run(script, vec![attribute.into()]).await;
    found.as_str().unwrap_or_default().to_owned()
}
