//! `basicAuth`: asks for a name and a password (RFC 7617).
//!
//! bcrypt is slow on purpose, so it never runs on a thread that carries traffic. It
//! runs on few threads of its own; a bounded number of requests waits for them, and
//! what they found out is kept, under a keyed digest and bounded, for as long as the
//! definition stays. The same credentials at the same time are checked once.

mod hash;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fairway_proto::discovery::v1 as wire;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rand::RngCore as _;
use tokio::sync::Semaphore;

use self::hash::Hash;
use super::{Answer, Decision, Flow, MiddlewareError};
use crate::proxy::head::Head;

/// Requests that may wait for a check; more are sent away.
const MAX_WAITING: usize = 256;

/// Credentials of one outcome that are remembered; then it begins anew.
const MAX_REMEMBERED: usize = 1024;

pub(super) struct BasicAuth {
    users: Arc<Users>,
    challenge: HeaderValue,
    remove_header: bool,
    header_field: Option<HeaderName>,
}

/// The users, and what is known of credentials.
struct Users {
    hashes: BTreeMap<String, Hash>,
    /// Secret of this process: digests tell nothing without it.
    key: [u8; 32],
    accepted: ArcSwap<HashSet<Fingerprint>>,
    refused: ArcSwap<HashSet<Fingerprint>>,
    /// Places to wait in, and checks at once.
    waiting: Arc<Semaphore>,
    checking: Arc<Semaphore>,
}

type Fingerprint = [u8; 32];

/// As sent; the name before the first colon.
struct Credentials {
    name: String,
    password: Vec<u8>,
}

impl BasicAuth {
    pub(super) fn build(spec: &wire::BasicAuth) -> Result<Self, MiddlewareError> {
        if spec.users.is_empty() {
            return Err(MiddlewareError::Required { option: "users" });
        }
        let header_field = match spec.header_field.as_str() {
            "" => None,
            name => Some(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| MiddlewareError::HeaderName(name.to_owned()))?,
            ),
        };
        let users = spec.users.iter();
        let hashes = users.map(|user| (user.name.clone(), Hash::parse(&user.hash)));
        Ok(Self {
            users: Arc::new(Users::new(hashes.collect())),
            challenge: challenge(&spec.realm)?,
            remove_header: spec.remove_header,
            header_field,
        })
    }

    pub(super) fn on_request(&self, head: &mut Head) -> Flow {
        let Some(credentials) = Credentials::read(&head.headers) else {
            return Flow::Respond(self.refusal());
        };
        let Ok(name) = HeaderValue::from_bytes(credentials.name.as_bytes()) else {
            return Flow::Respond(self.refusal());
        };
        head.user = Some(credentials.name.clone());
        let fingerprint = self.users.fingerprint(&credentials);
        let known = if self.users.hash(&credentials.name).is_quick() {
            Some(self.users.check(&credentials))
        } else {
            self.users.known(&fingerprint)
        };
        if known == Some(false) {
            return Flow::Respond(self.refusal());
        }
        if self.remove_header {
            head.headers.remove(header::AUTHORIZATION);
        }
        if let Some(field) = &self.header_field {
            head.headers.insert(field, name);
        }
        if known == Some(true) {
            return Flow::Continue;
        }
        let users = Arc::clone(&self.users);
        let refusal = self.refusal();
        Flow::Wait(Decision::new(async move {
            match users.decide(fingerprint, credentials).await {
                Some(true) => Ok(()),
                Some(false) => Err(refusal),
                None => Err(busy()),
            }
        }))
    }

    fn refusal(&self) -> Answer {
        let text = HeaderValue::from_static("text/plain");
        Answer {
            status: StatusCode::UNAUTHORIZED,
            reason: "unauthorized",
            headers: HeaderMap::from_iter([
                (header::WWW_AUTHENTICATE, self.challenge.clone()),
                (header::CONTENT_TYPE, text),
            ]),
            body: Bytes::from_static(b"401 Unauthorized\n"),
        }
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").finish_non_exhaustive()
    }
}

impl Users {
    fn new(hashes: BTreeMap<String, Hash>) -> Self {
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            hashes,
            key,
            accepted: ArcSwap::default(),
            refused: ArcSwap::default(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            checking: Arc::new(Semaphore::new((cores / 2).max(1))),
        }
    }

