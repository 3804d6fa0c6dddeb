//! `rateLimit`: lets each source have so many requests in a time.
//!
//! A token bucket for each source. A request that comes a little too early is held
//! back until its token is there; one that comes much too early is refused. A bucket
//! is forgotten when it is full, which changes nothing, or when there are too many of
//! them, the longest unused ones first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::period::shown;
use super::share::Share;
use super::source_criterion::SourceCriterion;
use super::sources::{SourceKey, Sources};
use super::{Answer, MiddlewareError};
use crate::proxy::head::Head;

/// Sources with a bucket, at the most.
const MAX_SOURCES: usize = 65_536;
/// Longest wait for a token that comes less than once a second.
const LONGEST_WAIT: f64 = 0.5;
const RETRY_IN: HeaderName = HeaderName::from_static("x-retry-in");

/// A limit, as one router uses it.
#[derive(Debug)]
pub(crate) struct RateLimit {
    definition: Arc<Definition>,
    epoch: Instant,
    buckets: Sources<Bucket>,
}

#[derive(Debug)]
struct Definition {
    /// Requests a second; `None`: any number.
    rate: Option<f64>,
    /// Requests at once.
    burst: f64,
    criterion: SourceCriterion,
    share: Arc<Share>,
}

/// Tokens at a time, in seconds since the epoch. Less than none: promised to requests
/// that wait.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: f64,
}

/// How fast a bucket fills, what it holds, and how long a request may wait.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rate: f64,
    capacity: f64,
    patience: f64,
}

/// What becomes of a request; times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Pass,
    Wait(f64),
    /// There would be a token after this time.
    Refuse(f64),
}

impl RateLimit {
    pub(super) fn build(
        spec: &wire::RateLimit,
        share: &Arc<Share>,
    ) -> Result<Self, MiddlewareError> {
        if spec.period_ns == 0 {
            return Err(MiddlewareError::Required { option: "period" });
        }
        let period = Duration::from_nanos(spec.period_ns).as_secs_f64();
        let rate = (spec.average > 0).then(|| number(spec.average) / period);
        let criterion = SourceCriterion::build(spec.source_criterion.as_ref())?;
        Ok(Self::new(Arc::new(Definition {
            rate,
            burst: number(spec.burst.max(1)),
            criterion,
            share: Arc::clone(share),
        })))
    }

    /// The same limit for another router, with buckets of its own.
    pub(super) fn instance(&self) -> Self {
        Self::new(Arc::clone(&self.definition))
    }

    fn new(definition: Arc<Definition>) -> Self {
        Self {
            definition,
            epoch: Instant::now(),
            buckets: Sources::default(),
        }
    }

    /// The source whose bucket a request needs; `None`: nothing is limited.
    pub(super) fn source(&self, head: &Head) -> Option<SourceKey> {
        self.definition.rate?;
        let source = self.definition.criterion.source(head);
        Some(self.buckets.key(source))
    }

    /// Takes a token, or waits for it.
    pub(super) async fn take(&self, source: SourceKey) -> Result<(), Answer> {
        match self.verdict(source, true) {
            Verdict::Pass => Ok(()),
            Verdict::Wait(seconds) => {
                tokio::time::sleep(time(seconds)).await;
                Ok(())
            }
            Verdict::Refuse(seconds) => Err(refusal(time(seconds))),
        }
    }

    /// What [`RateLimit::take`] would do now. Takes nothing.
    pub(super) fn foretell(&self, source: SourceKey) -> (String, Option<Answer>) {
        let Some(pace) = self.definition.pace() else {
            return ("limits nothing".to_owned(), None);
        };
        let shared = self.definition.share.part().described();
        let limit = format!(
            "lets each source have {:.3} requests a second and {:.1} at once{shared}",
            pace.rate, pace.capacity
        );
        match self.verdict(source, false) {
            Verdict::Pass => (format!("{limit}: there is room for this one"), None),
            Verdict::Wait(seconds) => {
                let wait = shown(time(seconds));
                (format!("{limit}: holds this one back for {wait}"), None)
            }
            Verdict::Refuse(seconds) => (limit, Some(refusal(time(seconds)))),
        }
    }

