//! Lists: searched, filtered, sorted, and as long as can be.

use std::fmt::Write as _;

use fairway_tests::world::Setting;

use crate::page::Dashboard;
use crate::stage;

const ROUTERS: usize = 10_000;

#[tokio::test]
async fn lists_are_searched_filtered_and_sorted() {
    let world = stage::populated().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("routers", "Routers").await;
    dashboard.wait_for_text(".total", "7 routers").await;
    dashboard.click("#search").await;
    dashboard.press("demo.test").await;
    dashboard.wait_for_text(".total", "2 routers").await;
    dashboard.go("routers?status=disabled", "Routers").await;
    dashboard.wait_for_text(".total", "1 router").await;
    dashboard.wait_for_text(".list tbody", "bad").await;
    dashboard
        .go("routers?search=nothing+like+this", "Routers")
        .await;
    dashboard.wait_for_text(".empty", "Nothing fits").await;
    dashboard.go("routers?provider=docker", "Routers").await;
    dashboard.wait_for_text(".total", "5 routers").await;
    dashboard.click("thead th:nth-child(6) button").await;
    dashboard
        .wait_for("th[aria-sort=ascending]:nth-child(6)")
        .await;
    dashboard.click("thead th:nth-child(6) button").await;
    dashboard
        .wait_for("th[aria-sort=descending]:nth-child(6)")
        .await;
    // The longest rule has the highest priority.
    dashboard
        .wait_for_text(".list tbody tr:nth-child(2) th", "api")
        .await;
    dashboard.assert_well().await;
}

#[tokio::test]
async fn ten_thousand_routers_are_a_list_like_another() {
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(file.path(), many_routers()).unwrap();
    let flag = format!("--providers.file.filename={}", file.path().display());
    let world = Setting::new().flag(&flag).start().await;
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("routers?provider=file", "Routers").await;
    dashboard.wait_for_text(".total", "10,000 routers").await;
    dashboard.wait_for_text(".list tbody", "router-00000").await;
    let rows = "return document.querySelectorAll('.list tbody tr').length";
    assert!(dashboard.run(rows, vec![]).await.as_u64().unwrap() < 200);
    dashboard
        .run("scrollTo(0, document.documentElement.scrollHeight)", vec![])
        .await;
    dashboard.wait_for_text(".list tbody", "router-09999").await;
    assert!(dashboard.run(rows, vec![]).await.as_u64().unwrap() < 200);
    dashboard.picture("ten-thousand-routers").await;
    dashboard
        .run(
            "scrollTo(0, document.documentElement.scrollHeight / 2)",
            vec![],
        )
        .await;
    dashboard.wait_for_text(".list tbody", "router-05000").await;
    dashboard.go("routers?search=router-07777", "Routers").await;
    dashboard.wait_for_text(".total", "1 router").await;
    dashboard.go("map", "Map").await;
    dashboard.wait_for_text(".total", "of 10,00").await;
    dashboard.assert_well().await;
}

fn many_routers() -> String {
    let mut text = "http:\n  services:\n    all:\n      loadBalancer:\n        servers:\n\
                    \x20         - url: http://127.0.0.1:1\n  routers:\n"
        .to_owned();
    for number in 0..ROUTERS {
        let _ = write!(
            text,
            "    router-{number:05}:\n      rule: Host(`r{number}.test`)\n      service: all\n"
        );
    }
    text
}
