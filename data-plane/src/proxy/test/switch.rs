//! Protocol switches: WebSocket and others.

use super::*;

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n";
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

#[test]
fn a_switch_joins_the_sockets_and_early_bytes_of_both_sides_come_first() {
    let origin = Origin::scripted(|_, mut wire| {
        let head = wire.read_head().unwrap().to_ascii_lowercase();
        assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        assert!(head.contains("\r\nx-forwarded-proto: ws\r\n"), "{head}");
        wire.send(format!("{ACCEPTED}first"));
        assert_eq!(wire.read_exact(5).as_deref(), Some("early"));
        wire.send("heard");
        assert_eq!(wire.read_exact(4).as_deref(), Some("more"));
        assert!(wire.is_closed());
        wire.send("bye");
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(format!("{HANDSHAKE}early"));
    let answer = wire.read_message().unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert!(
        answer
            .header("connection")
            .unwrap()
            .eq_ignore_ascii_case("upgrade")
    );
    assert!(answer.header("sec-websocket-accept").is_some());
    assert_eq!(wire.read_exact(10).as_deref(), Some("firstheard"));
    wire.send("more");
    wire.finish_sending();
    assert_eq!(wire.read_to_end(), "bye");
}

#[test]
fn nothing_is_forwarded_before_the_server_has_switched() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.read_head().unwrap();
        assert!(
            wire.is_silent(std::time::Duration::from_millis(100)),
            "bytes before 101"
        );
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(
            wire.read_message().map(|request| request.line().to_owned()),
            None
        );
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(format!("{HANDSHAKE}\u{1}\u{2}not http"));
    let answer = wire.read_message().unwrap();
    assert_eq!((answer.status(), answer.body.as_str()), (403, "no"));
}

#[test]
fn a_refused_switch_passes_through_and_early_bytes_are_no_request() {
    let origin = Origin::answering(|_| {
        "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno".to_owned()
    });
    let proxy = Proxy::start(Site::of(&[&origin]));
    let mut wire = proxy.connect();
    wire.send(format!(
        "{HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
    ));
    let answer = wire.read_message().unwrap();
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (426, Some("close"))
    );
    assert!(wire.is_closed());
    assert_eq!(origin.request().line(), "GET /ws HTTP/1.1");
}

#[test]
fn a_switch_nobody_asked_for_is_502() {
    for upgrade in ["", "Connection: Upgrade\r\nUpgrade: other\r\n"] {
        let origin = Origin::scripted(|_, mut wire| {
            wire.read_head();
            wire.send(ACCEPTED);
            wire.is_closed();
        });
        let proxy = Proxy::start(Site::of(&[&origin]));
        let answer = proxy.ask(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{upgrade}\r\n"));
        assert_eq!(answer.status(), 502, "{upgrade}");
    }
}

#[test]
fn http_2_is_never_switched_to() {
    let origin = Origin::named("plain");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let answer = proxy.ask(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    assert_eq!((answer.status(), answer.body.as_str()), (200, "plain"));
    let request = origin.request();
    assert!(request.header("upgrade").is_none() && request.header("http2-settings").is_none());
}
