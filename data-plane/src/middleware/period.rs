//! A time as people of Traefik know it from headers: `1m30.5s`, `20ms`.

use std::time::Duration;

/// In Go's notation, to the nanosecond.
pub(super) fn shown(time: Duration) -> String {
    let nanoseconds = u64::from(time.subsec_nanos());
    let seconds = time.as_secs();
    if seconds == 0 {
        return match nanoseconds {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanoseconds}ns"),
            1_000..1_000_000 => fraction(nanoseconds, 1_000, 3, "µs"),
            _ => fraction(nanoseconds, 1_000_000, 6, "ms"),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let before = match (hours, minutes) {
        (0, 0) => String::new(),
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    };
    let rest = seconds % 60 * 1_000_000_000 + nanoseconds;
    format!("{before}{}", fraction(rest, 1_000_000_000, 9, "s"))
}

fn fraction(number: u64, unit: u64, digits: usize, name: &str) -> String {
    let (whole, rest) = (number / unit, number % unit);
    if rest == 0 {
        return format!("{whole}{name}");
    }
    let rest = format!("{rest:0digits$}");
    format!("{whole}.{}{name}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_go_shows_it() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (1_050_000_000, "1.05s"),
            (90_500_000_000, "1m30.5s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(shown(Duration::from_nanos(nanoseconds)), text);
        }
    }
}
