//! What each middleware does to a request, found by looking at what it made of it.
//!
//! Knows no kind of middleware, so that a new one is told about without a line here.
//! The way out is walked as for a real answer, innermost first, with what each
//! middleware kept of this request.

use fairway_proto::discovery::v1 as wire;
use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, LOCATION, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::super::arrival::{self, Passage, Pause};
use super::super::head::Head;
use crate::middleware::{Answer, ForwardAuth, Middleware, Recall};
use crate::routing::{Route, is_secret};

/// Stands for what a server may have said: shows whether `Vary` is replaced or added to.
const SERVER_VARY: HeaderValue = HeaderValue::from_static("*server");

/// Runs the middlewares on `head` and says what each does on the way in.
pub(super) async fn tell_way_in(
    route: &Route,
    head: &mut Head,
    told: &mut wire::Explanation,
) -> Passage {
    let mut passage = Passage::default();
    while let Some(pause) = inward(route, &mut passage, head, told).await {
        let middleware = route.middlewares.get(passage.passed);
        let name = middleware.map_or("", |it| it.name()).to_owned();
        let step = match pause {
            Pause::Ask(auth) => ask(&mut passage, head, name, &auth),
            Pause::Enter(limit) => decide(&mut passage, name, limit.foretell()),
            Pause::Around(around) => decide(&mut passage, name, around.foretell()),
        };
        told.middlewares.push(step);
        if passage.answer.is_some() {
            break;
        }
    }
    if let Some(answer) = &passage.answer
        && let Some(last) = told.middlewares.last()
    {
        told.detail = format!("the middleware {} {}", last.name, answered(answer));
    }
    passage
}

/// Whoever is asked is taken to agree, and to add nothing: of what the client sent in the
/// place of its answer nothing is left either way.
fn ask(
    passage: &mut Passage,
    head: &mut Head,
    name: String,
    auth: &ForwardAuth,
) -> wire::MiddlewareStep {
    let granted = auth.grant(&HeaderMap::new(), head);
    passage.go_on(Recall::Cookies(granted.cookies));
    let asks = format!("asks {auth}; what follows is so if that server agrees");
    let mut effects = vec![asks];
    effects.extend(auth.effects_of_yes());
    wire::MiddlewareStep {
        name,
        effects,
        answers: false,
    }
}

/// What the middleware would do as things are now.
fn decide(
    passage: &mut Passage,
    name: String,
    (effect, answer): (String, Option<Answer>),
) -> wire::MiddlewareStep {
    let mut effects = vec![effect];
    match &answer {
        None => passage.go_on(None),
        Some(answer) => {
            effects.push(answered(answer));
            effects.extend(answer_headers(answer));
        }
    }
    let answers = answer.is_some();
    passage.answer = answer;
    wire::MiddlewareStep {
        name,
        effects,
        answers,
    }
}

/// Goes on through the middlewares, up to one that does what others notice.
async fn inward(
    route: &Route,
    passage: &mut Passage,
    head: &mut Head,
    told: &mut wire::Explanation,
) -> Option<Pause> {
    let mut before = head.clone();
    let watch = |middleware: &Middleware, after: &Head, answer: Option<&Answer>| {
        let effects = match answer {
            // Nobody gets the request any more, whatever it has become.
            Some(answer) => [vec![answered(answer)], answer_headers(answer)].concat(),
            None => changes(&before, after),
        };
        told.middlewares.push(wire::MiddlewareStep {
            name: middleware.name().to_owned(),
            effects,
            answers: answer.is_some(),
        });
        before.clone_from(after);
    };
    arrival::inward(route, passage, head, watch).await
}

