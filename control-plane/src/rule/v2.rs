//! The matchers of Traefik v2's rule syntax, as what they are in v3.
//!
//! They take several values, and host, path and query take templates: text with
//! `{name}` and `{name:expression}` in it. Everything becomes the matchers of v3, so
//! that nothing after this knows of two syntaxes.

use super::expression::Call;
use super::table::{self, Fault, arg};
use super::{Matcher, Pattern, RuleError};
use crate::spelling;

/// One row of the table.
struct Kind {
    name: &'static str,
    usage: &'static str,
    build: fn(&[&str]) -> Result<Matcher, Fault>,
}

const KINDS: [Kind; 10] = [
    Kind {
        name: "Host",
        usage: "Host(`a.com`, `b.com`)",
        build: |args| any(args, host),
    },
    Kind {
        name: "HostHeader",
        usage: "HostHeader(`a.com`, `b.com`)",
        build: |args| any(args, host),
    },
    Kind {
        name: "HostRegexp",
        usage: "HostRegexp(`{sub:[a-z]+}.a.com`)",
        build: |args| any(args, host_regexp),
    },
    Kind {
        name: "Path",
        usage: "Path(`/a`, `/b/{id:[0-9]+}`)",
        build: |args| any(args, |path| path_template(path, true)),
    },
    Kind {
        name: "PathPrefix",
        usage: "PathPrefix(`/a`, `/b/{id:[0-9]+}`)",
        build: |args| any(args, |path| path_template(path, false)),
    },
    Kind {
        name: "Method",
        usage: "Method(`GET`, `POST`)",
        build: |args| any(args, |method| Ok(Matcher::Method(method.to_uppercase()))),
    },
    Kind {
        name: "Headers",
        usage: "Headers(`X-Env`, `prod`)",
        build: |args| pairs(args, table::header),
    },
    Kind {
        name: "HeadersRegexp",
        usage: "HeadersRegexp(`X-Env`, `^(prod|test)$`)",
        build: |args| pairs(args, table::header_regexp),
    },
    Kind {
        name: "Query",
        usage: "Query(`key=value`)",
        build: |args| all(args.iter().map(|pair| query(pair))),
    },
    Kind {
        name: "ClientIP",
        usage: "ClientIP(`10.0.0.0/8`, `::1`)",
        build: |args| any(args, |range| table::client_ip(&[range])),
    },
];

/// The matcher that a call names.
pub(super) fn leaf(call: &Call) -> Result<Matcher, RuleError> {
    let error = |Fault(message, suggestion)| RuleError::new(call.column, message, suggestion);
    let Some(kind) = KINDS
        .iter()
        .find(|kind| table::is_spelling(kind.name, &call.name))
    else {
        return Err(error(unknown(call)));
    };
    let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
    let usage = || format!("write for instance {}", kind.usage);
    if args.is_empty() {
        let message = format!("{} has no argument", kind.name);
        return Err(error(Fault(message, usage())));
    }
    if args.iter().any(|arg| arg.is_empty()) {
        let message = format!("an argument of {} is empty", kind.name);
        return Err(error(Fault(message, usage())));
    }
    (kind.build)(&args).map_err(|Fault(message, suggestion)| {
        let suggestion = if suggestion.is_empty() {
            usage()
        } else {
            suggestion
        };
        error(Fault(message, suggestion))
    })
}

fn unknown(call: &Call) -> Fault {
    let message = format!("there is no matcher `{}` in the rule syntax v2", call.name);
    if table::leaf(call).is_ok() {
        let suggestion = format!("use v3 for this router, which has {}", call.name);
        return Fault(message, suggestion);
    }
    let names = KINDS.iter().map(|kind| kind.name);
    let suggestion = match spelling::nearest(&call.name, names.clone()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("the matchers are {}", names.collect::<Vec<_>>().join(", ")),
    };
    Fault(message, suggestion)
}

/// One of the values.
fn any(args: &[&str], each: fn(&str) -> Result<Matcher, Fault>) -> Result<Matcher, Fault> {
    let parts = args.iter().map(|arg| each(arg));
    Ok(join(parts.collect::<Result<_, _>>()?, Matcher::Or))
}

/// Every one of the parts.
fn all(parts: impl Iterator<Item = Result<Matcher, Fault>>) -> Result<Matcher, Fault> {
    Ok(join(parts.collect::<Result<_, _>>()?, Matcher::And))
}

/// Names with their values.
fn pairs(args: &[&str], each: fn(&[&str]) -> Result<Matcher, Fault>) -> Result<Matcher, Fault> {
    if args.len() % 2 == 1 {
        let message = format!("`{}` has no value", arg(args, args.len() - 1));
        return Err(Fault(message, String::new()));
    }
    all(args.chunks(2).map(each))
}

