//! `digestAuth`: asks for a name and a proof of the password (RFC 7616, MD5).
//!
//! A proof holds for one method and one target, and for as long as the nonce in it is
//! fresh. Nonces are a time and its signature, so that every proxy knows those of all
//! others, and nothing is kept. What is left out for that: counting how often a nonce
//! was used.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::{Answer, Flow, MiddlewareError};
use crate::proxy::head::{Head, PathRules, normalise_path};

/// How long a nonce is fresh.
const LIFETIME: Duration = Duration::from_secs(300);
/// How far the clocks of two proxies may differ.
const SKEW: Duration = Duration::from_secs(60);

/// Digits of a nonce that are its time; the rest is the signature.
const TIME_DIGITS: usize = 16;
const SIGNATURE_DIGITS: usize = 32;

pub(super) struct DigestAuth {
    /// MD5 of `name:realm:password`, in digits, by name.
    hashes: BTreeMap<String, String>,
    /// As it stands in quotes.
    realm: String,
    nonce_key: [u8; 32],
    remove_header: bool,
    header_field: Option<HeaderName>,
}

/// What came of a proof.
#[derive(Debug, PartialEq, Eq)]
enum Verdict<'c> {
    /// By this user.
    Proven(&'c str),
    /// It would be one, were its nonce fresh.
    Stale,
    Wrong,
}

impl DigestAuth {
    pub(super) fn build(spec: &wire::DigestAuth) -> Result<Self, MiddlewareError> {
        if spec.users.is_empty() {
            return Err(MiddlewareError::Required { option: "users" });
        }
        let field = Some(&spec.header_field).filter(|name| !name.is_empty());
        let field = field.map(|name| {
            HeaderName::try_from(name).map_err(|_| MiddlewareError::HeaderName(name.clone()))
        });
        let nonce_key = spec.nonce_key.as_slice().try_into();
        let users = spec.users.iter();
        let auth = Self {
            hashes: users
                .map(|user| (user.name.clone(), user.hash.to_ascii_lowercase()))
                .collect(),
            realm: spec.realm.clone(),
            nonce_key: nonce_key.map_err(|_| MiddlewareError::Required {
                option: "nonce key",
            })?,
            remove_header: spec.remove_header,
            header_field: field.transpose()?,
        };
        auth.challenge(0, false)
            .map(|_| auth)
            .ok_or_else(|| MiddlewareError::HeaderValue {
                name: header::WWW_AUTHENTICATE.to_string(),
            })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let line = head.headers.get(header::AUTHORIZATION);
        let line = line.and_then(|line| line.to_str().ok()).unwrap_or_default();
        let parameters = parameters(line);
        let name = match self.judge(&parameters, head, now) {
            Verdict::Proven(name) => {
                head.user = Some(name.to_owned());
                HeaderValue::from_bytes(name.as_bytes())
            }
            Verdict::Stale => return Flow::Respond(self.refusal(now, true)),
            Verdict::Wrong => return Flow::Respond(self.refusal(now, false)),
        };
        let Ok(name) = name else {
            return Flow::Respond(self.refusal(now, false));
        };
        if self.remove_header {
            head.headers.remove(header::AUTHORIZATION);
        }
        if let Some(field) = &self.header_field {
            head.headers.insert(field, name);
        }
        Flow::Continue
    }

