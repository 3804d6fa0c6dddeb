//! The path in its escaped form: normalising it once, reading it afterwards.
//!
//! In a normal path every byte is an unreserved character, a reserved character
//! that may stand in a path, or an upper-case escape of something else; it starts
//! with `/` and has no empty, `.` or `..` segment. Middlewares keep it so.

use std::borrow::Cow;

/// Why a path is refused with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// It does not start with `/`.
    #[error("the path does not start with a slash")]
    NotAbsolute,
    /// `%` without two hexadecimal digits.
    #[error("the path has an incomplete percent escape")]
    BrokenEscape,
    /// `%2f`, `%5c` or `%00`, about which servers disagree, or what else the entry
    /// point refuses.
    #[error("the path has an encoded character that the entry point refuses")]
    ForbiddenEscape,
    /// Backslash, `#`, `?` or a control character.
    #[error("the path has a forbidden character")]
    ForbiddenCharacter,
}

/// What a byte is in the escaped form of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Means the same escaped and bare, so it is always bare.
    Unreserved,
    /// May stand bare in a path, and means something else when escaped.
    Reserved,
    /// `%`.
    Escape,
    /// Refused from clients: no correct client sends it bare.
    Forbidden,
    /// Must be escaped.
    Other,
}

impl Class {
    const fn of(byte: u8) -> Self {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => Self::Unreserved,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b'[' | b']' => Self::Reserved,
            b'%' => Self::Escape,
            b'\\' | b'#' | b'?' | 0..=0x1f | 0x7f => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

/// What an entry point makes of the paths of clients.
#[derive(Debug, Clone)]
pub(crate) struct PathRules {
    /// Bytes whose escapes are refused.
    pub(crate) refused: Box<[u8]>,
    /// `//`, `.` and `..` stay.
    pub(crate) keep_segments: bool,
}

impl Default for PathRules {
    /// Servers disagree about what the escapes of these mean.
    fn default() -> Self {
        Self {
            refused: Box::new([b'/', b'\\', 0]),
            keep_segments: false,
        }
    }
}

/// Whose text a path is.
#[derive(Debug, Clone, Copy)]
enum Author<'r> {
    /// Anybody: what is ambiguous is refused.
    Client(&'r PathRules),
    /// The author of a middleware: what is not allowed bare is escaped.
    Configuration,
}

impl Author<'_> {
    fn refuses(self, escaped: u8) -> bool {
        match self {
            Self::Client(rules) => rules.refused.contains(&escaped),
            Self::Configuration => false,
        }
    }
}

/// Brings an escaped path to the one form everything else works on: escapes of
/// unreserved characters decoded, the others in upper-case hexadecimal, characters
/// that may not stand in a path escaped, `//` collapsed, `.` and `..` resolved.
/// Idempotent; borrows when there is nothing to do. The rules may leave segments alone
/// and refuse more or fewer escapes.
pub(crate) fn normalise_path<'p>(
    raw: &'p str,
    rules: &PathRules,
) -> Result<Cow<'p, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    if is_plain(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    // Dots are decoded before segments are resolved, else `%2e%2e` would climb.
    let escaped = normalise_escapes(raw, Author::Client(rules))?;
    if rules.keep_segments {
        return Ok(Cow::Owned(escaped));
    }
    Ok(Cow::Owned(resolve_segments(&escaped)))
}

/// A path or a part of one as an author writes it, escaped where it must be. Escapes
/// that are already there stay; segments are left alone.
pub(crate) fn escape_path(text: &str) -> Result<String, PathError> {
    normalise_escapes(text, Author::Configuration)
}

/// No segment is empty (but for the last), `.` or `..`, and there is a leading slash.
pub(crate) fn is_clean(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else {
        return false;
    };
    let mut inner = relative.split('/');
    let last = inner.next_back().unwrap_or_default();
    !matches!(last, "." | "..") && inner.all(|segment| !matches!(segment, "" | "." | ".."))
}

