//! Random middlewares of every kind.

use std::collections::BTreeMap;

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proto::middleware::Kind;

use super::SECRET;

/// Hashes of the passwords of ada, bob and carl: no explanation may have them.
pub(super) const HASHES: [(&str, &str); 3] = [
    (
        "ada",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ),
    ("bob", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
    ("carl", "$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"),
];

/// Of the password of ada for `digestAuth`.
const DIGEST_HASH: &str = "a2688e031edb4be6a3797f3882655c05";

/// The middlewares of a configuration.
pub(super) fn middlewares() -> impl Strategy<Value = Vec<Kind>> {
    let one = prop_oneof![
        4 => paths(),
        1 => redirect_schemes(),
        2 => redirect_regexes(),
        5 => headers(),
        1 => any::<bool>().prop_map(|auto_detect| Kind::ContentType(proto::ContentType { auto_detect })),
        2 => ip_allow_lists(),
        1 => encoded_characters(),
        2 => basic_auths(),
        2 => forward_auths(),
        3 => compresses(),
        1 => digest_auths(),
        1 => Just(Kind::PassTlsClientCert(proto::PassTlsClientCert::default())),
        1 => Just(Kind::GrpcWeb(proto::GrpcWeb {
            allow_origins: texts(&["https://o.test"]),
        })),
        2 => rate_limits(),
        1 => in_flight_reqs(),
        2 => error_pages(),
        2 => Just(circuit_breaker()),
        2 => others_around(),
    ];
    prop::collection::vec(one, 3..10)
}

/// Servers that `forwardAuth` asks: one says yes, one no, one nothing. Their addresses
/// are put in once they are known.
pub(super) const AUTH_HOSTS: [&str; 3] = ["yes.auth.test", "no.auth.test", "dead.auth.test"];

fn forward_auths() -> impl Strategy<Value = Kind> {
    let [yes, no, dead] = AUTH_HOSTS;
    let hosts = select(vec![yes, yes, yes, yes, no, dead]);
    let headers = select(vec![&[][..], &[], &["X-A"], &["Authorization", "X-User"]]);
    let trust = prop::option::of(any::<bool>());
    (hosts, headers, trust).prop_map(|(host, headers, trust)| {
        Kind::ForwardAuth(proto::ForwardAuth {
            scheme: proto::Scheme::Http.into(),
            host: host.to_owned(),
            target: format!("/may?token={SECRET}"),
            trust_forward_header: trust,
            auth_response_headers: texts(headers),
            ..proto::ForwardAuth::default()
        })
    })
}

fn compresses() -> impl Strategy<Value = Kind> {
    let encodings = select(vec![&["gzip"][..], &["br", "gzip"], &["zstd", "br"]]);
    let least = select(vec![0, 1, 1, 2, 1000]);
    let default = select(vec!["", "", "gzip"]);
    let types = select(vec![
        (false, ""),
        (false, ""),
        (false, "text/plain"),
        (true, "text/plain"),
    ]);
    (encodings, least, default, types).prop_map(|(encodings, least, default, (only, types))| {
        let list = |on: bool| {
            texts(if on && !types.is_empty() {
                &["text/plain"]
            } else {
                &[]
            })
        };
        Kind::Compress(proto::Compress {
            excluded_content_types: list(!only),
            included_content_types: list(only),
            min_response_body_bytes: least,
            encodings: texts(encodings),
            default_encoding: default.to_owned(),
        })
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn paths() -> impl Strategy<Value = Kind> {
    let regex = |regex: &str, replacement: &str| {
        Kind::ReplacePathRegex(proto::ReplacePathRegex {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
        })
    };
    select(vec![
        Kind::StripPrefix(proto::StripPrefix {
            prefixes: texts(&["/a"]),
        }),
        Kind::StripPrefixRegex(proto::StripPrefixRegex {
            regex: texts(&["/[ab]+"]),
        }),
        Kind::AddPrefix(proto::AddPrefix {
            prefix: "/a".to_owned(),
        }),
        Kind::ReplacePath(proto::ReplacePath {
            path: "/r".to_owned(),
        }),
        regex("^/a(.*)", "/b$1"),
        regex("b", "/../b"),
    ])
}

fn redirect_schemes() -> impl Strategy<Value = Kind> {
    let to = select(vec![("https", ""), ("http", "8080"), ("http", "")]);
    (to, any::<bool>()).prop_map(|((scheme, port), permanent)| {
        Kind::RedirectScheme(proto::RedirectScheme {
            scheme: scheme.to_owned(),
            port: port.to_owned(),
            permanent,
        })
    })
}

fn redirect_regexes() -> impl Strategy<Value = Kind> {
    let rules = select(vec![
        ("^http://a.test/(.*)", "https://b.test/${1}"),
        ("^http://([^/]+)/old/(.*)$", "http://${1}/new/${2}"),
        ("/a", "/a#x y"),
        ("^.*/b$", "http://"),
        ("z$", ""),
    ]);
    (rules, any::<bool>()).prop_map(|((regex, replacement), permanent)| {
        Kind::RedirectRegex(proto::RedirectRegex {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
            permanent,
        })
    })
}

fn headers() -> impl Strategy<Value = Kind> {
    let request = edits(vec![
        ("Host", "inner.test"),
        ("Authorization", SECRET),
        ("Authorization", ""),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", ""),
        ("Origin", "https://o.test"),
        ("X-A", "2"),
        ("X-A", ""),
    ]);
    let response = edits(vec![
        ("X-A", "2"),
        ("X-B", "3"),
        ("X-B", ""),
        ("X-Origin", ""),
        ("Vary", "X-Q"),
        ("Vary", ""),
        ("Set-Cookie", SECRET),
        ("Access-Control-Allow-Origin", "*"),
        ("Www-Authenticate", ""),
    ]);
    let cors = prop::option::weighted(0.4, cors());
    let security = prop::option::weighted(0.4, security());
    (request, response, cors, security).prop_map(|(request, response, cors, security)| {
        Kind::Headers(proto::Headers {
            custom_request_headers: request,
            custom_response_headers: response,
            cors,
            security,
        })
    })
}

fn edits(
    all: Vec<(&'static str, &'static str)>,
) -> impl Strategy<Value = BTreeMap<String, String>> {
    subsequence(all, 0..4).prop_map(|edits| {
        let edits = edits.into_iter();
        edits
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    })
}

fn cors() -> impl Strategy<Value = proto::Cors> {
    let origins = select(vec![&["*"][..], &["https://o.test"], &[]]);
    let lists = select(vec![&["*"][..], &["X-1", "X-2"], &[]]);
    let regexes = any::<bool>();
    let max_age = prop::option::of(0_i64..9);
    (
        any::<bool>(),
        lists,
        origins,
        regexes,
        max_age,
        any::<bool>(),
    )
        .prop_map(|(credentials, list, origins, regexes, max_age, vary)| {
            let regex = regexes.then(|| r"^https://.*\.p\.test$".to_owned());
            proto::Cors {
                allow_credentials: credentials,
                allow_headers: texts(list),
                allow_methods: texts(list),
                allow_origins: texts(origins),
                allow_origin_regexes: regex.into_iter().collect(),
                expose_headers: texts(list),
                max_age,
                add_vary_header: vary,
            }
        })
}

fn security() -> impl Strategy<Value = proto::SecurityHeaders> {
    let hosts = select(vec![&[][..], &[], &["a.test", "b.test"]]);
    (hosts, any::<[bool; 7]>()).prop_map(|(hosts, on)| {
        let [proxied, tls, force, nosniff, nonce, policy, development] = on;
        let proto_https = ("X-Forwarded-Proto".to_owned(), "https".to_owned());
        let text = |on: bool, text: &str| if on { text.to_owned() } else { String::new() };
        proto::SecurityHeaders {
            allowed_hosts: texts(hosts),
            hosts_proxy_headers: texts(if proxied { &["X-Forwarded-Host"] } else { &[] }),
            ssl_proxy_headers: tls.then_some(proto_https).into_iter().collect(),
            sts_seconds: 60,
            sts_preload: proxied,
            force_sts_header: force,
            frame_options: text(policy, "DENY"),
            content_type_nosniff: nosniff,
            content_security_policy: text(nonce, "script-src $NONCE 'self'; style-src $NONCE"),
            content_security_policy_report_only: text(policy, "default-src 'none'"),
            public_key: text(tls, "pin"),
            referrer_policy: text(policy, "same-origin"),
            is_development: development,
            ..proto::SecurityHeaders::default()
        }
    })
}

fn ip_allow_lists() -> impl Strategy<Value = Kind> {
    let ranges = select(vec!["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8", "6.6.6.6"]);
    let strategies = select(vec![(0, ""), (0, ""), (1, ""), (2, ""), (0, "10.0.0.0/8")]);
    let codes = select(vec![403, 404, 204, 503]);
    (ranges, strategies, codes).prop_map(|(range, (depth, excluded), code)| {
        let excluded = Some(excluded.to_owned()).filter(|it| !it.is_empty());
        Kind::IpAllowList(proto::IpAllowList {
            source_range: texts(&[range]),
            ip_strategy: Some(proto::IpStrategy {
                depth,
                excluded_ips: excluded.into_iter().collect(),
                ipv6_subnet: 0,
            }),
            reject_status_code: code,
        })
    })
}

fn encoded_characters() -> impl Strategy<Value = Kind> {
    any::<[bool; 4]>().prop_map(|[semicolon, percent, question_mark, hash]| {
        Kind::EncodedCharacters(proto::EncodedCharacters {
            allow_semicolon: semicolon,
            allow_percent: percent,
            allow_question_mark: question_mark,
            allow_hash: hash,
            ..proto::EncodedCharacters::default()
        })
    })
}

fn digest_auths() -> impl Strategy<Value = Kind> {
    any::<bool>().prop_map(|remove_header| {
        Kind::DigestAuth(proto::DigestAuth {
            users: vec![proto::User {
                name: "ada".to_owned(),
                hash: DIGEST_HASH.to_owned(),
            }],
            realm: "r".to_owned(),
            remove_header,
            header_field: "X-User".to_owned(),
            nonce_key: vec![7; 32],
        })
    })
}

/// By host, peer or header.
fn sources() -> impl Strategy<Value = proto::SourceCriterion> {
    use proto::source_criterion::Source;
    let sources = select(vec![
        Source::RequestHost(true),
        Source::IpStrategy(proto::IpStrategy::default()),
        Source::IpStrategy(proto::IpStrategy {
            depth: 1,
            ..proto::IpStrategy::default()
        }),
        Source::RequestHeaderName("X-A".to_owned()),
    ]);
    sources.prop_map(|source| proto::SourceCriterion {
        source: Some(source),
    })
}

/// So slow that the time between an explanation and its request decides nothing.
fn rate_limits() -> impl Strategy<Value = Kind> {
    (sources(), 0_u64..2, 1_u64..4).prop_map(|(source, average, burst)| {
        Kind::RateLimit(proto::RateLimit {
            average,
            period_ns: 3_600_000_000_000,
            burst,
            source_criterion: Some(source),
        })
    })
}

fn in_flight_reqs() -> impl Strategy<Value = Kind> {
    sources().prop_map(|source| {
        Kind::InFlightReq(proto::InFlightReq {
            amount: 1,
            source_criterion: Some(source),
        })
    })
}

/// Not of 502: a server that is dead is foretold as one.
fn error_pages() -> impl Strategy<Value = Kind> {
    let range = |(first, last)| proto::StatusRange { first, last };
    let statuses = select(vec![
        vec![(400, 499)],
        vec![(503, 503)],
        vec![(400, 429), (503, 504)],
    ]);
    let rewrites = select(vec![None, Some(((400, 599), 200)), Some(((503, 503), 404))]);
    (statuses, rewrites).prop_map(move |(statuses, rewrite)| {
        let rewrite = rewrite.map(|(from, to)| proto::StatusRewrite {
            from: Some(range(from)),
            to,
        });
        Kind::Errors(proto::Errors {
            status: statuses.into_iter().map(range).collect(),
            status_rewrites: rewrite.into_iter().collect(),
            service: "s1@test".to_owned(),
            query: "/page?{url}".to_owned(),
            request_headers: None,
        })
    })
}

/// Opens for good behind a server that is dead.
pub(super) fn circuit_breaker() -> Kind {
    use proto::operand::Operand;
    let operand = |operand| {
        Some(proto::Operand {
            operand: Some(operand),
        })
    };
    let comparison = proto::Comparison {
        left: operand(Operand::NetworkErrorRatio(true)),
        relation: proto::Relation::Greater.into(),
        right: operand(Operand::Number(0.0)),
    };
    Kind::CircuitBreaker(proto::CircuitBreaker {
        expression: Some(proto::Expression {
            expression: Some(proto::expression::Expression::Comparison(comparison)),
        }),
        text: "NetworkErrorRatio() > 0".to_owned(),
        check_period_ns: 0,
        fallback_ns: 36_000_000_000_000,
        recovery_ns: 0,
        response_code: 503,
    })
}

fn others_around() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::Buffering(proto::Buffering::default()),
        Kind::Retry(proto::Retry {
            attempts: 2,
            ..proto::Retry::default()
        }),
    ])
}

fn basic_auths() -> impl Strategy<Value = Kind> {
    let users = subsequence(HASHES.to_vec(), 1..=3);
    let fields = select(vec!["", "X-User", "X-A"]);
    (users, any::<bool>(), fields).prop_map(|(users, remove_header, field)| {
        let users = users.into_iter().map(|(name, hash)| proto::User {
            name: name.to_owned(),
            hash: hash.to_owned(),
        });
        Kind::BasicAuth(proto::BasicAuth {
            users: users.collect(),
            realm: "r".to_owned(),
            remove_header,
            header_field: field.to_owned(),
        })
    })
}