/// What those that let the request pass do to the answer, whose status stands in `told`
/// if it is known. An error page takes the place of all that is inside of it.
pub(super) fn tell_way_out(route: &Route, mut passage: Passage, told: &mut wire::Explanation) {
    let known = u16::try_from(told.status).ok();
    let mut known = known.and_then(|status| StatusCode::from_u16(status).ok());
    let (mut parts, ()) = Response::new(()).into_parts();
    match &passage.answer {
        Some(answer) => parts.headers.clone_from(&answer.headers),
        None => drop(parts.headers.insert(VARY, SERVER_VARY)),
    }
    let passed = route.middlewares.get(..passage.passed).unwrap_or_default();
    let steps = passed.iter().zip(&mut told.middlewares);
    for (at, (middleware, step)) in steps.enumerate().rev() {
        if let Some((status, service)) = known.and_then(|status| middleware.replaces(status)) {
            known = Some(status);
            told.status = status.as_u16().into();
            told.location.clear();
            parts.headers.clear();
            parts.headers.insert(VARY, SERVER_VARY);
            let effect = format!("puts a page of {service} in place of the answer, with {status}");
            step.effects.push(effect);
        }
        let mut before = parts.headers.clone();
        for name in middleware.removes() {
            before.remove(name);
            let effect = format!("removes the response header {name} if the answer has it");
            step.effects.push(effect);
        }
        let recall = passage.recalls.pop_if(|(of, _)| *of == at);
        let recall = recall.map(|(_, recall)| recall);
        let later = middleware.depends_on_answer(recall.as_ref());
        middleware.on_response(recall, &mut parts);
        let effects = header_changes("response", &before, &parts.headers);
        step.effects.extend(effects);
        step.effects.extend(later);
    }
    for step in &mut told.middlewares {
        if step.effects.is_empty() {
            step.effects
                .push("changes nothing in this request".to_owned());
        }
    }
}

/// Where a redirect leads is told already.
fn answer_headers(answer: &Answer) -> Vec<String> {
    let mut headers = answer.headers.clone();
    headers.remove(LOCATION);
    header_changes("response", &HeaderMap::new(), &headers)
}

fn answered(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    match answer.headers.get(LOCATION) {
        Some(location) => format!("answers {status}: go to {}", text(Some(location))),
        None => format!("answers {status} ({})", answer.reason),
    }
}

fn changes(before: &Head, after: &Head) -> Vec<String> {
    let mut effects = Vec::new();
    let target = |head: &Head| {
        let target = head.target().map(|target| target.to_string());
        target.unwrap_or_else(|_| head.path.clone())
    };
    if before.path != after.path || before.query != after.query {
        effects.push(format!(
            "target {} becomes {}",
            target(before),
            target(after)
        ));
    }
    if let Some(host) = after.host_header.as_ref()
        && before.host_header.as_ref() != Some(host)
    {
        effects.push(format!("sends the server the Host {}", text(Some(host))));
    }
    if after.omit_forwarded_for && !before.omit_forwarded_for {
        effects.push("sends no X-Forwarded-For".to_owned());
    }
    effects.extend(header_changes("request", &before.headers, &after.headers));
    effects
}

fn header_changes(of: &str, before: &HeaderMap, after: &HeaderMap) -> Vec<String> {
    let same = |name: &HeaderName| before.get_all(name).iter().eq(after.get_all(name));
    let set =
        after
            .keys()
            .filter(|name| !same(name))
            .map(|name| match added(name, before, after) {
                Some(value) => format!("sees to it that the {of} header {name} has {value}"),
                None => format!("sets the {of} header {name}: {}", shown(name, after)),
            });
    let removed = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .map(|name| format!("removes the {of} header {name}"));
    set.chain(removed).collect()
}

/// What `Vary` got besides what was there. It gets it only once if that was all.
fn added(name: &HeaderName, before: &HeaderMap, after: &HeaderMap) -> Option<String> {
    let [before, after] = [before.get(name)?, after.get(name)?].map(HeaderValue::as_bytes);
    let added = after.strip_prefix(before)?.strip_prefix(b",")?;
    (*name == VARY).then(|| String::from_utf8_lossy(added).into_owned())
}

fn shown(name: &HeaderName, headers: &HeaderMap) -> String {
    // Nothing but `true`, whatever the name says.
    if is_secret(name.as_str()) && name != ACCESS_CONTROL_ALLOW_CREDENTIALS {
        return "…".to_owned();
    }
    let values = headers.get_all(name).iter();
    let values = Vec::from_iter(values.map(|value| without_nonces(&text(Some(value)))));
    values.join(", ")
}

/// A nonce is another one in each answer.
fn without_nonces(value: &str) -> String {
    const START: &str = "'nonce-";
    let mut parts = value.split(START);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let rest = part.find('\'').and_then(|end| part.get(end..));
        format!("{told}{START}…{}", rest.unwrap_or_default())
    })
}

/// Of a header, for people.
pub(super) fn text(value: Option<&HeaderValue>) -> String {
    let bytes = value.map_or(&[][..], HeaderValue::as_bytes);
    String::from_utf8_lossy(bytes).into_owned()
}
