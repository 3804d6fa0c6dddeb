//! Time as Docker writes it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, never the same twice.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: u64,
}

impl Clock {
    pub(crate) fn tick(&mut self) -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        let now = u64::try_from(now.as_nanos()).expect("a clock before 2554");
        self.last = now.max(self.last + 1_000);
        self.last
    }
}

/// RFC 3339 with nanoseconds; `None` is Go's zero time.
pub(crate) fn rfc3339(nanos: Option<u64>) -> String {
    let Some(nanos) = nanos else {
        return "0001-01-01T00:00:00Z".to_owned();
    };
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's civil-from-days, for days after 1970.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_docker_writes_them() {
        let cases = [
            (None, "0001-01-01T00:00:00Z"),
            (Some(0), "1970-01-01T00:00:00.000000000Z"),
            (
                Some(951_782_400_000_000_007),
                "2000-02-29T00:00:00.000000007Z",
            ),
            (
                Some(1_700_000_000_123_456_789),
                "2023-11-14T22:13:20.123456789Z",
            ),
        ];
        for (nanos, expected) in cases {
            assert_eq!(rfc3339(nanos), expected);
        }
    }
}
