//! `circuitBreaker`: answers by itself for a while when a service fails.
//!
//! Closed, it lets every request through and looks at the answers now and then. When
//! they are as its condition says it opens: nothing passes. After that time it
//! recovers: more and more pass, up to one of two, until it closes, or opens again.
//! Closed, which is the rule, it costs a few counters and no lock.

mod measure;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use self::measure::Measure;
use super::expression::Condition;
use super::{Answer, MiddlewareError, status};

/// A breaker, as one router uses it.
#[derive(Debug)]
pub(crate) struct CircuitBreaker {
    definition: Arc<Definition>,
    epoch: Instant,
    measure: Measure,
    /// Microseconds after which the condition is looked at again.
    next_check: AtomicU64,
    /// Not closed: the state has to be asked.
    tripped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Definition {
    condition: Condition,
    /// As written.
    text: String,
    check_period: Duration,
    fallback: Duration,
    recovery: Duration,
    code: StatusCode,
}

/// Times are since the epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed,
    Open {
        until: Duration,
    },
    Recovering {
        since: Duration,
        passed: u32,
        refused: u32,
    },
}

impl CircuitBreaker {
    pub(super) fn build(spec: &wire::CircuitBreaker) -> Result<Self, MiddlewareError> {
        let expression = spec.expression.as_ref();
        let expression = expression.ok_or(MiddlewareError::Required {
            option: "expression",
        })?;
        let definition = Definition {
            condition: Condition::build(expression)?,
            text: spec.text.clone(),
            check_period: Duration::from_nanos(spec.check_period_ns),
            fallback: Duration::from_nanos(spec.fallback_ns),
            recovery: Duration::from_nanos(spec.recovery_ns),
            code: status::of_answer(spec.response_code)?,
        };
        Ok(Self::new(Arc::new(definition)))
    }

    /// The same breaker for another router, closed.
    pub(super) fn instance(&self) -> Self {
        Self::new(Arc::clone(&self.definition))
    }

    fn new(definition: Arc<Definition>) -> Self {
        Self {
            epoch: Instant::now(),
            measure: Measure::of(&definition.condition.operands()),
            next_check: AtomicU64::new(0),
            tripped: AtomicBool::new(false),
            state: Mutex::new(State::Closed),
            definition,
        }
    }

    /// May the request pass? Counts it, and moves on to what the time has brought.
    pub(crate) fn admit(&self) -> Result<(), Box<Answer>> {
        if !self.tripped.load(Relaxed) {
            return Ok(());
        }
        let now = self.epoch.elapsed();
        let mut state = self.state();
        let (next, passes) = self.definition.ask(*state, now);
        *state = next;
        self.tripped.store(next != State::Closed, Relaxed);
        drop(state);
        if passes {
            Ok(())
        } else {
            Err(Box::new(self.refusal()))
        }
    }

    /// What [`CircuitBreaker::admit`] would say now. Changes nothing.
    pub(crate) fn foretell(&self) -> (String, Option<Answer>) {
        let state = *self.state();
        let (next, passes) = self.definition.ask(state, self.epoch.elapsed());
        let word = match next {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::Recovering { .. } => "recovering",
        };
        let text = format!("is {word}; opens if {}", self.definition.text);
        (text, (!passes).then(|| self.refusal()))
    }

    /// A request that passed was answered with this status after this time.
    pub(crate) fn answered(&self, status: StatusCode, latency: Duration) {
        let now = self.epoch.elapsed();
        self.measure.record(status, latency, now);
        let of = &self.definition;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let due = self.next_check.load(Relaxed);
        let next = micros(now.saturating_add(of.check_period));
        let is_due = micros(now) >= due
            && self
                .next_check
                .compare_exchange(due, next, Relaxed, Relaxed)
                .is_ok();
        if !is_due {
            return;
        }
        if !of.condition.holds(&self.measure.look(now)) {
            return;
        }
        let mut state = self.state();
        if matches!(*state, State::Open { .. }) {
            return;
        }
        *state = State::Open {
            until: now.saturating_add(of.fallback),
        };
        self.tripped.store(true, Relaxed);
        drop(state);
        self.measure.reset();
        tracing::warn!(expression = of.text, "circuit breaker opens");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self) -> Answer {
        let status = self.definition.code;
        Answer {
            status,
            reason: "circuit_open",
            headers: HeaderMap::new(),
            body: status.canonical_reason().unwrap_or_default().into(),
        }
    }
}

