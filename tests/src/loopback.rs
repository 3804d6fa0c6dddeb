//! Addresses and ports for tests that run beside each other.
//!
//! Every subnet is a `/24` of `127.0.0.0/8` that no other test of this process,
//! and no other test process on this machine, uses at the same time: listeners
//! with `SO_REUSEPORT` would otherwise share their connections without an error.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A `/24` on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    second: u8,
    third: u8,
}

impl Subnet {
    /// Takes a subnet that nobody else uses.
    pub fn claim() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        // After 250 subnets the first ones are long out of use.
        let third = u8::try_from(next % 250 + 1).expect("below 251");
        Self {
            second: block().octet,
            third,
        }
    }

    /// The `n`th address. 0 and 255 are ordinary on loopback, but not used.
    pub fn host(self, n: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.second, self.third, n)
    }

    /// `address/24`.
    pub fn cidr(self) -> String {
        format!("{}/24", self.host(0))
    }
}

/// The second octet this process owns, and the listener that proves it.
struct Block {
    octet: u8,
    _lock: TcpListener,
}

const LOCK_PORT: u16 = 19_999;

fn block() -> &'static Block {
    static BLOCK: OnceLock<Block> = OnceLock::new();
    BLOCK.get_or_init(|| {
        let first = std::process::id();
        (0..230)
            .find_map(|try_number| {
                let octet = u8::try_from((first + try_number) % 230 + 16).ok()?;
                let lock = TcpListener::bind((Ipv4Addr::new(127, octet, 255, 254), LOCK_PORT));
                Some(Block {
                    octet,
                    _lock: lock.ok()?,
                })
            })
            .expect("a free part of 127.0.0.0/8")
    })
}

/// A TCP port that is free on every address, below the range the kernel hands
/// out by itself, and not given to another test of this process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = u32::from(block().octet) * 40;
    for _ in 0..10_000 {
        let next = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(20_000 + next % 12_000).expect("below 32 000");
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// An address of its own with a port of its own.
pub fn free_address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Subnet::claim().host(1)), free_port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_and_ports_are_not_given_twice() {
        let subnets: std::collections::BTreeSet<_> = (0..50).map(|_| Subnet::claim()).collect();
        assert_eq!(subnets.len(), 50);
        let ports: std::collections::BTreeSet<_> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn every_address_of_a_subnet_can_be_listened_on() {
        let subnet = Subnet::claim();
        let port = free_port();
        let listeners: Vec<_> = (1..10)
            .map(|n| TcpListener::bind((subnet.host(n), port)).unwrap())
            .collect();
        assert_eq!(listeners.len(), 9);
    }
}
