//! `inFlightReq`: lets each source have so many requests under way at once.
//!
//! A request is under way until its answer has been sent to the end, and a tunnel
//! until it closes. Only sources that have requests under way are kept.

use std::sync::Arc;

use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, StatusCode};

use super::share::Share;
use super::source_criterion::SourceCriterion;
use super::sources::{SourceKey, Sources};
use super::{Answer, MiddlewareError};
use crate::proxy::head::Head;

/// A limit, as one router uses it.
#[derive(Debug)]
pub(crate) struct InFlightReq {
    definition: Arc<Definition>,
    counts: Sources<u64>,
}

#[derive(Debug)]
struct Definition {
    amount: u64,
    criterion: SourceCriterion,
    share: Arc<Share>,
}

/// A request under way. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    of: Arc<InFlightReq>,
    source: SourceKey,
}

impl InFlightReq {
    pub(super) fn build(
        spec: &wire::InFlightReq,
        share: &Arc<Share>,
    ) -> Result<Self, MiddlewareError> {
        if spec.amount == 0 {
            return Err(MiddlewareError::Required { option: "amount" });
        }
        Ok(Self {
            definition: Arc::new(Definition {
                amount: spec.amount,
                criterion: SourceCriterion::build(spec.source_criterion.as_ref())?,
                share: Arc::clone(share),
            }),
            counts: Sources::default(),
        })
    }

    /// The same limit for another router, with counts of its own.
    pub(super) fn instance(&self) -> Self {
        Self {
            definition: Arc::clone(&self.definition),
            counts: Sources::default(),
        }
    }

    pub(super) fn source(&self, head: &Head) -> SourceKey {
        self.counts.key(self.definition.criterion.source(head))
    }

    /// One more request under way, until what comes back is dropped.
    pub(super) fn enter(self: &Arc<Self>, source: SourceKey) -> Result<Hold, Box<Answer>> {
        let most = self.most();
        let entered = self.counts.with(source, |counts| {
            let count = counts.entry(source).or_default();
            let enters = *count < most;
            *count += u64::from(enters);
            enters
        });
        if entered == Some(true) {
            return Ok(Hold {
                of: Arc::clone(self),
                source,
            });
        }
        Err(Box::new(self.refusal()))
    }

    /// What [`InFlightReq::enter`] would do now. Counts nothing.
    pub(super) fn foretell(&self, source: SourceKey) -> (String, Option<Answer>) {
        let under_way = self
            .counts
            .with(source, |counts| counts.get(&source).copied());
        let under_way = under_way.flatten().unwrap_or_default();
        let most = self.most();
        let shared = self.definition.share.part().described();
        let limit = format!("lets each source have {most} requests at once{shared}");
        if under_way < most {
            (format!("{limit}: {under_way} are under way"), None)
        } else {
            (limit, Some(self.refusal()))
        }
    }

    fn most(&self) -> u64 {
        self.definition
            .share
            .part()
            .of_amount(self.definition.amount)
    }

    fn refusal(&self) -> Answer {
        let amount = self.definition.amount;
        Answer {
            status: StatusCode::TOO_MANY_REQUESTS,
            reason: "too_many_in_flight",
            headers: HeaderMap::new(),
            body: format!("max connections reached: {amount}").into(),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.of.counts.with(self.source, |counts| {
            if let Some(count) = counts.get_mut(&self.source) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(&self.source);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::share::Part;
    use super::*;

    fn limit(amount: u64) -> Arc<InFlightReq> {
        let spec = wire::InFlightReq {
            amount,
            source_criterion: Some(wire::SourceCriterion {
                source: Some(wire::source_criterion::Source::RequestHost(true)),
            }),
        };
        Arc::new(InFlightReq::build(&spec, &Arc::default()).unwrap())
    }

    #[test]
    fn each_source_has_its_own_and_what_ends_makes_room() {
        let limit = limit(2);
        let [a, b] = ["a", "b"].map(|source| limit.counts.key(source));
        let first = limit.enter(a).unwrap();
        let _second = limit.enter(a).unwrap();
        let refusal = limit.enter(a).unwrap_err();
        assert_eq!(refusal.body, "max connections reached: 2");
        assert!(limit.foretell(a).1.is_some());
        let other = limit.enter(b).unwrap();
        drop(first);
        assert!(limit.foretell(a).1.is_none());
        let _third = limit.enter(a).unwrap();
        drop(other);
        let kept = limit.counts.with(b, |counts| counts.contains_key(&b));
        assert_eq!(kept, Some(false), "a source without requests is not kept");
    }

    #[test]
    fn proxies_share_the_amount() {
        let limit = limit(5);
        let source = limit.counts.key("a");
        let most = [0, 1].map(|place| {
            limit.definition.share.set(Part { proxies: 2, place });
            let mut holds = Vec::new();
            while let Ok(hold) = limit.enter(source) {
                holds.push(hold);
            }
            holds.len()
        });
        assert_eq!(most, [3, 2]);
    }
}
