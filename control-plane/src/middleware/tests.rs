//! Middlewares, read from labels.

use std::collections::BTreeMap;

use crate::label::{Labels, decode};
use crate::model::{Diagnostic, ObjectId, Severity};

fn read(options: &[(&str, &str)]) -> (Labels, Vec<Diagnostic>) {
    let labels: BTreeMap<_, _> = options
        .iter()
        .map(|(option, value)| {
            (
                format!("traefik.http.middlewares.m.{option}"),
                (*value).to_owned(),
            )
        })
        .collect();
    decode("shop-web-1", &labels)
}

#[test]
fn middlewares_are_read_and_shown_as_the_api_shows_them() {
    #[rustfmt::skip]
    let rows = [
        ("addprefix.prefix", "/api", r#"{"addPrefix":{"prefix":"/api"}}"#, "addprefix"),
        ("stripprefix.prefixes", "/a, /b", r#"{"stripPrefix":{"prefixes":["/a","/b"]}}"#, "stripprefix"),
        ("stripPrefixRegex.regex", r"^/\d", r#"{"stripPrefixRegex":{"regex":["^/\\d"]}}"#, "stripprefixregex"),
        ("replacepath.path", "/", r#"{"replacePath":{"path":"/"}}"#, "replacepath"),
        ("replacepath.path", "", r#"{"replacePath":{"path":"/"}}"#, "replacepath"),
        ("replacepathregex.regex", " ^/a ", r#"{"replacePathRegex":{"regex":"^/a","replacement":""}}"#, "replacepathregex"),
        ("redirectscheme.scheme", "https", r#"{"redirectScheme":{"scheme":"https"}}"#, "redirectscheme"),
        ("headers.customresponseheaders.Server", "", r#"{"headers":{"customResponseHeaders":{"Server":""}}}"#, "headers"),
        ("chain.middlewares", "a,b@file", r#"{"chain":{"middlewares":["a","b@file"]}}"#, "chain"),
    ];
    for (option, value, json, type_name) in rows {
        let (labels, diagnostics) = read(&[(option, value)]);
        assert_eq!(diagnostics, [], "{option}");
        let middleware = &labels.middlewares["m"];
        assert_eq!(serde_json::to_string(middleware).unwrap(), json);
        assert_eq!(middleware.type_name(), type_name);
        assert_eq!(middleware.encode().is_none(), type_name == "chain");
    }
}

#[test]
fn a_middleware_that_cannot_do_all_it_is_told_is_rejected() {
    #[rustfmt::skip]
    let rows = [
        ("basicauth.users", "a:b", "basicAuth is not available yet", "take the middleware out"),
        ("ipallowlist.sourcerange", "10.0.0.0/8", "not available yet", ""),
        ("compress", "true", "compress is not available yet", ""),
        ("headers.stsseconds", "1", "headers.stsSeconds is not available yet", ""),
        ("headers.accesscontrolalloworiginlist", "*", "not available yet", ""),
        ("ratelimit.sourcecriterion.ipstrategy.depth", "1", "rateLimit is not", ""),
        ("basicauth.uesrs", "a:b", "not an option", "m.basicAuth.users?"),
        ("plugin.x.y.z", "a", "programs for Traefik", ""),
        ("addprefix.prefix", "", "lacks its prefix", "m.addPrefix.prefix=/api"),
        ("addprefix", "/a", "cannot stand alone", "m.addPrefix.prefix=…"),
        ("prefix", "/a", "not an option", "m.addPrefix.prefix?"),
        ("stripprefixes", "/a", "not an option", "m.stripPrefix?"),
        ("stripprefixregex.regex", "^/(a,b)", "cannot be used", "comma"),
        ("replacepath.path", "a", "does not start", "m.replacePath.path=/a"),
        ("replacepath.path", "/%zz", "hexadecimal", "%25"),
        ("replacepathregex.replacement", "/", "lacks its expression", ""),
        ("replacepathregex.regex", "(", "unclosed group", ""),
        ("redirectscheme.permanent", "true", "lacks its scheme", "=https"),
        ("redirectscheme.scheme", "https://", "`https://` is not a scheme", ""),
        ("headers.customrequestheaders.X Y", "a", "name of a header", "X-Env"),
        ("headers.customrequestheaders.X", "a\nb", "line break", ""),
        ("headers.customrequestheaders", "a", "lacks the key", ".<key>=…"),
        ("headers.customrequestheaders.X.Y", "a", "dots", ""),
        ("chain.middlewares", "", "lacks its middlewares", ""),
        ("chain.middlewares[0]", "a", "takes no index", ""),
        ("compress", "false", "has no kind", ""),
    ];
    for (option, value, message, suggestion) in rows {
        let (labels, diagnostics) = read(&[(option, value)]);
        let told = diagnostics.iter().any(|told| {
            told.severity == Severity::Error
                && told.message.contains(message)
                && told.suggestion.contains(suggestion)
        });
        assert!(told, "{option}: {diagnostics:#?}");
        assert!(labels.middlewares.is_empty());
        assert!(labels.rejected.contains_key(&ObjectId::middleware("m")));
    }
}

#[test]
fn two_kinds_under_one_name_are_rejected() {
    let (labels, diagnostics) = read(&[("addprefix.prefix", "/a"), ("chain.middlewares", "a")]);
    assert!(
        diagnostics[0].message.contains("both addPrefix and chain"),
        "{diagnostics:?}"
    );
    assert!(labels.middlewares.is_empty());
}

#[test]
fn a_doubtful_middleware_is_served_with_a_warning() {
    #[rustfmt::skip]
    let rows = [
        ("stripprefix.prefixes", "", "does nothing"),
        ("stripprefix.prefixes", "api", "fits no path"),
        ("stripprefixregex.regex", "^/v{1,2}", "whole expression"),
        ("headers.sslredirect", "true", "as in Traefik v3"),
    ];
    for (option, value, message) in rows {
        let (labels, diagnostics) = read(&[(option, value)]);
        assert_eq!(diagnostics[0].severity, Severity::Warning);
        assert!(diagnostics[0].message.contains(message), "{diagnostics:?}");
        assert_eq!(labels.middlewares.len(), 1);
    }
    let (labels, diagnostics) = read(&[
        ("replacepathregex.regex", "^/a/(.*)"),
        ("replacepathregex.replacement", "/b/$1x"),
    ]);
    assert!(
        diagnostics[0].message.contains("${1x} names no group"),
        "{diagnostics:?}"
    );
    assert_eq!(labels.middlewares.len(), 1);
}
