//! The table of matchers: their names, what they take, and what is wrong with
//! what they do not take.

use std::net::IpAddr;

use super::expression::{Call, quote};
use super::{Matcher, Pattern, RuleError};
use crate::spelling;

/// One row of the table.
struct Kind {
    name: &'static str,
    usage: &'static str,
    arguments: std::ops::RangeInclusive<usize>,
    build: fn(&[&str]) -> Result<Matcher, Fault>,
}

/// What is wrong with an argument, and what would work.
pub(super) struct Fault(pub(super) String, pub(super) String);

const KINDS: [Kind; 11] = [
    Kind {
        name: "Host",
        usage: "Host(`example.com`)",
        arguments: 1..=1,
        build: host,
    },
    Kind {
        name: "HostRegexp",
        usage: r"HostRegexp(`^.+\.example\.com$`)",
        arguments: 1..=1,
        build: host_regexp,
    },
    Kind {
        name: "Path",
        usage: "Path(`/api`)",
        arguments: 1..=1,
        build: path,
    },
    Kind {
        name: "PathPrefix",
        usage: "PathPrefix(`/api`)",
        arguments: 1..=1,
        build: path_prefix,
    },
    Kind {
        name: "PathRegexp",
        usage: "PathRegexp(`^/(css|js)/`)",
        arguments: 1..=1,
        build: |args| Ok(Matcher::PathRegexp(pattern(arg(args, 0))?)),
    },
    Kind {
        name: "Method",
        usage: "Method(`GET`)",
        arguments: 1..=1,
        build: |args| Ok(Matcher::Method(arg(args, 0).to_uppercase())),
    },
    Kind {
        name: "Header",
        usage: "Header(`X-Env`, `prod`)",
        arguments: 2..=2,
        build: header,
    },
    Kind {
        name: "HeaderRegexp",
        usage: "HeaderRegexp(`X-Env`, `^(prod|test)$`)",
        arguments: 2..=2,
        build: header_regexp,
    },
    Kind {
        name: "Query",
        usage: "Query(`key`, `value`)",
        arguments: 1..=2,
        build: |args| Ok(query(args)),
    },
    Kind {
        name: "QueryRegexp",
        usage: "QueryRegexp(`key`, `^(a|b)$`)",
        arguments: 1..=2,
        build: query_regexp,
    },
    Kind {
        name: "ClientIP",
        usage: "ClientIP(`10.0.0.0/8`)",
        arguments: 1..=1,
        build: client_ip,
    },
];

/// Names that are no matchers here but elsewhere, and what to write.
const FOREIGN: [(&str, &str); 10] = [
    (
        "Headers",
        "write Header(`name`, `value`): Headers is Traefik v2 syntax",
    ),
    (
        "HeadersRegexp",
        "write HeaderRegexp(`name`, `pattern`): HeadersRegexp is Traefik v2 syntax",
    ),
    (
        "HostHeader",
        "write Host(`example.com`): HostHeader is Traefik v2 syntax",
    ),
    (
        "PathStrip",
        "write Path(`/x`) and use a stripPrefix middleware",
    ),
    (
        "PathPrefixStrip",
        "write PathPrefix(`/x`) and use a stripPrefix middleware",
    ),
    (
        "HostSNI",
        "write Host(`example.com`): HostSNI is for TCP routers",
    ),
    (
        "HostSNIRegexp",
        "write HostRegexp(`pattern`): HostSNIRegexp is for TCP routers",
    ),
    ("ALPN", "leave it out: ALPN is for TCP routers"),
    (
        "Domains",
        "write Host(`example.com`) || Host(`example.org`)",
    ),
    ("HostRegex", "write HostRegexp(`pattern`)"),
];

/// The matcher that a call names.
pub(super) fn leaf(call: &Call) -> Result<Matcher, RuleError> {
    let error = |Fault(message, suggestion)| RuleError::new(call.column, message, suggestion);
    let Some(kind) = KINDS.iter().find(|kind| is_spelling(kind.name, &call.name)) else {
        return Err(error(unknown(&call.name)));
    };
    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
    if args.iter().any(|arg| arg.is_empty()) {
        let message = format!("an argument of {} is empty", kind.name);
        let suggestion = match (kind.name, args.as_slice()) {
            ("Query" | "QueryRegexp", [key, _]) if !key.is_empty() => {
                format!(
                    "write Query({}) for a parameter without a value",
                    quote(key)
                )
            }
            _ => format!("write for instance {}", kind.usage),
        };
        return Err(error(Fault(message, suggestion)));
    }
    if !kind.arguments.contains(&args.len()) {
        return Err(error(kind.wrong_count(&args)));
    }
    (kind.build)(&args).map_err(error)
}

