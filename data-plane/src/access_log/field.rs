//! The fields of a line.

use fairway_proto::ACCESS_LOG_FIELDS;
use fairway_proto::discovery::v1 as wire;

/// A field, in the order in which the contract names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(
    dead_code,
    reason = "the contract names fields that nothing fills yet: there is no TLS of clients"
)]
pub(super) enum Field {
    StartUtc,
    StartLocal,
    Duration,
    RouterName,
    ServiceName,
    ServiceUrl,
    ServiceAddr,
    ClientAddr,
    ClientHost,
    ClientPort,
    ClientUsername,
    RequestAddr,
    RequestHost,
    RequestPort,
    RequestMethod,
    RequestPath,
    RequestProtocol,
    RequestScheme,
    RequestContentSize,
    OriginDuration,
    OriginContentSize,
    OriginStatus,
    DownstreamStatus,
    DownstreamContentSize,
    RequestCount,
    GzipRatio,
    Overhead,
    RetryAttempts,
    TlsVersion,
    TlsCipher,
    TlsClientSubject,
    EntryPointName,
    TraceId,
    SpanId,
    OtelTraceId,
    OtelSpanId,
    Reason,
    ConfigVersion,
    RequestId,
    Node,
    Container,
}

/// Which fields are logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSet(u64);

impl FieldSet {
    /// What is not named is as the default says; names that nobody has do not matter.
    pub(super) fn build(spec: &wire::FieldSelection) -> Self {
        let drops = |mode: i32| mode == i32::from(wire::FieldMode::Drop);
        let mut bits = 0;
        for (place, name) in ACCESS_LOG_FIELDS.iter().enumerate() {
            let named = spec.names.iter();
            let mode = named
                .filter(|(named, _)| named.eq_ignore_ascii_case(name))
                .map(|(_, mode)| *mode)
                .next_back()
                .unwrap_or(spec.default_mode);
            if !drops(mode) {
                bits |= 1 << place;
            }
        }
        Self(bits)
    }

    pub(super) fn has(self, field: Field) -> bool {
        self.0 & (1 << field.place()) != 0
    }
}

impl Field {
    /// As lines have it.
    pub(super) fn name(self) -> &'static str {
        ACCESS_LOG_FIELDS.get(self.place()).copied().unwrap_or("")
    }

    fn place(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_the_contract() {
        let last = Field::Container;
        assert_eq!(last.place() + 1, ACCESS_LOG_FIELDS.len());
        for (field, name) in [
            (Field::StartUtc, "StartUTC"),
            (Field::ServiceUrl, "ServiceURL"),
            (Field::RequestMethod, "RequestMethod"),
            (Field::DownstreamStatus, "DownstreamStatus"),
            (Field::TlsClientSubject, "TLSClientSubject"),
            (Field::EntryPointName, "entryPointName"),
            (Field::OtelSpanId, "span_id"),
            (Field::ConfigVersion, "config_version"),
            (Field::Node, "node"),
        ] {
            assert_eq!(field.name(), name);
        }
    }

    #[test]
    fn fields_are_kept_unless_they_are_dropped() {
        let (keep, drop) = (wire::FieldMode::Keep.into(), wire::FieldMode::Drop.into());
        let set = |default_mode, name: &str, mode| {
            FieldSet::build(&wire::FieldSelection {
                default_mode,
                names: [(name.to_owned(), mode)].into(),
            })
        };
        let kept = set(keep, "requestpath", drop);
        assert!(kept.has(Field::RequestMethod) && !kept.has(Field::RequestPath));
        let dropped = set(drop, "RequestPath", keep);
        assert!(!dropped.has(Field::RequestMethod) && dropped.has(Field::RequestPath));
        let unsaid = FieldSet::build(&wire::FieldSelection::default());
        assert!(unsaid.has(Field::Node));
    }
}