impl Definition {
    /// What the state is now, and whether a request passes.
    fn ask(&self, state: State, now: Duration) -> (State, bool) {
        match state {
            State::Closed => (state, true),
            State::Open { until } if now < until => (state, false),
            State::Open { .. } => {
                let begun = State::Recovering {
                    since: now,
                    passed: 0,
                    refused: 0,
                };
                self.ask(begun, now)
            }
            State::Recovering { since, .. } if now > since.saturating_add(self.recovery) => {
                (State::Closed, true)
            }
            State::Recovering {
                since,
                passed,
                refused,
            } => {
                let time = now.saturating_sub(since).as_secs_f64();
                // At one half as many pass as are refused, and soon all will.
                let wanted = 0.5 * time / self.recovery.as_secs_f64().max(f64::MIN_POSITIVE);
                let with = f64::from(passed.saturating_add(1));
                let passes = with / (with + f64::from(refused)) < wanted;
                let next = State::Recovering {
                    since,
                    passed: passed.saturating_add(u32::from(passes)),
                    refused: refused.saturating_add(u32::from(!passes)),
                };
                (next, passes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::expression::Expression as Node;
    use wire::operand::Operand;

    fn breaker() -> CircuitBreaker {
        let operand = |operand| {
            Some(wire::Operand {
                operand: Some(operand),
            })
        };
        let comparison = wire::Comparison {
            left: operand(Operand::NetworkErrorRatio(true)),
            relation: wire::Relation::Greater.into(),
            right: operand(Operand::Number(0.5)),
        };
        let spec = wire::CircuitBreaker {
            expression: Some(wire::Expression {
                expression: Some(Node::Comparison(comparison)),
            }),
            text: "NetworkErrorRatio() > 0.5".to_owned(),
            check_period_ns: 100_000_000,
            fallback_ns: 10_000_000_000,
            recovery_ns: 10_000_000_000,
            response_code: 503,
        };
        CircuitBreaker::build(&spec).unwrap()
    }

    async fn after(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn answer(breaker: &CircuitBreaker, status: StatusCode) {
        breaker.answered(status, Duration::ZERO);
    }

    /// Of a hundred requests, how many pass.
    fn passing(breaker: &CircuitBreaker) -> usize {
        (0..100).filter(|_| breaker.admit().is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_recovers_and_closes() {
        let breaker = breaker();
        answer(&breaker, StatusCode::OK);
        answer(&breaker, StatusCode::BAD_GATEWAY);
        answer(&breaker, StatusCode::BAD_GATEWAY);
        assert_eq!(passing(&breaker), 100, "not looked at yet");
        after(1).await;
        answer(&breaker, StatusCode::BAD_GATEWAY);
        assert_eq!(passing(&breaker), 0);
        let refusal = breaker.admit().unwrap_err();
        assert_eq!(
            (refusal.status, refusal.reason),
            (StatusCode::SERVICE_UNAVAILABLE, "circuit_open")
        );
        assert_eq!(refusal.body, "Service Unavailable");
        after(9).await;
        assert_eq!(passing(&breaker), 0);
        after(1).await;
        assert_eq!(passing(&breaker), 0, "it begins with none");
        after(5).await;
        let some = passing(&breaker);
        assert!((30..70).contains(&some), "{some}");
        after(6).await;
        assert_eq!(passing(&breaker), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_again_while_it_recovers_and_forgets_what_was_before() {
        let breaker = breaker();
        answer(&breaker, StatusCode::BAD_GATEWAY);
        assert_eq!(passing(&breaker), 0);
        after(19).await;
        passing(&breaker);
        after(1).await;
        answer(&breaker, StatusCode::OK);
        assert!(matches!(*breaker.state(), State::Recovering { .. }));
        after(1).await;
        answer(&breaker, StatusCode::BAD_GATEWAY);
        answer(&breaker, StatusCode::BAD_GATEWAY);
        after(1).await;
        answer(&breaker, StatusCode::BAD_GATEWAY);
        assert!(matches!(*breaker.state(), State::Open { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn to_foretell_changes_nothing() {
        let breaker = breaker();
        assert!(breaker.foretell().1.is_none());
        answer(&breaker, StatusCode::BAD_GATEWAY);
        after(15).await;
        for _ in 0..9 {
            let before = *breaker.state();
            let told = breaker.foretell().1.is_none();
            assert_eq!(*breaker.state(), before);
            assert_eq!(breaker.admit().is_ok(), told);
            after(1).await;
        }
    }
}
