//! `compress`: which answers are compressed, and how.
//!
//! The coding is chosen on the way in, by `Accept-Encoding`; whether the answer is
//! compressed is decided when its head is there. The bytes are the request path's.

use fairway_proto::discovery::v1 as wire;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, VARY,
};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{Flow, MiddlewareError, Recall};
use crate::proxy::head::Head;

/// A server's word that its answer is not to be compressed with gzip.
const NO_GZIP: HeaderName = HeaderName::from_static("no-gzip-compression");

/// What a body is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

#[derive(Debug)]
pub(crate) struct Compress {
    excluded: Box<[String]>,
    included: Box<[String]>,
    min_bytes: u64,
    encodings: Box<[Coding]>,
    default: Option<Coding>,
}

impl Compress {
    pub(super) fn build(spec: &wire::Compress) -> Result<Self, MiddlewareError> {
        let codings = spec.encodings.iter().map(|name| Coding::of(name));
        let encodings: Box<[Coding]> = codings.collect::<Result<_, _>>()?;
        if encodings.is_empty() {
            let option = "encodings";
            return Err(MiddlewareError::Required { option });
        }
        let default = match spec.default_encoding.as_str() {
            "" => None,
            name => Some(Coding::of(name)?),
        };
        Ok(Self {
            excluded: spec.excluded_content_types.clone().into(),
            included: spec.included_content_types.clone().into(),
            min_bytes: spec.min_response_body_bytes,
            encodings,
            default,
        })
    }

    pub(super) fn on_request(&self, head: &Head) -> Flow {
        if head.method == Method::HEAD || self.is_excluded(&head.headers) {
            return Flow::Continue;
        }
        Flow::Remember(Recall::Compress(self.choose(&head.headers)))
    }

    /// May an answer with this head and a body of this many bytes, if that is
    /// known, be compressed for a client that takes it?
    pub(crate) fn admits(&self, parts: &Parts, length: Option<u64>) -> bool {
        let status = parts.status;
        let headers = &parts.headers;
        let bodiless = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let partial = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
        let long_enough = length.is_none_or(|length| length > 0 && length >= self.min_bytes);
        let encoded = headers
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| !coding.is_empty());
        !bodiless && !partial && long_enough && !encoded && !is_final(headers) && {
            self.admits_type(headers)
        }
    }

    fn admits_type(&self, headers: &HeaderMap) -> bool {
        match headers.get(CONTENT_TYPE) {
            None => self.included.is_empty(),
            Some(value) => media_type(value).is_some_and(|media_type| {
                let is_in = |list: &[String]| list.contains(&media_type);
                !is_grpc(&media_type)
                    && !is_in(&self.excluded)
                    && (self.included.is_empty() || is_in(&self.included))
            }),
        }
    }

    fn is_excluded(&self, headers: &HeaderMap) -> bool {
        let media_type = headers.get(CONTENT_TYPE).and_then(media_type);
        media_type.is_some_and(|it| is_grpc(&it) || self.excluded.contains(&it))
    }

    /// The coding the client likes best; of equals the first of ours.
    fn choose(&self, headers: &HeaderMap) -> Option<Coding> {
        if !headers.contains_key(ACCEPT_ENCODING) {
            return self.default;
        }
        let wishes: Vec<(&str, f32)> = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(wish)
            .collect();
        let quality = |name: &str| {
            let wish = wishes.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
            wish.map(|(_, quality)| *quality)
        };
        let any = self.default.or(self.encodings.first().copied());
        let any = any
            .filter(|coding| quality(coding.name()).is_none())
            .zip(quality("*"));
        let named = self.encodings.iter();
        let best = named
            .filter_map(|coding| Some((*coding, quality(coding.name())?)))
            .chain(any)
            .filter(|(_, quality)| *quality > 0.0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        let plain = quality("identity").unwrap_or_default();
        best.filter(|(_, quality)| *quality >= plain)
            .map(|(coding, _)| coding)
    }
}

impl Coding {
    /// As in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn of(name: &str) -> Result<Self, MiddlewareError> {
        match name {
            "gzip" => Ok(Self::Gzip),
            "br" => Ok(Self::Brotli),
            "zstd" => Ok(Self::Zstd),
            _ => Err(MiddlewareError::Encoding(name.to_owned())),
        }
    }
}

/// The answer depends on `Accept-Encoding`.
pub(crate) fn mark_as_varying(headers: &mut HeaderMap) {
    let lines = headers.get_all(VARY).iter();
    let mut names = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim);
    let is_told = names.any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"));
    if !is_told {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Makes the head that of the compressed body.
pub(crate) fn relabel(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    // Other bytes under the same strong tag would be put together with these.
    let weak = headers
        .get(ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""))
        .and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(tag) = weak {
        headers.insert(ETAG, tag);
    }
}

/// Has the server forbidden gzip? The header is for the proxy alone.
pub(crate) fn takes_no_gzip(headers: &mut HeaderMap) -> bool {
    headers.remove(NO_GZIP).is_some()
}

/// A name and how much it is wanted; `None` for what is neither.
fn wish(item: &str) -> Option<(&str, f32)> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let quality = match quality {
        None => 1.0,
        Some(text) => text.trim().parse::<f32>().ok()?,
    };
    quality.is_finite().then_some((name, quality))
}

/// In lower case and without parameters; `None` if it is not one.
fn media_type(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let media_type = text.split(';').next()?.trim();
    let (kind, subtype) = media_type.split_once('/')?;
    let is_token = |text: &str| {
        let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
        !text.is_empty()
            && text
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || special(it))
    };
    (is_token(kind) && is_token(subtype)).then(|| media_type.to_ascii_lowercase())
}

fn is_grpc(media_type: &str) -> bool {
    media_type.starts_with("application/grpc")
}

