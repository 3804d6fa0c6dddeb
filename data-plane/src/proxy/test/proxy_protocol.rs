//! The PROXY protocol: who is believed, what becomes of the address, what is refused.

use std::net::Ipv4Addr;

use super::*;

const V1: &str = "PROXY TCP4 203.0.113.7 127.0.0.1 56324 80\r\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// `192.0.2.33` over IPv4, with an extension.
fn v2() -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13".to_vec();
    bytes.extend([192, 0, 2, 33, 127, 0, 0, 1, 0x10, 0, 0, 80]);
    bytes.extend(b"\x05\x00\x04once");
    bytes
}

fn believing(origin: &Origin, trusted: &[&str]) -> Proxy {
    Proxy::start(Site {
        proxy_protocol: Some(proto::ProxyProtocol {
            insecure: false,
            trusted_ips: trusted.iter().map(|ip| (*ip).to_owned()).collect(),
        }),
        ..Site::of(&[origin])
    })
}

fn forwarded_for(origin: &Origin) -> String {
    let request = origin.request();
    let real = request.header("x-real-ip").unwrap();
    assert_eq!(Some(real), request.header("x-forwarded-for"));
    real.to_owned()
}

#[test]
fn a_believed_peer_says_who_the_client_is() {
    let origin = Origin::named("served");
    let proxy = believing(&origin, &["127.0.0.1"]);
    for (header, expected) in [
        (V1.as_bytes().to_vec(), "203.0.113.7"),
        (v2(), "192.0.2.33"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "127.0.0.1"),
        // A balancer may ask for itself too.
        (Vec::new(), "127.0.0.1"),
    ] {
        let mut wire = proxy.connect();
        wire.send([&header[..], REQUEST.as_bytes()].concat());
        assert_eq!(wire.read_message().unwrap().body, "served");
        assert_eq!(forwarded_for(&origin), expected);
        // For the whole connection.
        wire.send(REQUEST);
        wire.read_message().unwrap();
        assert_eq!(forwarded_for(&origin), expected);
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    let origin = Origin::named("served");
    let proxy = believing(&origin, &["127.0.0.1"]);
    for header in [V1.as_bytes().to_vec(), v2()] {
        let mut wire = proxy.connect();
        for byte in header {
            wire.send([byte]);
        }
        wire.send(REQUEST);
        assert_eq!(wire.read_message().unwrap().status(), 200);
        assert_ne!(forwarded_for(&origin), "127.0.0.1");
    }
}

#[test]
fn rules_see_the_client_and_not_the_balancer() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site {
        rule: proto::Matcher {
            matcher: Some(proto::matcher::Matcher::ClientIp(
                "203.0.113.0/24".to_owned(),
            )),
        },
        proxy_protocol: Some(proto::ProxyProtocol {
            insecure: true,
            trusted_ips: Vec::new(),
        }),
        ..Site::of(&[&origin])
    });
    assert_eq!(proxy.ask(&format!("{V1}{REQUEST}")).status(), 200);
    assert_eq!(proxy.ask(REQUEST).status(), 404);
}

#[test]
fn a_header_of_anybody_else_ends_the_connection() {
    let origin = Origin::named("served");
    let elsewhere = believing(&origin, &["127.0.0.9"]);
    let nobody = Proxy::start(Site::of(&[&origin]));
    for proxy in [&elsewhere, &nobody] {
        for header in [V1.as_bytes().to_vec(), v2()] {
            let mut wire = proxy.connect();
            let _ = wire.try_send([&header[..], REQUEST.as_bytes()].concat());
            assert!(wire.is_closed());
        }
        // Who sends none is served as who it is.
        assert_eq!(proxy.ask(REQUEST).status(), 200);
        assert_eq!(forwarded_for(&origin), "127.0.0.1");
    }
    let mut wire = Wire::connect_from(Ipv4Addr::new(127, 0, 0, 9), elsewhere.address);
    wire.send(format!("{V1}{REQUEST}"));
    assert_eq!(wire.read_message().unwrap().status(), 200);
    assert_eq!(forwarded_for(&origin), "203.0.113.7");
}

#[test]
fn a_malformed_header_ends_the_connection_and_a_second_one_too() {
    let origin = Origin::named("served");
    let proxy = believing(&origin, &["127.0.0.1"]);
    let mut unfinished = v2();
    unfinished.truncate(20);
    let mut endless = v2();
    endless[14] = 0xff;
    for bytes in [
        b"PROXY TCP4 203.0.113.7\r\n".to_vec(),
        format!("PROXY {}", "x".repeat(120)).into_bytes(),
        endless,
        [v2(), v2()].concat(),
        [V1.as_bytes(), V1.as_bytes()].concat(),
    ] {
        let mut wire = proxy.connect();
        let _ = wire.try_send([&bytes[..], REQUEST.as_bytes()].concat());
        assert!(wire.is_closed(), "{bytes:?}");
    }
    let mut wire = proxy.connect();
    wire.send(unfinished);
    wire.finish_sending();
    assert!(wire.is_closed());
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn half_a_header_waits_no_longer_than_a_request_head() {
    let origin = Origin::named("served");
    let timeouts = crate::Timeouts {
        head: std::time::Duration::from_secs(1),
        ..crate::Timeouts::default()
    };
    let config = Config {
        timeouts,
        ..Config::default()
    };
    let site = Site {
        proxy_protocol: Some(proto::ProxyProtocol {
            insecure: true,
            trusted_ips: Vec::new(),
        }),
        ..Site::of(&[&origin])
    };
    let proxy = Proxy::start_with(config, site);
    let mut wire = proxy.connect();
    wire.send("PROXY TCP4 203.");
    assert!(wire.is_closed());
}
