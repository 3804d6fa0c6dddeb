//! Which files of the control plane labels may name.
//!
//! Whoever starts a container writes labels; what lies beside the control plane need
//! not be theirs. So a label may name files below some directories only, and what
//! lies elsewhere is not even looked at.

use std::path::{Component, Path, PathBuf};

/// Longest file that a middleware may have read.
const MAX_BYTES: u64 = 1024 * 1024;

/// Directories whose files labels may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFiles(Vec<PathBuf>);

impl LabelFiles {
    /// These directories; `None` if one is no absolute path.
    pub(crate) fn below(directories: impl IntoIterator<Item = String>) -> Option<Self> {
        let directories = directories.into_iter().map(|text| plain(Path::new(&text)));
        Some(Self(directories.collect::<Option<_>>()?))
    }

    /// Why a label may not name this file, by its name alone.
    pub(crate) fn refusal(&self, path: &str) -> Option<String> {
        let file = plain(Path::new(path));
        if file.as_ref().is_some_and(|file| self.has(file)) {
            return None;
        }
        let allowed = self.0.iter().map(|it| it.display().to_string());
        let allowed = match Vec::from_iter(allowed) {
            none if none.is_empty() => "labels may not name files".to_owned(),
            some => format!("labels may only name files below {}", some.join(" and ")),
        };
        let directory = file.as_deref().and_then(Path::parent);
        Some(match directory {
            Some(directory) => format!(
                "{allowed}; --providers.docker.labelFiles={} allows this one",
                directory.display()
            ),
            None => format!("{allowed}, and this is not an absolute path"),
        })
    }

    /// The text of a small file that a label names.
    ///
    /// # Errors
    ///
    /// What is wrong, without a word of what is in it.
    pub(crate) fn read(&self, path: &str) -> Result<String, String> {
        if let Some(refusal) = self.refusal(path) {
            return Err(refusal);
        }
        // Where links lead counts, too.
        let real = std::fs::canonicalize(path).map_err(|error| error.to_string())?;
        let directories = self.0.iter().filter_map(|it| it.canonicalize().ok());
        if !Self(directories.collect()).has(&real) {
            return Err("it is a link that leads out of the directory".to_owned());
        }
        read(&real)
    }

    fn has(&self, file: &Path) -> bool {
        self.0.iter().any(|directory| file.starts_with(directory))
    }
}

impl Default for LabelFiles {
    /// Where a router's own configuration lies.
    fn default() -> Self {
        Self(["/etc/fairway", "/etc/traefik"].map(PathBuf::from).into())
    }
}

/// The text of a small file that the operator names.
///
/// # Errors
///
/// What is wrong, without a word of what is in it.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())
}

/// An absolute path without `.` and `..`.
fn plain(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_files_below_the_allowed_directories_only() {
        let allowed = LabelFiles::below(["/auth/".to_owned(), "/etc/traefik".to_owned()]).unwrap();
        for (path, fits) in [
            ("/auth/users", true),
            ("/auth/deep/users", true),
            ("/auth/../auth/users", true),
            ("/etc/traefik/users", true),
            ("/authority/users", false),
            ("/auth/../etc/shadow", false),
            ("/etc/shadow", false),
            ("auth/users", false),
            ("", false),
        ] {
            assert_eq!(allowed.refusal(path).is_none(), fits, "{path}");
        }
        assert_eq!(
            allowed.refusal("/run/users").unwrap(),
            "labels may only name files below /auth and /etc/traefik; \
             --providers.docker.labelFiles=/run allows this one"
        );
        let none = LabelFiles::below([]).unwrap();
        let refusal = none.refusal("/auth/users").unwrap();
        assert!(refusal.starts_with("labels may not name files; "));
        assert_eq!(LabelFiles::below(["auth".to_owned()]), None);
        let all = LabelFiles::below(["/".to_owned()]).unwrap();
        assert_eq!(all.refusal("/etc/shadow"), None);
    }

    #[test]
    fn a_link_does_not_lead_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("in")).unwrap();
        std::fs::create_dir(path("out")).unwrap();
        std::fs::write(path("in/users"), "ada").unwrap();
        std::fs::write(path("out/secret"), "secret").unwrap();
        std::os::unix::fs::symlink(path("out/secret"), path("in/link")).unwrap();
        std::os::unix::fs::symlink(path("in/users"), path("in/other")).unwrap();
        let allowed = LabelFiles::below([path("in").display().to_string()]).unwrap();
        let read = |name: &str| allowed.read(&path(name).display().to_string());
        assert_eq!(read("in/users").as_deref(), Ok("ada"));
        assert_eq!(read("in/other").as_deref(), Ok("ada"));
        assert!(read("in/link").unwrap_err().contains("leads out"));
        assert!(read("in/../out/secret").unwrap_err().contains("may only"));
        assert_eq!(read("in").unwrap_err(), "it is not a file");
    }
}
