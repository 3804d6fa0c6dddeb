//! Qualified names: `name@provider`.

use crate::spelling;

/// `reference` as seen from an object of `provider`.
pub(super) fn qualify(reference: &str, provider: &str) -> String {
    if reference.contains('@') {
        reference.to_owned()
    } else {
        format!("{reference}@{provider}")
    }
}

/// The reference's own name, without its provider.
pub(super) fn local(qualified: &str) -> &str {
    qualified
        .split_once('@')
        .map_or(qualified, |(name, _)| name)
}

/// The known name that `wanted` is most likely a misspelling of.
pub(super) fn nearest<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a String>,
) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
    let near = spelling::nearest(local(wanted), known.iter().map(|name| local(name)))?;
    known.into_iter().find(|name| local(name) == near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_reference_belongs_to_its_own_provider() {
        assert_eq!(qualify("auth", "docker"), "auth@docker");
        assert_eq!(qualify("auth@file", "docker"), "auth@file");
    }

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let known = ["replacepath@docker".to_owned(), "auth@docker".to_owned()];
        assert_eq!(
            nearest("replacpath@docker", &known),
            Some("replacepath@docker")
        );
        assert_eq!(nearest("something-else@docker", &known), None);
    }
}
