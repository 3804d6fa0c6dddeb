//! One request, as it is described and as it is sent.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fairway_proto::discovery::v1 as proto;

use super::composition::WAY;
use super::origin::STICKY;
use super::strategy::{Asked, GIVEN};

/// A header that tells a request and its copies from others.
const NUMBER: &str = "x-number";

/// The cookies that a client was given.
#[derive(Debug, Default)]
pub(super) struct Client {
    cookies: BTreeMap<String, String>,
}

/// A request of a client.
pub(super) struct Request<'a> {
    asked: &'a Asked,
    pub(super) number: String,
    lines: Vec<(&'static str, String)>,
}

impl Client {
    /// The request with the cookies of this client, where it is to have those.
    pub(super) fn request<'a>(&self, asked: &'a Asked, number: usize) -> Request<'a> {
        let number = number.to_string();
        let pairs = self.cookies.iter();
        let cookies: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookies = cookies.join("; ");
        let lines = asked.3.iter().filter_map(|(name, value)| match *value {
            GIVEN if cookies.is_empty() => None,
            GIVEN => Some((*name, cookies.clone())),
            value => Some((*name, value.to_owned())),
        });
        let mut lines: Vec<_> = lines.collect();
        lines.push((NUMBER, number.clone()));
        Request {
            asked,
            number,
            lines,
        }
    }

    /// Keeps the cookies of an answer that name servers and services.
    pub(super) fn keep(&mut self, head: &str) {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let given = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (_, line) in given.filter(|(_, line)| is_sticky(line.trim())) {
            let pair = line.split(';').next().unwrap_or_default().trim();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Is it a cookie that names a server or a service?
pub(super) fn is_sticky(cookie: &str) -> bool {
    [STICKY, WAY].iter().any(|name| {
        let value = cookie.strip_prefix(name);
        value.is_some_and(|value| value.starts_with('='))
    })
}

impl Request<'_> {
    pub(super) fn entry_point(&self) -> usize {
        self.asked.4
    }

    pub(super) fn client(&self) -> Ipv4Addr {
        self.asked.5
    }

    /// For an explanation.
    pub(super) fn described(&self, port: u16) -> proto::RequestHead {
        let (method, target, host, ..) = self.asked;
        let lines = self.lines.iter().map(|(name, value)| proto::KeyValue {
            key: (*name).to_owned(),
            value: value.clone(),
        });
        proto::RequestHead {
            method: (*method).to_owned(),
            host: (*host).to_owned(),
            port: port.into(),
            target: target.clone(),
            headers: lines.collect(),
            client: self.client().to_string(),
            ..proto::RequestHead::default()
        }
    }

    /// For the proxy.
    pub(super) fn raw(&self) -> String {
        let (method, target, host, ..) = self.asked;
        let mut raw = format!("{method} {target} HTTP/1.1\r\n");
        if !host.is_empty() {
            raw.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in &self.lines {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        raw
    }
}

/// The number of a request that a server got.
pub(super) fn number(head: &str) -> Option<&str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut numbers = lines.filter(|(name, _)| name.eq_ignore_ascii_case(NUMBER));
    numbers.next().map(|(_, value)| value.trim())
}
