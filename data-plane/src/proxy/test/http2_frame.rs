//! HTTP/2 from clients who break its rules, frame by frame. Field by field, each
//! literal and without compression, so that nothing is put right on its way.

use std::time::Duration;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WHOLE: u8 = END_STREAM | END_HEADERS;

const GOOD: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "a.test"),
];

/// How the proxy takes something.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The stream was reset.
    Reset,
    /// The connection ended, with or without a word.
    Gone,
    Status(String),
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Literal fields, never indexed.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn request(fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, &block(fields))
}

/// A good request with these fields more.
fn with(fields: &[(&str, &str)]) -> Vec<u8> {
    request(&[&GOOD[..], fields].concat())
}

/// A good request with other values, or without the field where that is empty.
fn but(changes: &[(&str, &str)]) -> Vec<u8> {
    let fields = GOOD.map(|(name, value)| {
        let change = changes.iter().find(|(of, _)| *of == name);
        (name, change.map_or(value, |(_, value)| *value))
    });
    let kept: Vec<_> = fields
        .into_iter()
        .filter(|(_, value)| *value != "-")
        .collect();
    request(&kept)
}

/// Sends frames after the preface and waits for what becomes of stream 1.
fn outcome(proxy: &Proxy, frames: &[u8]) -> Outcome {
    let mut wire = proxy.connect();
    let start = [PREFACE, &frame(SETTINGS, 0, 0, b""), frames].concat();
    let _ = wire.try_send(start);
    loop {
        let Some(head) = wire.read_bytes(9) else {
            return Outcome::Gone;
        };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some(payload) = wire.read_bytes(length) else {
            return Outcome::Gone;
        };
        match head[3] {
            RST_STREAM => return Outcome::Reset,
            GOAWAY => return Outcome::Gone,
            HEADERS => return Outcome::Status(status(&payload)),
            _ => {}
        }
    }
}

/// hyper's encoder writes `:status` first: an index, or a literal of three digits.
fn status(block: &[u8]) -> String {
    match block[0] {
        0x88 => "200".to_owned(),
        0x8b => "304".to_owned(),
        0x8c => "400".to_owned(),
        0x8d => "404".to_owned(),
        0x8e => "500".to_owned(),
        _ => {
            // A literal with an indexed name; its value may be in Huffman's code.
            let value = &block[2..2 + usize::from(block[1] & 0x7f)];
            if block[1] & 0x80 == 0 {
                return String::from_utf8(value.to_vec()).unwrap();
            }
            format!("{value:x?}")
        }
    }
}

fn refused(found: &Outcome) -> bool {
    match found {
        Outcome::Reset | Outcome::Gone => true,
        Outcome::Status(status) => status == "400",
    }
}

