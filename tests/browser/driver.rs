//! ChromeDriver and a browser behind it. Dropping it ends both.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fairway_tests::loopback::free_port;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// How to get both programs.
const ADVICE: &str = "`make browser` installs Chromium and ChromeDriver from Debian's packages";

/// How long the driver may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Driver,
}

/// A width and a height, as of a telephone or a desk.
#[derive(Clone, Copy)]
pub(crate) struct Screen(pub(crate) u32, pub(crate) u32);

struct Driver {
    process: Child,
    port: u16,
}

/// What the WebDriver standard has no command for.
#[derive(Debug)]
enum ChromeCommand {
    /// A command of the browser's own protocol.
    Devtools(&'static str, Value),
    /// What was logged since the last time: `browser` or `performance`.
    Log(&'static str),
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let driver = Driver::start();
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless=new",
                // Of no use in a container, where everything is root's.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-extensions",
                "--disable-sync",
                "--no-first-run",
                "--no-proxy-server",
                "--force-device-scale-factor=1",
                "--lang=en",
            ]},
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("it is an object");
        };
        let url = format!("http://127.0.0.1:{}", driver.port);
        let mut client = ClientBuilder::new(HttpConnector::new());
        let client = client.capabilities(capabilities).connect(&url);
        let client = tokio::time::timeout(PATIENCE, client).await;
        let client = client.expect("a browser in time").expect("a browser");
        let browser = Self {
            client,
            _driver: driver,
        };
        browser.resize(Screen(1440, 900)).await;
        browser
    }

    /// Gives the page this size.
    pub(crate) async fn resize(&self, Screen(width, height): Screen) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn devtools(&self, method: &'static str, parameters: Value) -> Value {
        let command = ChromeCommand::Devtools(method, parameters);
        self.client.issue_cmd(command).await.expect(method)
    }

    /// Warnings and errors of the pages' scripts, policies and requests.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        self.log("browser")
            .await
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Every URL that was asked for since the last time.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let log = self.log("performance").await;
        let requests = log.iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let is_request = event["method"] == "Network.requestWillBeSent";
            let url = event["params"]["request"]["url"].as_str()?;
            is_request.then(|| url.to_owned())
        });
        requests.collect()
    }

    async fn log(&self, kind: &'static str) -> Vec<Value> {
        let log = self.client.issue_cmd(ChromeCommand::Log(kind)).await;
        log.expect("a log").as_array().cloned().unwrap_or_default()
    }
}

impl Driver {
    /// On a port of its own choice it fails when that is taken on one of two addresses.
    fn start() -> Self {
        let begun = (0..20).find_map(|_| Self::begin(free_port()));
        begun.unwrap_or_else(|| panic!("chromedriver does not begin: {ADVICE}"))
    }

    /// `None`: the port is taken.
    fn begin(port: u16) -> Option<Self> {
        let mut process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {ADVICE}"));
        let said = BufReader::new(process.stdout.take().expect("a pipe"));
        let driver = Self { process, port };
        let (tell, told) = std::sync::mpsc::channel();
        // Reads to the end, or the driver would wait for its reader. When the driver ends,
        // so does the channel.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if line.contains("started successfully") {
                    let _ = tell.send(());
                }
            }
        });
        told.recv_timeout(PATIENCE).ok().map(|()| driver)
    }

    /// Asks it to end its browsers and itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It answers when its browsers have ended; what is left is its own process.
        let _ = self.shut_down();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        let path = match self {
            Self::Devtools(..) => "goog/cdp/execute",
            Self::Log(_) => "se/log",
        };
        base.join(&format!("session/{session}/{path}"))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        let body = match self {
            Self::Devtools(method, parameters) => json!({ "cmd": method, "params": parameters }),
            Self::Log(kind) => json!({ "type": kind }),
        };
        (Method::POST, Some(body.to_string()))
    }
}
