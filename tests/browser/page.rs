//! Reading the pages of the dashboard.

use std::path::PathBuf;

use fairway_tests::wait::wait_for;
use fairway_tests::world::World;
use fantoccini::Locator;
use serde_json::Value;

use crate::driver::Browser;

/// The dashboard of a world in a browser.
pub(crate) struct Dashboard {
    pub(crate) browser: Browser,
    root: String,
}

impl Dashboard {
    /// Opens the address that a person would type.
    pub(crate) async fn open(world: &World) -> Self {
        let browser = Browser::start().await;
        let root = format!("http://{}/", world.api_address());
        browser.client.goto(&root).await.expect("the dashboard");
        let dashboard = Self { browser, root };
        dashboard.wait_for_text("h1", "Overview").await;
        dashboard.wait_until_live().await;
        dashboard
    }

    /// Goes to a page and waits for its heading.
    pub(crate) async fn go(&self, hash: &str, heading: &str) {
        let url = format!("{}dashboard/#/{hash}", self.root);
        self.browser.client.goto(&url).await.expect("a page");
        self.wait_for_text("h1", heading).await;
    }

    /// Waits until the page hears from the control plane.
    pub(crate) async fn wait_until_live(&self) {
        self.wait_for("#connection[data-state=live]").await;
    }

    /// Waits until there is such an element.
    pub(crate) async fn wait_for(&self, selector: &str) {
        self.wait_while(selector, |found| !found.is_empty()).await;
    }

    /// Waits until there is no such element.
    pub(crate) async fn wait_without(&self, selector: &str) {
        self.wait_while(selector, |found| found.is_empty()).await;
    }

    /// Waits until an element has this text in it.
    pub(crate) async fn wait_for_text(&self, selector: &str, text: &str) {
        let what = format!("{selector} with {text:?}");
        wait_for(&what, || async {
            let found = self.texts(selector).await;
            found.iter().any(|it| it.contains(text)).then_some(())
        })
        .await;
    }

    async fn wait_while(&self, selector: &str, enough: impl Fn(&[String]) -> bool) {
        wait_for(selector, || async {
            enough(&self.texts(selector).await).then_some(())
        })
        .await;
    }

    /// The texts of all such elements.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)";
        let texts = self.run(script, vec![selector.into()]).await;
        serde_json::from_value(texts).expect("texts")
    }

    /// What a script gives.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let result = self.browser.client.execute(script, arguments).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Types into the focused element.
    pub(crate) async fn press(&self, keys: &str) {
        let element = self.browser.client.active_element().await.expect("a focus");
        element.send_keys(keys).await.expect("keys");
    }

    /// Clicks the first such element.
    pub(crate) async fn click(&self, selector: &str) {
        let found = self.browser.client.find(Locator::Css(selector)).await;
        let element = found.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.expect("a click");
    }

    /// Writes a picture of the page to `target/screenshots/`.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.browser.client.screenshot().await.expect("a picture");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), picture).expect("a file");
    }

    /// Nothing was complained about, and nobody else was asked for anything.
    pub(crate) async fn assert_well(&self) {
        assert_eq!(self.browser.complaints().await, Vec::<String>::new());
        let others = self.browser.requests().await.into_iter().filter(|url| {
            let is_own = url.starts_with(&self.root);
            // The empty page before the first one.
            !is_own && !url.starts_with("data:,")
        });
        assert_eq!(Vec::from_iter(others), Vec::<String>::new());
    }
}
