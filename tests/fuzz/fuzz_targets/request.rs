//! Any bytes as a request: refused, or forwarded in a form that another parser reads as
//! one request, with the same body, however the bytes arrive.

#![no_main]

use fairway_proxy::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let forwarded = fuzz::request(bytes, bytes.len());
    let piece = 1 + bytes.last().map_or(0, |byte| usize::from(byte % 16));
    let in_pieces = fuzz::request(bytes, piece);
    assert_eq!(forwarded, in_pieces, "in pieces of {piece}");
    let Some(forwarded) = forwarded else {
        return;
    };
    assert!(bytes.ends_with(&forwarded.rest));
    let text: String = forwarded.head.iter().copied().map(char::from).collect();
    assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text}");
    let mut lines = [httparse::EMPTY_HEADER; 200];
    let mut parsed = httparse::Request::new(&mut lines);
    let end = parsed.parse(&forwarded.head).unwrap();
    assert_eq!(end, httparse::Status::Complete(forwarded.head.len()));
    assert_eq!(parsed.version, Some(1));
    let target = parsed.path.unwrap();
    assert!(target.starts_with('/'), "{target}");
    let path = target.split('?').next().unwrap();
    let normal = fuzz::path(path).map(|(path, _)| path);
    assert_eq!(normal.as_deref(), Some(path));
    let count = |name: &str| {
        let same = |line: &&httparse::Header<'_>| line.name.eq_ignore_ascii_case(name);
        parsed.headers.iter().filter(same).count()
    };
    assert_eq!(count("host"), 1);
    assert_eq!(count("x-forwarded-for"), 1);
    assert!(count("content-length") + count("transfer-encoding") <= 1);
    for name in ["keep-alive", "proxy", "proxy-connection", "forwarded", "trailer"] {
        assert_eq!(count(name), 0, "{name}");
    }
    assert!(parsed.headers.iter().all(|line| !line.name.contains('_')));
});
