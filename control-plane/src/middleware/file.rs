//! Files that middlewares name: they are read by the compiler's caller, and what is in
//! them goes to the proxies.

use super::Middleware;

/// A file that a middleware names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile<'a> {
    /// The option that names it.
    pub option: &'static str,
    /// As written.
    pub path: &'a str,
    /// What may be in it, for those who cannot read it.
    pub example: String,
}

/// Why a file of a middleware cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnusableFile {
    /// The option that names it.
    pub(crate) option: &'static str,
    /// As written.
    pub(crate) path: String,
    /// What is wrong, without a word of what is in it.
    pub(crate) error: String,
}

impl Middleware {
    /// The files that must be read before the middleware can be encoded.
    pub fn files(&self) -> impl Iterator<Item = NamedFile<'_>> {
        let users = |path, example| NamedFile {
            option: "usersFile",
            path,
            example,
        };
        let files = match self {
            Self::BasicAuth(it) => vec![users(&it.users_file, it.example())],
            Self::DigestAuth(it) => vec![users(&it.users_file, it.example())],
            _ => Vec::new(),
        };
        files.into_iter().filter(|file| !file.path.is_empty())
    }

    /// With what is in its files.
    ///
    /// # Errors
    ///
    /// The first file that cannot be used.
    pub(crate) fn with_files(
        &self,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, UnusableFile> {
        let mut filled = self.clone();
        for NamedFile { option, path, .. } in self.files() {
            let text = read(path);
            let taken = text.and_then(|text| match &filled {
                Self::BasicAuth(it) => it.with_file(&text).map(Self::BasicAuth),
                Self::DigestAuth(it) => it.with_file(&text).map(Self::DigestAuth),
                other => Ok(other.clone()),
            });
            filled = taken.map_err(|error| UnusableFile {
                option,
                path: path.to_owned(),
                error,
            })?;
        }
        Ok(filled)
    }
}
