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
        ("digestauth.users", "a:traefik:a2688e031edb4be6a3797f3882655c05", r#"{"digestAuth":{"users":["a:traefik:[redacted]"]}}"#, "digestauth"),
        ("digestauth.usersfile", "/users", r#"{"digestAuth":{"usersFile":"/users"}}"#, "digestauth"),
        ("contenttype", "true", r#"{"contentType":{}}"#, "contenttype"),
        ("contenttype.autodetect", "true", r#"{"contentType":{"autoDetect":true}}"#, "contenttype"),
        ("ipallowlist.sourcerange", "10.0.0.0/8, ::1", r#"{"ipAllowList":{"sourceRange":["10.0.0.0/8","::1"]}}"#, "ipallowlist"),
        ("ipwhitelist.sourcerange", "10.0.0.1", r#"{"ipWhiteList":{"sourceRange":["10.0.0.1"]}}"#, "ipwhitelist"),
        ("compress", "true", r#"{"compress":{"minResponseBodyBytes":1024,"encodings":["gzip","br","zstd"]}}"#, "compress"),
        ("compress.encodings", "zstd,br", r#"{"compress":{"minResponseBodyBytes":1024,"encodings":["zstd","br"]}}"#, "compress"),
        ("forwardauth.address", "http://a:81/v", r#"{"forwardAuth":{"address":"http://a:81/v"}}"#, "forwardauth"),
        ("grpcweb.alloworigins", "*", r#"{"grpcWeb":{"allowOrigins":["*"]}}"#, "grpcweb"),
        ("ratelimit.average", "100", r#"{"rateLimit":{"average":100,"period":"1s","burst":1}}"#, "ratelimit"),
        ("inflightreq.amount", "10", r#"{"inFlightReq":{"amount":10}}"#, "inflightreq"),
        ("errors.service", "pages", r#"{"errors":{"service":"pages"}}"#, "errors"),
        ("buffering.maxrequestbodybytes", "10", r#"{"buffering":{"maxRequestBodyBytes":10}}"#, "buffering"),
        ("circuitbreaker.expression", "NetworkErrorRatio() > 0.5", r#"{"circuitBreaker":{"expression":"NetworkErrorRatio() > 0.5","checkPeriod":"100ms","fallbackDuration":"10s","recoveryDuration":"10s","responseCode":503}}"#, "circuitbreaker"),
        ("retry.attempts", "3", r#"{"retry":{"attempts":3}}"#, "retry"),
        ("chain.middlewares", "a,b@file", r#"{"chain":{"middlewares":["a","b@file"]}}"#, "chain"),
    ];
    for (option, value, json, type_name) in rows {
        let (labels, diagnostics) = read(&[(option, value)]);
        let errors = diagnostics
            .iter()
            .filter(|it| it.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{option}");
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
        ("digestauth.users", "a:b:c", "hash that is not 32 hexadecimal digits", "htdigest"),
        ("digestauth.users", "a:b", "user 1 of the list is not `name:realm:hash`", "htdigest"),
        ("digestauth.users", "a:b:a2688e031edb4be6a3797f3882655c05", "no user is of the realm traefik", "htdigest"),
        ("digestauth.realm", "a", "lacks its users", "m.digestAuth.users=name:realm:hash"),
        ("digestauth.headerfield", "a b", "name of a header", "X-User"),
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
        ("forwardauth.tls.ca", "/ca.pem", "lacks its address", "=http://auth:4181"),
        ("headers.stsseconds", "-1", "is -1, which is no time", "3600"),
        ("headers.accesscontrolmaxage", "-1", "is -1, which is no time", "3600"),
        ("headers.accesscontrolalloworiginlistregex", "(", "unclosed group", ""),
        ("headers.hostsproxyheaders", "X Host", "name of a header", ""),
        ("headers.sslproxyheaders.X Y", "a", "name of a header", ""),
        ("headers.permissionspolicy", "a\nb", "line break", ""),
        ("headers.allowedhosts", "a\nb", "line break", ""),
        ("headers.framedeny", "false", "sets no header", ""),
        ("ratelimit.average", "-1", "less than none", "100"),
        ("ratelimit.average", "many", "not a whole number", ""),
        ("ratelimit.period", "-1s", "period is less than no time", "300ms"),
        ("ratelimit.period", "soon", "not a duration", ""),
        ("ratelimit.sourcecriterion.requestheadername", "X Key", "name of a header", "X-Api-Key"),
        ("ratelimit.sourcecriterion.ipstrategy.ipv6subnet", "129", "no subnet of 129 bits", "64"),
        ("ratelimit.sourcecriterion.requesthots", "true", "not an option", "requestHost"),
        ("inflightreq.amount", "0", "with an amount of 0 no request passes", "m.inFlightReq.amount=10"),
        ("inflightreq.sourcecriterion.requesthost", "true", "lacks its amount", "m.inFlightReq.amount=10"),
        ("errors.status", "500-599", "lacks its service", "m.errors.service=error-pages"),
        ("errors.status", "5xx", "`5xx` is neither a status", "500-599"),
        ("errors.statusrewrites.5xx", "404", "`5xx` is neither a status", ""),
        ("errors.statusrewrites.500", "99", "`99` is not the status of an answer", ""),
        ("errors.query", "/a b", "not the path of a page", "{status}"),
        ("errors.errorrequestheaders", "X A", "name of a header", ""),
        ("circuitbreaker.checkperiod", "1s", "lacks its expression", "NetworkErrorRatio() > 0.5"),
        ("circuitbreaker.expression", "NetworkErorRatio() > 1", "no function NetworkErorRatio", "NetworkErrorRatio?"),
        ("circuitbreaker.fallbackduration", "-1s", "less than no time", ""),
        ("circuitbreaker.responsecode", "100", "not the status of an answer", "503"),
        ("buffering.retryexpression", "ResponseCode()", "a comparison was expected", "IsNetworkError()"),
        ("buffering.maxrequestbodybytes", "1MB", "not a whole number", ""),
        ("retry.initialinterval", "1s", "lacks its attempts", "m.retry.attempts=3"),
        ("retry.attempts", "0", "with 0 attempts", "m.retry.attempts=3"),
        ("retry.disableretryonnetworkerror", "true", "nothing is left to try again for", "m.retry.status=503"),
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
        ("ratelimit.average", "0", "nothing is limited"),
        ("buffering.memrequestbodybytes", "1", "kept in memory"),
        ("retry.attempts", "1", "nothing is tried again"),
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
fn sources_are_read_in_full_and_there_is_only_one() {
    use fairway_proto::discovery::v1::middleware::Kind;
    use fairway_proto::discovery::v1::source_criterion::Source;
    const AMOUNT: (&str, &str) = ("inflightreq.amount", "5");
    let of = |option: &str| format!("inflightreq.sourcecriterion.{option}");
    #[rustfmt::skip]
    let rows = [
        (vec![], "", "host"),
        (vec![("requesthost", "true")], r#","sourceCriterion":{"requestHost":true}"#, "host"),
        (vec![("requesthost", "false")], "", "host"),
        (vec![("ipstrategy", "true")], r#","sourceCriterion":{"ipStrategy":{}}"#, "address"),
        (vec![("ipstrategy", "false")], "", "host"),
        (vec![("ipstrategy.depth", "2")], r#","sourceCriterion":{"ipStrategy":{"depth":2}}"#, "address"),
        (vec![("requestheadername", "X-Key")], r#","sourceCriterion":{"requestHeaderName":"X-Key"}"#, "header"),
        (vec![("requestheadername", "X-Key"), ("requesthost", "false")], r#","sourceCriterion":{"requestHeaderName":"X-Key"}"#, "header"),
    ];
    for (options, json, source) in rows {
        let options: Vec<_> = options.iter().map(|(it, value)| (of(it), *value)).collect();
        let mut all = vec![AMOUNT];
        all.extend(
            options
                .iter()
                .map(|(option, value)| (option.as_str(), *value)),
        );
        let (labels, diagnostics) = read(&all);
        assert_eq!(diagnostics, [], "{all:?}");
        let middleware = &labels.middlewares["m"];
        let expected = format!(r#"{{"inFlightReq":{{"amount":5{json}}}}}"#);
        assert_eq!(serde_json::to_string(middleware).unwrap(), expected);
        let Some(Kind::InFlightReq(limit)) = middleware.encode().unwrap().kind else {
            panic!("no limit");
        };
        let found = match limit.source_criterion.unwrap().source.unwrap() {
            Source::IpStrategy(_) => "address",
            Source::RequestHeaderName(_) => "header",
            Source::RequestHost(_) => "host",
        };
        assert_eq!(found, source, "{all:?}");
    }
    let both = [of("requesthost"), of("ipstrategy.depth")];
    let (labels, diagnostics) = read(&[AMOUNT, (&both[0], "true"), (&both[1], "1")]);
    assert!(labels.middlewares.is_empty());
    let told = &diagnostics[0].message;
    assert!(told.contains("not by ipStrategy and requestHost"), "{told}");
}

#[test]
fn a_limit_takes_what_makes_no_sense_as_traefik_does_and_needs_no_store() {
    let (labels, diagnostics) = read(&[
        ("ratelimit.average", "6"),
        ("ratelimit.period", "1m"),
        ("ratelimit.burst", "-3"),
        ("ratelimit.redis.endpoints", "cache:6379"),
        ("ratelimit.redis.password", "secret"),
    ]);
    let json = serde_json::to_string(&labels.middlewares["m"]).unwrap();
    let expected = r#"{"rateLimit":{"average":6,"period":"1m0s","burst":1}}"#;
    assert_eq!(json, expected);
    let told: Vec<_> = diagnostics.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        told,
        ["rateLimit.redis has no effect: the proxies share the budget without it"]
    );
    let (labels, _) = read(&[("ratelimit.average", "6"), ("ratelimit.period", "0")]);
    let json = serde_json::to_string(&labels.middlewares["m"]).unwrap();
    assert!(json.contains(r#""period":"1s""#), "{json}");
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

#[test]
fn the_parts_of_a_certificate_are_read_and_shown() {
    let (labels, diagnostics) = read(&[
        ("passtlsclientcert.pem", "true"),
        ("passtlsclientcert.info.notafter", "true"),
        ("passtlsclientcert.info.subject.commonname", "true"),
        ("passtlsclientcert.info.issuer.domaincomponent", "true"),
    ]);
    let [told] = &diagnostics[..] else {
        panic!("{diagnostics:?}")
    };
    assert_eq!(told.severity, Severity::Warning);
    assert!(told.message.contains("no client has a certificate yet"));
    let middleware = &labels.middlewares["m"];
    assert_eq!(
        serde_json::to_string(middleware).unwrap(),
        r#"{"passTLSClientCert":{"pem":true,"info":{"notAfter":true,"subject":{"commonName":true},"issuer":{"domainComponent":true}}}}"#
    );
    let (_, diagnostics) = read(&[("passtlsclientcert.info.issuer.organizationalunit", "true")]);
    let refused = |it: &Diagnostic| it.severity == Severity::Error;
    assert!(diagnostics.iter().any(refused), "{diagnostics:?}");
}
