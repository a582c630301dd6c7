//! Durations as people write them: `"500ms"`, `"2s"`, `"1.5m"`, `"1h"`, or a number of seconds.

use std::time::Duration;

/// No wait that makes sense is longer than this: 365 days.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a number and its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("`{text}` is not a duration; write for example \"500ms\", \"2s\", \"5m\" or \"1h\"")
    };
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    from_seconds(number.parse::<f64>().map_err(|_| wrong())? * unit)
}

/// A number of seconds, to the nanosecond.
pub(crate) fn from_seconds(seconds: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ if seconds < 0.0 => Err("a duration is not negative".to_owned()),
        _ => Err("no wait is longer than 365 days".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let good = [("2s", 2_000), ("500ms", 500), ("5m", 300_000), ("1.5s", 1_500), ("0s", 0)];
        for (text, millis) in good {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "2", "s", "-2s", "2 s", "2d", "1.2.3s", "2sec", "1e3s", "9000h", "²s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(from_seconds(0.5), Ok(Duration::from_millis(500)));
        assert!(from_seconds(-1.0).is_err());
        assert!(from_seconds(f64::INFINITY).is_err());
    }
}
