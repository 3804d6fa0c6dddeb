//! `ports` and `expose` of a service, in all their forms.

use std::net::IpAddr;

use crate::document::Node;
use crate::provider::docker::{Port, PortType};

/// Most ports one range may stand for.
const MAX_RANGE: usize = 1000;

/// Ports of one item of `ports`; `None` if it does not follow any form.
pub(super) fn published(item: &Node) -> Option<Vec<Port>> {
    match item.text() {
        Some(text) => short(text),
        None => long(item),
    }
}

/// Ports of one item of `expose`.
pub(super) fn exposed(item: &Node) -> Option<Vec<Port>> {
    let (ports, protocol) = protocol(item.text()?)?;
    let port = |private| Port {
        private,
        protocol,
        published: None,
    };
    Some(range(ports)?.into_iter().map(port).collect())
}

/// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, where ports may be ranges.
fn short(text: &str) -> Option<Vec<Port>> {
    let (text, protocol) = protocol(text)?;
    let (before, private) = match text.rsplit_once(':') {
        Some((before, private)) => (Some(before), private),
        None => (None, text),
    };
    let private = range(private)?;
    let Some(before) = before else {
        let port = |private| Port {
            private,
            protocol,
            published: None,
        };
        return Some(private.into_iter().map(port).collect());
    };
    let (address, host) = match before.rsplit_once(':') {
        Some((address, host)) => {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            (Some(address.parse::<IpAddr>().ok()?), host)
        }
        None => (None, before),
    };
    let hosts = match host {
        "" => Vec::new(),
        host => range(host)?,
    };
    let pair = |(at, private): (usize, u16)| Port {
        private,
        protocol,
        published: hosts.get(at).map(|host| (address, *host)),
    };
    Some(private.into_iter().enumerate().map(pair).collect())
}

fn long(item: &Node) -> Option<Vec<Port>> {
    let target = item.field("target")?.text()?.parse().ok()?;
    let protocol = match item.field("protocol").and_then(Node::text) {
        None | Some("tcp") => PortType::Tcp,
        Some("udp") => PortType::Udp,
        Some(_) => PortType::Other,
    };
    let address = item.field("host_ip").and_then(Node::text);
    let host = item.field("published").and_then(Node::text);
    let host = host
        .and_then(range)
        .and_then(|hosts| hosts.first().copied());
    Some(vec![Port {
        private: target,
        protocol,
        published: host.map(|host| (address.and_then(|text| text.parse().ok()), host)),
    }])
}

fn protocol(text: &str) -> Option<(&str, PortType)> {
    Some(match text.split_once('/') {
        None => (text, PortType::Tcp),
        Some((ports, word)) => match word.to_ascii_lowercase().as_str() {
            "tcp" => (ports, PortType::Tcp),
            "udp" => (ports, PortType::Udp),
            "sctp" => (ports, PortType::Other),
            _ => return None,
        },
    })
}

fn range(text: &str) -> Option<Vec<u16>> {
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    let ports: Vec<u16> = (first..=last).take(MAX_RANGE).collect();
    (!ports.is_empty()).then_some(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn print(ports: Option<Vec<Port>>) -> String {
        let print = |port: &Port| {
            let private = format!("{}/{:?}", port.private, port.protocol);
            match port.published {
                Some((Some(address), host)) => format!("{address} {host} {private}"),
                Some((None, host)) => format!("{host} {private}"),
                None => private,
            }
        };
        ports.map_or("none".to_owned(), |ports| {
            ports.iter().map(print).collect::<Vec<_>>().join(", ")
        })
    }

    #[test]
    fn every_form_of_a_published_port_is_read() {
        for (text, expected) in [
            ("80", "80/Tcp"),
            ("'8080:80'", "8080 80/Tcp"),
            ("'127.0.0.1:8080:80/udp'", "127.0.0.1 8080 80/Udp"),
            ("'[::1]:8080:80'", "::1 8080 80/Tcp"),
            ("'127.0.0.1::80'", "80/Tcp"),
            ("'3000-3002:80-82'", "3000 80/Tcp, 3001 81/Tcp, 3002 82/Tcp"),
            (
                "{target: 80, published: '8080', host_ip: 10.0.0.1}",
                "10.0.0.1 8080 80/Tcp",
            ),
            ("{target: 53, protocol: udp}", "53/Udp"),
            ("'80:web'", "none"),
            ("'0'", "none"),
            ("'80/quic'", "none"),
            ("{published: 80}", "none"),
            ("'90-80'", "none"),
        ] {
            let node = document::read_yaml(0, text).unwrap();
            assert_eq!(print(published(&node)), expected, "{text}");
        }
        let node = document::read_yaml(0, "'3000-3001/udp'").unwrap();
        assert_eq!(print(exposed(&node)), "3000/Udp, 3001/Udp");
    }
}