    /// For a name nobody has, another user's: the time must not tell.
    fn hash(&self, name: &str) -> &Hash {
        let hash = self.hashes.get(name);
        hash.or_else(|| self.hashes.values().next())
            .unwrap_or(&Hash::Unusable)
    }

    fn check(&self, credentials: &Credentials) -> bool {
        let fits = self.hash(&credentials.name).fits(&credentials.password);
        fits && self.hashes.contains_key(&credentials.name)
    }

    fn fingerprint(&self, credentials: &Credentials) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(credentials.name.as_bytes());
        // A name has no colon.
        hasher.update(b":");
        hasher.update(&credentials.password);
        *hasher.finalize().as_bytes()
    }

    fn known(&self, fingerprint: &Fingerprint) -> Option<bool> {
        if self.accepted.load().contains(fingerprint) {
            return Some(true);
        }
        self.refused.load().contains(fingerprint).then_some(false)
    }

    fn remember(&self, fingerprint: Fingerprint, accepted: bool) {
        let set = if accepted {
            &self.accepted
        } else {
            &self.refused
        };
        set.rcu(|known| {
            let full = known.len() >= MAX_REMEMBERED;
            let mut known = if full {
                HashSet::new()
            } else {
                (**known).clone()
            };
            known.insert(fingerprint);
            known
        });
    }

    /// `None`: too many are waiting.
    async fn decide(
        self: Arc<Self>,
        fingerprint: Fingerprint,
        credentials: Credentials,
    ) -> Option<bool> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.checking).acquire_owned().await.ok()?;
        drop(place);
        if let Some(known) = self.known(&fingerprint) {
            return Some(known);
        }
        let checked = tokio::task::spawn_blocking(move || {
            let accepted = self.check(&credentials);
            self.remember(fingerprint, accepted);
            // Not before: a client that is gone must not make room for more checks.
            drop(turn);
            accepted
        });
        Some(checked.await.unwrap_or(false))
    }
}

impl Credentials {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = line.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let mut name = STANDARD.decode(encoded.trim()).ok()?;
        let colon = name.iter().position(|byte| *byte == b':')?;
        let password = name.split_off(colon).split_off(1);
        Some(Self {
            name: String::from_utf8(name).ok()?,
            password,
        })
    }
}

fn challenge(realm: &str) -> Result<HeaderValue, MiddlewareError> {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::try_from(format!("Basic realm=\"{realm}\"")).map_err(|_| {
        MiddlewareError::HeaderValue {
            name: header::WWW_AUTHENTICATE.to_string(),
        }
    })
}

fn busy() -> Answer {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let mut answer = Answer::text(status, "auth_busy", "Service Unavailable\n");
    let second = HeaderValue::from_static("1");
    answer.headers.insert(header::RETRY_AFTER, second);
    answer
}

#[cfg(test)]
mod tests {
    use wire::middleware::Kind;

    use super::super::tests::{build, run, run_one, values};
    use super::*;
    use crate::proxy::head::tests::head;

    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    const SHA: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

    fn spec(users: &[(&str, &str)]) -> wire::BasicAuth {
        let users = users.iter().map(|(name, hash)| wire::User {
            name: (*name).to_owned(),
            hash: (*hash).to_owned(),
        });
        wire::BasicAuth {
            users: users.collect(),
            realm: "traefik".to_owned(),
            ..Default::default()
        }
    }

