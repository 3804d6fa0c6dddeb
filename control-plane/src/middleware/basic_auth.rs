//! `basicAuth`: asks for a name and a password.
//!
//! Hashes leave the control plane towards proxies only: wherever people look, and in
//! diagnostics, they are left out. A file of users is read by the compiler's caller.

use std::collections::BTreeMap;
use std::fmt;

use fairway_proto::discovery::v1 as proto;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use crate::label::Fields;
use crate::redact::REDACTED;

/// bcrypt takes twice as long with each step; proxies check no higher one.
const MAX_BCRYPT_COST: u32 = 16;

/// Options of `basicAuth`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// By name.
    #[serde(skip_serializing_if = "Users::is_empty")]
    pub users: Users,
    /// Path on the control plane's machine; users of the label come first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub users_file: String,
    /// What the browser says the password is for; empty: `traefik`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub realm: String,
    /// Do not send the credentials to the server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remove_header: bool,
    /// Header that tells the server the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub header_field: String,
}

/// Names with the hashes of their passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Users(BTreeMap<String, String>);

impl BasicAuth {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const USERS: &str = "basicAuth.users";
        const FILE: &str = "basicAuth.usersFile";
        let mut users = Users::default();
        for (at, entry) in fields.list(USERS).iter().enumerate() {
            match users.add(entry) {
                Ok(None) => {}
                Ok(Some(doubt)) => fields.remark(USERS, doubt, HTPASSWD),
                Err(what) => {
                    fields.reject(
                        USERS,
                        format!("user {} of the list {what}", at + 1),
                        HTPASSWD,
                    );
                }
            }
        }
        let users_file = fields.some_text(FILE).unwrap_or_default();
        if users.is_empty() && users_file.is_empty() && !fields.has_mistakes() {
            let suggestion = format!("write {}=name:hash; {HTPASSWD}", fields.key(USERS));
            fields.reject("", "basicAuth lacks its users", suggestion);
        }
        let realm = check_realm(fields, "basicAuth.realm");
        let header_field = check_header_field(fields, "basicAuth.headerField");
        let remove_header = fields.boolean("basicAuth.removeHeader");
        Some(Self {
            users,
            users_file,
            realm,
            remove_header: remove_header.unwrap_or_default(),
            header_field,
        })
    }

    /// With the users of its file, if it has one: `text` is what is in it.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, without a word of what is in it.
    pub(crate) fn with_file(&self, text: &str) -> Result<Self, String> {
        let mut users = Users::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            users
                .add(line)
                .map_err(|what| format!("line {} {what}", at + 1))?;
        }
        users.0.extend(self.users.0.clone());
        if users.is_empty() {
            return Err("there are no users in it".to_owned());
        }
        Ok(Self {
            users,
            ..self.clone()
        })
    }

    pub(super) fn encode(&self) -> proto::BasicAuth {
        let realm = match self.realm.as_str() {
            "" => "traefik",
            realm => realm,
        };
        let users = self.users.0.iter();
        proto::BasicAuth {
            users: users
                .map(|(name, hash)| proto::User {
                    name: name.clone(),
                    hash: hash.clone(),
                })
                .collect(),
            realm: realm.to_owned(),
            remove_header: self.remove_header,
            header_field: self.header_field.clone(),
        }
    }
}

const HTPASSWD: &str = "make an entry with `htpasswd -nB <name>`; in a compose file write $$ for $";

impl Users {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `name:hash`; later ones count. Answers what is doubtful about it.
    fn add(&mut self, entry: &str) -> Result<Option<String>, &'static str> {
        let (name, hash) = entry.split_once(':').ok_or("is not `name:hash`")?;
        if hash.contains(':') {
            return Err("has more than one colon");
        }
        if HeaderValue::from_bytes(name.as_bytes()).is_err() {
            return Err("has a control character in its name");
        }
        self.0.insert(name.to_owned(), hash.to_owned());
        Ok((!is_usable(hash)).then(|| {
            format!("the hash of {name} is of no known kind: nobody can log in with that name")
        }))
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names only.
impl Serialize for Users {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.keys().map(|name| format!("{name}:{REDACTED}")))
    }
}

/// Reads a realm; empty if there is none.
pub(super) fn check_realm(fields: &mut Fields, option: &str) -> String {
    let realm = fields.some_text(option).unwrap_or_default();
    if HeaderValue::from_bytes(realm.as_bytes()).is_err() {
        let message = "the realm has a line break or another control character";
        fields.reject(option, message, "write it on one line");
    }
    realm
}

/// Reads the name of a header; empty if there is none.
pub(super) fn check_header_field(fields: &mut Fields, option: &str) -> String {
    let field = fields.some_text(option).unwrap_or_default();
    if !field.is_empty() && HeaderName::try_from(&field).is_err() {
        fields.reject(
            option,
            format!("`{field}` cannot be the name of a header"),
            "write letters, digits and dashes, such as X-User",
        );
    }
    field
}

fn is_usable(hash: &str) -> bool {
    if let Some(rest) = ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .find_map(|prefix| hash.strip_prefix(prefix))
    {
        let cost = rest.split_once('$').and_then(|(cost, sum)| {
            let cost: u32 = cost.parse().ok()?;
            (sum.len() == 53).then_some(cost)
        });
        return cost.is_some_and(|cost| (4..=MAX_BCRYPT_COST).contains(&cost));
    }
    let md5 = |rest: &str| rest.split_once('$').is_some_and(|(_, sum)| sum.len() == 22);
    let md5 = ["$apr1$", "$1$"]
        .iter()
        .any(|prefix| hash.strip_prefix(prefix).is_some_and(md5));
    let sha = hash.strip_prefix("{SHA}");
    md5 || sha.is_some_and(|sum| sum.len() == 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn auth(users: &[&str]) -> BasicAuth {
        let mut list = Users::default();
        for user in users {
            list.add(user).unwrap();
        }
        BasicAuth {
            users: list,
            users_file: "/users".to_owned(),
            realm: String::new(),
            remove_header: false,
            header_field: String::new(),
        }
    }

    #[test]
    fn a_file_has_one_user_a_line_and_the_label_comes_first() {
        let text = format!("# who\n\n ada:{BCRYPT}\r\nbob:file\n");
        let both = auth(&["bob:label"]).with_file(&text).unwrap();
        let users: Vec<_> = both
            .users
            .0
            .iter()
            .map(|(a, b)| format!("{a}:{b}"))
            .collect();
        assert_eq!(users, [format!("ada:{BCRYPT}"), "bob:label".to_owned()]);
        for (text, expected) in [
            ("a:b\nsecret", "line 2 is not `name:hash`"),
            ("a:b:c", "line 1 has more than one colon"),
            ("# nobody\n", "there are no users in it"),
        ] {
            let error = auth(&[]).with_file(text).unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_hash_that_nobody_can_match_is_told() {
        for (hash, expected) in [
            (BCRYPT, true),
            ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", true),
            ("$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", true),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", true),
            ("secret", false),
            ("apr1.h9FWgUz3n9YxylKLlR5SQ/", false),
            (
                "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                false,
            ),
        ] {
            assert_eq!(is_usable(hash), expected, "{hash}");
        }
    }

    #[test]
    fn hashes_are_not_shown() {
        let auth = auth(&[&format!("ada:{BCRYPT}")]);
        let shown = serde_json::to_string(&auth).unwrap();
        assert_eq!(
            shown,
            r#"{"users":["ada:[redacted]"],"usersFile":"/users"}"#
        );
        assert!(!format!("{auth:?}").contains("CCCC"));
        assert_eq!(auth.encode().users[0].hash, BCRYPT);
    }
}
