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
    ];
    prop::collection::vec(one, 3..10)
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