#[test]
fn heads_that_break_the_rules_reach_no_server() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("upper case", with(&[("X-Upper", "v")])),
        ("path twice", with(&[(":path", "/admin")])),
        ("unknown pseudo-field", with(&[(":foo", "x")])),
        ("pseudo-field of a response", with(&[(":status", "200")])),
        (
            "pseudo-field after a field",
            request(&[GOOD[0], GOOD[1], GOOD[2], ("x", "y"), GOOD[3]]),
        ),
        ("no path", but(&[(":path", "-")])),
        ("no method", but(&[(":method", "-")])),
        ("no scheme", but(&[(":scheme", "-")])),
        ("empty path", but(&[(":path", "")])),
        ("relative path", but(&[(":path", "admin")])),
        ("path with a space", but(&[(":path", "/a b")])),
        ("path with a line end", but(&[(":path", "/a\r\nX: y")])),
        ("path with NUL", but(&[(":path", "/a\0")])),
        ("path that is a URL", but(&[(":path", "http://b.test/")])),
        (
            "line in the method",
            but(&[(":method", "GET /admin HTTP/1.1")]),
        ),
        ("empty method", but(&[(":method", "")])),
        ("foreign scheme", but(&[(":scheme", "ftp")])),
        (
            "scheme with a line",
            but(&[(":scheme", "http://b.test/\r\n")]),
        ),
        ("no authority", but(&[(":authority", "-")])),
        ("empty authority", but(&[(":authority", "")])),
        ("userinfo", but(&[(":authority", "user@a.test")])),
        (
            "authority with a line",
            but(&[(":authority", "a.test\r\nX: y")]),
        ),
        (
            "authority with a path",
            but(&[(":authority", "a.test/admin")]),
        ),
        (
            "authority with a bad port",
            but(&[(":authority", "a.test:99999")]),
        ),
        ("two hosts", with(&[("host", "a.test"), ("host", "b.test")])),
        ("host that is none", with(&[("host", "a b")])),
        ("NUL in a value", with(&[("x", "a\0b")])),
        ("line end in a value", with(&[("x", "a\r\nb: c")])),
        ("line end in a name", with(&[("x: a\r\ny", "b")])),
        ("space in a name", with(&[("x y", "b")])),
        ("colon in a name", with(&[("x:y", "b")])),
        ("empty name", with(&[("", "b")])),
        ("connection", with(&[("connection", "close")])),
        ("keep-alive", with(&[("keep-alive", "5")])),
        ("proxy-connection", with(&[("proxy-connection", "x")])),
        (
            "transfer-encoding",
            with(&[("transfer-encoding", "chunked")]),
        ),
        ("upgrade", with(&[("upgrade", "h2c")])),
        ("te", with(&[("te", "gzip")])),
        ("length without a body", with(&[("content-length", "5")])),
        ("length with a sign", with(&[("content-length", "+5")])),
        (
            "length that is too long",
            with(&[("content-length", "99999999999999999999")]),
        ),
        (
            "two lengths",
            with(&[("content-length", "5"), ("content-length", "6")]),
        ),
    ];
    for (what, frames) in cases {
        let found = outcome(&proxy, &frames);
        assert!(refused(&found), "{what}: {found:?}");
        assert_eq!(origin.requests().len(), 0, "{what}");
    }
    assert_eq!(proxy.get("/").status(), 200);
}

#[test]
fn frames_that_break_the_rules_end_the_connection() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let good = block(&GOOD);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("even stream", frame(HEADERS, WHOLE, 2, &good)),
        ("stream 0", frame(HEADERS, WHOLE, 0, &good)),
        ("data of no stream", frame(DATA, 0, 1, b"x")),
        ("data of stream 0", frame(DATA, 0, 0, b"x")),
        ("frame too large", frame(DATA, 0, 1, &[b'a'; 20_000])),
        ("index 0", frame(HEADERS, WHOLE, 1, &[0x80])),
        (
            "index out of the table",
            frame(HEADERS, WHOLE, 1, &[0xff, 0x80, 0x01]),
        ),
        ("endless number", frame(HEADERS, WHOLE, 1, &[0xff; 20])),
        (
            "bad Huffman code",
            frame(HEADERS, WHOLE, 1, &[0, 0x81, 0xff, 1, b'a']),
        ),
        (
            "table larger than allowed",
            frame(HEADERS, WHOLE, 1, &[0x3f, 0xe1, 0xff, 0x03]),
        ),
        (
            "settings of five bytes",
            frame(SETTINGS, 0, 0, &[0, 0, 0, 0, 1]),
        ),
        ("settings of a stream", frame(SETTINGS, 0, 1, b"")),
        (
            "acknowledgement with a payload",
            frame(SETTINGS, 1, 0, &[0; 6]),
        ),
        (
            "window too large",
            frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
        ),
        (
            "frame size too small",
            frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]),
        ),
        (
            "push of a client",
            frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]),
        ),
        (
            "continuation of nothing",
            frame(CONTINUATION, END_HEADERS, 1, &good),
        ),
        (
            "padding longer than the frame",
            frame(DATA, PADDED, 1, &[9, 0]),
        ),
        (
            "window update of nothing",
            frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        ),
        (
            "window update too short",
            frame(WINDOW_UPDATE, 0, 0, &[0; 3]),
        ),
        ("ping of a stream", frame(6, 0, 1, &[0; 8])),
        ("ping of seven bytes", frame(6, 0, 0, &[0; 7])),
        (
            "headers in headers",
            [
                frame(HEADERS, END_STREAM, 1, &good),
                frame(HEADERS, WHOLE, 3, &good),
            ]
            .concat(),
        ),
        ("no preface", b"GET / HTTP/1.1\r\n".to_vec()),
    ];
    for (what, frames) in cases {
        assert_eq!(outcome(&proxy, &frames), Outcome::Gone, "{what}");
        assert_eq!(origin.requests().len(), 0, "{what}");
    }
    assert_eq!(proxy.get("/").status(), 200);
}

