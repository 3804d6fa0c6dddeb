//! The proxies of a world.

use std::net::{IpAddr, SocketAddr};

use super::World;

/// One proxy: as a process of its own, with its own address.
pub(super) struct ProxyProcess {
    pub(super) bind_address: IpAddr,
    running: fairway_proxy::Running,
}

impl std::fmt::Debug for ProxyProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ProxyProcess({})", self.bind_address)
    }
}

impl World {
    /// Starts one more proxy and waits until it is ready; answers its number.
    pub async fn add_proxy(&mut self) -> usize {
        let number = self.begin_proxy();
        let running = &self.proxies[number].running;
        let ready = tokio::time::timeout(crate::wait::DEADLINE, running.wait_ready()).await;
        ready.expect("a proxy that gets ready");
        number
    }

    /// Starts one more proxy and does not wait; answers its number.
    pub fn begin_proxy(&mut self) -> usize {
        let number = self.proxies.len();
        let host = u8::try_from(number + 2).expect("fewer than 250 proxies");
        let bind_address = IpAddr::V4(self.subnet.host(host));
        let config = fairway_proxy::Config {
            control_planes: vec![format!("http://{}", self.line.address())],
            bind_address: Some(bind_address),
            admin_address: Some(SocketAddr::new(bind_address, self.admin_port).to_string()),
            workers: 1,
            timeouts: self.timeouts,
            drain: self.drain,
            ..fairway_proxy::Config::default()
        };
        let running = fairway_proxy::start(config).expect("a proxy");
        self.proxies.push(ProxyProcess {
            bind_address,
            running,
        });
        number
    }

    /// How many proxies there are.
    pub fn proxies(&self) -> usize {
        self.proxies.len()
    }

    /// The address a proxy gets (or got) for its entry points.
    pub fn bind_address(&self, proxy: usize) -> IpAddr {
        IpAddr::V4(
            self.subnet
                .host(u8::try_from(proxy + 2).expect("fewer than 250 proxies")),
        )
    }

    /// Where the admin server of a proxy listens.
    pub fn admin_of(&self, proxy: usize) -> SocketAddr {
        SocketAddr::new(self.bind_address(proxy), self.admin_port)
    }

    /// Port of the entry point `http`.
    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    /// Version a proxy serves.
    pub fn version_of(&self, proxy: usize) -> String {
        self.proxies[proxy].running.version()
    }

    /// Whether a proxy says it is ready.
    pub fn is_ready(&self, proxy: usize) -> bool {
        self.proxies[proxy].running.ready()
    }

    /// SIGTERM to the last proxy; returns when it has drained and ended.
    pub async fn stop_last_proxy(&mut self) {
        if let Some(proxy) = self.proxies.pop() {
            proxy.running.stop().await;
        }
    }
}
