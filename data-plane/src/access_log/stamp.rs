//! Moments as lines have them, written anew once a second.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The last second that was asked for, in every form.
pub(super) struct Stamp {
    zone: TimeZone,
    second: Option<i64>,
    texts: Texts,
}

/// One second in words.
#[derive(Default)]
pub(super) struct Texts {
    /// `2026-01-31T12:00:00`, without offset.
    pub(super) utc: String,
    /// The same where the process is.
    pub(super) local: String,
    /// `Z`, or as in `+02:00`.
    pub(super) offset: String,
    /// `31/Jan/2026:12:00:00 +0000`
    pub(super) clf_utc: String,
    /// The same where the process is.
    pub(super) clf_local: String,
}

impl Stamp {
    /// In the time zone of the process (`TZ`).
    pub(super) fn new() -> Self {
        Self::in_zone(TimeZone::system())
    }

    pub(super) fn in_zone(zone: TimeZone) -> Self {
        Self {
            zone,
            second: None,
            texts: Texts::default(),
        }
    }

    /// The second of `time` in words, and the nanoseconds behind it.
    pub(super) fn at(&mut self, time: SystemTime) -> (&Texts, u32) {
        // Clocks before 1970 are wrong by more than this.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        if self.second != Some(second) {
            self.second = Some(second);
            self.texts = Texts::of(second, &self.zone);
        }
        (&self.texts, since.subsec_nanos())
    }
}

impl Texts {
    fn of(second: i64, zone: &TimeZone) -> Self {
        const PLAIN: &str = "%Y-%m-%dT%H:%M:%S";
        const CLF: &str = "%d/%b/%Y:%H:%M:%S %z";
        let Ok(moment) = Timestamp::from_second(second) else {
            return Self::default();
        };
        let utc = moment.to_zoned(TimeZone::UTC);
        let local = moment.to_zoned(zone.clone());
        let offset = match local.offset().seconds() {
            0 => "Z".to_owned(),
            _ => local.strftime("%:z").to_string(),
        };
        Self {
            utc: utc.strftime(PLAIN).to_string(),
            local: local.strftime(PLAIN).to_string(),
            offset,
            clf_utc: utc.strftime(CLF).to_string(),
            clf_local: local.strftime(CLF).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::offset;

    use super::*;

    #[test]
    fn a_moment_is_told_in_every_form() {
        let moment = UNIX_EPOCH + Duration::new(1_700_000_000, 5);
        let mut stamp = Stamp::in_zone(TimeZone::fixed(offset(-3)));
        let (texts, nanos) = stamp.at(moment);
        assert_eq!(nanos, 5);
        assert_eq!(texts.utc, "2023-11-14T22:13:20");
        assert_eq!(texts.local, "2023-11-14T19:13:20");
        assert_eq!(texts.offset, "-03:00");
        assert_eq!(texts.clf_utc, "14/Nov/2023:22:13:20 +0000");
        assert_eq!(texts.clf_local, "14/Nov/2023:19:13:20 -0300");
        let mut stamp = Stamp::in_zone(TimeZone::UTC);
        assert_eq!(stamp.at(moment).0.offset, "Z");
    }
}