    fn verdict(&self, source: SourceKey, take: bool) -> Verdict {
        let Some(pace) = self.definition.pace() else {
            return Verdict::Pass;
        };
        let now = self.epoch.elapsed().as_secs_f64();
        let found = self.buckets.with(source, |buckets| {
            let known = buckets.get(&source).copied();
            let (bucket, verdict) = pace.ask(known, now);
            if take {
                if known.is_none() {
                    make_room(buckets, pace, now);
                }
                buckets.insert(source, bucket);
            }
            verdict
        });
        found.unwrap_or(Verdict::Pass)
    }
}

impl Definition {
    /// The part of this proxy; `None`: nothing is limited.
    fn pace(&self) -> Option<Pace> {
        let part = self.share.part();
        let rate = part.of_rate(self.rate?);
        let patience = if rate < 1.0 {
            LONGEST_WAIT
        } else {
            0.5 / rate.floor()
        };
        Some(Pace {
            rate,
            // With less than one in the bucket nothing would ever pass.
            capacity: part.of_rate(self.burst).max(1.0),
            patience,
        })
    }
}

impl Pace {
    /// What becomes of a request, and of its bucket.
    fn ask(self, bucket: Option<Bucket>, now: f64) -> (Bucket, Verdict) {
        let tokens = bucket.map_or(self.capacity, |bucket| self.filled(bucket, now));
        let bucket = |tokens| Bucket { tokens, at: now };
        let wait = (1.0 - tokens) / self.rate;
        if tokens >= 1.0 {
            (bucket(tokens - 1.0), Verdict::Pass)
        } else if wait <= self.patience {
            (bucket(tokens - 1.0), Verdict::Wait(wait))
        } else {
            (bucket(tokens), Verdict::Refuse(wait))
        }
    }

    fn filled(self, bucket: Bucket, now: f64) -> f64 {
        let since = (now - bucket.at).max(0.0);
        (bucket.tokens + since * self.rate).min(self.capacity)
    }
}

fn make_room(buckets: &mut HashMap<SourceKey, Bucket>, pace: Pace, now: f64) {
    const MOST: usize = Sources::<Bucket>::per_shard(MAX_SOURCES);
    if buckets.len() < MOST {
        return;
    }
    buckets.retain(|_, bucket| pace.filled(*bucket, now) < pace.capacity);
    if buckets.len() < MOST {
        return;
    }
    // Half of them, so that this happens seldom.
    let mut times: Vec<f64> = buckets.values().map(|bucket| bucket.at).collect();
    let (_, middle, _) = times.select_nth_unstable_by(MOST / 2, f64::total_cmp);
    let middle = *middle;
    buckets.retain(|_, bucket| bucket.at > middle);
}

fn refusal(after: Duration) -> Answer {
    let mut headers = HeaderMap::with_capacity(2);
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    if let Ok(value) = HeaderValue::try_from(shown(after)) {
        headers.insert(RETRY_IN, value);
    }
    Answer {
        status: StatusCode::TOO_MANY_REQUESTS,
        reason: "rate_limited",
        headers,
        body: "Too Many Requests".into(),
    }
}

