//! The form of `fixtures/edge/*.txt`: cases of one class, read into [`Case`]s.
//!
//! ```text
//! # a comment
//! client 400! | closed        before the first case: what the cases do not say
//!
//! == name of the case
//! > GET / HTTP/1.1            what the client sends, each line with CRLF …
//! > Host: a.test\             … or without, after a backslash
//! ~ HTTP/1.1 200 OK           what the server sends, if not the usual
//! then close                  what the server does next: close, reset, or repeat it
//! when head                   the server answers before it has read the body
//! bytes 01-08 7f              once for each of them, in place of `\?`
//! client 200 | 400!           accepted: statuses in order, `!` closed; `closed` without
//!                             a byte, `cut` within an answer
//! server nothing              or: unfinished, at most 1, 2
//! sent x-a: b                 a request that reached the server has this line
//! not sent x-c                … and has not this one, or not with this value
//! target /a                   … and this target
//! body hello                  … and this body
//! reaches b                   … and came to this server
//! given x-d: e                the client's answer has this line
//! not given x-f               … and has not this one
//! ```
//!
//! Escapes: `\r \n \t \\ \xNN`; `{{text*N}}` is the text N times; `{peer}` in a value
//! is the client's address.

use std::path::Path;

/// One case, and where it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Option<Vec<u8>>,
    pub(crate) then: Then,
    /// The server does not wait for the body.
    pub(crate) early: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) server: Option<Server>,
    pub(crate) checks: Vec<Check>,
}

/// What a client may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Of the answers, in order; informational ones are left out.
    pub(crate) statuses: Vec<u16>,
    /// The connection has to be closed afterwards.
    pub(crate) closed: bool,
    /// … within an answer.
    pub(crate) cut: bool,
}

/// What the server does after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Then {
    /// Reads on.
    #[default]
    Stay,
    Close,
    Reset,
    /// Sends it once more, a moment later, though nobody asked.
    Repeat,
}

/// How much of a case may reach the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// As many whole requests, and nothing else.
    Whole { least: usize, most: usize },
    /// Nothing, or a request that never gets its end.
    Unfinished,
}

/// What has to be true of a request that reached a server, or of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    Sent(String, Option<String>),
    NotSent(String, Option<String>),
    Target(String),
    Body(Vec<u8>),
    Reaches(String),
    Given(String, Option<String>),
    NotGiven(String, Option<String>),
}

/// Placeholder of [`Case::bytes`] in undecoded text.
const ANY: &str = "\\?";

/// Reads a file of `fixtures/edge`.
pub(crate) fn load(name: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/edge");
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect(name);
    parse(&text)
}

/// Every file of `fixtures/edge`, without its ending.
pub(crate) fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/edge");
    let entries = std::fs::read_dir(folder).expect("fixtures/edge");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".txt")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Cases in order, those with [`Case::bytes`] once for each byte.
///
/// # Panics
/// At the first line that is not of the form.
pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut usual = Case::default();
    let mut drafts: Vec<Draft> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let draft = drafts.last_mut();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            drafts.push(Draft {
                case: Case {
                    name: name.to_owned(),
                    ..Case::default()
                },
                ..Draft::default()
            });
            continue;
        }
        let read = match draft {
            Some(draft) => draft.line(line),
            None => directive(&mut usual, line),
        };
        read.unwrap_or_else(|| panic!("line {}: {line}", number + 1));
    }
    drafts
        .into_iter()
        .flat_map(|draft| draft.finish(&usual))
        .collect()
}

/// A case whose bytes are still text.
#[derive(Debug, Default)]
struct Draft {
    case: Case,
    request: String,
    answer: Option<String>,
}

impl Draft {
    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(rest) = prefixed(line, ">") {
            push_line(&mut self.request, rest);
        } else if let Some(rest) = prefixed(line, "~") {
            push_line(self.answer.get_or_insert_default(), rest);
        } else {
            directive(&mut self.case, line)?;
        }
        Some(())
    }

    fn finish(self, usual: &Case) -> Vec<Case> {
        let Self {
            mut case,
            request,
            answer,
        } = self;
        if case.outcomes.is_empty() {
            case.outcomes.clone_from(&usual.outcomes);
        }
        case.server = case.server.or(usual.server);
        case.checks.extend(usual.checks.iter().cloned());
        case.answer = answer.map(|answer| decode(&answer));
        if request.is_empty() {
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
                .as_bytes()
                .clone_into(&mut case.request);
        }
        assert!(
            case.server.is_some() && !case.outcomes.is_empty(),
            "{} does not say what may come of it",
            case.name
        );
        if case.bytes.is_empty() {
            if !request.is_empty() {
                case.request = decode(&request);
            }
            return vec![case];
        }
        let of = |byte: &u8| Case {
            name: format!("{} ({byte:#04x})", case.name),
            request: decode(&request.replace(ANY, &format!("\\x{byte:02x}"))),
            ..case.clone()
        };
        case.bytes.iter().map(of).collect()
    }
}