fn join(mut parts: Vec<Matcher>, of: fn(Vec<Matcher>) -> Matcher) -> Matcher {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            of(parts)
        }
    }
}

fn host(text: &str) -> Result<Matcher, Fault> {
    match table::host(&[text])? {
        // v2 has no wildcards: a star is a star.
        Matcher::Host(host) if host.starts_with('*') => Ok(Matcher::HostRegexp(pattern(
            &format!("^{}$", literal(&host)),
        )?)),
        host => Ok(host),
    }
}

fn host_regexp(text: &str) -> Result<Matcher, Fault> {
    if !text.is_ascii() {
        return Err(Fault(
            format!("the host {text} has characters outside ASCII"),
            "write the host in punycode (xn--…), as clients send it".to_owned(),
        ));
    }
    let expression = match template(text, "[^.]+", &|text| text.to_ascii_lowercase())? {
        Template::Text(host) => literal(&host),
        Template::Expression(expression) => expression,
    };
    Ok(Matcher::HostRegexp(pattern(&format!("^{expression}$"))?))
}

fn path_template(text: &str, whole: bool) -> Result<Matcher, Fault> {
    let matcher = if whole { "Path" } else { "PathPrefix" };
    table::absolute(matcher, text)?;
    let end = if whole { "$" } else { "" };
    Ok(match template(text, "[^/]+", &str::to_owned)? {
        Template::Text(path) if whole => Matcher::Path(path),
        Template::Text(path) => Matcher::PathPrefix(path),
        Template::Expression(expression) => {
            Matcher::PathRegexp(pattern(&format!("^{expression}{end}"))?)
        }
    })
}

fn query(text: &str) -> Result<Matcher, Fault> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Fault(
            format!("`{text}` has no ="),
            format!("write Query(`{text}=value`), or Query(`{text}=`) for any value"),
        ));
    };
    let key = key.to_owned();
    let expression = match template(value, ".*", &str::to_owned)? {
        Template::Text(value) if !value.is_empty() => return Ok(Matcher::Query { key, value }),
        Template::Text(_) => ".*".to_owned(),
        Template::Expression(expression) => expression,
    };
    let pattern = pattern(&format!("^{expression}$"))?;
    Ok(Matcher::QueryRegexp { key, pattern })
}

/// What a template comes down to.
enum Template {
    /// There are no braces in it.
    Text(String),
    /// An expression that is not anchored.
    Expression(String),
}

/// Reads a template. `default` is what `{name}` alone stands for.
fn template(
    text: &str,
    default: &str,
    outside: &dyn Fn(&str) -> String,
) -> Result<Template, Fault> {
    let mut expression = String::new();
    let mut rest = text;
    let mut is_plain = true;
    loop {
        let open = rest.find(['{', '}']).unwrap_or(rest.len());
        let (before, after) = rest.split_at_checked(open).unwrap_or((rest, ""));
        if is_plain && after.is_empty() {
            return Ok(Template::Text(outside(before)));
        }
        expression.push_str(&literal(&outside(before)));
        is_plain = false;
        if after.is_empty() {
            return Ok(Template::Expression(expression));
        }
        let (inner, tail) = braces(after).ok_or_else(|| unbalanced(text))?;
        expression.push_str(&placeholder(inner, default)?);
        rest = tail;
    }
}

