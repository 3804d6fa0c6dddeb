//! Lines as JSON objects, with the fields that Traefik writes.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Version};

use super::field::FieldSet;
use super::{AccessLog, Captured, Field, Surroundings};
use crate::proxy::Record;

/// What Traefik writes where there is nothing.
pub(super) const NOTHING: &str = "-";

/// Puts the line of a request behind `out`.
pub(super) fn write(
    log: &AccessLog,
    record: &Record,
    surroundings: &mut Surroundings<'_>,
    out: &mut Vec<u8>,
) {
    let mut object = Object {
        fields: log.fields,
        out,
    };
    object
        .out
        .extend_from_slice(b"{\"level\":\"info\",\"msg\":\"\"");
    client(&mut object, record);
    request(&mut object, log, record);
    server(&mut object, record);
    answer(&mut object, record, surroundings);
    identity(&mut object, record, surroundings);
    times(&mut object, record, surroundings);
    headers(&mut object, "request_", &record.request_headers);
    headers(&mut object, "origin_", &record.origin_headers);
    headers(&mut object, "downstream_", &record.downstream_headers);
    object.out.extend_from_slice(b"}\n");
}

fn client(object: &mut Object<'_>, record: &Record) {
    let address = Text::new(record.client);
    let (host, port) = split(address.as_str());
    object.text(Field::ClientAddr, address.as_str());
    match &record.forwarded_for {
        Some(value) => object.header(Field::ClientHost, value),
        None => object.text(Field::ClientHost, host),
    }
    object.text(Field::ClientPort, port);
    object.text(Field::ClientUsername, or_nothing(&record.user));
}

fn request(object: &mut Object<'_>, log: &AccessLog, record: &Record) {
    let address = record.host.as_ref().and_then(|host| host.to_str().ok());
    let address = address.unwrap_or_default();
    let (host, port) = split(address);
    object.text(Field::RequestAddr, address);
    object.text(Field::RequestHost, host);
    object.text(Field::RequestPort, port);
    object.text(Field::RequestMethod, record.method());
    if object.fields.has(Field::RequestPath) {
        object.text(Field::RequestPath, &log.path(record));
    }
    object.text(Field::RequestProtocol, protocol(record.version));
    let scheme = if record.secure { "https" } else { "http" };
    object.text(Field::RequestScheme, scheme);
    object.number(Field::RequestContentSize, record.request_bytes);
    object.text(Field::EntryPointName, &record.entry_point);
}

fn server(object: &mut Object<'_>, record: &Record) {
    if let Some(route) = &record.route {
        object.text(Field::RouterName, &route.name);
    }
    if !record.service.is_empty() {
        object.text(Field::ServiceName, &record.service);
    }
    let Some(server) = &record.server else {
        object.number(Field::OriginStatus, 0);
        return;
    };
    object.text(Field::ServiceUrl, &server.url);
    object.header(Field::ServiceAddr, &server.authority);
    if !server.container.is_empty() {
        object.text(Field::Container, &server.container);
    }
    object.number(Field::OriginStatus, record.origin_status.into());
    object.number(Field::OriginContentSize, record.origin_bytes);
}

fn answer(object: &mut Object<'_>, record: &Record, surroundings: &Surroundings<'_>) {
    let origin = record.origin_took();
    let overhead = surroundings.took.saturating_sub(origin.unwrap_or_default());
    object.number(Field::DownstreamStatus, record.status.as_u16().into());
    object.number(Field::DownstreamContentSize, record.bytes);
    object.nanos(Field::Duration, surroundings.took);
    if let Some(took) = origin {
        object.nanos(Field::OriginDuration, took);
    }
    object.nanos(Field::Overhead, overhead);
    object.number(Field::RetryAttempts, record.retries.into());
    if let Some(ratio) = ratio(record)
        && object.key(Field::GzipRatio)
    {
        // Numbers are written without allocation but for this one.
        object.out.extend_from_slice(format!("{ratio}").as_bytes());
    }
    object.number(Field::RequestCount, surroundings.count);
    if !record.reason.is_empty() {
        object.text(Field::Reason, record.reason);
    }
}

fn identity(object: &mut Object<'_>, record: &Record, surroundings: &Surroundings<'_>) {
    object.text(Field::ConfigVersion, &record.config_version);
    object.text(Field::Node, surroundings.node);
    if let Some(id) = &record.request_id {
        object.header(Field::RequestId, id);
    }
    if let Some(trace) = &record.trace {
        let (trace, span) = (trace.trace_id(), trace.span_id());
        object.text(Field::TraceId, &trace);
        object.text(Field::SpanId, &span);
        object.text(Field::OtelTraceId, &trace);
        object.text(Field::OtelSpanId, &span);
    }
}

fn times(object: &mut Object<'_>, record: &Record, surroundings: &mut Surroundings<'_>) {
    let (texts, nanos) = surroundings.started.at(record.started_at);
    if object.key(Field::StartUtc) {
        moment(object.out, &texts.utc, Some(nanos), "Z");
    }
    if object.key(Field::StartLocal) {
        moment(object.out, &texts.local, Some(nanos), &texts.offset);
    }
    let ended = record.started_at.checked_add(surroundings.took);
    let (texts, _) = surroundings
        .ended
        .at(ended.unwrap_or(SystemTime::UNIX_EPOCH));
    object.out.extend_from_slice(b",\"time\":");
    moment(object.out, &texts.local, None, &texts.offset);
}