impl Kind {
    fn wrong_count(&self, args: &[&str]) -> Fault {
        let (least, most) = (*self.arguments.start(), *self.arguments.end());
        let takes = match (least, most) {
            (1, 1) => "one argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} or {most} arguments"),
        };
        let message = format!("{} takes {takes}, not {}", self.name, args.len());
        // Several values of one matcher are v2 syntax and mean "one of them".
        let suggestion = if most == 1 && args.len() > 1 {
            let each: Vec<_> = args
                .iter()
                .map(|arg| format!("{}({})", self.name, quote(arg)))
                .collect();
            format!("write {}", each.join(" || "))
        } else {
            format!("write for instance {}", self.usage)
        };
        Fault(message, suggestion)
    }
}

/// The four spellings Traefik knows: `PathPrefix`, `pathprefix`, `PATHPREFIX` and
/// `Pathprefix`.
pub(super) fn is_spelling(matcher: &str, name: &str) -> bool {
    let lower = matcher.to_ascii_lowercase();
    let title = lower.get(..1).unwrap_or_default().to_ascii_uppercase()
        + lower.get(1..).unwrap_or_default();
    name == matcher || name == lower || name == matcher.to_ascii_uppercase() || name == title
}

fn unknown(name: &str) -> Fault {
    let message = format!("there is no matcher `{name}`");
    if let Some((_, hint)) = FOREIGN
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name))
    {
        return Fault(message, (*hint).to_owned());
    }
    let names = KINDS.iter().map(|kind| kind.name);
    let suggestion = match spelling::nearest(name, names) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => {
            let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            format!("the matchers are {}", names.join(", "))
        }
    };
    Fault(message, suggestion)
}

pub(super) fn arg<'a>(args: &[&'a str], index: usize) -> &'a str {
    args.get(index).copied().unwrap_or_default()
}

pub(super) fn host(args: &[&str]) -> Result<Matcher, Fault> {
    let host = arg(args, 0);
    if !host.is_ascii() {
        return Err(Fault(
            format!("the host {host} has characters outside ASCII"),
            "write the host in punycode (xn--…), as clients send it".to_owned(),
        ));
    }
    Ok(Matcher::Host(host.to_ascii_lowercase()))
}

fn host_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    let text = arg(args, 0);
    if !text.is_ascii() {
        return Err(Fault(
            format!("the expression {text} has characters outside ASCII"),
            "write the host in punycode (xn--…), as clients send it".to_owned(),
        ));
    }
    Ok(Matcher::HostRegexp(pattern(text)?))
}

fn path(args: &[&str]) -> Result<Matcher, Fault> {
    Ok(Matcher::Path(absolute("Path", arg(args, 0))?))
}

fn path_prefix(args: &[&str]) -> Result<Matcher, Fault> {
    Ok(Matcher::PathPrefix(absolute("PathPrefix", arg(args, 0))?))
}

pub(super) fn absolute(matcher: &str, path: &str) -> Result<String, Fault> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(Fault(
        format!("the path {path} does not start with `/`"),
        format!("write {matcher}({})", quote(&format!("/{path}"))),
    ))
}

pub(super) fn header(args: &[&str]) -> Result<Matcher, Fault> {
    let value = arg(args, 1).to_owned();
    Ok(Matcher::Header {
        name: header_name(arg(args, 0))?,
        value,
    })
}

pub(super) fn header_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    let name = header_name(arg(args, 0))?;
    Ok(Matcher::HeaderRegexp {
        name,
        pattern: pattern(arg(args, 1))?,
    })
}

fn header_name(name: &str) -> Result<String, Fault> {
    match http::HeaderName::try_from(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(Fault(
            format!("`{name}` cannot be the name of a header"),
            "write for instance Header(`X-Env`, `prod`)".to_owned(),
        )),
    }
}

fn query(args: &[&str]) -> Matcher {
    Matcher::Query {
        key: arg(args, 0).to_owned(),
        value: arg(args, 1).to_owned(),
    }
}

