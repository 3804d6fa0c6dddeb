//! What changes is seen without asking for it, and a control plane that goes and comes
//! back is noticed.

use std::time::Duration;

use fairway_tests::world::routed;

use crate::page::Dashboard;
use crate::stage;

#[tokio::test]
async fn a_container_that_starts_and_stops_is_seen_to() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("map", "Map").await;
    let server = ".node-server:not(.leaving)";
    dashboard.wait_for_text(server, "site-2").await;
    let late = routed("late-1", "late", "Path(`/late`)");
    world.run(late).await;
    dashboard.wait_for_text(server, "late-1").await;
    world.stop_container("late-1", Duration::ZERO).await;
    world.engine().remove("late-1");
    dashboard
        .wait_without("[data-box='router:late@docker']")
        .await;
    dashboard.go("changes", "Changes").await;
    dashboard.wait_for_text(".timeline", "late-1: start").await;
    dashboard
        .wait_for_text(".timeline", "late-1: destroy")
        .await;
    dashboard.wait_for_text(".served", "after").await;
    dashboard.picture("changes-after-a-container").await;
    dashboard.assert_well().await;
}

#[tokio::test]
async fn a_page_keeps_its_place_while_things_change() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("routers?search=demo.test", "Routers").await;
    dashboard.wait_for_text(".list tbody", "site").await;
    let focus = "document.querySelector('.list tbody a').focus(); \
                 return document.activeElement.textContent";
    let focused = dashboard.run(focus, Vec::new()).await;
    let added = routed("added-1", "added", "Host(`demo.test`) && Path(`/added`)");
    world.run(added).await;
    dashboard.wait_for_text(".list tbody", "added").await;
    let script = "return document.activeElement.textContent";
    assert_eq!(dashboard.run(script, Vec::new()).await, focused);
    let script = "return document.getElementById('search').value";
    assert_eq!(dashboard.run(script, Vec::new()).await, "demo.test");
}

#[tokio::test]
async fn a_restart_of_the_control_plane_is_survived() {
    let mut world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("services", "Services").await;
    dashboard.wait_for_text(".list tbody", "site-demo").await;
    world.stop_control_plane().await;
    dashboard.wait_for("#connection[data-state=stale]").await;
    dashboard.wait_for_text(".stale", "No connection").await;
    let rows = dashboard.texts(".list tbody").await.join(" ");
    assert!(rows.contains("site-demo"), "what was known stays: {rows}");
    dashboard.picture("without-a-control-plane").await;
    let late = routed("late-1", "late", "Path(`/late`)");
    world.run(late).await;
    world.start_control_plane().await;
    dashboard.wait_until_live().await;
    dashboard.wait_without(".stale").await;
    dashboard.wait_for_text(".list tbody", "late").await;
}
