//! Durations as people write them.

use std::time::Duration;

/// No wait that makes sense is longer than this: 365 days.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a duration such as `2s`, `500ms`, `1.5m` or `1h`.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a duration; write for example \"500ms\", \"2s\" or \"5m\"");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(format!("`{text}` is longer than 365 days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, millis) in [
            ("2s", 2_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "", "2", "s", "-2s", "2 s", "2d", "1.2.3s", "2sec", "infs", "1e3s", "9000h0", "99999h",
            "²s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
