//! `compress`: compresses bodies on the way to the client.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Codings that can be made, the preferred one first.
const ENCODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// Options of `compress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compress {
    /// Media types of requests and answers that are left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_content_types: Vec<String>,
    /// Media types of answers that alone are compressed; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub included_content_types: Vec<String>,
    /// Bodies known to be shorter are left alone, in bytes.
    pub min_response_body_bytes: u64,
    /// `gzip`, `br`, `zstd`, the preferred one first.
    pub encodings: Vec<String>,
    /// For clients that do not say what they take; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default_encoding: String,
}

impl Compress {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        const EXCLUDED: &str = "compress.excludedContentTypes";
        const INCLUDED: &str = "compress.includedContentTypes";
        const MINIMUM: &str = "compress.minResponseBodyBytes";
        const NAMES: &str = "compress.encodings";
        const DEFAULT: &str = "compress.defaultEncoding";
        let excluded_content_types = media_types(fields, EXCLUDED);
        let included_content_types = media_types(fields, INCLUDED);
        if !excluded_content_types.is_empty() && !included_content_types.is_empty() {
            fields.reject(
                INCLUDED,
                "compress has both excludedContentTypes and includedContentTypes",
                "remove one of the two labels",
            );
        }
        let minimum = fields.integer(MINIMUM).unwrap_or(1024);
        if minimum < 0 {
            let message = format!("{minimum} is not a number of bytes");
            fields.reject(MINIMUM, message, "write 0 or more, such as 1024");
        }
        let mut encodings = fields.list(NAMES);
        if encodings.is_empty() {
            encodings = ENCODINGS.map(str::to_owned).into();
        }
        let default_encoding = fields.some_text(DEFAULT).unwrap_or_default();
        let defaults = Some(&default_encoding).filter(|name| !name.is_empty());
        let named = encodings.iter().map(|name| (NAMES, name));
        let named: Vec<_> = named.chain(defaults.map(|name| (DEFAULT, name))).collect();
        for (option, name) in named {
            if !ENCODINGS.contains(&name.as_str()) {
                let message = format!("`{name}` is not a coding");
                fields.reject(option, message, "write gzip, br or zstd");
            }
        }
        Self {
            excluded_content_types,
            included_content_types,
            min_response_body_bytes: u64::try_from(minimum).unwrap_or_default(),
            encodings,
            default_encoding,
        }
    }

    pub(super) fn encode(&self) -> proto::Compress {
        proto::Compress {
            excluded_content_types: bare(&self.excluded_content_types),
            included_content_types: bare(&self.included_content_types),
            min_response_body_bytes: self.min_response_body_bytes,
            encodings: self.encodings.clone(),
            default_encoding: self.default_encoding.clone(),
        }
    }
}

fn media_types(fields: &mut Fields, option: &str) -> Vec<String> {
    let media_types = fields.list(option);
    for text in &media_types {
        let name = text.split(';').next().unwrap_or_default().trim();
        let parts: Vec<_> = name.split('/').collect();
        let is_one = parts.len() == 2
            && parts.iter().all(|part| {
                !part.is_empty() && !part.contains('*') && !part.contains(char::is_whitespace)
            });
        if !is_one {
            let message = format!("`{text}` is not a media type");
            fields.reject(option, message, "write for instance text/css");
        }
    }
    media_types
}

/// Without parameters, in lower case.
fn bare(media_types: &[String]) -> Vec<String> {
    let name = |text: &String| {
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    media_types.iter().map(name).collect()
}
