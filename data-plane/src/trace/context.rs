//! Who called, and what servers are told (W3C Trace Context).

use http::{HeaderMap, HeaderName, HeaderValue};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");
/// Flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// What a caller says of its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) trace_id: u128,
    /// The caller's span.
    pub(super) span: u64,
    pub(super) recorded: bool,
    /// For vendors, as written.
    pub(super) state: String,
}

/// The caller's trace. Of one that cannot be understood nothing is passed on.
pub(super) fn read(headers: &mut HeaderMap) -> Option<Caller> {
    let mut lines = headers.get_all(&PARENT).iter();
    let parent = lines.next().filter(|_| lines.next().is_none());
    let parsed = parent.and_then(|line| parse(line.to_str().ok()?));
    let Some((trace_id, span, recorded)) = parsed else {
        headers.remove(&PARENT);
        headers.remove(&STATE);
        return None;
    };
    let lines = headers.get_all(&STATE).iter();
    let state: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    Some(Caller {
        trace_id,
        span,
        recorded,
        state: state.join(","),
    })
}

/// Tells a server whose request it is.
pub(super) fn write(headers: &mut HeaderMap, trace_id: u128, span: u64, recorded: bool) {
    let flags = if recorded { SAMPLED } else { 0 };
    let line = format!("00-{trace_id:032x}-{span:016x}-{flags:02x}");
    if let Ok(line) = HeaderValue::try_from(line) {
        headers.insert(PARENT, line);
    }
}

/// `00-<trace>-<span>-<flags>`; of a later version that and more.
fn parse(line: &str) -> Option<(u128, u64, bool)> {
    let mut parts = line.trim_matches([' ', '\t']).split('-');
    let version = digits(parts.next()?, 2)?;
    let trace_id = digits(parts.next()?, 32)?;
    let span = u64::try_from(digits(parts.next()?, 16)?).ok()?;
    let flags = u8::try_from(digits(parts.next()?, 2)?).ok()?;
    let is_known = version == 0 && parts.next().is_none();
    let is_later = (1..0xff).contains(&version);
    let is_valid = (is_known || is_later) && trace_id != 0 && span != 0;
    is_valid.then_some((trace_id, span, flags & SAMPLED != 0))
}

/// A number of so many lower-case hexadecimal digits.
fn digits(text: &str, count: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = text.len() == count && text.bytes().all(is_digit);
    fits.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn of(lines: &[(&'static str, &str)]) -> (Option<Caller>, HeaderMap) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        (read(&mut headers), headers)
    }

    #[test]
    fn a_caller_is_read() {
        for (flags, recorded) in [("01", true), ("00", false), ("03", true)] {
            let parent = format!("00-{TRACE}-{SPAN}-{flags}");
            let (caller, headers) = of(&[
                ("traceparent", &parent),
                ("tracestate", "a=1"),
                ("tracestate", "b=2"),
            ]);
            let expected = Caller {
                trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
                span: 0x00f0_67aa_0ba9_02b7,
                recorded,
                state: "a=1,b=2".to_owned(),
            };
            assert_eq!(caller, Some(expected));
            assert_eq!(headers.len(), 3);
        }
        let (later, _) = of(&[("traceparent", &format!("cc-{TRACE}-{SPAN}-01-what"))]);
        assert!(later.is_some());
    }

    #[test]
    fn what_is_no_trace_is_not_passed_on() {
        for parent in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}-0x"),
        ] {
            let (caller, headers) = of(&[("traceparent", &parent), ("tracestate", "a=1")]);
            assert_eq!(caller, None, "{parent}");
            assert!(headers.is_empty(), "{parent}");
        }
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let (twice, _) = of(&[("traceparent", &parent), ("traceparent", &parent)]);
        assert_eq!(twice, None);
    }

    #[test]
    fn servers_are_told() {
        let mut headers = HeaderMap::new();
        write(&mut headers, 0x1f, 0x2, true);
        let line = "00-0000000000000000000000000000001f-0000000000000002-01";
        assert_eq!(headers["traceparent"], line);
        assert!(parse(line).is_some());
    }
}
