//! Statuses and ranges of them: `404`, `500-599`.

use fairway_proto::discovery::v1 as proto;

use crate::label::Fields;

/// The statuses of a list; what is none is told to the fields.
pub(super) fn ranges(fields: &mut Fields, option: &str) -> Vec<String> {
    let texts = fields.list(option);
    for text in &texts {
        if range(text).is_none() {
            reject(fields, option, text);
        }
    }
    texts
}

/// Tells that the text is no status and no range.
pub(super) fn reject(fields: &mut Fields, option: &str, text: &str) {
    fields.reject(
        option,
        format!("`{text}` is neither a status nor a range of them"),
        "write for instance 404, 500-599",
    );
}

/// From the first to the last; `None` if it is no range.
pub(crate) fn range(text: &str) -> Option<proto::StatusRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first.trim())?, status(last.trim())?);
    (first <= last).then_some(proto::StatusRange { first, last })
}

/// Of the ranges that are some.
pub(super) fn encode(ranges: &[String]) -> Vec<proto::StatusRange> {
    ranges.iter().filter_map(|text| range(text)).collect()
}

/// A status that an answer can have.
pub(super) fn status(text: &str) -> Option<u32> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|_| digits)?;
    (100..=599).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_status_or_two() {
        for (text, expected) in [
            ("404", Some((404, 404))),
            ("500-599", Some((500, 599))),
            ("500 - 504", Some((500, 504))),
            ("599-500", None),
            ("600", None),
            ("99", None),
            ("5xx", None),
            ("", None),
            ("500-", None),
            ("+404", None),
            ("500-502-504", None),
        ] {
            let range = range(text).map(|it| (it.first, it.last));
            assert_eq!(range, expected, "{text}");
        }
    }
}
