//! Flags of entry points.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;

use super::super::flag::Assignment;
use super::super::{
    ConfigError, EntryPointOptions, ProxyProtocol, Redirection, UnderscoreHeaders, address,
};
use super::duration;
use crate::model::{Diagnostic, TraceVerbosity};

/// Heads of requests are at least allowed this length, in bytes …
const MIN_HEADER_BYTES: u32 = 8 * 1024;
/// … and at most this.
const MAX_HEADER_BYTES: u32 = 1024 * 1024;

/// Largest table for HTTP/2 headers: each connection may fill one.
const MAX_HEADER_TABLE_BYTES: u32 = 1024 * 1024;

/// Reads a flag below `entryPoints.*`.
pub(super) fn assign(options: &mut EntryPointOptions, it: &Assignment) -> Result<(), ConfigError> {
    let path = it.flag.path;
    if let Some(option) = path.strip_prefix("entryPoints.*.forwardedHeaders.") {
        return forwarded_headers(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.http.encodedCharacters.") {
        return encoded_characters(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.http.redirections.entryPoint.") {
        let redirection = options.http.redirection.get_or_insert_default();
        return redirect(redirection, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.http.") {
        return http(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.transport.") {
        return transport(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.proxyProtocol") {
        return proxy_protocol(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.http2.") {
        return http2(options, option, it);
    }
    if let Some(option) = path.strip_prefix("entryPoints.*.observability.") {
        return observability(options, option, it);
    }
    if path == "entryPoints.*.asDefault" {
        options.as_default = it.truth()?;
    }
    Ok(())
}

/// Finds the ports of redirections among the entry points (name, address, options),
/// and tells of what cannot be done.
pub(super) fn finish<'a>(
    entries: impl Iterator<Item = (&'a str, &'a mut EntryPointOptions)>,
    addresses: &BTreeMap<String, String>,
    warnings: &mut Vec<Diagnostic>,
) {
    for (name, options) in entries {
        let Some(redirection) = &mut options.http.redirection else {
            continue;
        };
        let port_of = |address: &str| {
            let (_, port) = address.rsplit_once(':')?;
            port.parse::<u16>().ok()?;
            Some(port.to_owned())
        };
        redirection.port = if redirection.to.starts_with(':') {
            port_of(&redirection.to)
        } else {
            let address = addresses.get(&redirection.to.to_lowercase());
            address.and_then(|address| port_of(address))
        };
        if redirection.port.is_some() {
            continue;
        }
        let known: Vec<_> = addresses.keys().map(String::as_str).collect();
        let message = match redirection.to.as_str() {
            "" => format!("the redirection of entry point {name} does not say where to"),
            to => format!("entry point {name} redirects to {to}, which is not there"),
        };
        let suggestion = format!(
            "set --entrypoints.{name}.http.redirections.entrypoint.to to :PORT or one of {}",
            known.join(", ")
        );
        warnings.push(Diagnostic::error(message, suggestion));
        options.http.redirection = None;
    }
}

fn proxy_protocol(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    if option.is_empty() {
        options.proxy_protocol = it.truth()?.then(ProxyProtocol::default);
        return Ok(());
    }
    let protocol = options.proxy_protocol.get_or_insert_default();
    match option {
        ".insecure" => protocol.insecure = it.truth()?,
        ".trustedIPs" => protocol.trusted_ips.extend(networks(it)?),
        _ => {}
    }
    Ok(())
}

fn observability(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    let switches = &mut options.observability;
    match option {
        "accessLogs" => switches.access_logs = Some(it.truth()?),
        "metrics" => switches.metrics = Some(it.truth()?),
        "tracing" => switches.tracing = Some(it.truth()?),
        "traceVerbosity" => {
            let verbosity = TraceVerbosity::of(&it.value);
            let verbosity = verbosity.ok_or_else(|| it.invalid(TraceVerbosity::WORDS))?;
            switches.trace_verbosity = Some(verbosity);
        }
        _ => {}
    }
    Ok(())
}

fn http2(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    match option {
        "maxConcurrentStreams" => {
            let streams = it.value.parse();
            let streams = streams.map_err(|_| it.invalid("a number of at least 1"))?;
            options.http2.max_concurrent_streams = Some(streams);
        }
        "maxDecoderHeaderTableSize" => {
            let size = it.value.parse().ok();
            let size = size.filter(|size| *size <= MAX_HEADER_TABLE_BYTES);
            let expected = format!("a number of bytes up to {MAX_HEADER_TABLE_BYTES}");
            let size = size.ok_or_else(|| it.invalid(&expected))?;
            options.http2.max_decoder_header_table_size = Some(size);
        }
        _ => {}
    }
    Ok(())
}

/// A list of addresses and networks, checked.
fn networks(it: &Assignment) -> Result<impl Iterator<Item = String>, ConfigError> {
    match it.items().find(|item| !address::is_network(item)) {
        None => Ok(it.items()),
        Some(bad) => {
            let expected = format!("a list of addresses and networks: {bad:?} is neither");
            Err(it.invalid(&expected))
        }
    }
}

fn forwarded_headers(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    let forwarded = &mut options.forwarded_headers;
    match option {
        "insecure" => forwarded.insecure = it.truth()?,
        "notAppendXForwardedFor" => forwarded.not_append_x_forwarded_for = it.truth()?,
        "addXForwardedSchemeHeaders" => {
            forwarded.add_x_forwarded_scheme_headers = it.truth()?;
        }
        "connection" => {
            if let Some(bad) = it.items().find(|name| HeaderName::try_from(name).is_err()) {
                let expected = format!("a list of headers: {bad:?} cannot be the name of one");
                return Err(it.invalid(&expected));
            }
            forwarded.connection.extend(it.items());
        }
        "trustedIPs" => {
            forwarded.trusted_ips.extend(networks(it)?);
        }
        _ => {}
    }
    Ok(())
}

fn encoded_characters(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    let allowed = &mut options.http.encoded_characters;
    let place = match option {
        "allowEncodedSlash" => &mut allowed.slash,
        "allowEncodedBackSlash" => &mut allowed.back_slash,
        "allowEncodedNullCharacter" => &mut allowed.null_character,
        "allowEncodedSemicolon" => &mut allowed.semicolon,
        "allowEncodedPercent" => &mut allowed.percent,
        "allowEncodedQuestionMark" => &mut allowed.question_mark,
        "allowEncodedHash" => &mut allowed.hash,
        _ => return Ok(()),
    };
    *place = it.truth()?;
    Ok(())
}

fn redirect(
    redirection: &mut Redirection,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    match option {
        "to" => redirection.to.clone_from(&it.value),
        "scheme" => {
            let is_scheme = |scheme: &str| scheme.parse::<http::uri::Scheme>().is_ok();
            if !is_scheme(&it.value) {
                return Err(it.invalid("the scheme of a URL, as in https"));
            }
            redirection.scheme.clone_from(&it.value);
        }
        "permanent" => redirection.permanent = it.truth()?,
        "priority" => {
            let priority = it.value.parse().map_err(|_| it.invalid("a whole number"))?;
            redirection.priority = Some(priority);
        }
        _ => {}
    }
    Ok(())
}

fn http(options: &mut EntryPointOptions, option: &str, it: &Assignment) -> Result<(), ConfigError> {
    let http = &mut options.http;
    match option {
        "middlewares" => http.middlewares.extend(it.items()),
        "sanitizePath" => http.sanitize_path = it.truth()?,
        "encodeQuerySemicolons" => http.encode_query_semicolons = it.truth()?,
        "maxHeaderBytes" => {
            let fits = |bytes: &u32| (MIN_HEADER_BYTES..=MAX_HEADER_BYTES).contains(bytes);
            let expected = format!("a number from {MIN_HEADER_BYTES} to {MAX_HEADER_BYTES}");
            let bytes = it.value.parse().ok().filter(fits);
            http.max_header_bytes = Some(bytes.ok_or_else(|| it.invalid(&expected))?);
        }
        "underscoreHeadersStrategy" => {
            http.underscore_headers = match it.value.as_str() {
                "keep" => UnderscoreHeaders::Keep,
                "delete" => UnderscoreHeaders::Delete,
                "reject" => UnderscoreHeaders::Reject,
                _ => return Err(it.invalid("keep, delete or reject")),
            };
        }
        _ => {}
    }
    Ok(())
}

fn transport(
    options: &mut EntryPointOptions,
    option: &str,
    it: &Assignment,
) -> Result<(), ConfigError> {
    let transport = &mut options.transport;
    let at_least_a_second = |time: Duration| {
        let kept = time.is_zero() || time >= Duration::from_secs(1);
        kept.then_some(time)
            .ok_or_else(|| it.invalid("0 or at least a second"))
    };
    match option {
        "respondingTimeouts.readTimeout" => {
            transport.read_timeout = at_least_a_second(duration(it)?)?;
        }
        "respondingTimeouts.writeTimeout" => {
            transport.write_timeout = at_least_a_second(duration(it)?)?;
        }
        "respondingTimeouts.idleTimeout" => {
            transport.idle_timeout = at_least_a_second(duration(it)?)?;
        }
        "lifeCycle.requestAcceptGraceTimeout" => {
            transport.request_accept_grace_timeout = Some(duration(it)?);
        }
        "lifeCycle.graceTimeOut" => transport.grace_timeout = Some(duration(it)?),
        "keepAliveMaxRequests" => {
            transport.keep_alive_max_requests =
                it.value.parse().map_err(|_| it.invalid("a number"))?;
        }
        "keepAliveMaxTime" => transport.keep_alive_max_time = duration(it)?,
        _ => {}
    }
    Ok(())
}