    fn judge<'c>(
        &self,
        parameters: &'c BTreeMap<String, String>,
        head: &Head,
        now: u64,
    ) -> Verdict<'c> {
        let of = |name: &str| parameters.get(name).map_or("", String::as_str);
        let is_md5 = matches!(of("algorithm"), "" | "MD5" | "md5");
        if !is_md5 || of("qop") != "auth" || !is_about(of("uri"), head) {
            return Verdict::Wrong;
        }
        let (Some(name), Some(hash)) = (parameters.get("username"), self.hash(of("username")))
        else {
            return Verdict::Wrong;
        };
        let asked = digits(&[head.method.as_str(), of("uri")]);
        let proof = [hash, of("nonce"), of("nc"), of("cnonce"), of("qop"), &asked];
        let expected = digits(&proof);
        let given = of("response").to_ascii_lowercase();
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return Verdict::Wrong;
        }
        match self.is_fresh(of("nonce"), now) {
            true => Verdict::Proven(name),
            false => Verdict::Stale,
        }
    }

    fn hash(&self, name: &str) -> Option<&str> {
        self.hashes.get(name).map(String::as_str)
    }

    fn is_fresh(&self, nonce: &str, now: u64) -> bool {
        let Some((time, signature)) = nonce.split_at_checked(TIME_DIGITS) else {
            return false;
        };
        let Ok(time) = u64::from_str_radix(time, 16) else {
            return false;
        };
        let signed = self.signature(time);
        let age = now.saturating_sub(time);
        bool::from(signed.as_bytes().ct_eq(signature.as_bytes()))
            && age <= LIFETIME.as_secs()
            && time.saturating_sub(now) <= SKEW.as_secs()
    }

    fn signature(&self, time: u64) -> String {
        let hash = blake3::keyed_hash(&self.nonce_key, &time.to_be_bytes());
        let mut digits = hash.to_hex().to_string();
        digits.truncate(SIGNATURE_DIGITS);
        digits
    }

    fn challenge(&self, now: u64, stale: bool) -> Option<HeaderValue> {
        let realm = self.realm.replace('\\', "\\\\").replace('"', "\\\"");
        let stale = if stale { "stale=\"true\", " } else { "" };
        let signature = self.signature(now);
        // The same for all: browsers give it back, and nothing hangs on it.
        let opaque = self.signature(u64::MAX);
        let text = format!(
            "Digest realm=\"{realm}\", nonce=\"{now:0TIME_DIGITS$x}{signature}\", \
             opaque=\"{opaque}\", {stale}algorithm=\"MD5\", qop=\"auth\""
        );
        HeaderValue::try_from(text).ok()
    }

    fn refusal(&self, now: u64, stale: bool) -> Answer {
        let mut headers = HeaderMap::with_capacity(2);
        headers.extend(
            self.challenge(now, stale)
                .map(|challenge| (header::WWW_AUTHENTICATE, challenge)),
        );
        let text = HeaderValue::from_static("text/plain");
        headers.insert(header::CONTENT_TYPE, text);
        Answer {
            status: StatusCode::UNAUTHORIZED,
            reason: "unauthorized",
            headers,
            body: Bytes::from_static(b"401 Unauthorized\n"),
        }
    }
}

impl fmt::Debug for DigestAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestAuth").finish_non_exhaustive()
    }
}

/// The proof is about this target: the same path in normal form, and the same query or
/// none, which old browsers leave out.
fn is_about(uri: &str, head: &Head) -> bool {
    let target = match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)),
        None => Some(uri),
    };
    let Some(target) = target else {
        return false;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let anything = PathRules {
        refused: Box::default(),
        keep_segments: false,
    };
    let normal = normalise_path(path, &anything);
    let same_path = path == head.path || normal.is_ok_and(|path| path == head.path);
    let own = head.query.as_deref();
    let same_query = query.is_none()
        || query == own
        || query.is_some_and(|it| {
            own == Some(it.replace(';', "&").as_str())
                || own == Some(it.replace(';', "%3B").as_str())
        });
    same_path && same_query
}

