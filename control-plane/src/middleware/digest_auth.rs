//! `digestAuth`: asks for a name and a proof of the password.
//!
//! What proves it (the hash of name, realm and password) is as good as a password:
//! it goes to the proxies, and people do not see it.

use std::collections::BTreeMap;
use std::fmt;

use fairway_proto::discovery::v1 as proto;
use http::HeaderValue;
use serde::{Serialize, Serializer};

use super::basic_auth::{check_header_field, check_realm};
use crate::label::Fields;
use crate::redact::REDACTED;

const HTDIGEST: &str = "make an entry with `htdigest -c <file> <realm> <name>`";
const DEFAULT_REALM: &str = "traefik";

/// Options of `digestAuth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestAuth {
    /// By name and realm.
    #[serde(skip_serializing_if = "DigestUsers::is_empty")]
    pub users: DigestUsers,
    /// Path on the control plane's machine; users of the label come first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub users_file: String,
    /// What the browser says the password is for; empty: `traefik`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub realm: String,
    /// Do not send the proof to the server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remove_header: bool,
    /// Header that tells the server the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
}

/// Hashes by name and realm.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DigestUsers(BTreeMap<(String, String), String>);

impl DigestAuth {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const USERS: &str = "digestAuth.users";
        const FILE: &str = "digestAuth.usersFile";
        let mut users = DigestUsers::default();
        for (at, entry) in fields.list(USERS).iter().enumerate() {
            if let Err(what) = users.add(entry) {
                let message = format!("user {} of the list {what}", at + 1);
                fields.reject(USERS, message, HTDIGEST);
            }
        }
        let auth = Self {
            users,
            users_file: fields.some_text(FILE).unwrap_or_default(),
            realm: check_realm(fields, "digestAuth.realm"),
            remove_header: fields
                .boolean("digestAuth.removeHeader")
                .unwrap_or_default(),
            header_field: check_header_field(fields, "digestAuth.headerField"),
        };
        if auth.users_file.is_empty() && !fields.has_mistakes() {
            if auth.users.is_empty() {
                let suggestion = format!("write {}=name:realm:hash; {HTDIGEST}", fields.key(USERS));
                fields.reject("", "digestAuth lacks its users", suggestion);
            } else if let Err(what) = auth.check() {
                fields.reject(USERS, what, HTDIGEST);
            }
        }
        Some(auth)
    }

    /// With the users of its file, if it has one: `text` is what is in it.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, without a word of what is in it.
    pub(crate) fn with_file(&self, text: &str) -> Result<Self, String> {
        let mut users = DigestUsers::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let added = users.add(line);
            added.map_err(|what| format!("line {} {what}", at + 1))?;
        }
        users.0.extend(self.users.0.clone());
        let auth = Self {
            users,
            ..self.clone()
        };
        if auth.users.is_empty() {
            return Err("there are no users in it".to_owned());
        }
        auth.check()?;
        Ok(auth)
    }

    /// Users of other realms cannot log in.
    fn check(&self) -> Result<(), String> {
        let realm = self.realm();
        match self.users.0.keys().any(|(_, of)| of == realm) {
            true => Ok(()),
            false => Err(format!("no user is of the realm {realm}")),
        }
    }

    fn realm(&self) -> &str {
        match self.realm.as_str() {
            "" => DEFAULT_REALM,
            realm => realm,
        }
    }

    /// Without the key of nonces, which is the compiler's.
    pub(super) fn encode(&self) -> proto::DigestAuth {
        let realm = self.realm();
        let users = self.users.0.iter().filter(|((_, of), _)| of == realm);
        proto::DigestAuth {
            users: users
                .map(|((name, _), hash)| proto::User {
                    name: name.clone(),
                    hash: hash.clone(),
                })
                .collect(),
            realm: realm.to_owned(),
            remove_header: self.remove_header,
            header_field: self.header_field.clone(),
            nonce_key: Vec::new(),
        }
    }
}

impl DigestUsers {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `name:realm:hash`; later ones count.
    fn add(&mut self, entry: &str) -> Result<(), &'static str> {
        let mut parts = entry.split(':');
        let (Some(name), Some(realm), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("is not `name:realm:hash`");
        };
        if HeaderValue::from_bytes(name.as_bytes()).is_err() {
            return Err("has a control character in its name");
        }
        if hash.len() != 32 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("has a hash that is not 32 hexadecimal digits");
        }
        let key = (name.to_owned(), realm.to_owned());
        self.0.insert(key, hash.to_ascii_lowercase());
        Ok(())
    }
}

impl fmt::Debug for DigestUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names and realms only.
impl Serialize for DigestUsers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = self.0.keys();
        serializer.collect_seq(keys.map(|(name, realm)| format!("{name}:{realm}:{REDACTED}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "a2688e031edb4be6a3797f3882655c05";

    fn auth(users: &[&str], realm: &str) -> DigestAuth {
        let mut list = DigestUsers::default();
        for user in users {
            list.add(user).unwrap();
        }
        DigestAuth {
            users: list,
            users_file: "/users".to_owned(),
            realm: realm.to_owned(),
            remove_header: false,
            header_field: String::new(),
        }
    }

    #[test]
    fn only_users_of_the_realm_are_sent() {
        let mine = format!("ada:traefik:{HASH}");
        let other = format!("ada:other:{HASH}");
        let file = format!("# who\nbob:traefik:{}\n", HASH.to_uppercase());
        let sent = auth(&[&mine, &other], "").with_file(&file).unwrap();
        let sent = sent.encode();
        let users: Vec<_> = sent.users.iter().map(|it| (&*it.name, &*it.hash)).collect();
        assert_eq!(users, [("ada", HASH), ("bob", HASH)]);
        assert_eq!(sent.realm, "traefik");
        for (text, expected) in [
            (file.as_str(), "no user is of the realm nowhere"),
            ("a:b", "line 1 is not `name:realm:hash`"),
            (
                "a:b:c",
                "line 1 has a hash that is not 32 hexadecimal digits",
            ),
        ] {
            assert_eq!(auth(&[], "nowhere").with_file(text).unwrap_err(), expected);
        }
        assert_eq!(
            auth(&[], "").with_file("").unwrap_err(),
            "there are no users in it"
        );
    }

    #[test]
    fn hashes_are_not_shown() {
        let auth = auth(&[&format!("ada:traefik:{HASH}")], "");
        let shown = serde_json::to_string(&auth).unwrap();
        assert_eq!(
            shown,
            r#"{"users":["ada:traefik:[redacted]"],"usersFile":"/users"}"#
        );
        assert!(!format!("{auth:?}").contains(HASH));
    }
}
