//! The engine's clock, read here: countdowns go on between two messages.

use resurge::Timestamp;

/// How far the engine's clock is ahead of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    ahead_ms: i64,
}

impl Clock {
    /// Learns it from what the engine's clock shows while ours shows `here`.
    pub(crate) fn learn(&mut self, engine: &str, here: Timestamp) {
        if let Ok(engine) = engine.parse::<Timestamp>() {
            self.ahead_ms = engine.as_millis().saturating_sub(here.as_millis());
        }
    }

    /// What the engine's clock shows while ours shows `here`.
    pub(crate) const fn at(self, here: Timestamp) -> Timestamp {
        Timestamp::from_millis(here.as_millis().saturating_add(self.ahead_ms))
    }
}

/// What is left until a time that a view names, such as `12 s`; none if it names none.
pub(crate) fn left(due: &str, now: Timestamp) -> Option<String> {
    let due: Timestamp = due.parse().ok()?;
    let left = due.as_millis().saturating_sub(now.as_millis());
    // Rounded up: it is not due before it is due.
    let seconds = left.max(0).unsigned_abs().div_ceil(1_000);
    Some(if seconds == 0 { "now".to_owned() } else { length(seconds) })
}

/// A length of time in the two units that matter.
pub(crate) fn length(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// The time of day of a time that a view names, in UTC.
pub(crate) fn time_of_day(at: &str) -> &str {
    at.get(11..19).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: &str = "2026-11-22T10:00:12.000Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("the test writes times")
    }

    #[test]
    fn a_countdown_goes_by_the_clock_of_the_engine() {
        let mut clock = Clock::default();
        let here = at("2026-11-22T12:34:00.000Z");
        clock.learn("2026-11-22T10:00:00.500Z", here);
        assert_eq!(left(DUE, clock.at(here)).as_deref(), Some("12 s"));
        let later = Timestamp::from_millis(here.as_millis() + 10_501);
        assert_eq!(left(DUE, clock.at(later)).as_deref(), Some("1 s"));
        let past = Timestamp::from_millis(here.as_millis() + 60_000);
        assert_eq!(left(DUE, clock.at(past)).as_deref(), Some("now"));
        clock.learn("soon", past);
        assert_eq!(left(DUE, clock.at(here)).as_deref(), Some("12 s"));
        assert_eq!(left("soon", here), None);
    }

    #[test]
    fn lengths_read_well() {
        for (seconds, text) in [
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3_661, "1 h 1 min"),
            (90_000, "1 d 1 h"),
            (u64::MAX, "213503982334601 d 7 h"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }
}
