//! Which headers and query parameters are logged.

use std::collections::HashMap;
use std::hash::Hash;

use fairway_proto::discovery::v1 as wire;
use http::HeaderName;

use super::REDACTED;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Keep,
    Drop,
    Redact,
}

/// Modes by name.
#[derive(Debug)]
pub(super) struct Selection<N> {
    default: Mode,
    names: HashMap<N, Mode>,
}

/// Why a selection cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectionError {
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
}

impl Mode {
    fn of(mode: i32, usual: Self) -> Self {
        match wire::FieldMode::try_from(mode) {
            Ok(wire::FieldMode::Keep) => Self::Keep,
            Ok(wire::FieldMode::Drop) => Self::Drop,
            // Sent by a control plane that knows more modes: rather too little is told.
            Ok(wire::FieldMode::Redact) | Err(_) => Self::Redact,
            Ok(wire::FieldMode::Unspecified) => usual,
        }
    }
}

impl<N: Eq + Hash> Selection<N> {
    fn build<E>(
        spec: &wire::FieldSelection,
        usual: Mode,
        read: impl Fn(&str) -> Result<N, E>,
    ) -> Result<Self, E> {
        let names = spec.names.iter();
        let names = names.map(|(name, mode)| Ok((read(name)?, Mode::of(*mode, usual))));
        Ok(Self {
            default: Mode::of(spec.default_mode, usual),
            names: names.collect::<Result<_, E>>()?,
        })
    }

    pub(super) fn keeps_all(&self) -> bool {
        self.is_all(Mode::Keep)
    }

    pub(super) fn drops_all(&self) -> bool {
        self.is_all(Mode::Drop)
    }

    fn is_all(&self, mode: Mode) -> bool {
        self.default == mode && self.names.values().all(|it| *it == mode)
    }

    pub(super) fn mode<Q>(&self, name: &Q) -> Mode
    where
        N: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.names.get(name).copied().unwrap_or(self.default)
    }
}

impl Selection<HeaderName> {
    pub(super) fn of_headers(spec: &wire::FieldSelection) -> Result<Self, SelectionError> {
        Self::build(spec, Mode::Drop, |name| {
            HeaderName::try_from(name).map_err(|_| SelectionError::HeaderName(name.to_owned()))
        })
    }
}

impl Selection<String> {
    pub(super) fn of_parameters(spec: &wire::FieldSelection) -> Self {
        let read = |name: &str| Ok::<_, std::convert::Infallible>(name.to_owned());
        match Self::build(spec, Mode::Keep, read) {
            Ok(selection) => selection,
            Err(never) => match never {},
        }
    }

    /// A path with those parameters of its query that are kept.
    pub(super) fn selected(&self, path: &str, query: &str) -> String {
        let mut shown = String::with_capacity(path.len() + query.len() + 1);
        shown.push_str(path);
        let mut separator = '?';
        for parameter in query.split('&') {
            let name = parameter
                .split_once('=')
                .map_or(parameter, |(name, _)| name);
            let mode = self.mode(name);
            if mode == Mode::Drop {
                continue;
            }
            shown.push(std::mem::replace(&mut separator, '&'));
            if mode == Mode::Keep {
                shown.push_str(parameter);
            } else {
                shown.extend([name, "=", REDACTED]);
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_kept_dropped_and_redacted() {
        let mode = |mode: wire::FieldMode| i32::from(mode);
        let (keep, drop, redact) = (
            mode(wire::FieldMode::Keep),
            mode(wire::FieldMode::Drop),
            mode(wire::FieldMode::Redact),
        );
        for (default, named, expected) in [
            (keep, vec![("b", drop)], "/p?a=1&c"),
            (keep, vec![("a", redact)], "/p?a=REDACTED&b=2&c"),
            (drop, vec![("c", keep)], "/p?c"),
            (drop, vec![], "/p"),
            (redact, vec![("b", keep)], "/p?a=REDACTED&b=2&c=REDACTED"),
        ] {
            let names = named.iter().map(|(name, mode)| ((*name).to_owned(), *mode));
            let selection = Selection::of_parameters(&wire::FieldSelection {
                default_mode: default,
                names: names.collect(),
            });
            assert_eq!(selection.selected("/p", "a=1&b=2&c"), expected);
        }
    }

    #[test]
    fn a_header_that_cannot_be_one_is_refused() {
        let spec = wire::FieldSelection {
            names: [("a b".to_owned(), 1)].into(),
            ..Default::default()
        };
        let error = Selection::of_headers(&spec).unwrap_err();
        assert_eq!(error, SelectionError::HeaderName("a b".to_owned()));
    }
}
