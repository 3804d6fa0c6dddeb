//! One case: its bytes, what came of them, and that nothing else was harmed.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::fixture::{Case, Check, Server};
use crate::origin::{GOOD, Received, Script};
use crate::reply::{self, Conversation};
use crate::stage::Stage;

/// A path with this in it is only ever asked for by what a client hid in its request.
const HIDDEN: &str = "SMUGGLED";

/// How long a server may wait for the end of a request whose client is gone.
const ABORTED: Duration = Duration::from_secs(5);

/// Everything that is wrong with how the case was met.
pub(crate) async fn play(stage: &Stage, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let panics = stage.panics();
    if let Some(answer) = &case.answer {
        stage.origin("a").script(Script {
            answer: answer.clone(),
            then: case.then,
            early: case.early,
        });
    }
    let conversation = reply::converse(stage.address(), &case.request, &case.outcomes).await;
    let conversation = conversation.unwrap_or_else(|error| panic!("cannot connect: {error}"));
    if !conversation.is(&case.outcomes) {
        wrong.push(format!("client: {}", conversation.words()));
    }
    aborted(stage, &mut wrong).await;
    others(stage, case, &mut wrong).await;
    let (mut received, mut breaches) = (Vec::new(), Vec::new());
    for origin in stage.origins() {
        let (requests, broken) = origin.take();
        received.extend(requests);
        breaches.extend(broken);
    }
    wrong.extend(breaches);
    judge(case, &conversation, &received, &mut wrong);
    if stage.panics() > panics {
        wrong.push("somebody panicked".to_owned());
    }
    wrong
}

/// The client is gone: no server may go on waiting for the rest of its request.
async fn aborted(stage: &Stage, wrong: &mut Vec<String>) {
    let unfinished = || {
        stage
            .origins()
            .map(super::origin::Origin::unfinished)
            .sum::<usize>()
    };
    let ended = async {
        while unfinished() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(ABORTED, ended).await.is_err() {
        wrong.push("a server still waits for the rest of a request".to_owned());
    }
}

/// Whoever comes next gets the answer to his own question.
async fn others(stage: &Stage, case: &Case, wrong: &mut Vec<String>) {
    let next = format!(
        "{GOOD}/{}",
        case.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
    );
    for (host, target, name) in [
        ("a.test", "", "a"),
        ("a.test", "/api", "api"),
        ("b.test", "", "b"),
    ] {
        let expected = format!("{name} GET {next}");
        match reply::ask(stage.address(), host, &format!("{target}{next}")).await {
            Ok(reply) if reply.status == 200 && reply.body == expected.as_bytes() => {}
            other => wrong.push(format!("the next client of {name}: {other:?}")),
        }
    }
}

fn judge(case: &Case, conversation: &Conversation, received: &[Received], wrong: &mut Vec<String>) {
    let whole = received.iter().filter(|request| request.whole).count();
    let fits = match case.server.expect("a case says it") {
        Server::Unfinished => whole == 0,
        Server::Whole { least, most } => {
            let cut_short = whole < received.len() && !conversation.closed;
            whole >= least && received.len() <= most && !cut_short
        }
    };
    if !fits {
        wrong.push(format!("servers: {received:?}"));
    }
    for request in received {
        if request.target.contains(HIDDEN) {
            wrong.push(format!(
                "{} was asked for {}",
                request.server, request.target
            ));
        }
        // `/api/admin` is `/admin` to the server behind `/api`, and openly so.
        let open = request.server == "api" && request.target.starts_with("/admin");
        if request.server != "admin" && !open && is_of_admin(&request.target) {
            wrong.push(format!("{} serves {}", request.server, request.target));
        }
        for check in &case.checks {
            if !holds(check, request) {
                wrong.push(format!("not so: {check:?} of {request:?}"));
            }
        }
    }
    for check in &case.checks {
        let given = |name: &str, value: &Option<String>| {
            conversation
                .replies
                .iter()
                .any(|reply| has(&reply.headers, name, value.as_deref()))
        };
        let held = match check {
            Check::Given(name, value) => given(name, value),
            Check::NotGiven(name, value) => !given(name, value),
            _ => true,
        };
        if !held {
            wrong.push(format!("not so: {check:?} of {:?}", conversation.replies));
        }
    }
}

fn holds(check: &Check, request: &Received) -> bool {
    let sent = |name: &str, value: &Option<String>| {
        has(&request.headers, name, value.as_deref())
            || has(&request.trailers, name, value.as_deref())
    };
    match check {
        Check::Sent(name, value) => sent(name, value),
        Check::NotSent(name, value) => !sent(name, value),
        Check::Target(target) => request.target == *target,
        Check::Body(body) => request.body == *body,
        Check::Reaches(server) => request.server == *server,
        Check::Given(..) | Check::NotGiven(..) => true,
    }
}

fn has(headers: &[(String, String)], name: &str, value: Option<&str>) -> bool {
    let peer = Ipv4Addr::LOCALHOST.to_string();
    let value = value.map(|value| value.replace("{peer}", &peer));
    headers
        .iter()
        .any(|(key, said)| key == name && value.as_ref().is_none_or(|value| said == value))
}

/// Would a server that decodes and resolves this path once more serve what is behind
/// the password?
fn is_of_admin(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default().as_bytes();
    let mut decoded = String::new();
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        let digits = path
            .get(at + 1..at + 3)
            .and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if *byte == b'%' => {
                decoded.push(char::from(value));
                at += 3;
            }
            _ => {
                decoded.push(char::from(*byte));
                at += 1;
            }
        }
    }
    let mut segments = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.first() == Some(&"admin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_to_admin_is_seen_in_its_disguises() {
        for target in [
            "/admin",
            "/x/../admin/",
            "/%61dmin",
            "/x/%2e%2e/admin?y",
            "/x%2f../admin",
        ] {
            assert!(is_of_admin(target), "{target}");
        }
        for target in ["/", "/ADMIN", "/%252e/admin", "/x/admin", "/administrator"] {
            assert!(!is_of_admin(target), "{target}");
        }
    }
}
