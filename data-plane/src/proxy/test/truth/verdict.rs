//! What was told of a request, compared with what it met.

use std::time::{Duration, Instant};

use fairway_proto::discovery::v1 as proto;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use proto::CandidateState as State;

use super::super::wire::{Message, Wire};
use super::SECRET;
use super::effect::{Lines, compare_answer, compare_request, lines, said};
use super::middleware::{AUTH_HOSTS, HASHES};
use super::origin::COPY;
use super::request::{Client, Request, number};
use super::stage::{Stage, wait};
use super::strategy::Asked;
use super::witness::Line;

/// Less than the shortest time for which a dead server is left alone: what is told
/// within it is told of the same state of things.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A request, what was told of it, and what became of it.
struct Case<'a> {
    request: &'a Request<'a>,
    told: &'a proto::Explanation,
    seen: &'a Line,
    answer: &'a Message,
    status: u32,
    since: Instant,
    /// All of it, for people.
    what: String,
}

type Kinds = Vec<String>;

impl Stage {
    /// Sends the request and compares. What happened, in a word or two.
    pub(super) fn check(&self, asked: &Asked, client: &mut Client) -> Result<Kinds, TestCaseError> {
        let request = &client.request(asked, self.number());
        let (since, told, raw) = (Instant::now(), self.tell_again(request)?, request.raw());
        let shown = format!("{told:?}");
        // What the asker wrote is no secret to the asker.
        prop_assert!(raw.contains(SECRET) || !shown.contains(SECRET), "{shown}");
        let known = HASHES.iter().find(|(_, hash)| shown.contains(hash));
        prop_assert!(known.is_none(), "{shown}");
        if told.services.iter().any(may_copy) {
            let number = request.number.clone();
            self.may_be_copied.borrow_mut().insert(number);
        }
        // Those of a case that failed.
        for origin in &self.origins.alive {
            origin.requests();
        }
        let mut wire = Wire::connect_from(request.client(), self.address(request));
        wire.send(&raw);
        let answer = wire.read_message().expect("an answer");
        drop(wire);
        client.keep(&answer.head);
        let seen = self.line();
        let status = u32::from(answer.status());
        let what = format!("{raw}told {told:#?}\nseen {status} {seen:?}");
        let case = Case {
            request,
            told: &told,
            seen: &seen,
            answer: &answer,
            status,
            since,
            what,
        };
        let what = &case.what;
        prop_assert_eq!(&told.entry_point, seen.of("entryPointName"), "{}", what);
        prop_assert_eq!(&told.router, seen.of("RouterName"), "{}", what);
        if seen.of("ServiceAddr").is_empty() {
            prop_assert_eq!(&told.service, seen.of("ServiceName"), "{}", what);
        }
        let last = told.tried.iter().find(|tried| tried.matched);
        let last = last.map_or("", |tried| &tried.router);
        prop_assert_eq!(last, &told.router, "{}", what);
        if let Some(denied) = denied(&told) {
            return case.was_denied(denied);
        }
        if told.target.is_empty() {
            return case.was_answered_by_the_proxy();
        }
        prop_assert_eq!((told.status, told.reason.as_str()), (0, ""), "{}", what);
        prop_assert_eq!(&told.location, "", "{}", what);
        match seen.of("reason") {
            "" => self.was_answered_by_a_server(&case),
            _ => self.found_nobody(&case),
        }
    }

    /// What is told, which to be asked does not change.
    fn tell_again(&self, request: &Request<'_>) -> Result<proto::Explanation, TestCaseError> {
        let [told, again] = [self.tell(request), self.tell(request)];
        if lasting(&again) == lasting(&told) {
            return Ok(again);
        }
        // The time of a server that was left alone may have ended in between.
        let once_more = self.tell(request);
        let raw = request.raw();
        prop_assert_eq!(
            lasting(&once_more),
            lasting(&again),
            "asked again:\n{}",
            raw
        );
        Ok(once_more)
    }