/// What is inside the braces a text starts with, and what follows them.
fn braces(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(1..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// `name` or `name:expression`.
fn placeholder(inner: &str, default: &str) -> Result<String, Fault> {
    let (name, expression) = inner.split_once(':').unwrap_or((inner, default));
    if name.is_empty() || expression.is_empty() {
        let message = format!("{{{inner}}} lacks its name or its expression");
        let suggestion = "write {name} or {name:expression}";
        return Err(Fault(message, suggestion.to_owned()));
    }
    // On its own first, for what is wrong with it must not show somewhere else.
    pattern(expression)?;
    Ok(format!("({expression})"))
}

fn unbalanced(text: &str) -> Fault {
    let message = format!("the braces in {text} are not balanced");
    Fault(message, "close each { with a }".to_owned())
}

/// An expression that matches this text and no other.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn pattern(text: &str) -> Result<Pattern, Fault> {
    table::pattern(text)
}

#[cfg(test)]
mod tests {
    use crate::rule::{RuleSyntax, parse_as};

    #[test]
    fn a_rule_of_v2_is_one_of_v3() {
        #[rustfmt::skip]
        let rows = [
            ("Host(`A.com`)", "Host(`a.com`)"),
            ("Host(`a.com`, `b.com`)", "Host(`a.com`) || Host(`b.com`)"),
            ("hostheader(`a.com`)", "Host(`a.com`)"),
            ("Host(`*.a.com`)", r"HostRegexp(`^\*\.a\.com$`)"),
            ("HostRegexp(`a.com`, `{sub:[a-z]+}.B.com`)", r"HostRegexp(`^a\.com$`) || HostRegexp(`^([a-z]+)\.b\.com$`)"),
            ("HostRegexp(`{any:.*}`)", "HostRegexp(`^(.*)$`)"),
            ("HostRegexp(`{sub}.a.com`)", r"HostRegexp(`^([^.]+)\.a\.com$`)"),
            ("HostRegexp(`(a.com`)", r"HostRegexp(`^\(a\.com$`)"),
            ("Path(`/a`)", "Path(`/a`)"),
            ("Path(`/a`, `/b/{id}`)", "Path(`/a`) || PathRegexp(`^/b/([^/]+)$`)"),
            ("Path(`/css{path:(/.*)?}`)", "PathRegexp(`^/css((/.*)?)$`)"),
            ("PathPrefix(`/v{version:[0-9]{1,2}}/`)", "PathRegexp(`^/v([0-9]{1,2})/`)"),
            ("PathPrefix(`/a.b`)", "PathPrefix(`/a.b`)"),
            ("Method(`get`, `POST`)", "Method(`GET`) || Method(`POST`)"),
            ("Headers(`X-A`, `b`)", "Header(`X-A`, `b`)"),
            ("Headers(`X-A`, `b`, `X-C`, `d`)", "Header(`X-A`, `b`) && Header(`X-C`, `d`)"),
            ("HeadersRegexp(`X-A`, `^b`)", "HeaderRegexp(`X-A`, `^b`)"),
            ("Query(`a=b`, `c=d=e`)", "Query(`a`, `b`) && Query(`c`, `d=e`)"),
            ("Query(`a=`)", "QueryRegexp(`a`, `^.*$`)"),
            ("Query(`a={id:[0-9]+}`)", "QueryRegexp(`a`, `^([0-9]+)$`)"),
            ("ClientIP(`10.0.0.0/8`, `::1`)", "ClientIP(`10.0.0.0/8`) || ClientIP(`::1`)"),
            ("Host(`a`, `b`) && !Path(`/x`)", "(Host(`a`) || Host(`b`)) && !Path(`/x`)"),
        ];
        for (text, expected) in rows {
            let matcher = parse_as(RuleSyntax::V2, text);
            let matcher = matcher.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(matcher.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_would_work() {
        let rows = [
            ("Host()", "no argument", "Host(`a.com`, `b.com`)"),
            ("Host(`a`, ``)", "is empty", "Host("),
            ("Host(`é.ch`)", "outside ASCII", "punycode"),
            ("HostRegexp(`é`)", "outside ASCII", "punycode"),
            ("HostRegexp(`{test`)", "not balanced", "close each"),
            ("HostRegexp(`test}`)", "not balanced", "close each"),
            ("HostRegexp(`{:a}`)", "lacks its name", "{name:expression}"),
            ("HostRegexp(`{a:(b}`)", "unclosed group", "Go's syntax"),
            ("Path(`a`)", "does not start", "Path(`/a`)"),
            ("Headers(`X-A`)", "`X-A` has no value", "Headers(`X-Env`"),
            ("Query(`titi`)", "has no =", "Query(`titi=value`)"),
            ("ClientIP(`1`)", "not an IP", "ClientIP("),
            ("Header(`X-A`, `b`)", "no matcher `Header`", "use v3"),
            ("PathRegexp(`a`)", "no matcher `PathRegexp`", "use v3"),
            ("Hots(`a`)", "no matcher", "did you mean Host?"),
            ("Host(`a`) &&", "ends where a matcher", ""),
        ];
        for (text, message, suggestion) in rows {
            let error = parse_as(RuleSyntax::V2, text).unwrap_err();
            assert!(error.message.contains(message), "{text}: {error}");
            assert!(
                error.suggestion.contains(suggestion),
                "{text}: {}",
                error.suggestion
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "[a-z{}:/.*()\\[\\]é=]{0,16}") {
            for matcher in ["Host", "HostRegexp", "Path", "PathPrefix", "Query"] {
                let _ = parse_as(RuleSyntax::V2, &format!("{matcher}(`/{text}`)"));
                let _ = parse_as(RuleSyntax::V2, &format!("{matcher}(`{text}`)"));
            }
        }
    }
}
