//! Query parameters as rules see them.
//!
//! Nothing is decoded into a map: a rule asks for one name, and almost no parameter
//! has an escape.

use std::borrow::Cow;

/// Decoded values of the parameters of this decoded name, in order. Pairs with a
/// broken escape are skipped; a parameter without `=` has the empty value.
pub(super) fn values<'q>(query: &'q str, name: &'q str) -> impl Iterator<Item = Cow<'q, [u8]>> {
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key)?.as_ref() == name.as_bytes() {
            decode(value)
        } else {
            None
        }
    })
}

/// `+` is a space. `None` for a broken escape.
fn decode(text: &str) -> Option<Cow<'_, [u8]>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let [high, low, tail @ ..] = rest else {
                    return None;
                };
                rest = tail;
                let high = char::from(*high).to_digit(16)?;
                let low = char::from(*low).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => *byte,
        });
    }
    Some(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_broken_pairs_are_skipped() {
        for (query, name, expected) in [
            ("q=1", "q", &["1"][..]),
            ("a=0&q=1&q=2", "q", &["1", "2"]),
            ("q", "q", &[""]),
            ("q=", "q", &[""]),
            ("Q=1", "q", &[]),
            ("q=a+b%2Bc", "q", &["a b+c"]),
            ("%71=1", "q", &["1"]),
            ("q=a=b", "q", &["a=b"]),
            ("q=%zz&q=2", "q", &["2"]),
            ("q=%4&q=%", "q", &[]),
            ("", "q", &[]),
            ("&&q=1&", "q", &["1"]),
        ] {
            let found: Vec<_> = values(query, name)
                .map(|value| String::from_utf8(value.into_owned()).unwrap())
                .collect();
            assert_eq!(found, expected, "{query}");
        }
    }
}
