//! Sticky cookies: names and values as Traefik makes them, so that clients keep their
//! servers when Fairway takes over.

use fairway_proto::discovery::v1 as wire;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::model::{Cookie, SameSite};

/// What proxies are told of a cookie of this service.
pub(super) fn cookie(service: &str, cookie: &Cookie) -> wire::StickyCookie {
    wire::StickyCookie {
        name: name(service, cookie),
        secure: cookie.secure,
        http_only: cookie.http_only,
        same_site: match cookie.same_site {
            None => "",
            Some(SameSite::None) => "None",
            Some(SameSite::Lax) => "Lax",
            Some(SameSite::Strict) => "Strict",
        }
        .to_owned(),
        max_age: cookie.max_age,
        path: path(cookie.path.as_deref().unwrap_or("/")),
        domain: domain(&cookie.domain),
    }
}

/// As written, with `_` for what may not stand in a name, or made from the service's.
pub(crate) fn name(service: &str, cookie: &Cookie) -> String {
    if let Some(name) = cookie.name.as_deref().filter(|name| !name.is_empty()) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^`|~".contains(c);
        let replaced = name.chars().map(|c| if allowed(c) { c } else { '_' });
        return replaced.collect();
    }
    let digest = Sha1::digest(format!("_TRAEFIK_BACKEND_{service}"));
    format!("_{}", hex(&digest, 5))
}

/// The value that names a server, by its URL, or a service, by its name.
pub(super) fn value(of: &str) -> String {
    hex(&Sha256::digest(of), 16)
}

fn hex(digest: &[u8], digits: usize) -> String {
    let all: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    all.chars().take(digits).collect()
}

/// Without what would end the attribute.
fn path(path: &str) -> String {
    let allowed = |c: &char| (' '..'\u{7f}').contains(c) && *c != ';';
    path.chars().filter(allowed).collect()
}

/// Empty if it is none.
fn domain(domain: &str) -> String {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if domain.chars().all(allowed) {
        domain.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_traefik_makes_them() {
        let named = |name: &str| Cookie {
            name: Some(name.to_owned()),
            ..Cookie::default()
        };
        // printf _TRAEFIK_BACKEND_whoami@docker | sha1sum
        assert_eq!(name("whoami@docker", &Cookie::default()), "_633ff");
        assert_eq!(name("whoami@docker", &named("")), "_633ff");
        assert_eq!(name("s", &named("my cookie_1;ü!")), "my_cookie_1__!");
    }

    #[test]
    fn values_are_made_as_traefik_makes_them() {
        // printf http://10.0.0.2:80 | sha256sum
        assert_eq!(value("http://10.0.0.2:80"), "e0c6f0ca44f87f06");
    }

    #[test]
    fn nothing_ends_an_attribute_early() {
        let text = |of: fn(&str) -> String, text: &str| of(text);
        assert_eq!(text(path, "/a;b\r\n c"), "/ab c");
        assert_eq!(text(domain, ".a.test"), "a.test");
        assert_eq!(text(domain, "a.test; Secure"), "");
    }
}
