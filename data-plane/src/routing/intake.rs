//! What an entry point makes of requests before rules look at them.

use fairway_proto::discovery::v1 as wire;
use http::HeaderName;

use crate::proxy::head::PathRules;

/// What becomes of a request on its way in.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    pub(crate) paths: PathRules,
    /// `;` in a query becomes `%3B`, not `&`.
    pub(crate) encode_semicolons: bool,
    pub(crate) underscores: Underscores,
    /// Headers that middlewares see although `Connection` names them.
    pub(crate) connection: Box<[HeaderName]>,
    /// The peer is not appended to `X-Forwarded-For`.
    pub(crate) omit_forwarded_for: bool,
    /// `X-Forwarded-Scheme` and `X-Scheme` are written.
    pub(crate) scheme_headers: bool,
}

/// What becomes of headers with `_` in their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Underscores {
    /// They go on, but for those that stand for forwarded headers.
    Keep,
    #[default]
    Delete,
    Reject,
}

impl Intake {
    /// From an entry point; `Err` is what cannot be the name of a header.
    pub(super) fn build(spec: &wire::EntryPoint) -> Result<Self, String> {
        let forwarded = spec.forwarded_headers.as_ref();
        let names = forwarded.map(|it| &*it.connection).unwrap_or_default();
        let names = names
            .iter()
            .map(|name| HeaderName::try_from(name).map_err(|_| name.clone()));
        Ok(Self {
            paths: paths(spec),
            encode_semicolons: spec.encode_query_semicolons,
            underscores: match spec.underscore_headers() {
                wire::UnderscoreHeaders::Keep => Underscores::Keep,
                wire::UnderscoreHeaders::Reject => Underscores::Reject,
                wire::UnderscoreHeaders::Unspecified | wire::UnderscoreHeaders::Delete => {
                    Underscores::Delete
                }
            },
            connection: names.collect::<Result<_, _>>()?,
            omit_forwarded_for: forwarded.is_some_and(|it| it.not_append_x_forwarded_for),
            scheme_headers: forwarded.is_some_and(|it| it.add_x_forwarded_scheme_headers),
        })
    }
}

fn paths(spec: &wire::EntryPoint) -> PathRules {
    let rules = PathRules::default();
    PathRules {
        refused: match &spec.encoded_characters {
            None => rules.refused,
            Some(allow) => [
                (b'/', allow.allow_slash),
                (b'\\', allow.allow_back_slash),
                (0, allow.allow_null_character),
                (b';', allow.allow_semicolon),
                (b'%', allow.allow_percent),
                (b'?', allow.allow_question_mark),
                (b'#', allow.allow_hash),
            ]
            .into_iter()
            .filter(|(_, allowed)| !allowed)
            .map(|(byte, _)| byte)
            .collect(),
        },
        keep_segments: spec.keep_path_segments,
    }
}
