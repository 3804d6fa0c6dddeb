//! Percent-encoding in paths and queries.

/// The last segment of a path, decoded; `None` if it cannot be.
pub(super) fn last_segment(path: &str) -> Option<String> {
    percent(path.rsplit('/').next().unwrap_or_default())
}

/// The pairs of a query; those that cannot be decoded are left out.
pub(super) fn query(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent(&text.replace('+', " "));
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Text with every `%XX` replaced; `None` if one is broken or the result is not
/// UTF-8.
fn percent(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_slash_come_escaped_and_broken_escapes_are_refused() {
        for (path, expected) in [
            ("/api/http/routers/web@docker", Some("web@docker")),
            ("/api/http/routers/a%2Fb%40docker", Some("a/b@docker")),
            ("/api/http/routers/gr%C3%BCn@docker", Some("grün@docker")),
            ("/api/http/routers/a+b", Some("a+b")),
            ("/api/http/routers/%", None),
            ("/api/http/routers/%4", None),
            ("/api/http/routers/%zz", None),
            ("/api/http/routers/%+1", None),
            ("/api/http/routers/%ff", None),
        ] {
            assert_eq!(last_segment(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_query_is_pairs() {
        let pairs = query("search=a+b%26c&&page=2&flag&bad=%zz");
        let expected = [("search", "a b&c"), ("page", "2"), ("flag", "")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
