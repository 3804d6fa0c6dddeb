//! The world the fixtures assume: servers behind an edge, declared by labels.
//!
//! `a.test` is open, `/api` of it with the prefix taken off, `/admin` of it and
//! `admin.test` behind a password, `/ws` and `/ws-refused` for WebSocket; `b.test` is
//! somebody else's. `X-Auth-User` is what the middlewares of `a.test` say it is.
//! Nobody is trusted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairway_proxy::{Drain, Timeouts};
use fairway_tests::fake_docker::ContainerSpec;
use fairway_tests::wait::wait_for;
use fairway_tests::world::{Setting, World, routed};

use crate::origin::{Kind, Origin};
use crate::reply;

/// Name, password and its hash of who may see `admin`.
const USER: &str = "a:{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=";

/// Clients that are behind with something are given up on after this many seconds, so
/// that cases that stall end soon.
const STALL: Duration = Duration::from_secs(1);

/// How long what is open may go on when the proxy is told to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(4);

pub(crate) struct Stage {
    world: World,
    origins: BTreeMap<&'static str, Origin>,
    panics: Arc<AtomicUsize>,
}

impl Stage {
    /// Starts everything and waits until it is served.
    pub(crate) async fn start() -> Self {
        let panics = count_panics();
        let timeouts = Timeouts {
            head: STALL,
            body: STALL,
            ..Timeouts::default()
        };
        let drain = Drain {
            accept: Duration::ZERO,
            idle: Duration::ZERO,
            timeout: DRAIN,
        };
        let setting = Setting::new().timeouts(timeouts).drain(drain);
        let world = setting.start().await;
        let mut stage = Self {
            world,
            origins: BTreeMap::new(),
            panics,
        };
        let prefix = |path: &str| format!("Host(`a.test`) && PathPrefix(`{path}`)");
        let user = |name: &str, rule: &str, middleware: &str, option: &str, value: &str| {
            routed(name, name, rule)
                .label(
                    &format!("traefik.http.routers.{name}.middlewares"),
                    middleware,
                )
                .label(
                    &format!("traefik.http.middlewares.{middleware}.{option}"),
                    value,
                )
        };
        let says = "headers.customrequestheaders.X-Auth-User";
        let a = user("a", "Host(`a.test`)", "says", says, "nobody");
        stage.run(a, "a", Kind::Plain).await;
        let b = routed("b", "b", "Host(`b.test`)");
        stage.run(b, "b", Kind::Plain).await;
        let api = user(
            "api",
            &prefix("/api"),
            "bare",
            "stripprefix.prefixes",
            "/api",
        );
        stage.run(api, "api", Kind::Plain).await;
        let rule = format!("Host(`admin.test`) || ({})", prefix("/admin"));
        let admin = user("admin", &rule, "password", "basicauth.users", USER).label(
            "traefik.http.middlewares.password.basicauth.headerfield",
            "X-Auth-User",
        );
        stage.run(admin, "admin", Kind::Plain).await;
        let ws = routed("ws", "ws", &prefix("/ws"));
        stage.run(ws, "ws", Kind::WebSocket).await;
        let refused = routed("ws-refused", "ws-refused", &prefix("/ws-refused"));
        stage.run(refused, "ws-refused", Kind::Refusing).await;
        for (host, target, name) in [
            ("a.test", "/good", "a GET /good"),
            ("b.test", "/good", "b GET /good"),
            ("a.test", "/api/good", "api GET /good"),
            ("a.test", "/ws/good", "ws GET /ws/good"),
            (
                "a.test",
                "/ws-refused/good",
                "ws-refused GET /ws-refused/good",
            ),
            ("admin.test", "/", "401 Unauthorized\n"),
        ] {
            wait_for(name, || async {
                let reply = reply::ask(stage.address(), host, target).await.ok()?;
                (reply.body == name.as_bytes() || reply.status == 401).then_some(())
            })
            .await;
        }
        stage.world.settle().await;
        for origin in stage.origins.values() {
            origin.take();
        }
        stage
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.world.http()
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.origins.values()
    }

    pub(crate) fn origin(&self, name: &str) -> &Origin {
        &self.origins[name]
    }

    /// SIGTERM to the proxy; returns when it has ended.
    pub(crate) async fn stop(&mut self) {
        self.world.stop_last_proxy().await;
    }

    /// Panics of the whole process so far.
    pub(crate) fn panics(&self) -> usize {
        self.panics.load(Ordering::Relaxed)
    }

    async fn run(&mut self, spec: ContainerSpec, name: &'static str, kind: Kind) {
        let port = self.world.backend_port();
        self.world.engine().run(spec.port(port));
        let ip = self.world.engine().address(name, None).expect("an address");
        let origin = Origin::start(name, kind, SocketAddr::new(ip.into(), port)).await;
        self.origins.insert(name, origin);
    }
}

/// Counts from now on, and goes on saying what they are.
fn count_panics() -> Arc<AtomicUsize> {
    let panics: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&panics);
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::Relaxed);
        told(info);
    }));
    panics
}