fn directive(case: &mut Case, line: &str) -> Option<()> {
    let (word, rest) = line.split_once(' ')?;
    let rest = rest.trim();
    match word {
        "client" => case.outcomes = rest.split('|').map(outcome).collect::<Option<_>>()?,
        "server" => case.server = Some(server(rest)?),
        "then" => {
            case.then = match rest {
                "close" => Then::Close,
                "reset" => Then::Reset,
                "repeat" => Then::Repeat,
                _ => return None,
            }
        }
        "when" if rest == "head" => case.early = true,
        "bytes" => case.bytes = bytes(rest)?,
        "sent" => case.checks.push(field(rest, Check::Sent)),
        "given" => case.checks.push(field(rest, Check::Given)),
        "not" => {
            let (word, rest) = rest.split_once(' ')?;
            case.checks.push(match word {
                "sent" => field(rest, Check::NotSent),
                "given" => field(rest, Check::NotGiven),
                _ => return None,
            });
        }
        "target" => case.checks.push(Check::Target(rest.to_owned())),
        "body" => case.checks.push(Check::Body(decode(rest))),
        "reaches" => case.checks.push(Check::Reaches(rest.to_owned())),
        _ => return None,
    }
    Some(())
}

fn outcome(text: &str) -> Option<Outcome> {
    let text = text.trim();
    let open = text.trim_end_matches('!');
    let mut outcome = Outcome {
        statuses: Vec::new(),
        closed: text != open || matches!(text, "closed" | "cut"),
        cut: text == "cut",
    };
    if !matches!(text, "closed" | "cut") {
        let statuses = open.split(' ').map(|status| status.parse().ok());
        outcome.statuses = statuses.collect::<Option<_>>()?;
    }
    Some(outcome)
}

fn server(text: &str) -> Option<Server> {
    let whole = |least, most| Server::Whole { least, most };
    Some(match text {
        "nothing" => whole(0, 0),
        "unfinished" => Server::Unfinished,
        _ => match text.strip_prefix("at most ") {
            Some(most) => whole(0, most.parse().ok()?),
            None => whole(text.parse().ok()?, text.parse().ok()?),
        },
    })
}

/// `01-08 7f`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for range in text.split(' ') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let of = |text| u8::from_str_radix(text, 16).ok();
        bytes.extend(of(first)?..=of(last)?);
    }
    Some(bytes)
}

fn field(text: &str, check: fn(String, Option<String>) -> Check) -> Check {
    match text.split_once(':') {
        Some((name, value)) => {
            let value = decode(value.trim()).into_iter().map(char::from).collect();
            check(name.to_ascii_lowercase(), Some(value))
        }
        None => check(text.to_ascii_lowercase(), None),
    }
}

fn prefixed<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(mark)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

fn push_line(text: &mut String, line: &str) {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    if backslashes % 2 == 1 {
        text.push_str(&line[..line.len() - 1]);
    } else {
        text.push_str(line);
        text.push_str("\\r\\n");
    }
}

/// Repetitions first, then escapes.
fn decode(text: &str) -> Vec<u8> {
    let mut repeated = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").expect("the end of {{");
        let (text, times) = inside.rsplit_once('*').expect("a star in {{}}");
        repeated.push_str(before);
        repeated.push_str(&text.repeat(times.parse().expect("a number")));
        rest = after;
    }
    repeated.push_str(rest);
    let mut bytes = Vec::with_capacity(repeated.len());
    let mut text = repeated.bytes();
    while let Some(byte) = text.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match text.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || char::from(text.next()?).to_digit(16);
                let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                u8::try_from(value.expect("two digits")).expect("a byte")
            }
            other => panic!("no such escape: {other:?} in {repeated}"),
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_is_read_as_it_is_written() {
        let text = "# about\nclient 400! | closed\nserver nothing\n\n== one\n> A: {{ab*2}}\\\\\n\
                    > \\x00\\t\\\n>\n>  x\\\n\n== two\n> a\\?b\\\nbytes 01-02 ff\nclient 200 400\n\
                    server unfinished\nnot sent X-A: {peer}\nbody hi\\n\n~ x\nthen reset\n";
        let cases = parse(text);
        assert_eq!(cases.len(), 4);
        assert_eq!(cases[0].request, b"A: abab\\\r\n\x00\t\r\n x");
        assert_eq!(cases[0].server, Some(Server::Whole { least: 0, most: 0 }));
        assert_eq!(cases[0].outcomes.len(), 2);
        let closed = Outcome {
            statuses: vec![400],
            closed: true,
            cut: false,
        };
        assert_eq!(cases[0].outcomes[0], closed);
        assert_eq!(cases[3].request, b"a\xffb");
        assert_eq!(cases[3].outcomes[0].statuses, [200, 400]);
        assert_eq!(cases[3].answer.as_deref(), Some(&b"x\r\n"[..]));
        assert_eq!(cases[3].then, Then::Reset);
        let not = Check::NotSent("x-a".to_owned(), Some("{peer}".to_owned()));
        assert_eq!(cases[3].checks, [not, Check::Body(b"hi\n".to_vec())]);
    }
}