    fn was_answered_by_a_server(&self, case: &Case<'_>) -> Result<Kinds, TestCaseError> {
        let Case { told, what, .. } = case;
        prop_assert_eq!(case.status, 200, "{}", what);
        let container = case.seen.of("container");
        let by = told.servers.iter().find(|it| it.container == container);
        let by = by.map_or("", |it| it.url.as_str());
        let answered = format!("http://{}", case.seen.of("ServiceAddr"));
        prop_assert_eq!(by, &*answered, "{}", what);
        about(what, compare_answer(told, said(), case.answer))?;
        let alive = self.origins.alive.iter();
        let mut origin = alive.filter(|it| answered.ends_with(&it.address.to_string()));
        let request = origin.next().expect("one of them").request();
        let compared = compare_request(told, &request);
        about(&format!("{what}\n{request:?}"), compared)?;
        let mut kinds = vec!["server".to_owned()];
        let mut note = |is_so: bool, kind: &str| kinds.extend(is_so.then(|| kind.to_owned()));
        let compressed = lines(case.answer).contains_key("content-encoding");
        note(compressed, "compressed");
        let effects = || told.services.iter().map(|step| step.effect.as_str());
        note(effects().any(|it| it.contains("cookie names")), "kept");
        note(effects().any(|it| it.contains("address")), "by address");
        note(effects().any(|it| it.contains(" answers ")), "replaced");
        let first = told.servers.first();
        if first.is_some_and(|it| self.is_dead(it)) {
            // It is found dead, and the turn goes on.
            note(told.services.iter().any(is_failover), "fallback");
            return Ok(kinds);
        }
        let asked = told.servers.iter();
        let mut asked = asked.filter(|it| it.state() == State::InRotation && !self.is_dead(it));
        let foretold = asked.next().map(|it| it.container.as_str());
        prop_assert_eq!(foretold, Some(container), "{}", what);
        // The log has the service that the server is of.
        let last = told.services.last();
        let leaf = last.map_or(&told.service, |step| &step.next);
        prop_assert_eq!(leaf, case.seen.of("ServiceName"), "{}", what);
        let stands_in =
            |it: &str| it.ends_with(" has no usable server") && !it.contains(" stands in ");
        note(effects().any(stands_in), "stand-in");
        note(self.was_copied(case)?, "copied");
        Ok(kinds)
    }

    /// Every copy that was told has come, and none that was not.
    fn was_copied(&self, case: &Case<'_>) -> Result<bool, TestCaseError> {
        let always = format!("{COPY} (100 %)");
        let steps = case.told.services.iter();
        let due = steps.filter(|step| step.effect.contains(&always)).count();
        let mut got = 0;
        let mut strange = None;
        wait("copies are sent", || {
            for copy in self.origins.copied.requests() {
                match number(&copy.head) {
                    Some(number) if number == case.request.number => got += 1,
                    Some(number) if self.may_be_copied.borrow().contains(number) => {}
                    _ => strange = Some(copy),
                }
            }
            got >= due || strange.is_some()
        });
        prop_assert!(strange.is_none(), "{}\n{:?}", case.what, strange);
        Ok(due > 0)
    }

    /// Nobody is there: whoever was to be asked is dead.
    fn found_nobody(&self, case: &Case<'_>) -> Result<Kinds, TestCaseError> {
        let Case { told, what, .. } = case;
        let mut servers = told.servers.iter();
        let found = (case.status, case.seen.of("reason"));
        if told.services.is_empty() {
            prop_assert!(servers.all(|it| self.is_dead(it)), "{}", what);
        } else {
            prop_assert!(
                servers.next().is_some_and(|it| self.is_dead(it)),
                "{}",
                what
            );
        }
        if !may_follow_a_retry(told, found.1) {
            prop_assert_eq!(found, (502, "connect_refused"), "{}", what);
            about(what, compare_answer(told, own(case.answer), case.answer))?;
            return Ok(vec!["dead".to_owned()]);
        }
        // The first try was as told, and has changed what the second one met: that is
        // what is told now, unless a limit that was met once would be met again.
        let now = self.tell(case.request);
        let is_spent = now.reason == "rate_limited" && found.1 != "rate_limited";
        if is_spent || case.since.elapsed() > AT_ONCE {
            return Ok(vec!["dead".to_owned()]);
        }
        let told_now = (now.status, now.reason.as_str());
        prop_assert_eq!(found, told_now, "{}\nnow {:#?}", what, now);
        Ok(vec!["dead".to_owned(), format!("retry, {}", found.1)])
    }