fn query_regexp(args: &[&str]) -> Result<Matcher, Fault> {
    match args {
        [key, text] => Ok(Matcher::QueryRegexp {
            key: (*key).to_owned(),
            pattern: pattern(text)?,
        }),
        _ => Ok(query(args)),
    }
}

pub(super) fn client_ip(args: &[&str]) -> Result<Matcher, Fault> {
    let text = arg(args, 0);
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => {
            return Err(Fault(
                format!("`{text}` is not an IP address or range"),
                "write for instance ClientIP(`10.0.0.0/8`)".to_owned(),
            ));
        }
    };
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let valid = length.is_none_or(|text| {
        Some(text)
            .filter(digits)
            .and_then(|text| text.parse().ok())
            .is_some_and(|n: u8| n <= most)
    });
    if valid {
        return Ok(Matcher::ClientIp(text.to_owned()));
    }
    Err(Fault(
        format!("`{text}` is not a range: the number after `/` goes from 0 to {most}"),
        format!("write ClientIP({}) for the one address", quote(address)),
    ))
}

pub(super) fn pattern(text: &str) -> Result<Pattern, Fault> {
    Pattern::new(text).map_err(|error| {
        Fault(
            format!("the regular expression {text} cannot be used: {error}"),
            "regular expressions are written in Go's syntax: https://golang.org/s/re2syntax"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::rule::parse;

    #[test]
    fn a_wrong_matcher_is_told_with_what_would_work() {
        let rows = [
            ("Hots(`a`)", "no matcher `Hots`", "did you mean Host?"),
            ("HoSt(`a`)", "no matcher `HoSt`", "did you mean Host?"),
            (
                "ClientIp(`10.0.0.1`)",
                "no matcher",
                "did you mean ClientIP?",
            ),
            ("pathPrefix(`/a`)", "no matcher", "did you mean PathPrefix?"),
            (
                "Headers(`X-A`, `b`)",
                "no matcher",
                "Header(`name`, `value`)",
            ),
            ("HeadersRegexp(`X-A`, `b`)", "no matcher", "HeaderRegexp("),
            ("HostHeader(`a`)", "no matcher", "Host("),
            ("HostSNI(`a.com`)", "no matcher", "TCP"),
            ("PathPrefixStrip(`/a`)", "no matcher", "stripPrefix"),
            ("Everything(`a`)", "no matcher", "the matchers are Host, "),
            (
                "Host(`a`, `b`)",
                "takes one argument, not 2",
                "Host(`a`) || Host(`b`)",
            ),
            ("Host()", "takes one argument, not 0", "Host(`example.com`)"),
            ("Header(`X-A`)", "takes 2 arguments, not 1", "Header("),
            ("Query(`a`, `b`, `c`)", "takes 1 or 2 arguments", "Query("),
            ("Query(`a`, ``)", "is empty", "Query(`a`)"),
            ("Host(``)", "is empty", "Host("),
            ("Host(`é.ch`)", "outside ASCII", "punycode"),
            ("HostRegexp(`é`)", "outside ASCII", "punycode"),
            ("Path(`api`)", "does not start", "Path(`/api`)"),
            ("PathPrefix(`api`)", "does not start", "PathPrefix(`/api`)"),
            ("PathRegexp(`/(css`)", "unclosed group", "Go's syntax"),
            ("HeaderRegexp(`X-A`, `(b`)", "unclosed group", ""),
            ("QueryRegexp(`q`, `(b`)", "unclosed group", ""),
            ("HostRegexp(`(a`)", "unclosed group", ""),
            ("Header(`X A`, `b`)", "name of a header", ""),
            ("ClientIP(`1`)", "not an IP", "ClientIP(`10.0.0.0/8`)"),
            (
                "ClientIP(`10.0.0.0/33`)",
                "from 0 to 32",
                "ClientIP(`10.0.0.0`)",
            ),
            ("ClientIP(`::1/+8`)", "from 0 to 128", ""),
        ];
        for (text, message, suggestion) in rows {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(message), "{text}: {error}");
            assert!(
                error.suggestion.contains(suggestion),
                "{text}: {}",
                error.suggestion
            );
        }
    }

    #[test]
    fn the_place_is_that_of_the_matcher() {
        assert_eq!(parse("Host(`a`) && Pth(`/`)").unwrap_err().column, 14);
    }
}
