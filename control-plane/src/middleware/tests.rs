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
        ("headers.accesscontrolmaxage", "0", r#"{"headers":{"accessControlMaxAge":0}}"#, "headers"),
        ("headers.accesscontrolalloworiginlistregex", r"^a\.b$, c", r#"{"headers":{"accessControlAllowOriginListRegex":["^a\\.b$","c"]}}"#, "headers"),
        ("headers.sslproxyheaders.X-Forwarded-Proto", "https", r#"{"headers":{"sslProxyHeaders":{"X-Forwarded-Proto":"https"}}}"#, "headers"),
        ("headers.forcestsheader", "true", r#"{"headers":{"forceSTSHeader":true}}"#, "headers"),
        ("headers.custombrowserxssvalue", "0", r#"{"headers":{"customBrowserXSSValue":"0"}}"#, "headers"),
        ("redirectregex.regex", r"^http://(\d+)", r#"{"redirectRegex":{"regex":"^http://(\\d+)","replacement":""}}"#, "redirectregex"),
        ("basicauth.users", "a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", r#"{"basicAuth":{"users":["a:[redacted]"]}}"#, "basicauth"),
        ("basicauth.usersfile", "/users", r#"{"basicAuth":{"usersFile":"/users"}}"#, "basicauth"),
        ("contenttype", "true", r#"{"contentType":{}}"#, "contenttype"),
        ("contenttype.autodetect", "true", r#"{"contentType":{"autoDetect":true}}"#, "contenttype"),
        ("ipallowlist.sourcerange", "10.0.0.0/8, ::1", r#"{"ipAllowList":{"sourceRange":["10.0.0.0/8","::1"]}}"#, "ipallowlist"),
        ("ipwhitelist.sourcerange", "10.0.0.1", r#"{"ipWhiteList":{"sourceRange":["10.0.0.1"]}}"#, "ipwhitelist"),
        ("compress", "true", r#"{"compress":{"minResponseBodyBytes":1024,"encodings":["gzip","br","zstd"]}}"#, "compress"),
        ("compress.encodings", "zstd,br", r#"{"compress":{"minResponseBodyBytes":1024,"encodings":["zstd","br"]}}"#, "compress"),
        ("forwardauth.address", "http://a:81/v", r#"{"forwardAuth":{"address":"http://a:81/v"}}"#, "forwardauth"),
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
        ("digestauth.users", "a:b:c", "digestAuth is not available yet", "take the middleware out"),
        ("basicauth.users", "a", "user 1 of the list is not `name:hash`", "htpasswd"),
        ("basicauth.users", "a:b:c", "more than one colon", "htpasswd"),
        ("basicauth.users", "a:{SHA}x,", "user 2 of the list", "htpasswd"),
        ("basicauth.realm", "a", "lacks its users", "m.basicAuth.users=name:hash"),
        ("basicauth.headerfield", "a b", "name of a header", "X-User"),
        ("ipallowlist.sourcerange", "", "list of addresses is empty", "=10.0.0.0/8"),
        ("ipallowlist.sourcerange", "10.0.0.0/8,a.test", "`a.test` is neither", "10.0.0.0/8"),
        ("ipallowlist.ipstrategy.depth", "1", "list of addresses is empty", ""),
        ("ipwhitelist.rejectstatuscode", "404", "not an option", ""),
        ("redirectregex.replacement", "/", "lacks its expression", ""),
        ("redirectregex.regex", "(", "unclosed group", ""),
        ("compress.encodings", "gzip,deflate", "`deflate` is not a coding", "zstd"),
        ("compress.defaultencoding", "lz4", "`lz4` is not a coding", "zstd"),
        ("compress.minresponsebodybytes", "-1", "number of bytes", "1024"),
        ("compress.includedcontenttypes", "text/*", "not a media type", "text/css"),
        ("forwardauth.trustforwardheader", "true", "lacks its address", "=http://auth:4181"),
        ("forwardauth.address", "auth:4181", "does not start with http://", "http://auth"),
        ("forwardauth.tls.ca", "/ca.pem", "forwardAuth.tls.ca is not available yet", "trusts"),
        ("headers.stsseconds", "-1", "is -1, which is no time", "3600"),
        ("headers.accesscontrolmaxage", "-1", "is -1, which is no time", "3600"),
        ("headers.accesscontrolalloworiginlistregex", "(", "unclosed group", ""),
        ("headers.hostsproxyheaders", "X Host", "name of a header", ""),
        ("headers.sslproxyheaders.X Y", "a", "name of a header", ""),
        ("headers.permissionspolicy", "a\nb", "line break", ""),
        ("headers.allowedhosts", "a\nb", "line break", ""),
        ("headers.framedeny", "false", "sets no header", ""),
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
        ("basicauth.users", "ada:secret", "nobody can log in"),
        ("contenttype.autodetect", "false", "does nothing"),
        ("encodedcharacters.allowencodedslash", "true", "refuse %2F before"),
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

#[test]
fn strategies_are_read_in_full_and_told_where_they_have_no_effect() {
    const RANGE: (&str, &str) = ("ipallowlist.sourcerange", "10.0.0.0/8");
    const DEPTH: (&str, &str) = ("ipallowlist.ipstrategy.depth", "2");
    const EXCLUDED: (&str, &str) = ("ipallowlist.ipstrategy.excludedips", "10.0.0.1, ::1");
    const SUBNET: (&str, &str) = ("ipallowlist.ipstrategy.ipv6subnet", "64");
    #[rustfmt::skip]
    let rows = [
        (vec![RANGE, DEPTH, SUBNET], r#","ipStrategy":{"depth":2,"ipv6Subnet":64}"#, ""),
        (vec![RANGE, EXCLUDED], r#","ipStrategy":{"excludedIPs":["10.0.0.1","::1"]}"#, ""),
        (vec![RANGE, DEPTH, EXCLUDED], r#","ipStrategy":{"depth":2,"excludedIPs":["10.0.0.1","::1"]}"#, "beside a depth"),
        (vec![RANGE, SUBNET, EXCLUDED], r#","ipStrategy":{"excludedIPs":["10.0.0.1","::1"],"ipv6Subnet":64}"#, "beside excludedIPs"),
        (vec![RANGE, ("ipallowlist.ipstrategy", "true")], "", ""),
        (vec![RANGE, ("ipallowlist.ipstrategy.depth", "-1")], "", ""),
        (vec![RANGE, ("ipallowlist.ipstrategy", "false"), DEPTH], "", ""),
        (vec![RANGE, ("ipallowlist.rejectstatuscode", "404")], r#","rejectStatusCode":404"#, ""),
    ];
    for (options, json, remark) in rows {
        let (labels, diagnostics) = read(&options);
        let told: Vec<_> = diagnostics.iter().map(|told| &told.message).collect();
        assert_eq!(told.is_empty(), remark.is_empty(), "{told:?}");
        assert!(told.iter().all(|told| told.contains(remark)), "{told:?}");
        assert_eq!(
            serde_json::to_string(&labels.middlewares["m"]).unwrap(),
            format!(r#"{{"ipAllowList":{{"sourceRange":["10.0.0.0/8"]{json}}}}}"#)
        );
    }
    for wrong in [
        ("ipallowlist.ipstrategy.ipv6subnet", "0"),
        ("ipallowlist.ipstrategy.ipv6subnet", "129"),
        ("ipallowlist.ipstrategy.excludedips", "x"),
        ("ipallowlist.rejectstatuscode", "100"),
        ("ipallowlist.rejectstatuscode", "799"),
    ] {
        let (labels, diagnostics) = read(&[RANGE, wrong]);
        assert!(labels.middlewares.is_empty(), "{wrong:?}");
        assert_eq!(diagnostics[0].severity, Severity::Error);
    }
}

#[test]
fn fixed_values_give_way_to_those_written_out() {
    use fairway_proto::discovery::v1::middleware::Kind;
    let (labels, _) = read(&[
        ("headers.framedeny", "true"),
        ("headers.browserxssfilter", "true"),
        ("headers.custombrowserxssvalue", "0"),
    ]);
    let Some(Kind::Headers(headers)) = labels.middlewares["m"].encode().unwrap().kind else {
        panic!("no headers");
    };
    let security = headers.security.unwrap();
    assert_eq!(security.frame_options, "DENY");
    assert_eq!(security.xss_protection, "0");
    assert_eq!(headers.cors, None);
}
