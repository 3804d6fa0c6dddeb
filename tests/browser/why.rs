//! The page that explains a request.

use crate::page::Dashboard;
use crate::stage;

const ENTER: &str = "\u{e007}";

#[tokio::test]
async fn a_request_is_explained_and_no_server_is_asked() {
    let world = stage::populated().await;
    let before = world.requests("api-1");
    let dashboard = Dashboard::open(&world).await;
    dashboard.go("why", "Why?").await;
    dashboard.click("input[name=url]").await;
    let url = format!("http://demo.test:{}/api/flats", world.http_port());
    dashboard.press(&format!("{url}{ENTER}")).await;
    dashboard.wait_for_text(".outcome", "Goes to api-1").await;
    let steps = dashboard.texts(".steps-way").await.join(" ");
    for part in ["http", "strip@docker", "/flats", "matches"] {
        assert!(steps.contains(part), "{part} is missing from {steps}");
    }
    dashboard.picture("why-explained").await;
    dashboard.assert_accessible("why, explained").await;
    // A link asks for itself, and a refusal tells its reason.
    let port = world.http_port();
    let hash = format!("why?url=http%3A%2F%2Fother.test%3A{port}%2F&node=*");
    dashboard.go(&hash, "Why?").await;
    dashboard.wait_for_text(".outcome", "404").await;
    dashboard.picture("why-not-found").await;
    dashboard.assert_accessible("why, not found").await;
    dashboard
        .run(
            "document.querySelector('[name=url]').value = 'ftp://x'",
            vec![],
        )
        .await;
    dashboard.click("#why button[type=submit]").await;
    dashboard
        .wait_for_text(".outcome", "write http:// or https://")
        .await;
    assert_eq!(world.requests("api-1"), before);
    let complaints = dashboard.browser.complaints().await;
    // The browser itself notes that the last question was refused.
    assert!(
        complaints.iter().all(|it| it.contains("explain")),
        "{complaints:?}"
    );
}