    fn is_dead(&self, server: &proto::Candidate) -> bool {
        server.url.ends_with(&format!("://{}", self.origins.dead))
    }
}

impl Case<'_> {
    fn was_denied(&self, denied: (u32, &'static str)) -> Result<Kinds, TestCaseError> {
        let what = &self.what;
        let pages = |effect: &String| effect.contains(" get their page from ");
        let mut effects = self.told.middlewares.iter().flat_map(|step| &step.effects);
        // A page instead of the answer: told as such, and not what becomes of it.
        if effects.any(pages) {
            prop_assert_eq!(self.seen.of("reason"), denied.1, "{}", what);
        } else {
            let found = (self.status, self.seen.of("reason"));
            prop_assert_eq!(found, denied, "{}", what);
            prop_assert_eq!("", self.seen.of("ServiceAddr"), "{}", what);
        }
        Ok(vec![denied.1.to_owned()])
    }

    fn was_answered_by_the_proxy(&self) -> Result<Kinds, TestCaseError> {
        let Case { told, what, .. } = self;
        prop_assert_eq!(told.status, self.status, "{}", what);
        prop_assert_eq!(&told.reason, self.seen.of("reason"), "{}", what);
        prop_assert_eq!("", self.seen.of("ServiceAddr"), "{}", what);
        let location = lines(self.answer).remove("location").unwrap_or_default();
        prop_assert_eq!(&told.location, &location, "{}", what);
        let answers = told.middlewares.iter().any(|step| step.answers);
        let base = if answers {
            Lines::new()
        } else {
            own(self.answer)
        };
        about(what, compare_answer(told, base, self.answer))?;
        let replaced = |step: &proto::ServiceStep| step.effect.contains(" answers ");
        let replaced = told.services.iter().any(replaced);
        let kinds = [told.reason.clone()].into_iter();
        Ok(kinds
            .chain(replaced.then(|| "replaced".to_owned()))
            .collect())
    }
}

/// Status and reason of a request that a server that is asked does not let pass: the
/// first one that does not agree, for explanations go on as if all did.
fn denied(told: &proto::Explanation) -> Option<(u32, &'static str)> {
    let [_, no, dead] = AUTH_HOSTS.map(|host| format!("asks http://{host}/may;"));
    let mut effects = told.middlewares.iter().flat_map(|step| &step.effects);
    effects.find_map(|effect| {
        if effect.starts_with(&no) {
            return Some((403, "auth_denied"));
        }
        effect
            .starts_with(&dead)
            .then_some((500, "auth_unreachable"))
    })
}

/// What has this reason was told to let the request pass, inside of what was told to
/// try again.
fn may_follow_a_retry(told: &proto::Explanation, reason: &str) -> bool {
    let passes = match reason {
        "circuit_open" => "is closed; opens if ",
        "rate_limited" => ": there is room for this one",
        _ => return false,
    };
    let says = |step: &proto::MiddlewareStep, what| step.effects.iter().any(|it| it.contains(what));
    let mut steps = told.middlewares.iter();
    steps.any(|step| says(step, "tries up to ") && says(step, "if no server can be reached"))
        && steps.any(|step| says(step, passes))
}

fn is_failover(step: &proto::ServiceStep) -> bool {
    step.kind == "failover"
}

/// Somebody gets copies, or may get some behind a fallback.
fn may_copy(step: &proto::ServiceStep) -> bool {
    is_failover(step) || step.effect.contains("copies go to ")
}

/// What a proxy says of itself in its answer, which is not told.
fn own(answer: &Message) -> Lines {
    let mut own = lines(answer);
    own.retain(|name, _| {
        [
            "allow",
            "content-type",
            "x-content-type-options",
            "retry-after",
        ]
        .contains(&&**name)
    });
    own
}

/// Without what the time alone changes.
fn lasting(told: &proto::Explanation) -> proto::Explanation {
    let mut lasting = told.clone();
    for server in &mut lasting.servers {
        server.ejected_ms = 0;
        server.state = 0;
    }
    let effects = lasting.middlewares.iter_mut();
    for effect in effects.flat_map(|step| &mut step.effects) {
        if effect.contains("x-retry-in") {
            effect.clear();
        }
    }
    lasting
}

fn about(what: &str, compared: Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    compared.map_err(|error| TestCaseError::fail(format!("{error}\n{what}")))
}