/// MD5 of the parts with colons between them, in digits.
fn digits(parts: &[&str]) -> String {
    let mut hasher = Md5::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    let sum = hasher.finalize();
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name=value` and `name="value"` behind `Digest`, separated by commas; nothing if
/// the line is of another form.
fn parameters(line: &str) -> BTreeMap<String, String> {
    read_parameters(line).unwrap_or_default()
}

fn read_parameters(line: &str) -> Option<BTreeMap<String, String>> {
    let (scheme, mut rest) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut parameters = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(parameters);
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (value.trim().to_owned(), after)
            }
        };
        rest = after;
        let known = parameters.insert(name.trim().to_ascii_lowercase(), value);
        // Two readings of one line are one too many.
        if known.is_some() {
            return None;
        }
    }
}

/// The text up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, quoted.get(at + 1..)?)),
            '\\' => text.push(characters.next()?.1),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run_one, values};
    use super::*;
    use crate::proxy::head::tests::head;

    fn spec() -> wire::DigestAuth {
        wire::DigestAuth {
            users: vec![wire::User {
                name: "ada".to_owned(),
                hash: digits(&["ada", "r", "secret"]).to_uppercase(),
            }],
            realm: "r".to_owned(),
            nonce_key: vec![7; 32],
            ..Default::default()
        }
    }

    fn auth() -> DigestAuth {
        DigestAuth::build(&spec()).unwrap()
    }

    fn nonce(auth: &DigestAuth, time: u64) -> String {
        format!("{time:016x}{}", auth.signature(time))
    }

    /// What a browser sends for `method uri`.
    fn proof(password: &str, method: &str, uri: &str, nonce: &str) -> String {
        let hash = digits(&["ada", "r", password]);
        let asked = digits(&[method, uri]);
        let response = digits(&[&hash, nonce, "00000001", "c", "auth", &asked]);
        format!(
            "Digest username=\"ada\", realm=\"r\", nonce=\"{nonce}\", uri=\"{uri}\", \
             algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\""
        )
    }

    fn request(target: &str, line: &str) -> Head {
        let mut head = head("h", target);
        head.headers
            .insert(header::AUTHORIZATION, line.parse().unwrap());
        head
    }

    #[test]
    fn the_example_of_the_standard_fits() {
        let hash = digits(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        let asked = digits(&["GET", "/dir/index.html"]);
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let response = digits(&[&hash, nonce, "00000001", "0a4f113b", "auth", &asked]);
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn a_proof_holds_for_its_target_and_while_its_nonce_is_fresh() {
        let auth = auth();
        let now = 1_000_000;
        let fresh = nonce(&auth, now - 299);
        let old = nonce(&auth, now - 301);
        let early = nonce(&auth, now + 61);
        let mut forged = fresh.clone();
        forged.replace_range(15..16, "0");
        let proven = Verdict::Proven("ada");
        #[rustfmt::skip]
        let rows = [
            ("/a?x=1", proof("secret", "GET", "/a?x=1", &fresh), proven),
            ("/a?x=1", proof("secret", "GET", "/a", &fresh), Verdict::Proven("ada")),
            ("/a?x=1;y", proof("secret", "GET", "/a?x=1;y", &fresh), Verdict::Proven("ada")),
            ("/a/", proof("secret", "GET", "//%61/", &fresh), Verdict::Proven("ada")),
            ("/a", proof("secret", "GET", "http://h/a", &fresh), Verdict::Proven("ada")),
            ("/a", proof("wrong", "GET", "/a", &fresh), Verdict::Wrong),
            ("/a", proof("secret", "POST", "/a", &fresh), Verdict::Wrong),
            ("/ab", proof("secret", "GET", "/a", &fresh), Verdict::Wrong),
            ("/a?x=2", proof("secret", "GET", "/a?x=1", &fresh), Verdict::Wrong),
            ("/a", proof("secret", "GET", "/a", &old), Verdict::Stale),
            ("/a", proof("secret", "GET", "/a", &early), Verdict::Stale),
            ("/a", proof("secret", "GET", "/a", &forged), Verdict::Stale),
            ("/a", proof("secret", "GET", "/a", "x"), Verdict::Stale),
            ("/a", proof("wrong", "GET", "/a", &old), Verdict::Wrong),
            ("/a", proof("secret", "GET", "/a", &fresh).replace("MD5", "SHA-256"), Verdict::Wrong),
            ("/a", proof("secret", "GET", "/a", &fresh).replace("qop=auth", "qop=auth-int"), Verdict::Wrong),
            ("/a", proof("secret", "GET", "/a", &fresh).replace("username=\"ada\"", "username=\"eve\""), Verdict::Wrong),
            ("/a", format!("{}, uri=\"/b\"", proof("secret", "GET", "/a", &fresh)), Verdict::Wrong),
            ("/a", "Basic YTpi".to_owned(), Verdict::Wrong),
            ("/a", "Digest".to_owned(), Verdict::Wrong),
            ("/a", "Digest username=\"ada".to_owned(), Verdict::Wrong),
        ];
        for (target, line, expected) in rows {
            let parameters = parameters(&line);
            let verdict = auth.judge(&parameters, &head("h", target), now);
            assert_eq!(verdict, expected, "{target} {line}");
        }
    }

    #[test]
    fn a_refusal_asks_for_a_proof_that_every_proxy_takes() {
        let one = build(Kind::DigestAuth(spec())).unwrap();
        let answer = run_one(&one, &mut head("h", "/a")).unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.reason),
            (401, "unauthorized")
        );
        assert_eq!(answer.body, "401 Unauthorized\n");
        let line = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        let asked = parameters(line);
        assert_eq!((&*asked["realm"], &*asked["qop"]), ("r", "auth"));
        assert!(!asked.contains_key("stale"));
        let with_field = wire::DigestAuth {
            header_field: "X-User".to_owned(),
            remove_header: true,
            ..spec()
        };
        let other = build(Kind::DigestAuth(with_field)).unwrap();
        let mut head = request("/a", &proof("secret", "GET", "/a", &asked["nonce"]));
        assert!(run_one(&other, &mut head).is_none());
        assert_eq!(values(&head.headers, "x-user"), ["ada"]);
        assert!(!head.headers.contains_key(header::AUTHORIZATION));
        let stale = proof("secret", "GET", "/a", "0");
        let answer = run_one(&other, &mut request("/a", &stale)).unwrap();
        let line = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(parameters(line)["stale"], "true");
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_and_hashes_are_not_printed() {
        let change = |change: fn(&mut wire::DigestAuth)| {
            let mut spec = spec();
            change(&mut spec);
            build(Kind::DigestAuth(spec)).map_err(|error| error.to_string())
        };
        assert!(change(|spec| spec.users.clear()).is_err());
        assert!(change(|spec| spec.nonce_key.clear()).is_err());
        assert!(change(|spec| "a b".clone_into(&mut spec.header_field)).is_err());
        assert!(change(|spec| "a\nb".clone_into(&mut spec.realm)).is_err());
        let middleware = change(|_| ()).unwrap();
        assert!(!format!("{middleware:?}").contains("hash"));
    }
}
