//! Hashes of passwords, in the forms that `htpasswd` writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

/// bcrypt takes twice as long with each step: at 16 it is seconds.
const MAX_BCRYPT_COST: u32 = 16;

const MD5_ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a password is checked against.
#[derive(Clone)]
pub(super) enum Hash {
    Sha1([u8; 20]),
    Bcrypt(String),
    /// `$apr1$` or `$1$`, the salt and the sum in the alphabet of crypt(3).
    Md5 {
        magic: &'static str,
        salt: String,
        sum: String,
    },
    /// No password fits.
    Unusable,
}

impl Hash {
    /// Never fails: with a hash of another kind nobody can log in.
    pub(super) fn parse(text: &str) -> Self {
        if let Some(sum) = text.strip_prefix("{SHA}") {
            let sum = STANDARD.decode(sum).ok();
            let sum = sum.and_then(|sum| sum.try_into().ok());
            return sum.map_or(Self::Unusable, Self::Sha1);
        }
        if ["$2a$", "$2b$", "$2x$", "$2y$"]
            .iter()
            .any(|it| text.starts_with(it))
        {
            let parts = text.parse::<bcrypt::HashParts>();
            let usable = parts.is_ok_and(|parts| parts.get_cost() <= MAX_BCRYPT_COST);
            return if usable {
                Self::Bcrypt(text.to_owned())
            } else {
                Self::Unusable
            };
        }
        let md5 = |magic: &'static str| {
            let (salt, sum) = text.strip_prefix(magic)?.split_once('$')?;
            Some(Self::Md5 {
                magic,
                salt: salt.get(..8).unwrap_or(salt).to_owned(),
                sum: sum.to_owned(),
            })
        };
        md5("$apr1$")
            .or_else(|| md5("$1$"))
            .unwrap_or(Self::Unusable)
    }

    /// Checking takes no longer than the rest of a request.
    pub(super) fn is_quick(&self) -> bool {
        matches!(self, Self::Sha1(_) | Self::Unusable)
    }

    /// Takes as long for a wrong password as for the right one.
    pub(super) fn fits(&self, password: &[u8]) -> bool {
        match self {
            Self::Sha1(sum) => Sha1::digest(password)[..].ct_eq(sum).into(),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Md5 { magic, salt, sum } => {
                let made = md5_crypt(password, magic.as_bytes(), salt.as_bytes());
                made.as_bytes().ct_eq(sum.as_bytes()).into()
            }
            Self::Unusable => false,
        }
    }
}

/// Poul-Henning Kamp's crypt of FreeBSD, as Apache took it over.
fn md5_crypt(password: &[u8], magic: &[u8], salt: &[u8]) -> String {
    let inner = md5(&[password, salt, password]);
    let mut outer = Md5::new();
    for part in [password, magic, salt] {
        outer.update(part);
    }
    for part in password.chunks(inner.len()) {
        outer.update(inner.get(..part.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        let first = password.get(..1).unwrap_or_default();
        outer.update(if bits & 1 == 1 { b"\0" } else { first });
        bits >>= 1;
    }
    let mut sum: [u8; 16] = outer.finalize().into();
    for round in 0..1000 {
        let mut next = Md5::new();
        let odd = round % 2 == 1;
        next.update(if odd { password } else { &sum[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &sum[..] } else { password });
        sum = next.finalize().into();
    }
    encode(sum)
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// Six bits a character, from the lowest, in the order crypt(3) shuffles bytes.
fn encode(sum: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = sum;
    let groups = [[a, g, m], [b, h, n], [c, i, o], [d, j, p], [e, k, f]];
    let words = groups.map(|[high, middle, low]| (u32::from_be_bytes([0, high, middle, low]), 4));
    let mut text = String::with_capacity(22);
    for (mut word, characters) in words.into_iter().chain([(u32::from(l), 2)]) {
        for _ in 0..characters {
            let digit = usize::try_from(word & 0x3f).unwrap_or_default();
            text.extend(MD5_ALPHABET.get(digit).map(|byte| char::from(*byte)));
            word >>= 6;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_the_hashes_htpasswd_makes_of_it() {
        for (hash, password) in [
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret"),
            ("$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/", "test"),
            ("$apr1$d9hr9HBB$4HxwgUir3HP4EsggP/QNo0", "test2"),
            ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "secret"),
            ("$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", "secret"),
            (
                "$apr1$ab$EwEmmhBdbA1vuq4Dbl9qv.",
                "a much longer password, of more than 16",
            ),
            (
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "U*U",
            ),
            (
                "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "U*U",
            ),
            (
                "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "U*U",
            ),
            (
                "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                "U*U",
            ),
        ] {
            let parsed = Hash::parse(hash);
            assert!(parsed.fits(password.as_bytes()), "{hash}");
            for wrong in ["", "Secret", "secret ", "U*U*", hash] {
                assert!(!parsed.fits(wrong.as_bytes()), "{hash} {wrong}");
            }
        }
    }

    #[test]
    fn nothing_fits_a_hash_that_is_none() {
        for hash in [
            "",
            "secret",
            "rl.3StKT.4T8M",
            "{SHA}",
            "{SHA}c2VjcmV0",
            "{SHA}***",
            "$2y$05$short",
            "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "$apr1$salt",
            "$6$salt$sum",
        ] {
            let parsed = Hash::parse(hash);
            assert!(matches!(parsed, Hash::Unusable), "{hash}");
            for password in ["", "secret", hash] {
                assert!(!parsed.fits(password.as_bytes()), "{hash}");
            }
        }
    }
}