fn number(of: u64) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::share::Part;
    use super::super::sources::SHARDS;
    use super::*;

    fn limit(average: u64, period: Duration, burst: u64) -> RateLimit {
        let spec = wire::RateLimit {
            average,
            period_ns: u64::try_from(period.as_nanos()).unwrap(),
            burst,
            source_criterion: Some(wire::SourceCriterion {
                source: Some(wire::source_criterion::Source::RequestHost(true)),
            }),
        };
        RateLimit::build(&spec, &Arc::default()).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn verdicts(limit: &RateLimit, count: usize) -> Vec<Verdict> {
        let source = limit.buckets.key("s");
        (0..count).map(|_| limit.verdict(source, true)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_then_one_waits_and_the_next_is_refused() {
        let limit = limit(10, SECOND, 3);
        let all = verdicts(&limit, 5);
        assert_eq!(all[..3], [Verdict::Pass; 3]);
        // Half the time between two tokens at the most.
        assert_eq!(all[3..], [Verdict::Refuse(0.1); 2]);
        tokio::time::advance(Duration::from_millis(60)).await;
        let source = limit.buckets.key("s");
        let began = Instant::now();
        assert!(limit.take(source).await.is_ok());
        let waited = began.elapsed();
        assert!((40..=41).contains(&waited.as_millis()), "{waited:?}");
        // A bucket holds no more than its burst, however long nobody comes.
        tokio::time::advance(60 * SECOND).await;
        let all = verdicts(&limit, 4);
        assert_eq!(all[..3], [Verdict::Pass; 3]);
        assert_eq!(all[3], Verdict::Refuse(0.1));
    }

    #[tokio::test(start_paused = true)]
    async fn over_a_long_time_the_average_passes() {
        for (average, period, share) in [(50, SECOND, 1), (50, SECOND, 4), (30, 60 * SECOND, 2)] {
            let limit = limit(average, period, 1);
            limit.definition.share.set(Part {
                proxies: share,
                place: 0,
            });
            let source = limit.buckets.key("s");
            let mut passed = 0_u32;
            for _ in 0..600 * 100 {
                tokio::time::advance(Duration::from_millis(10)).await;
                passed += u32::from(!matches!(limit.verdict(source, true), Verdict::Refuse(_)));
            }
            let rate = number(average) / period.as_secs_f64() / f64::from(share);
            let expected = 600.0 * rate;
            let off = (f64::from(passed) - expected).abs() / expected;
            assert!(off < 0.02, "{passed} of {expected}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_says_when_to_come_again() {
        let limit = limit(2, 60 * SECOND, 1);
        let source = limit.buckets.key("s");
        assert!(limit.take(source).await.is_ok());
        let answer = limit.take(source).await.unwrap_err();
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers[RETRY_AFTER], "30");
        assert_eq!(answer.headers[RETRY_IN], "30s");
        assert_eq!(answer.body, "Too Many Requests");
        tokio::time::advance(Duration::from_millis(500)).await;
        let answer = limit.take(source).await.unwrap_err();
        assert_eq!(answer.headers[RETRY_AFTER], "30");
        assert_eq!(answer.headers[RETRY_IN], "29.5s");
    }

    #[tokio::test(start_paused = true)]
    async fn to_foretell_takes_nothing() {
        let limit = limit(1, 60 * SECOND, 2);
        let source = limit.buckets.key("s");
        for _ in 0..9 {
            assert!(limit.foretell(source).1.is_none());
        }
        assert!(limit.take(source).await.is_ok());
        assert!(limit.foretell(source).1.is_none());
        assert!(limit.take(source).await.is_ok());
        let told = limit.foretell(source).1.expect("a refusal");
        assert_eq!(told.reason, limit.take(source).await.unwrap_err().reason);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_sources_is_bounded_and_those_in_use_stay() {
        let limit = limit(1, 60 * SECOND, 1);
        let busy = limit.buckets.key("busy");
        for number in 0..MAX_SOURCES * 2 {
            limit.verdict(limit.buckets.key(number), true);
            if number % 64 == 0 {
                tokio::time::advance(Duration::from_nanos(1)).await;
                limit.verdict(busy, true);
            }
        }
        for number in 0..1000 {
            let key = limit.buckets.key(number);
            let length = limit.buckets.with(key, |buckets| buckets.len()).unwrap();
            assert!(length <= MAX_SOURCES / SHARDS, "{length}");
        }
        assert!(matches!(limit.verdict(busy, true), Verdict::Refuse(_)));
    }
}