    fn request(authorization: &str) -> Head {
        let mut head = head("h", "/");
        if !authorization.is_empty() {
            head.headers
                .insert(header::AUTHORIZATION, authorization.parse().unwrap());
        }
        head
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn only_a_user_with_the_password_passes() {
        let users = [("ada", BCRYPT), ("bob", SHA), ("eve", "plain")];
        let middleware = build(Kind::BasicAuth(spec(&users))).unwrap();
        #[rustfmt::skip]
        let rows = [
            (basic("ada:U*U"), true),
            (basic("bob:secret"), true),
            (basic("bob:secret").replace("Basic", "bASIC"), true),
            (basic("ada:secret"), false),
            (basic("ada:"), false),
            (basic("bob:U*U"), false),
            (basic("eve:plain"), false),
            (basic("Ada:U*U"), false),
            (basic("nobody:U*U"), false),
            (basic("ada"), false),
            (basic(""), false),
            ("Basic ***".to_owned(), false),
            ("Basic".to_owned(), false),
            (basic("ada:U*U").replace("Basic", "Bearer"), false),
            (String::new(), false),
        ];
        // The second time from memory.
        for _ in 0..2 {
            for (authorization, passes) in &rows {
                let answer = run_one(&middleware, &mut request(authorization));
                assert_eq!(answer.is_none(), *passes, "{authorization}");
            }
        }
    }

    #[test]
    fn a_refusal_asks_for_a_password() {
        let spec = wire::BasicAuth {
            realm: "a \"b\"".to_owned(),
            ..spec(&[("bob", SHA)])
        };
        let answer = run([Kind::BasicAuth(spec)], &mut request("")).unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.reason),
            (401, "unauthorized")
        );
        assert_eq!(answer.body, "401 Unauthorized\n");
        assert_eq!(answer.headers["content-type"], "text/plain");
        let challenge = &answer.headers[header::WWW_AUTHENTICATE];
        assert_eq!(challenge, "Basic realm=\"a \\\"b\\\"\"");
    }

    #[test]
    fn the_server_learns_the_name_and_not_the_password_if_so_told() {
        for hash in [SHA, "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"] {
            let spec = wire::BasicAuth {
                remove_header: true,
                header_field: "X-User".to_owned(),
                ..spec(&[("bob", hash)])
            };
            let mut head = request(&basic("bob:secret"));
            head.headers.insert("x-user", "root".parse().unwrap());
            let _ = run([Kind::BasicAuth(spec)], &mut head);
            assert_eq!(values(&head.headers, "x-user"), ["bob"]);
            assert!(!head.headers.contains_key(header::AUTHORIZATION));
        }
        let mut head = request(&basic("bob:secret"));
        assert!(run([Kind::BasicAuth(spec(&[("bob", SHA)]))], &mut head).is_none());
        assert!(head.headers.contains_key(header::AUTHORIZATION));
    }

    #[test]
    fn a_password_is_checked_once_and_off_the_thread() {
        let users = [("ada", BCRYPT)];
        let auth = BasicAuth::build(&spec(&users)).unwrap();
        for (password, passes) in [("U*U", true), ("wrong", false)] {
            let authorization = basic(&format!("ada:{password}"));
            let first = auth.on_request(&mut request(&authorization));
            let Flow::Wait(decision) = first else {
                panic!("decided on the thread: {first:?}");
            };
            let runtime = tokio::runtime::Builder::new_current_thread();
            let decided = { runtime }.build().unwrap().block_on(decision);
            assert_eq!(decided.is_ok(), passes);
            match auth.on_request(&mut request(&authorization)) {
                Flow::Continue => assert!(passes),
                Flow::Respond(_) => assert!(!passes),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn memory_and_queue_are_bounded() {
        let auth = BasicAuth::build(&spec(&[("ada", BCRYPT)])).unwrap();
        for number in 0..=2 * MAX_REMEMBERED {
            let mut fingerprint = [0; 32];
            fingerprint[..8].copy_from_slice(&number.to_be_bytes());
            auth.users.remember(fingerprint, false);
            assert!(auth.users.refused.load().len() <= MAX_REMEMBERED);
        }
        let _taken = auth.users.waiting.try_acquire_many(256).unwrap();
        let Flow::Wait(decision) = auth.on_request(&mut request(&basic("ada:U*U"))) else {
            panic!("decided on the thread");
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        let decided = { runtime }.build().unwrap().block_on(decision);
        let answer = decided.unwrap_err();
        assert_eq!((answer.status.as_u16(), answer.reason), (503, "auth_busy"));
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_and_hashes_are_not_printed() {
        let error = build(Kind::BasicAuth(spec(&[]))).unwrap_err();
        assert_eq!(error.to_string(), "`users` is required");
        let header_field = wire::BasicAuth {
            header_field: "a b".to_owned(),
            ..spec(&[("bob", SHA)])
        };
        assert!(build(Kind::BasicAuth(header_field)).is_err());
        let middleware = build(Kind::BasicAuth(spec(&[("bob", SHA)]))).unwrap();
        assert!(!format!("{middleware:?}").contains("5en6"));
    }
}