/// `no-transform`: the body is to arrive as it was sent.
fn is_final(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::proxy::head::tests::head;

    fn compress(change: impl FnOnce(&mut wire::Compress)) -> Compress {
        let mut spec = wire::Compress {
            min_response_body_bytes: 10,
            encodings: ["gzip", "br", "zstd"].map(str::to_owned).into(),
            ..wire::Compress::default()
        };
        change(&mut spec);
        Compress::build(&spec).unwrap()
    }

    fn chosen(compress: &Compress, accept: Option<&str>) -> Option<Coding> {
        let mut head = head("h", "/");
        if let Some(accept) = accept {
            let value = HeaderValue::from_str(accept).unwrap();
            head.headers.insert(ACCEPT_ENCODING, value);
        }
        match compress.on_request(&head) {
            Flow::Remember(Recall::Compress(coding)) => coding,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_client_chooses_the_coding() {
        use Coding::{Brotli, Gzip, Zstd};
        let ours = compress(|_| {});
        for (accept, expected) in [
            (None, None),
            (Some(""), None),
            (Some("identity"), None),
            (Some("deflate"), None),
            (Some("br, gzip"), Some(Gzip)),
            (Some("GZIP"), Some(Gzip)),
            (Some("gzip;q=0.5, br;q=0.8"), Some(Brotli)),
            (Some("gzip;q=0.5, zstd"), Some(Zstd)),
            (Some("gzip;q=0, br;q=0.1"), Some(Brotli)),
            (Some("gzip;q=0"), None),
            (Some("gzip;q=x"), None),
            (Some("*"), Some(Gzip)),
            (Some("*;q=0"), None),
            (Some("gzip;q=0, *"), None),
            (Some("identity, gzip;q=0.5"), None),
        ] {
            assert_eq!(chosen(&ours, accept), expected, "{accept:?}");
        }
        let with_default = compress(|spec| spec.default_encoding = "zstd".to_owned());
        assert_eq!(chosen(&with_default, None), Some(Zstd));
        assert_eq!(chosen(&with_default, Some("*")), Some(Zstd));
        assert_eq!(chosen(&with_default, Some("")), None);
        let brotli_first = compress(|spec| spec.encodings.swap(0, 1));
        assert_eq!(chosen(&brotli_first, Some("gzip, br")), Some(Brotli));
    }

    type Lines<'a> = &'a [(&'static str, &'static str)];

    fn answer(status: u16, headers: Lines<'_>) -> Parts {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            parts.headers.append(*name, HeaderValue::from_static(value));
        }
        parts
    }

    #[test]
    fn only_answers_that_gain_from_it_are_compressed() {
        let ours = compress(|_| {});
        let html = [("content-type", "text/html; charset=utf-8")];
        #[rustfmt::skip]
        let rows: [(u16, Lines<'_>, Option<u64>, bool); 13] = [
            (200, &html, Some(10), true),
            (200, &html, Some(9), false),
            (200, &html, None, true),
            (200, &[], Some(10), true),
            (204, &html, None, false),
            (304, &html, None, false),
            (206, &html, Some(10), false),
            (200, &[("content-encoding", "br")], Some(10), false),
            (200, &[("content-range", "bytes 0-9/100")], Some(10), false),
            (200, &[("cache-control", "public, no-transform")], Some(10), false),
            (200, &[("content-type", "nonsense")], Some(10), false),
            (200, &[("content-type", "application/grpc+proto")], None, false),
            (500, &html, Some(10), true),
        ];
        for (status, headers, length, expected) in rows {
            let parts = answer(status, headers);
            assert_eq!(
                ours.admits(&parts, length),
                expected,
                "{status} {headers:?} {length:?}"
            );
        }
        let but_html = compress(|spec| spec.excluded_content_types = vec!["text/html".to_owned()]);
        assert!(!but_html.admits(&answer(200, &html), None));
        let only_css = compress(|spec| spec.included_content_types = vec!["text/css".to_owned()]);
        assert!(!only_css.admits(&answer(200, &html), None));
        assert!(!only_css.admits(&answer(200, &[]), None));
        assert!(only_css.admits(&answer(200, &[("content-type", "Text/CSS;x=y")]), None));
    }

    #[test]
    fn requests_that_are_excluded_get_plain_answers() {
        let ours = compress(|spec| spec.excluded_content_types = vec!["a/b".to_owned()]);
        for (method, media_type) in [(Method::POST, "application/grpc"), (Method::POST, "a/b")] {
            let mut head = head("h", "/");
            head.method = method;
            let value = HeaderValue::from_static(media_type);
            head.headers.insert(CONTENT_TYPE, value);
            assert!(matches!(ours.on_request(&head), Flow::Continue));
        }
        let mut head = head("h", "/");
        head.method = Method::HEAD;
        assert!(matches!(ours.on_request(&head), Flow::Continue));
    }

    #[test]
    fn the_head_tells_of_the_coding() {
        for (tag, weak) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\"")] {
            let mut headers =
                answer(200, &[("content-length", "9"), ("accept-ranges", "bytes")]).headers;
            headers.insert(ETAG, HeaderValue::from_static(tag));
            relabel(&mut headers, Coding::Brotli);
            assert_eq!(headers.get(ETAG).unwrap(), weak);
            assert_eq!(headers.get(CONTENT_ENCODING).unwrap(), "br");
            assert_eq!(headers.len(), 2);
        }
        for (vary, lines) in [("Origin", 2), ("*", 1), ("origin, accept-encoding", 1)] {
            let mut headers = answer(200, &[("vary", vary)]).headers;
            mark_as_varying(&mut headers);
            assert_eq!(headers.get_all(VARY).iter().count(), lines);
        }
    }
}
