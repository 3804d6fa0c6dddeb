//! Questions and what answers mean.

use super::*;
use crate::balance::Roster;
use crate::proxy::head::tests::head;

fn auth(change: impl FnOnce(&mut wire::ForwardAuth)) -> ForwardAuth {
    let mut spec = wire::ForwardAuth {
        scheme: wire::Scheme::Http.into(),
        address: "auth.test:80".to_owned(),
        host: "auth.test".to_owned(),
        target: "/a/verify?x=1".to_owned(),
        ..wire::ForwardAuth::default()
    };
    change(&mut spec);
    let mut roster = Roster::default();
    let usual = Arc::default();
    ForwardAuth::build("m@docker", &spec, &mut |server, of, it| {
        roster.enlist(server, of, it.unwrap_or(&usual), &Roster::default())
    })
    .unwrap()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_location_is_meant_as_seen_from_the_server_that_was_asked() {
    let asked = auth(|_| {});
    for (location, expected) in [
        ("https://x.test/", "https://x.test/"),
        ("//x.test/", "http://x.test/"),
        ("/login?a=b", "http://auth.test/login?a=b"),
        ("/x/../login", "http://auth.test/login"),
        ("login", "http://auth.test/a/login"),
        ("../login#top", "http://auth.test/login#top"),
        ("?a=b", "http://auth.test/a/verify?a=b"),
        ("", "http://auth.test/a/verify?x=1"),
    ] {
        let mut headers = map(&[("location", location)]);
        asked.deny(&mut headers);
        assert_eq!(headers.get(LOCATION).unwrap(), expected, "{location}");
    }
    let kept = auth(|spec| spec.preserve_location_header = true);
    let mut headers = map(&[("location", "/login")]);
    kept.deny(&mut headers);
    assert_eq!(headers.get(LOCATION).unwrap(), "/login");
}

#[test]
fn the_question_says_what_the_request_was() {
    let peer = HeaderValue::from_static("192.0.2.10");
    let mut request = head("shop.test", "/b?c=d");
    request.method = Method::POST;
    request.headers = map(&[
        ("host", "shop.test:81"),
        ("connection", "upgrade"),
        ("content-length", "9"),
        ("cookie", "a=b"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "10.0.0.1"),
    ]);
    let ask = |trust, listed: &[&str]| {
        let asked = auth(|spec| {
            spec.trust_forward_header = trust;
            spec.auth_request_headers = strings(listed);
        });
        asked.question(&request, &peer, 0)
    };
    let question = ask(None, &[]);
    assert_eq!(question.method, Method::GET);
    assert_eq!(question.target().unwrap(), "/a/verify?x=1");
    assert_eq!(question.host_header.as_ref().unwrap(), "auth.test");
    let own = [
        ("x-forwarded-host", "shop.test:81"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-uri", "/b?c=d"),
    ];
    let with = |more: &[(&'static str, &'static str)]| {
        let mut all = [&own[..], more].concat();
        all.sort_unstable();
        all
    };
    let (cookie, alone) = (("cookie", "a=b"), ("x-forwarded-for", "192.0.2.10"));
    let (real, port) = (("x-real-ip", "10.0.0.1"), ("x-forwarded-port", "81"));
    assert_eq!(lines(&question.headers), with(&[cookie, alone, real]));
    assert_eq!(lines(&ask(None, &["x-a"]).headers), with(&[alone]));
    assert_eq!(
        lines(&ask(Some(false), &[]).headers),
        with(&[cookie, alone, port])
    );
    let question = ask(Some(true), &["Cookie"]);
    let mut kept = with(&[cookie, ("x-forwarded-for", "10.0.0.1, 192.0.2.10"), real]);
    kept.retain(|(name, _)| *name != "x-forwarded-proto");
    kept.extend([("x-forwarded-port", "81"), ("x-forwarded-proto", "https")]);
    kept.sort_unstable();
    assert_eq!(lines(&question.headers), kept);
}

#[test]
fn headers_of_the_answer_replace_those_of_the_request() {
    let asked = auth(|spec| {
        spec.auth_response_headers = strings(&["X-User", "X-Gone", "Content-Length"]);
        spec.auth_response_headers_regex = "^X-Role".to_owned();
        spec.add_auth_cookies_to_response = strings(&["sid"]);
        spec.header_field = "X-User".to_owned();
    });
    let mut request = head("h", "/");
    request.headers = map(&[
        ("x-user", "liar"),
        ("x-gone", "liar"),
        ("x-role-old", "admin"),
        ("content-length", "3"),
        ("x-other", "mine"),
    ]);
    let answer = map(&[
        ("x-user", "ann"),
        ("x-role-a", "1"),
        ("x-role-a", "2"),
        ("content-length", "0"),
        ("x-other", "theirs"),
        ("set-cookie", "sid=1; Path=/"),
        ("set-cookie", "other=1"),
    ]);
    let permission = asked.grant(&answer, &mut request);
    let expected = [
        ("content-length", "3"),
        ("x-other", "mine"),
        ("x-role-a", "1"),
        ("x-role-a", "2"),
        ("x-user", "ann"),
    ];
    assert_eq!(lines(&request.headers), expected);
    assert_eq!(permission.user.as_deref(), Some("ann"));

    let mut answer = map(&[("set-cookie", "sid=old"), ("set-cookie", "lang=de")]);
    replace_cookies(&mut answer, permission.cookies);
    let expected = [("set-cookie", "lang=de"), ("set-cookie", "sid=1; Path=/")];
    assert_eq!(lines(&answer), expected);
}
