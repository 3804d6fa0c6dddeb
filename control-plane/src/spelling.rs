//! "Did you mean": the known word nearest to one that nobody knows.

/// The word nearest to this one, ignoring case, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let near_enough = |known: &str| length.max(known.len()).div_ceil(4);
    known
        .into_iter()
        // The distance is at least the difference in length, which costs nothing.
        .filter(|known| length.abs_diff(known.chars().count()) <= near_enough(known))
        .map(|known| {
            (
                strsim::damerau_levenshtein(&word, &known.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, known)| *distance <= near_enough(known))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_nothing() {
        let known = ["entryPoints", "rule", "middlewares", "tls", "service"];
        let rows = [
            ("entrypoint", Some("entryPoints")),
            ("entry-points", Some("entryPoints")),
            ("RULES", Some("rule")),
            ("middleware", Some("middlewares")),
            ("midlewares", Some("middlewares")),
            ("services", Some("service")),
            ("tsl", Some("tls")),
            ("frontend", None),
            ("", None),
            ("port", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
