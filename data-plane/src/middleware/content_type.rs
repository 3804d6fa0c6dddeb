//! `contentType`: finds out the media type of answers that do not say.
//!
//! By the first bytes of the body, as browsers do (<https://mimesniff.spec.whatwg.org/>),
//! with the signatures of Go's `http.DetectContentType`. The request path asks
//! [`detect`] when the head is complete; nothing is changed on the way in.

use fairway_proto::discovery::v1 as wire;

/// Bytes that are looked at.
const LIMIT: usize = 512;

#[derive(Debug)]
pub(super) struct ContentType {
    auto_detect: bool,
}

/// How a body of some type begins.
enum Signature {
    /// After white space, in either case, before a space or `>`.
    Tag(&'static str),
    /// After white space.
    Text(&'static str),
    Exact(&'static [u8]),
    /// This, four bytes of length, that.
    Chunk(&'static [u8], &'static [u8]),
    /// An ISO media file with a brand `mp4…`.
    Mp4,
    /// The mark of embedded OpenType.
    OpenTypeMark,
}

use Signature::{Chunk, Exact, Mp4, OpenTypeMark, Tag, Text};

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The first that fits counts.
const SIGNATURES: &[(Signature, &str)] = &[
    (Tag("<!DOCTYPE HTML"), HTML),
    (Tag("<HTML"), HTML),
    (Tag("<HEAD"), HTML),
    (Tag("<SCRIPT"), HTML),
    (Tag("<IFRAME"), HTML),
    (Tag("<H1"), HTML),
    (Tag("<DIV"), HTML),
    (Tag("<FONT"), HTML),
    (Tag("<TABLE"), HTML),
    (Tag("<A"), HTML),
    (Tag("<STYLE"), HTML),
    (Tag("<TITLE"), HTML),
    (Tag("<B"), HTML),
    (Tag("<BODY"), HTML),
    (Tag("<BR"), HTML),
    (Tag("<P"), HTML),
    (Tag("<!--"), HTML),
    (Text("<?xml"), "text/xml; charset=utf-8"),
    (Exact(b"%PDF-"), "application/pdf"),
    (Exact(b"%!PS-Adobe-"), "application/postscript"),
    (Exact(b"\xfe\xff"), "text/plain; charset=utf-16be"),
    (Exact(b"\xff\xfe"), "text/plain; charset=utf-16le"),
    (Exact(b"\xef\xbb\xbf"), PLAIN),
    (Exact(b"\0\0\x01\0"), "image/x-icon"),
    (Exact(b"\0\0\x02\0"), "image/x-icon"),
    (Exact(b"BM"), "image/bmp"),
    (Exact(b"GIF87a"), "image/gif"),
    (Exact(b"GIF89a"), "image/gif"),
    (Chunk(b"RIFF", b"WEBPVP"), "image/webp"),
    (Exact(b"\x89PNG\r\n\x1a\n"), "image/png"),
    (Exact(b"\xff\xd8\xff"), "image/jpeg"),
    (Chunk(b"FORM", b"AIFF"), "audio/aiff"),
    (Exact(b"ID3"), "audio/mpeg"),
    (Exact(b"OggS\0"), "application/ogg"),
    (Exact(b"MThd\0\0\0\x06"), "audio/midi"),
    (Chunk(b"RIFF", b"AVI "), "video/avi"),
    (Chunk(b"RIFF", b"WAVE"), "audio/wave"),
    (Mp4, "video/mp4"),
    (Exact(b"\x1aE\xdf\xa3"), "video/webm"),
    (OpenTypeMark, "application/vnd.ms-fontobject"),
    (Exact(b"\0\x01\0\0"), "font/ttf"),
    (Exact(b"OTTO"), "font/otf"),
    (Exact(b"ttcf"), "font/collection"),
    (Exact(b"wOFF"), "font/woff"),
    (Exact(b"wOF2"), "font/woff2"),
    (Exact(b"\x1f\x8b\x08"), "application/x-gzip"),
    (Exact(b"PK\x03\x04"), "application/zip"),
    (Exact(b"Rar!\x1a\x07\0"), "application/x-rar-compressed"),
    (Exact(b"Rar!\x1a\x07\x01\0"), "application/x-rar-compressed"),
    (Exact(b"\0asm"), "application/wasm"),
];

impl ContentType {
    pub(super) fn build(spec: &wire::ContentType) -> Self {
        Self {
            auto_detect: spec.auto_detect,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.auto_detect
    }
}

/// The media type of a body that begins like this; never none.
pub(crate) fn detect(data: &[u8]) -> &'static str {
    let data = data.get(..LIMIT).unwrap_or(data);
    let space = |byte: &&u8| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ');
    let blank = data.iter().take_while(space).count();
    let text = data.get(blank..).unwrap_or_default();
    let found = SIGNATURES
        .iter()
        .find(|(signature, _)| signature.fits(data, text));
    match found {
        Some((_, media_type)) => media_type,
        None if text.iter().any(is_binary) => "application/octet-stream",
        None => PLAIN,
    }
}

impl Signature {
    fn fits(&self, data: &[u8], text: &[u8]) -> bool {
        match self {
            Tag(tag) => {
                let (start, end) = text.split_at_checked(tag.len()).unwrap_or_default();
                start.eq_ignore_ascii_case(tag.as_bytes())
                    && matches!(end.first(), Some(b' ' | b'>'))
            }
            Text(start) => text.starts_with(start.as_bytes()),
            // A byte order mark alone says nothing: there has to be text behind it.
            Exact(start @ (b"\xfe\xff" | b"\xff\xfe" | b"\xef\xbb\xbf")) => {
                data.starts_with(start) && data.len() >= 4
            }
            Exact(start) => data.starts_with(start),
            Chunk(form, kind) => {
                data.starts_with(form) && data.get(8..).is_some_and(|at| at.starts_with(kind))
            }
            Mp4 => is_mp4(data),
            OpenTypeMark => data.get(34..36) == Some(b"LP"),
        }
    }
}

fn is_mp4(data: &[u8]) -> bool {
    let Some((length, rest)) = data.split_first_chunk() else {
        return false;
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if data.len() < 12 || length % 4 != 0 || !rest.starts_with(b"ftyp") {
        return false;
    }
    let brands = data.get(8..length).unwrap_or_default();
    // The second word is the version of the first brand.
    let mut brands = brands.chunks(4).enumerate().filter(|(at, _)| *at != 1);
    brands.any(|(_, brand)| brand.starts_with(b"mp4"))
}

fn is_binary(byte: &u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_told_by_its_first_bytes() {
        let mut font = [1; 40];
        font[34..36].copy_from_slice(b"LP");
        #[rustfmt::skip]
        let rows: [(&[u8], &str); 34] = [
            (b"", PLAIN),
            (b"Hello", PLAIN),
            ("für".as_bytes(), PLAIN),
            (b"{\"a\":1}", PLAIN),
            (b"a\x01", "application/octet-stream"),
            (b"a\x1b[0m", PLAIN),
            (b"<!doctype HTML>", HTML),
            (b" \r\n\t\x0c<hTmL >", HTML),
            (b"<html", PLAIN),
            (b"<bob>", PLAIN),
            (b"<b>x", HTML),
            (b"<!-- x", HTML),
            (b"\n<?xml version=\"1.0\"?>", "text/xml; charset=utf-8"),
            (b"<?XML", PLAIN),
            (b"%PDF-1.4", "application/pdf"),
            (b"%!PS-Adobe-3", "application/postscript"),
            (b"\xfe\xff\0a", "text/plain; charset=utf-16be"),
            (b"\xff\xfea\0", "text/plain; charset=utf-16le"),
            (b"\xef\xbb\xbfa", PLAIN),
            (b"\x89PNG\r\n\x1a\n..", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF1234WEBPVP8 ", "image/webp"),
            (b"RIFF1234WAVEfmt ", "audio/wave"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "video/mp4"),
            (b"\0\0\0\x18ftypisommp42isomisom", "application/octet-stream"),
            (b"\0\0\0\x40ftypmp42\0\0\0\0mp42isom", "application/octet-stream"),
            (b"\x1aE\xdf\xa3", "video/webm"),
            (&font, "application/vnd.ms-fontobject"),
            (b"wOF2", "font/woff2"),
            (b"\x1f\x8b\x08\0", "application/x-gzip"),
            (b"PK\x03\x04", "application/zip"),
            (b"\0asm\x01", "application/wasm"),
            (b"GIF89a", "image/gif"),
        ];
        for (data, expected) in rows {
            assert_eq!(detect(data), expected, "{}", data.escape_ascii());
        }
    }

    #[test]
    fn only_the_beginning_is_looked_at() {
        let mut data = vec![b'a'; LIMIT];
        data.push(0);
        assert_eq!(detect(&data), PLAIN);
    }
}
