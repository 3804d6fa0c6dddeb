//! Cookies that make a client keep to the server, or the service, it got first.
//!
//! The values are made of what they name and of nothing else, so that every proxy
//! reads what another one wrote, and what Traefik wrote.

use std::collections::HashMap;

use fairway_proto::discovery::v1 as wire;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::hash::fnv1_hex;

/// The cookie of one service.
#[derive(Debug)]
pub(super) struct Sticky {
    /// `name=`.
    start: String,
    /// `; Path=/; …`.
    attributes: String,
    /// Places by the values that are given out.
    values: HashMap<String, usize>,
    /// Places by the values that were given out once.
    former: HashMap<String, usize>,
    /// Of each place.
    given: Box<[String]>,
}

/// What a client's cookie names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Place of the server or the service.
    pub(super) place: usize,
    /// It is a value as they are given out now.
    pub(super) current: bool,
}

impl Sticky {
    /// From the cookie and, for each place, the value and what former values were
    /// made of.
    pub(super) fn build<'a>(
        spec: &wire::StickyCookie,
        places: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut sticky = Self {
            start: format!("{}=", spec.name),
            attributes: attributes(spec),
            values: HashMap::new(),
            former: HashMap::new(),
            given: Box::default(),
        };
        let mut given = Vec::new();
        for (place, (value, name)) in places.into_iter().enumerate() {
            sticky.values.entry(value.to_owned()).or_insert(place);
            let once = fnv1_hex(name);
            let twice = fnv1_hex(&once);
            for former in [name.to_owned(), once, twice] {
                sticky.former.entry(former).or_insert(place);
            }
            given.push(value.to_owned());
        }
        sticky.given = given.into();
        sticky
    }

    /// What the first cookie of this name names, if it is known.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Kept> {
        let value = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(self.start.as_str()))?;
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        let current = self.values.get(value);
        let place = current.or_else(|| self.former.get(value))?;
        Some(Kept {
            place: *place,
            current: current.is_some(),
        })
    }

    /// The `Set-Cookie` line that names this place.
    pub(super) fn line(&self, place: usize) -> Option<HeaderValue> {
        let value = self.given.get(place)?;
        let line = [&self.start, value, &self.attributes].map(String::as_str);
        HeaderValue::from_str(&line.concat()).ok()
    }
}

fn attributes(spec: &wire::StickyCookie) -> String {
    let mut text = String::new();
    let mut attribute = |name: &str, value: &str| {
        text.push_str("; ");
        text.push_str(name);
        text.push_str(value);
    };
    if !spec.path.is_empty() {
        attribute("Path=", &spec.path);
    }
    if !spec.domain.is_empty() {
        attribute("Domain=", &spec.domain);
    }
    match spec.max_age {
        0 => {}
        seconds => attribute("Max-Age=", &seconds.max(0).to_string()),
    }
    if spec.http_only {
        attribute("HttpOnly", "");
    }
    if spec.secure {
        attribute("Secure", "");
    }
    if !spec.same_site.is_empty() {
        attribute("SameSite=", &spec.same_site);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sticky(spec: wire::StickyCookie) -> Sticky {
        let spec = wire::StickyCookie {
            name: "_c".to_owned(),
            ..spec
        };
        let places = [
            ("aaaa", "http://10.0.0.1:80"),
            ("bbbb", "http://10.0.0.2:80"),
        ];
        Sticky::build(&spec, places)
    }

    fn find(lines: &[&'static str]) -> Option<Kept> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        sticky(wire::StickyCookie::default()).find(&headers)
    }

    #[test]
    fn a_cookie_names_a_place_and_former_values_do_too() {
        let kept = |place, current| Some(Kept { place, current });
        for (lines, expected) in [
            (&["_c=bbbb"][..], kept(1, true)),
            (&["x=1; _c=aaaa; y=2"], kept(0, true)),
            (&["x=1", "_c=bbbb"], kept(1, true)),
            (&["_c=\"bbbb\""], kept(1, true)),
            (&["_c=http://10.0.0.2:80"], kept(1, false)),
            (&["_c=cccc"], None),
            (&["_cx=aaaa"], None),
            (&["x_c=aaaa"], None),
            (&["_c=cccc; _c=aaaa"], None),
            (&[], None),
        ] {
            assert_eq!(find(lines), expected, "{lines:?}");
        }
        let sticky = sticky(wire::StickyCookie::default());
        let once = fnv1_hex("http://10.0.0.2:80");
        for value in [fnv1_hex(&once), once] {
            let mut headers = HeaderMap::new();
            let line = HeaderValue::from_str(&format!("_c={value}")).unwrap();
            headers.insert(COOKIE, line);
            assert_eq!(sticky.find(&headers), kept(1, false), "{value}");
        }
    }

    #[test]
    fn the_line_has_the_attributes_in_order() {
        let all = wire::StickyCookie {
            secure: true,
            http_only: true,
            same_site: "Lax".to_owned(),
            max_age: 60,
            path: "/a".to_owned(),
            domain: "a.test".to_owned(),
            ..Default::default()
        };
        let over = wire::StickyCookie {
            max_age: -1,
            ..Default::default()
        };
        for (spec, expected) in [
            (wire::StickyCookie::default(), "_c=bbbb"),
            (over, "_c=bbbb; Max-Age=0"),
            (
                all,
                "_c=bbbb; Path=/a; Domain=a.test; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
            ),
        ] {
            assert_eq!(sticky(spec).line(1).unwrap(), expected);
        }
    }
}