/// See [`super::Head::routing_path`]. Expects a normal path.
pub(crate) fn decode_routing_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    // Neighbouring escapes are decoded together: characters have several bytes.
    let mut run = Vec::new();
    for unit in Units::of(path) {
        match unit {
            Unit::Escape(byte) if !is_kept_escaped(byte) => run.push(byte),
            Unit::Escape(byte) => {
                flush(&mut run, &mut decoded);
                push_escape(&mut decoded, byte);
            }
            Unit::Bare(byte) => {
                flush(&mut run, &mut decoded);
                decoded.push(char::from(byte));
            }
        }
    }
    flush(&mut run, &mut decoded);
    Cow::Owned(decoded)
}

/// Every byte of a normal path or a part of one, with all escapes decoded.
pub(crate) fn unescape(path: &str) -> Cow<'_, [u8]> {
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    Cow::Owned(Units::of(path).map(Unit::byte).collect())
}

/// What is left of a normal path, still escaped, when its decoded form starts with
/// `prefix`.
pub(crate) fn strip_decoded_prefix<'p>(path: &'p str, prefix: &[u8]) -> Option<&'p str> {
    let mut units = Units::of(path);
    for expected in prefix {
        if units.next()?.byte() != *expected {
            return None;
        }
    }
    let consumed = path.len() - units.rest.len();
    path.get(consumed..)
}

/// One byte of the decoded path, and how it is written.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Bare(u8),
    Escape(u8),
}

impl Unit {
    fn byte(self) -> u8 {
        match self {
            Self::Bare(byte) | Self::Escape(byte) => byte,
        }
    }
}

/// Reads an escaped path. A broken escape, which a normal path does not have, reads
/// as a bare `%`.
struct Units<'p> {
    rest: &'p [u8],
}

impl<'p> Units<'p> {
    fn of(path: &'p str) -> Self {
        Self {
            rest: path.as_bytes(),
        }
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        if let [b'%', high, low, rest @ ..] = self.rest
            && let Some(byte) = hexadecimal(*high, *low)
        {
            self.rest = rest;
            return Some(Unit::Escape(byte));
        }
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(Unit::Bare(*byte))
    }
}

/// Is this path normal, and without escapes? True for almost every request.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    path.iter().all(|byte| {
        let hidden_segment = after_slash && matches!(byte, b'/' | b'.');
        after_slash = *byte == b'/';
        !hidden_segment && matches!(Class::of(*byte), Class::Unreserved | Class::Reserved)
    })
}

fn normalise_escapes(raw: &str, author: Author<'_>) -> Result<String, PathError> {
    let mut path = String::with_capacity(raw.len());
    for unit in Units::of(raw) {
        match unit {
            Unit::Escape(byte) if author.refuses(byte) => {
                return Err(PathError::ForbiddenEscape);
            }
            Unit::Escape(byte) if Class::of(byte) == Class::Unreserved => {
                path.push(char::from(byte));
            }
            Unit::Escape(byte) => push_escape(&mut path, byte),
            Unit::Bare(byte) => match Class::of(byte) {
                Class::Unreserved | Class::Reserved => path.push(char::from(byte)),
                Class::Escape => return Err(PathError::BrokenEscape),
                Class::Forbidden if matches!(author, Author::Client(_)) => {
                    return Err(PathError::ForbiddenCharacter);
                }
                Class::Forbidden | Class::Other => push_escape(&mut path, byte),
            },
        }
    }
    Ok(path)
}

fn resolve_segments(path: &str) -> String {
    let mut resolved = String::with_capacity(path.len());
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => resolved.truncate(resolved.rfind('/').unwrap_or(0)),
            segment => {
                resolved.push('/');
                resolved.push_str(segment);
            }
        }
    }
    if resolved.is_empty() || path.ends_with('/') {
        resolved.push('/');
    }
    resolved
}

