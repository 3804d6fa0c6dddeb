//! `/api/entrypoints`: the static configuration of the entry points.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::list::Query;
use super::view::ObservabilityView;
use super::{Shared, decode, respond};
use crate::config::{
    EntryPointOptions, ForwardedHeaders, HttpOptions, TransportOptions, UnderscoreHeaders,
};

/// `GET /api/entrypoints`.
pub(super) async fn list(State(shared): State<Shared>, uri: Uri) -> Response {
    let all: Vec<_> = shared
        .api
        .entry_points
        .iter()
        .map(|(name, options)| view(name, options))
        .collect();
    let total = all.len();
    match Query::parse(&uri).page(all) {
        Ok((page, next)) => respond::page(&page, next, total),
        Err(error) => respond::error(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// `GET /api/entrypoints/{name}`.
pub(super) async fn one(State(shared): State<Shared>, uri: Uri) -> Response {
    let Some(name) = decode::last_segment(uri.path()) else {
        return respond::error(
            StatusCode::BAD_REQUEST,
            "unable to decode the entry point's name",
        );
    };
    match shared.api.entry_points.get(&name) {
        Some(options) => respond::json(&view(&name, options)),
        None => respond::error(
            StatusCode::NOT_FOUND,
            &format!("entry point not found: {name}"),
        ),
    }
}

fn view(name: &str, options: &EntryPointOptions) -> Value {
    let mut view = json!({
        "name": name,
        "address": options.address,
        "transport": transport(&options.transport),
        "forwardedHeaders": forwarded_headers(&options.forwarded_headers),
        "http": http(&options.http),
        "observability": ObservabilityView::of(Some(options.observability)),
    });
    let Some(fields) = view.as_object_mut() else {
        return view;
    };
    if options.as_default {
        fields.insert("asDefault".to_owned(), true.into());
    }
    if let Some(protocol) = &options.proxy_protocol {
        let mut it = Map::new();
        if protocol.insecure {
            it.insert("insecure".to_owned(), true.into());
        }
        if !protocol.trusted_ips.is_empty() {
            it.insert("trustedIPs".to_owned(), protocol.trusted_ips.clone().into());
        }
        fields.insert("proxyProtocol".to_owned(), it.into());
    }
    let http2 = [
        (
            "maxConcurrentStreams",
            options.http2.max_concurrent_streams.map(u32::from),
        ),
        (
            "maxDecoderHeaderTableSize",
            options.http2.max_decoder_header_table_size,
        ),
    ];
    let http2: Map<_, Value> = http2
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect();
    if !http2.is_empty() {
        fields.insert("http2".to_owned(), http2.into());
    }
    view
}

fn forwarded_headers(options: &ForwardedHeaders) -> Value {
    let mut fields = Map::new();
    let mut flag = |name: &str, on: bool| {
        if on {
            fields.insert(name.to_owned(), true.into());
        }
    };
    flag("insecure", options.insecure);
    flag("notAppendXForwardedFor", options.not_append_x_forwarded_for);
    flag(
        "addXForwardedSchemeHeaders",
        options.add_x_forwarded_scheme_headers,
    );
    for (name, list) in [
        ("trustedIPs", &options.trusted_ips),
        ("connection", &options.connection),
    ] {
        if !list.is_empty() {
            fields.insert(name.to_owned(), list.clone().into());
        }
    }
    fields.into()
}

fn http(options: &HttpOptions) -> Value {
    let allowed = &options.encoded_characters;
    let strategy = match options.underscore_headers {
        UnderscoreHeaders::Keep => "keep",
        UnderscoreHeaders::Delete => "delete",
        UnderscoreHeaders::Reject => "reject",
    };
    let mut view = json!({
        "sanitizePath": options.sanitize_path,
        "underscoreHeadersStrategy": strategy,
        "encodedCharacters": {
            "allowEncodedSlash": allowed.slash,
            "allowEncodedBackSlash": allowed.back_slash,
            "allowEncodedNullCharacter": allowed.null_character,
            "allowEncodedSemicolon": allowed.semicolon,
            "allowEncodedPercent": allowed.percent,
            "allowEncodedQuestionMark": allowed.question_mark,
            "allowEncodedHash": allowed.hash,
        },
    });
    let Some(fields) = view.as_object_mut() else {
        return view;
    };
    if !options.middlewares.is_empty() {
        fields.insert("middlewares".to_owned(), options.middlewares.clone().into());
    }
    if options.encode_query_semicolons {
        fields.insert("encodeQuerySemicolons".to_owned(), true.into());
    }
    if let Some(bytes) = options.max_header_bytes {
        fields.insert("maxHeaderBytes".to_owned(), bytes.into());
    }
    if let Some(redirection) = &options.redirection {
        let entry_point = json!({
            "to": redirection.to,
            "scheme": redirection.scheme,
            "permanent": redirection.permanent,
            "priority": redirection.priority.unwrap_or(i64::MAX - 1),
        });
        let redirections = json!({ "entryPoint": entry_point });
        fields.insert("redirections".to_owned(), redirections);
    }
    view
}

fn transport(options: &TransportOptions) -> Value {
    let text = |time: Duration| format!("{}s", time.as_secs_f64());
    let mut life_cycle = Map::new();
    for (name, time) in [
        (
            "requestAcceptGraceTimeout",
            options.request_accept_grace_timeout,
        ),
        ("graceTimeOut", options.grace_timeout),
    ] {
        if let Some(time) = time {
            life_cycle.insert(name.to_owned(), text(time).into());
        }
    }
    json!({
        "lifeCycle": life_cycle,
        "respondingTimeouts": {
            "readTimeout": text(options.read_timeout),
            "writeTimeout": text(options.write_timeout),
            "idleTimeout": text(options.idle_timeout),
        },
        "keepAliveMaxRequests": options.keep_alive_max_requests,
        "keepAliveMaxTime": text(options.keep_alive_max_time),
    })
}
