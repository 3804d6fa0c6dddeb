//! PEM as users write it, and what one end of a TLS connection is told with it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{FileText, NamedFile, Unusable};
use crate::tls;

/// How the text of PEM is told from the name of a file.
const BEGIN: &str = "-----BEGIN ";

/// PEM, or the path of a file with it: Traefik takes both in one option.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pem(String);

/// TLS towards a server that is not one of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientTls {
    /// Authorities that are trusted; empty: those of the system.
    #[serde(skip_serializing_if = "Pem::is_empty")]
    pub ca: Pem,
    /// Who the client is, for servers that ask.
    #[serde(skip_serializing_if = "Pem::is_empty")]
    pub cert: Pem,
    /// The key of `cert`.
    #[serde(skip_serializing_if = "Pem::is_empty")]
    pub key: Pem,
    /// Take any certificate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

impl ClientTls {
    /// The files that it names; `options` are the names of `ca`, `cert` and `key`.
    pub(crate) fn files(&self, options: [&'static str; 3]) -> impl Iterator<Item = NamedFile<'_>> {
        let pems = [&self.ca, &self.cert, &self.key].into_iter();
        pems.zip(options)
            .filter_map(|(pem, option)| pem.named(option))
    }

    /// With what is in its files, as far as that is at hand.
    ///
    /// # Errors
    ///
    /// The first file, certificate or key that cannot be used.
    pub(crate) fn with_files(
        &self,
        [ca, cert, key]: [&'static str; 3],
        read: &dyn Fn(&str) -> FileText,
    ) -> Result<Self, Unusable> {
        let (cert, key) = identity(&self.cert, &self.key, (cert, key), read)?;
        Ok(Self {
            ca: self.ca.authority(ca, read)?,
            cert,
            key,
            insecure_skip_verify: self.insecure_skip_verify,
        })
    }
}

/// A certificate and its key with what is in their files, which go together.
pub(super) fn identity(
    cert: &Pem,
    key: &Pem,
    options: (&'static str, &'static str),
    read: &dyn Fn(&str) -> FileText,
) -> Result<(Pem, Pem), Unusable> {
    let filled = (cert.filled(options.0, read)?, key.filled(options.1, read)?);
    if let Some((chain, key)) = filled.0.text().zip(filled.1.text()) {
        tls::identity(chain, key).map_err(|error| cert.unusable(options.0, error))?;
    }
    Ok(filled)
}

impl Pem {
    /// As written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file, if it is not the text itself.
    pub fn path(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| !text.is_empty() && !text.contains(BEGIN))
    }

    /// The text itself, if it is there.
    pub fn text(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| text.contains(BEGIN))
    }

    /// As written, or as it was read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file of this option, if it names one.
    pub(super) fn named(&self, option: &'static str) -> Option<NamedFile<'_>> {
        Some(NamedFile {
            option,
            path: self.path()?,
        })
    }

    /// Certificates of authorities, with what is in their file.
    pub(super) fn authority(
        &self,
        option: &'static str,
        read: &dyn Fn(&str) -> FileText,
    ) -> Result<Self, Unusable> {
        let filled = self.filled(option, read)?;
        if let Some(pem) = filled.text() {
            tls::authorities(pem).map_err(|error| self.unusable(option, error))?;
        }
        Ok(filled)
    }

    /// With what is in its file, as far as that is at hand.
    fn filled(
        &self,
        option: &'static str,
        read: &dyn Fn(&str) -> FileText,
    ) -> Result<Self, Unusable> {
        let Some(path) = self.path() else {
            return Ok(self.clone());
        };
        match read(path) {
            Ok(None) => Ok(self.clone()),
            Ok(Some(text)) if text.contains(BEGIN) => Ok(Self(text)),
            Ok(Some(_)) => Err(self.unusable(option, "there is no PEM in it")),
            Err(error) => Err(self.unusable(option, error)),
        }
    }

    /// It cannot be used for this option.
    fn unusable(&self, option: &'static str, error: impl ToString) -> Unusable {
        Unusable {
            option,
            path: self.path().map(str::to_owned),
            error: error.to_string(),
        }
    }
}

impl fmt::Debug for Pem {
    /// Keys are shown to nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => write!(f, "{path:?}"),
            None if self.is_empty() => f.write_str("none"),
            None => f.write_str("[PEM]"),
        }
    }
}

impl Serialize for Pem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_holds_pem_or_the_name_of_a_file_with_it() {
        let text = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
        let read = |path: &str| match path {
            "/key.pem" => Ok(Some(text.to_owned())),
            "/other" => Ok(Some("something".to_owned())),
            "/unknown" => Ok(None),
            _ => Err("it is not there".to_owned()),
        };
        let filled = |pem: &str| Pem::new(pem).filled("key", &read);
        assert_eq!(filled("/key.pem"), Ok(Pem::new(text)));
        assert_eq!(filled(text), Ok(Pem::new(text)));
        assert_eq!(filled(""), Ok(Pem::default()));
        assert_eq!(filled("/unknown"), Ok(Pem::new("/unknown")));
        let told = |pem: &str| filled(pem).unwrap_err().to_string();
        assert_eq!(
            told("/other"),
            "the key /other cannot be used: there is no PEM in it"
        );
        assert_eq!(
            told("/nowhere"),
            "the key /nowhere cannot be used: it is not there"
        );
        assert_eq!(format!("{:?}", Pem::new(text)), "[PEM]");
    }
}
