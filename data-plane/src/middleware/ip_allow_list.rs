//! `ipAllowList` and `ipWhiteList`: only some addresses pass.

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, StatusCode};

use super::ip_strategy::{IpStrategy, networks};
use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::Head;
use crate::routing::network::Network;

#[derive(Debug)]
pub(super) struct IpAllowList {
    allowed: Vec<Network>,
    strategy: IpStrategy,
    refusal: StatusCode,
}

impl IpAllowList {
    pub(super) fn build(spec: &wire::IpAllowList) -> Result<Self, MiddlewareError> {
        const OPTION: &str = "sourceRange";
        if spec.source_range.is_empty() {
            return Err(MiddlewareError::Required { option: OPTION });
        }
        let code = spec.reject_status_code;
        let refusal = u16::try_from(code)
            .ok()
            .filter(|code| *code >= 200)
            .and_then(|code| StatusCode::from_u16(code).ok())
            .ok_or(MiddlewareError::Status(code))?;
        Ok(Self {
            allowed: networks(OPTION, &spec.source_range)?,
            strategy: IpStrategy::build(spec.ip_strategy.as_ref())?,
            refusal,
        })
    }

    pub(super) fn on_request(&self, head: &Head) -> Flow {
        let address = self.strategy.address(head);
        if address.is_some_and(|it| self.allowed.iter().any(|range| range.contains(it))) {
            return Flow::Continue;
        }
        let body = match self.refusal {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT => "",
            status => status.canonical_reason().unwrap_or_default(),
        };
        Flow::Respond(Answer {
            status: self.refusal,
            reason: "ip_refused",
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run};
    use super::*;
    use crate::proxy::head::tests::head;

    fn allow(ranges: &[&str], depth: u32, reject_status_code: u32) -> Kind {
        Kind::IpAllowList(wire::IpAllowList {
            source_range: ranges.iter().map(|it| (*it).to_owned()).collect(),
            ip_strategy: Some(wire::IpStrategy {
                depth,
                ..Default::default()
            }),
            reject_status_code,
        })
    }

    #[test]
    fn only_the_addresses_named_pass() {
        for (ranges, depth, passes) in [
            (&["192.0.2.10"][..], 0, true),
            (&["10.0.0.0/8", "192.0.2.0/24"], 0, true),
            (&["10.0.0.0/8"], 0, false),
            (&["10.0.0.0/8"], 1, true),
            // There is no such address: nobody is let in.
            (&["0.0.0.0/0", "::/0"], 2, false),
        ] {
            let mut head = head("h", "/");
            head.headers
                .insert("x-forwarded-for", "10.1.2.3".parse().unwrap());
            let answer = run([allow(ranges, depth, 403)], &mut head);
            assert_eq!(answer.is_none(), passes, "{ranges:?} {depth}");
        }
    }

    #[test]
    fn a_refusal_has_the_status_told() {
        for (status, body) in [(403, "Forbidden"), (404, "Not Found"), (204, "")] {
            let answer = run([allow(&["10.0.0.1"], 0, status)], &mut head("h", "/")).unwrap();
            assert_eq!(u32::from(answer.status.as_u16()), status);
            assert_eq!(
                (answer.body, answer.reason),
                (Bytes::from(body), "ip_refused")
            );
            assert!(answer.headers.is_empty());
        }
    }

    #[test]
    fn options_that_cannot_be_kept_are_errors() {
        for (ranges, status, expected) in [
            (&[][..], 403, "`sourceRange` is required"),
            (
                &["x"],
                403,
                "`sourceRange`: `x` is neither an IP address nor a CIDR block",
            ),
            (
                &["10.0.0.1"],
                100,
                "`rejectStatusCode`: 100 is not the status of an answer",
            ),
            (
                &["10.0.0.1"],
                70_000,
                "`rejectStatusCode`: 70000 is not the status of an answer",
            ),
        ] {
            let error = build(allow(ranges, 0, status)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
