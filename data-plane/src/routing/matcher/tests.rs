use super::super::fixture::*;
use super::*;
use crate::proxy::head::tests::head;

fn matches(rule: wire::Matcher, head: &Head) -> bool {
    compiled(rule).matches(Subject {
        head,
        path: &head.routing_path(),
    })
}

#[test]
fn hosts_match_without_case_port_or_trailing_dot() {
    for (rule, request, expected) in [
        ("example.com", "example.com", true),
        ("example.com", "EXAMPLE.COM:8080", true),
        ("example.com", "example.com.", true),
        ("example.com.", "example.com", true),
        ("example.com.", "example.com.", true),
        ("EXAMPLE.com", "example.com", true),
        ("example.com", "example.org", false),
        ("example.com", "a.example.com", false),
        ("example.com:8080", "example.com:8080", false),
        ("10::10", "[10::10]", true),
        ("[10::10]", "[10::10]", false),
        ("example.com", "", false),
        ("", "", false),
        (".", "", false),
    ] {
        assert_eq!(
            matches(host(rule), &head(request, "/")),
            expected,
            "{rule} {request}"
        );
    }
}

#[test]
fn a_wildcard_stands_for_exactly_one_label() {
    for (rule, request, expected) in [
        ("*", "a.example.com", true),
        ("*", "localhost", true),
        ("*", "", true),
        ("*.example.com", "TEST.Example.com:8443", true),
        ("*.example.com", "test.example.com.", true),
        ("*.example.com.", "test.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "test.otherexample.com", false),
        ("*.example.com", "", false),
        ("*foo.example.com", "afoo.example.com", false),
        ("a.*.com", "a.b.com", false),
        ("*.", "localhost", true),
        ("*.", "a.b", false),
        ("*.", "", false),
    ] {
        assert_eq!(
            matches(host(rule), &head(request, "/")),
            expected,
            "{rule} {request}"
        );
    }
}

#[test]
fn a_host_pattern_that_can_be_empty_matches_every_host() {
    for (pattern, request, expected) in [
        (r"^[a-zA-Z-]+\.com$", "example.com", true),
        (r"(?i)^EXAMPLE\.com$", "example.com", true),
        ("ample", "example.com", true),
        ("^ample", "example.com", false),
        ("^[a-z]+$", "example.com", false),
        ("^[a-z]*$", "example.com", true),
        ("^[a-z]*$", "", true),
        ("^[a-z]+$", "", false),
    ] {
        assert_eq!(
            matches(host_regexp(pattern), &head(request, "/")),
            expected,
            "{pattern}"
        );
    }
}

#[test]
fn paths_are_compared_in_their_routing_form() {
    for (rule, target, expected) in [
        (path("/css"), "/css?x=1", true),
        (path("/css"), "/css/", false),
        (path("/css"), "/CSS", false),
        (path("/api/flats/"), "/api/x/../flats/", true),
        (path("/api/flats/"), "/api/flats/.", false),
        (path("/foo bar"), "/foo%20bar", true),
        (path("/foo%20bar"), "/foo%20bar", false),
        (path("/a-b"), "/a%2Db", true),
        (path("/a+b"), "/a%2Bb", false),
        (path("/a%2Bb"), "/a%2bb", true),
        (path("/a;b"), "/a;b", true),
        (path_prefix("/products"), "/products", true),
        (path_prefix("/products"), "/products-for-sale", true),
        (path_prefix("/products"), "/product", false),
        (path_prefix("/foo"), "/foo/%2E%2E/bar", false),
        (path_prefix("/bar"), "/foo/%2E%2E/bar", true),
        (path_regexp("^/(css|js)"), "/js/", true),
        (path_regexp("^/(css|js)"), "/html", false),
        (path_regexp("/css"), "/static/css/a", true),
    ] {
        assert_eq!(
            matches(rule.clone(), &head("h", target)),
            expected,
            "{rule:?} {target}"
        );
    }
}

#[test]
fn methods_are_compared_as_sent() {
    for (sent, expected) in [("GET", true), ("HEAD", false), ("get", false)] {
        let mut head = head("h", "/");
        head.method = sent.parse().unwrap();
        assert_eq!(matches(method("GET"), &head), expected, "{sent}");
    }
}

#[test]
fn one_header_line_has_to_match_and_the_host_is_no_header() {
    let mut head = head("example.com", "/");
    for (name, value) in [
        ("host", "example.com"),
        ("x-env", "test"),
        ("x-env", "prod"),
        ("x-list", "a, b"),
    ] {
        head.headers.append(name, value.parse().unwrap());
    }
    for (rule, expected) in [
        (header("X-Env", "prod"), true),
        (header("x-env", "PROD"), false),
        (header("X-List", "a"), false),
        (header("X-None", ""), false),
        (header("Host", "example.com"), false),
        (header_regexp("Host", "."), false),
        (header_regexp("x-env", "^p"), true),
        (header_regexp("x-env", "^x"), false),
    ] {
        assert_eq!(matches(rule.clone(), &head), expected, "{rule:?}");
    }
}

#[test]
fn query_parameters_are_decoded_and_any_occurrence_counts() {
    for (rule, target, expected) in [
        (query("q", "traefik"), "/?rel=ddg&q=traefik", true),
        (query("q", "traefik"), "/?q=TRAEFIK", false),
        (query("q", "traefik"), "/?q=tr%61efik", true),
        (query("q", "traefik"), "/?a=1;q=traefik", true),
        (query("q", "a b"), "/?q=a+b", true),
        (query("mobile", ""), "/?mobile", true),
        (query("mobile", ""), "/?mobile=", true),
        (query("mobile", ""), "/?mobile=true", false),
        (query("mobile", ""), "/", false),
        (query("mobile=true", ""), "/?mobile=true", false),
        (
            query_regexp("q", "^(traefik|nginx)$"),
            "/?q=proxy&q=nginx",
            true,
        ),
        (query_regexp("q", "^(traefik|nginx)$"), "/?q=NGINX", false),
        (query_regexp("q", ".*"), "/?r=1", false),
        (query_regexp("mobile", ""), "/?mobile", true),
        (query_regexp("mobile", ""), "/?mobile=1", false),
    ] {
        assert_eq!(
            matches(rule.clone(), &head("h", target)),
            expected,
            "{rule:?} {target}"
        );
    }
}

#[test]
fn the_client_is_the_peer() {
    for (rule, peer, expected) in [
        ("192.168.1.7/24", "192.168.1.200", true),
        ("192.168.1.0/24", "192.168.2.1", false),
        ("10.0.0.1", "::ffff:10.0.0.1", true),
    ] {
        let mut head = head("h", "/");
        head.peer = peer.parse().unwrap();
        assert_eq!(matches(client_ip(rule), &head), expected, "{rule} {peer}");
    }
}

#[test]
fn operators_combine() {
    let head = head("example.org", "/css");
    for (rule, expected) in [
        (and([]), true),
        (or([]), false),
        (and([host("example.org"), path("/css")]), true),
        (and([host("example.org"), path("/js")]), false),
        (or([host("example.com"), path("/css")]), true),
        (not(host("example.com")), true),
        (not(or([host("example.com"), path("/css")])), false),
    ] {
        assert_eq!(matches(rule.clone(), &head), expected, "{rule:?}");
    }
}

#[test]
fn a_rule_that_cannot_be_compiled_says_why() {
    for (rule, expected) in [
        (
            wire::Matcher::default(),
            "the rule uses a matcher that this proxy does not know",
        ),
        (
            and([not(wire::Matcher::default())]),
            "the rule uses a matcher that this proxy does not know",
        ),
        (
            path_regexp("(a"),
            "the regular expression `(a` does not compile: unclosed group",
        ),
        (header("a b", "c"), "`a b` is not the name of a header"),
        (
            client_ip("here"),
            "`here` is neither an IP address nor a CIDR block",
        ),
    ] {
        assert_eq!(Matcher::compile(&rule).unwrap_err().to_string(), expected);
    }
}
