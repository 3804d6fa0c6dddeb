//! Files that middlewares name: what is in them takes their place.

use super::{ForwardAuth, Middleware};
use crate::model::{FileText, NamedFile, Unusable};

impl Middleware {
    /// The files that must be read before the middleware can be encoded.
    pub fn files(&self) -> impl Iterator<Item = NamedFile<'_>> {
        let users = |path| {
            vec![NamedFile {
                option: "usersFile",
                path,
            }]
        };
        let files = match self {
            Self::BasicAuth(it) => users(&it.users_file),
            Self::DigestAuth(it) => users(&it.users_file),
            Self::ForwardAuth(it) => it.files().collect(),
            _ => Vec::new(),
        };
        files.into_iter().filter(|file| !file.path.is_empty())
    }

    /// With what is in its files, as far as that is at hand.
    ///
    /// # Errors
    ///
    /// The first file that cannot be used.
    pub(crate) fn with_files(&self, read: &dyn Fn(&str) -> FileText) -> Result<Self, Unusable> {
        let users = |path: &str, take: &dyn Fn(&str) -> Result<Self, String>| {
            let taken = match path {
                "" => Ok(None),
                path => read(path),
            };
            let taken = taken.and_then(|text| text.map(|text| take(&text)).transpose());
            match taken {
                Ok(filled) => Ok(filled.unwrap_or_else(|| self.clone())),
                Err(error) => Err(Unusable {
                    option: "usersFile",
                    path: Some(path.to_owned()),
                    error,
                }),
            }
        };
        match self {
            Self::BasicAuth(it) => users(&it.users_file, &|text| {
                it.with_file(text).map(Self::BasicAuth)
            }),
            Self::DigestAuth(it) => users(&it.users_file, &|text| {
                it.with_file(text).map(Self::DigestAuth)
            }),
            Self::ForwardAuth(it) => {
                let filled: ForwardAuth = it.with_files(read)?;
                Ok(Self::ForwardAuth(Box::new(filled)))
            }
            other => Ok(other.clone()),
        }
    }
}