#[test]
fn a_body_that_is_not_what_its_head_says_is_never_a_whole_request() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    let smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    // Without a length only the last frame says that all was said.
    let open = frame(
        HEADERS,
        END_HEADERS,
        1,
        &block(&[&[(":method", "POST")], &GOOD[1..]].concat()),
    );
    let post = |length: &'static str| {
        let fields = [
            &[(":method", "POST")],
            &GOOD[1..],
            &[("content-length", length)],
        ]
        .concat();
        frame(HEADERS, END_HEADERS, 1, &block(&fields))
    };
    for (what, frames) in [
        (
            "longer",
            [post("0"), frame(DATA, END_STREAM, 1, smuggled)].concat(),
        ),
        (
            "shorter",
            [post("50"), frame(DATA, END_STREAM, 1, smuggled)].concat(),
        ),
        (
            "trailers without an end",
            [
                open.clone(),
                frame(DATA, 0, 1, b"hello"),
                frame(HEADERS, END_HEADERS, 1, &block(&[("x", "y")])),
            ]
            .concat(),
        ),
    ] {
        let found = outcome(&proxy, &frames);
        assert!(refused(&found), "{what}: {found:?}");
        // What went on to the server has reached it by then.
        proxy.connect().is_silent(Duration::from_millis(50));
        for seen in origin.requests() {
            assert!(!seen.complete, "{what}: {seen:?}");
            assert!(!seen.line().contains("smuggled"), "{what}: {seen:?}");
        }
    }
    assert_eq!(proxy.get("/").body, "served");
    assert_eq!(origin.request().line(), "GET / HTTP/1.1");
}

#[test]
fn what_may_differ_is_served_in_one_form() {
    let origin = Origin::named("served");
    let proxy = Proxy::start(Site::of(&[&origin]));
    for (what, frames) in [
        ("another host", with(&[("host", "b.test")])),
        (
            "only a host",
            request(&[GOOD[0], GOOD[1], GOOD[2], ("host", "a.test")]),
        ),
        ("spaces around a value", with(&[("x", " lead and trail ")])),
        (
            "an upgrade of HTTP/1 behind a scheme of TLS",
            but(&[(":scheme", "https")]),
        ),
        (
            "an unknown frame",
            [frame(0x7f, 0xff, 1, b"what"), with(&[])].concat(),
        ),
        (
            "unknown settings",
            [frame(SETTINGS, 0, 0, &[0x7f, 0, 0, 0, 0, 1]), with(&[])].concat(),
        ),
        (
            "pseudo-fields behind a body, which hyper drops and nobody sees",
            [
                frame(HEADERS, END_HEADERS, 1, &block(&GOOD)),
                frame(DATA, 0, 1, b"hello"),
                frame(HEADERS, WHOLE, 1, &block(&[(":path", "/smuggled")])),
            ]
            .concat(),
        ),
        ("padding", {
            let padded = [&[4][..], &block(&GOOD), &[0; 4]].concat();
            frame(HEADERS, WHOLE | PADDED, 1, &padded)
        }),
        ("a head in pieces", {
            let block = block(&GOOD);
            [
                frame(HEADERS, END_STREAM, 1, &block[..5]),
                frame(CONTINUATION, 0, 1, &block[5..6]),
                frame(CONTINUATION, END_HEADERS, 1, &block[6..]),
            ]
            .concat()
        }),
    ] {
        let found = outcome(&proxy, &frames);
        if found != Outcome::Status("200".to_owned()) {
            assert!(
                what == "spaces around a value" && refused(&found),
                "{what}: {found:?}"
            );
            assert_eq!(origin.requests().len(), 0);
            continue;
        }
        let seen = origin.request();
        assert_eq!(
            (seen.line(), seen.header("host")),
            ("GET / HTTP/1.1", Some("a.test")),
            "{what}"
        );
    }
}