fn headers(object: &mut Object<'_>, prefix: &str, captured: &Captured) {
    for (place, (name, value)) in captured.iter().enumerate() {
        let earlier = captured.iter().take(place);
        if earlier.map(|(name, _)| name).any(|it| it == name) {
            continue;
        }
        object.out.extend_from_slice(b",\"");
        object.out.extend_from_slice(prefix.as_bytes());
        canonical(name, object.out);
        object.out.extend_from_slice(b"\":");
        let same = captured.iter().filter(|(it, _)| it == name);
        match same.clone().count() {
            1 => string(value.as_bytes(), object.out),
            _ => {
                let lines: Vec<_> = same.map(|(_, value)| value.as_bytes()).collect();
                string(&lines.join(&b","[..]), object.out);
            }
        }
    }
}

/// `User-Agent` of `user-agent`: as Go writes names.
pub(super) fn canonical(name: &HeaderName, out: &mut Vec<u8>) {
    let mut begins = true;
    for byte in name.as_str().bytes() {
        out.push(match begins {
            true => byte.to_ascii_uppercase(),
            false => byte,
        });
        begins = byte == b'-';
    }
}

/// How much smaller the body has become on its way.
fn ratio(record: &Record) -> Option<f64> {
    let (origin, sent) = (record.origin_bytes, record.bytes);
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    let ratio = |of: u64| of as f64;
    let changed = record.server.is_some() && sent != 0 && origin != 0 && origin != sent;
    changed.then(|| ratio(origin) / ratio(sent))
}

pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

pub(super) fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}

/// Host and port, as Go splits them: `-` for what is not there.
fn split(address: &str) -> (&str, &str) {
    let port_of = |port: &str| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit());
    match address.rsplit_once(':') {
        Some((host, port)) if port_of(port) && !host.ends_with(':') => {
            let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            (bare.unwrap_or(host), port)
        }
        _ => (or_nothing(address), NOTHING),
    }
}

/// An address in words, on the stack.
struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl Text {
    fn new(address: SocketAddr) -> Self {
        let mut text = Self {
            bytes: [0; 64],
            length: 0,
        };
        let room = text.bytes.len();
        let mut rest = &mut text.bytes[..];
        // The longest one is shorter.
        let _ = std::io::Write::write_fmt(&mut rest, format_args!("{address}"));
        text.length = room - rest.len();
        text
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// A JSON object that has begun.
struct Object<'a> {
    fields: FieldSet,
    out: &'a mut Vec<u8>,
}

impl Object<'_> {
    /// Begins a field; false if it is not kept.
    fn key(&mut self, field: Field) -> bool {
        if !self.fields.has(field) {
            return false;
        }
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(field.name().as_bytes());
        self.out.extend_from_slice(b"\":");
        true
    }

    fn text(&mut self, field: Field, text: &str) {
        if self.key(field) {
            string(text.as_bytes(), self.out);
        }
    }

    fn header(&mut self, field: Field, value: &HeaderValue) {
        if self.key(field) {
            string(value.as_bytes(), self.out);
        }
    }

    fn number(&mut self, field: Field, number: u64) {
        if self.key(field) {
            let mut digits = itoa::Buffer::new();
            self.out.extend_from_slice(digits.format(number).as_bytes());
        }
    }

    fn nanos(&mut self, field: Field, time: Duration) {
        self.number(field, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Puts a string behind `out`. Nearly all need no escapes.
fn string(text: &[u8], out: &mut Vec<u8>) {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    if text.iter().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    // Into memory: it cannot fail.
    let _ = serde_json::to_writer(out, &*String::from_utf8_lossy(text));
}

/// A moment as RFC 3339 has it.
fn moment(out: &mut Vec<u8>, second: &str, nanos: Option<u32>, offset: &str) {
    out.push(b'"');
    out.extend_from_slice(second.as_bytes());
    if let Some(nanos) = nanos {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(nanos);
        out.push(b'.');
        out.extend(std::iter::repeat_n(
            b'0',
            9_usize.saturating_sub(digits.len()),
        ));
        out.extend_from_slice(digits.as_bytes());
    }
    out.extend_from_slice(offset.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_go_splits_them() {
        for (address, expected) in [
            ("a.test", ("a.test", "-")),
            ("a.test:8080", ("a.test", "8080")),
            ("[::1]:80", ("::1", "80")),
            ("[::1]", ("[::1]", "-")),
            ("", ("-", "-")),
        ] {
            assert_eq!(split(address), expected, "{address}");
        }
    }

    #[test]
    fn strings_are_escaped() {
        for text in ["plain", "a \"b\" \\ c", "line\nbreak", "é", "\u{1}"] {
            let mut out = Vec::new();
            string(text.as_bytes(), &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
        let mut out = Vec::new();
        string(b"\xff", &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), "\u{fffd}");
    }
}
