//! How servers are spoken to: from the text of a transport to the handshake.

mod limit;
mod protocol;
mod trust;

use std::net::SocketAddr;
use std::path::PathBuf;

use fairway_tests::world::{Setting, World};

/// A directory of the file provider, and beside it one for PEM.
struct Folder {
    routes: tempfile::TempDir,
    pem: tempfile::TempDir,
}

/// A service with one server, at the host `<name>.test`.
struct Service<'s> {
    name: &'s str,
    /// Of the server.
    url: String,
    /// Options of its transport, in YAML's flow style; empty: the default transport.
    transport: String,
}

impl Folder {
    fn new() -> Self {
        Self {
            routes: tempfile::tempdir().unwrap(),
            pem: tempfile::tempdir().unwrap(),
        }
    }

    /// Puts PEM into a file and answers its path.
    fn pem(&self, name: &str, text: &str) -> String {
        let path = self.pem.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self) -> PathBuf {
        self.routes.path().join("routes.yml")
    }

    /// As editors do it: the new text is another file under the old name.
    fn write(&self, services: &[Service<'_>]) {
        let new = self.routes.path().join("routes.new");
        std::fs::write(&new, text(services)).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    fn setting(&self) -> Setting {
        let flag = format!("--providers.file.filename={}", self.path().display());
        Setting::new().flag(&flag)
    }

    /// A world that starts with these services.
    async fn world(&self, services: &[Service<'_>]) -> World {
        self.write(services);
        self.setting().start().await
    }
}

fn service<'s>(name: &'s str, url: &str, transport: &str) -> Service<'s> {
    Service {
        name,
        url: url.to_owned(),
        transport: transport.to_owned(),
    }
}

fn https(address: SocketAddr) -> String {
    format!("https://{address}")
}

fn text(services: &[Service<'_>]) -> String {
    let (mut routers, mut balancers, mut transports) =
        (String::new(), String::new(), String::new());
    for Service {
        name,
        url,
        transport,
    } in services
    {
        routers.push_str(&format!(
            "    {name}: {{rule: 'Host(`{name}.test`)', service: {name}}}\n"
        ));
        let mut balancer = format!("servers: [{{url: '{url}'}}]");
        if !transport.is_empty() {
            balancer.push_str(&format!(", serversTransport: {name}"));
            transports.push_str(&format!("    {name}: {transport}\n"));
        }
        balancers.push_str(&format!("    {name}: {{loadBalancer: {{{balancer}}}}}\n"));
    }
    format!(
        "http:\n  routers:\n{routers}  services:\n{balancers}  serversTransports:\n{transports}"
    )
}

/// The status that a service answers with.
async fn status(world: &World, name: &str) -> u16 {
    world.get(&format!("{name}.test"), "/").await.status()
}
