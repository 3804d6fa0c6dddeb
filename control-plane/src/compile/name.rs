//! Qualified names: `name@provider`.

use std::cell::Cell;

use super::Input;
use crate::provider::FILE_PROVIDER;
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

/// How an option of an object is written where the object comes from: in labels and in
/// files it has other names. `section`: `routers`, `services`.
pub(super) fn option(section: &str, object: &str, option: &str) -> String {
    let root = if object.ends_with("@file") {
        ""
    } else {
        "traefik."
    };
    format!("{root}http.{section}.{}.{option}", local(object))
}

/// Names that one compilation compares at most in search of what was meant.
const MAX_COMPARED: usize = 100_000;

/// What may have been meant. Gives up after [`MAX_COMPARED`] names: thousands of broken
/// references among thousands of names, all of one user, must not keep the rest waiting.
#[derive(Debug)]
pub(super) struct Guesses {
    left: Cell<usize>,
    /// There is a file provider.
    reads_files: bool,
}

impl Guesses {
    pub(super) fn of(input: Input<'_>) -> Self {
        Self::new(input.providers.contains_key(FILE_PROVIDER))
    }

    fn new(reads_files: bool) -> Self {
        Self {
            left: Cell::new(MAX_COMPARED),
            reads_files,
        }
    }

    /// What helps with a reference to an object of a file where no file is read.
    pub(super) fn unread(&self, reference: &str) -> Option<String> {
        let is_of_file = reference.rsplit_once('@')?.1 == FILE_PROVIDER;
        (is_of_file && !self.reads_files).then(|| {
            "if a file declares it, have that one read: --providers.file.filename=FILE or \
             --providers.file.directory=DIRECTORY"
                .to_owned()
        })
    }

    /// The known name that `wanted` is most likely a misspelling of.
    pub(super) fn nearest<'a>(
        &self,
        wanted: &str,
        known: impl IntoIterator<Item = &'a String>,
    ) -> Option<&'a str> {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        self.left.set(self.left.get().checked_sub(known.len())?);
        let near = spelling::nearest(local(wanted), known.iter().map(|name| local(name)))?;
        known.into_iter().find(|name| local(name) == near)
    }
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
        let guesses = Guesses::new(true);
        assert_eq!(
            guesses.nearest("replacpath@docker", &known),
            Some("replacepath@docker")
        );
        assert_eq!(guesses.nearest("something-else@docker", &known), None);
    }

    #[test]
    fn files_that_are_not_read_may_declare_more() {
        let help = |reads_files, reference| Guesses::new(reads_files).unread(reference);
        assert!(help(false, "auth@file").is_some());
        assert_eq!(help(true, "auth@file"), None);
        assert_eq!(help(false, "auth@docker"), None);
        assert_eq!(help(false, "auth"), None);
    }

    #[test]
    fn very_many_guesses_come_to_an_end() {
        let known: Vec<String> = (0..1000)
            .map(|number| format!("auth{number}@docker"))
            .collect();
        let guesses = Guesses::new(true);
        let found = std::iter::repeat_with(|| guesses.nearest("outh7@docker", &known));
        assert_eq!(
            found.take_while(Option::is_some).count(),
            MAX_COMPARED / 1000
        );
    }
}