/// Escapes that rules see as escapes: decoded, these would mean something else.
fn is_kept_escaped(byte: u8) -> bool {
    matches!(byte, b'%' | b'?' | b'#') || Class::of(byte) == Class::Reserved
}

/// Moves decoded bytes over, those that are not UTF-8 as escapes again.
fn flush(run: &mut Vec<u8>, decoded: &mut String) {
    for chunk in run.utf8_chunks() {
        decoded.push_str(chunk.valid());
        for byte in chunk.invalid() {
            push_escape(decoded, *byte);
        }
    }
    run.clear();
}

fn push_escape(path: &mut String, byte: u8) {
    path.push('%');
    for digit in [byte >> 4, byte & 0xf] {
        path.push(
            char::from_digit(u32::from(digit), 16)
                .unwrap_or('0')
                .to_ascii_uppercase(),
        );
    }
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalise(raw: &str) -> Result<Cow<'_, str>, PathError> {
        normalise_path(raw, &PathRules::default())
    }

    #[test]
    fn a_path_has_one_form_for_matching_and_forwarding() {
        for (raw, forwarded, matched) in [
            ("/", "/", "/"),
            ("/a/b", "/a/b", "/a/b"),
            (
                "/a/%252E%252E/%252E%252E/b/",
                "/a/%252E%252E/%252E%252E/b/",
                "/a/%252E%252E/%252E%252E/b/",
            ),
            ("/a/b/..", "/a", "/a"),
            ("/a/b/../", "/a/", "/a/"),
            ("/..///b///", "/b/", "/b/"),
            ("/api/x/../flats/", "/api/flats/", "/api/flats/"),
            ("/api/flats/.", "/api/flats", "/api/flats"),
            ("/foo/%2E%2e/bar", "/bar", "/bar"),
            ("/%2e%2e/%2e%2e/etc", "/etc", "/etc"),
            ("/..", "/", "/"),
            ("/...", "/...", "/..."),
            ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
            ("/a//b", "/a/b", "/a/b"),
            ("/foo%20bar", "/foo%20bar", "/foo bar"),
            ("/a%2db%7e", "/a-b~", "/a-b~"),
            ("/a%2bb", "/a%2Bb", "/a%2Bb"),
            ("/a+b", "/a+b", "/a+b"),
            ("/a(b);c=d@e[f]", "/a(b);c=d@e[f]", "/a(b);c=d@e[f]"),
            ("/%3f%23%25", "/%3F%23%25", "/%3F%23%25"),
            ("/caf%c3%a9", "/caf%C3%A9", "/café"),
            ("/café", "/caf%C3%A9", "/café"),
            ("/caf%e9/x", "/caf%E9/x", "/caf%E9/x"),
            ("/%e2%82x%ac", "/%E2%82x%AC", "/%E2%82x%AC"),
            ("/{path:css}", "/%7Bpath:css%7D", "/{path:css}"),
            ("/a%0d%0ab", "/a%0D%0Ab", "/a\r\nb"),
        ] {
            let path = normalise(raw).unwrap();
            assert_eq!(path, forwarded, "forwarded, of {raw}");
            assert_eq!(decode_routing_path(&path), matched, "matched, of {raw}");
        }
    }

    #[test]
    fn an_ambiguous_path_is_refused() {
        for (raw, error) in [
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("a/b", PathError::NotAbsolute),
            ("/%zz", PathError::BrokenEscape),
            ("/%", PathError::BrokenEscape),
            ("/a%2", PathError::BrokenEscape),
            ("/%+1", PathError::BrokenEscape),
            ("/foo%20%2Fbar", PathError::ForbiddenEscape),
            ("/api%2f..%2fadmin", PathError::ForbiddenEscape),
            ("/api/..%5cadmin", PathError::ForbiddenEscape),
            ("/admin%00.png", PathError::ForbiddenEscape),
            ("/a\\..\\b", PathError::ForbiddenCharacter),
            ("/a#b", PathError::ForbiddenCharacter),
            ("/a\tb", PathError::ForbiddenCharacter),
            ("/a\u{7f}", PathError::ForbiddenCharacter),
        ] {
            assert_eq!(normalise(raw), Err(error), "{raw:?}");
        }
    }

    #[test]
    fn a_normal_path_is_not_copied() {
        for path in ["/", "/a/b.html", "/a.b/c-d_e~/", "/a:b@c,d;e=f"] {
            assert!(matches!(normalise(path), Ok(Cow::Borrowed(_))), "{path}");
        }
    }

    #[test]
    fn clean_is_what_resolving_would_not_change() {
        for (path, clean) in [
            ("/", true),
            ("/a", true),
            ("/a/", true),
            ("/a/b", true),
            ("/.a/..b/...", true),
            ("", false),
            ("a", false),
            ("//", false),
            ("/a//b", false),
            ("/a//", false),
            ("//a", false),
            ("/.", false),
            ("/..", false),
            ("/a/.", false),
            ("/../a", false),
            ("/./a", false),
        ] {
            assert_eq!(is_clean(path), clean, "{path:?}");
        }
    }

    #[test]
    fn an_entry_point_may_refuse_other_escapes_and_keep_segments() {
        let open = PathRules {
            refused: Box::new([b';']),
            keep_segments: true,
        };
        for (raw, expected) in [
            ("/a%2fb%5c%00", Ok("/a%2Fb%5C%00")),
            ("/a//./../%2e%2e/b", Ok("/a//./../../b")),
            ("/%41%3f", Ok("/A%3F")),
            ("/a%3b", Err(PathError::ForbiddenEscape)),
            ("/a;", Ok("/a;")),
            ("/%", Err(PathError::BrokenEscape)),
        ] {
            let path = normalise_path(raw, &open);
            assert_eq!(path.as_deref(), expected.as_ref().copied(), "{raw}");
        }
    }

    #[test]
    fn an_authors_path_is_escaped_and_its_escapes_are_kept() {
        for (text, escaped) in [
            ("/a b", "/a%20b"),
            ("/a%20b%2f%2E", "/a%20b%2F."),
            ("/a?b#c\\d", "/a%3Fb%23c%5Cd"),
            ("é", "%C3%A9"),
            ("/a//../b", "/a//../b"),
        ] {
            assert_eq!(escape_path(text).as_deref(), Ok(escaped), "{text}");
        }
        assert_eq!(escape_path("/100%"), Err(PathError::BrokenEscape));
    }

    #[test]
    fn a_prefix_is_taken_off_byte_by_byte() {
        for (path, prefix, rest) in [
            ("/api/x", "/api", Some("/x")),
            ("/api", "/api", Some("")),
            ("/ap", "/api", None),
            ("/status", "/stat", Some("us")),
            ("/foo%20bar/x%20y", "/foo bar", Some("/x%20y")),
            ("/caf%C3%A9/x", "/café", Some("/x")),
            ("/a%2Bb", "/a+", Some("b")),
            ("/a", "", Some("/a")),
        ] {
            assert_eq!(
                strip_decoded_prefix(path, prefix.as_bytes()),
                rest,
                "{path} - {prefix}"
            );
        }
    }

    proptest! {
        #[test]
        fn normalising_is_idempotent(raw in "/([a-c./%2eEfF5?#é \\\\]|%2e|%2F|%c3%a9|%41|//|/\\.\\./){0,12}") {
            if let Ok(path) = normalise(&raw) {
                prop_assert!(is_clean(&path), "{path}");
                prop_assert_eq!(normalise(&path).unwrap(), path.as_ref());
            }
        }

        #[test]
        fn any_text_is_refused_or_made_clean(raw in ".*") {
            if let Ok(path) = normalise(&raw) {
                prop_assert!(is_clean(&path) && path.is_ascii());
            }
        }

        #[test]
        fn clean_agrees_with_resolving(path in "/[a./]{0,10}") {
            prop_assert_eq!(is_clean(&path), resolve_segments(&path) == path);
        }
    }
}
