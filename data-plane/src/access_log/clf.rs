//! Lines in the Common Log Format, as Traefik writes them.

use std::borrow::Cow;
use std::io::Write as _;

use http::HeaderName;
use http::header::{REFERER, USER_AGENT};

use super::json::{NOTHING, or_nothing, protocol};
use super::{AccessLog, Captured, Field, Surroundings};
use crate::proxy::Record;

/// Puts the line of a request behind `out`. `whole`: with what Traefik adds to the format.
pub(super) fn write(
    log: &AccessLog,
    record: &Record,
    surroundings: &mut Surroundings<'_>,
    whole: bool,
    out: &mut Vec<u8>,
) {
    // Into memory: it cannot fail.
    let _ = try_write(log, record, surroundings, whole, out);
}

fn try_write(
    log: &AccessLog,
    record: &Record,
    surroundings: &mut Surroundings<'_>,
    whole: bool,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let kept = |field, text: Cow<'static, str>| match log.fields.has(field) {
        true => text,
        false => NOTHING.into(),
    };
    let shown = |field, text: &str| -> String {
        if log.fields.has(field) {
            safe(or_nothing(text).as_bytes())
        } else {
            NOTHING.to_owned()
        }
    };
    let client = match &record.forwarded_for {
        Some(value) => safe(value.as_bytes()),
        None => record.client.ip().to_string(),
    };
    let (started, _) = surroundings.started.at(record.started_at);
    let time = if log.fields.has(Field::StartUtc) {
        &started.clf_utc
    } else if log.fields.has(Field::StartLocal) {
        &started.clf_local
    } else {
        NOTHING
    };
    write!(
        out,
        "{} - {} [{time}] \"{} {} {}\" {} {} {} {}",
        kept(Field::ClientHost, client.into()),
        shown(Field::ClientUsername, &record.user),
        shown(Field::RequestMethod, record.method()),
        shown(Field::RequestPath, &log.path(record)),
        kept(Field::RequestProtocol, protocol(record.version).into()),
        kept(
            Field::DownstreamStatus,
            record.status.as_u16().to_string().into()
        ),
        kept(
            Field::DownstreamContentSize,
            record.bytes.to_string().into()
        ),
        quoted(&line(&record.request_headers, &REFERER)),
        quoted(&line(&record.request_headers, &USER_AGENT)),
    )?;
    if whole {
        let router = record.route.as_ref().map_or("", |route| &route.name);
        let server = record.server.as_ref().map_or("", |server| &server.url);
        write!(
            out,
            " {} {} {} {}ms",
            kept(Field::RequestCount, surroundings.count.to_string().into()),
            quoted(&shown(Field::RouterName, router)),
            quoted(&shown(Field::ServiceUrl, server)),
            match log.fields.has(Field::Duration) {
                true => surroundings.took.as_millis(),
                false => 0,
            },
        )?;
    }
    out.push(b'\n');
    Ok(())
}

fn line(captured: &Captured, name: &HeaderName) -> String {
    let found = captured.iter().find(|(it, _)| it == name);
    found.map_or_else(|| NOTHING.to_owned(), |(_, value)| safe(value.as_bytes()))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Nobody may end a quotation or a line with what a client sent.
fn safe(text: &[u8]) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' | '\\' => safe.extend(['\\', character]),
            it if it.is_control() => safe.extend(it.escape_default()),
            it => safe.push(it),
        }
    }
    safe
}
