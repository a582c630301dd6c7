//! How fast something moves, and when it will be there.

use std::time::Duration;

use resurge::Progress;

/// The speed of one attempt, from what it says about itself now and then.
///
/// A speed that nothing keeps up decays: two seconds after the last byte it has halved and halved
/// again, and soon it is 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    done: u64,
    total: Option<u64>,
    /// Units a second of the last moments, and of the last while.
    fast: f64,
    slow: f64,
    /// For how long it has been looked at, in seconds.
    seen: f64,
}

/// What a meter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    /// None when no attempt is under way.
    pub(crate) rate: Option<u64>,
    pub(crate) eta_ms: Option<u64>,
}

/// Time constants in seconds: what people see, and what the time left goes by.
const FAST: f64 = 1.5;
const SLOW: f64 = 10.0;
/// A time left is told only after so many seconds.
const SETTLED: f64 = 3.0;

impl Meter {
    /// Begins with what an attempt says first.
    pub(crate) fn new(progress: &Progress) -> Self {
        Self { done: progress.done, total: progress.total, ..Self::default() }
    }

    /// Takes in how far it is after so long.
    #[expect(clippy::cast_precision_loss, reason = "speeds need no more than 53 bits")]
    pub(crate) fn observe(&mut self, progress: &Progress, after: Duration) {
        let seconds = after.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        if !self.has_spoken() {
            // Where an attempt goes on from is not what it has done since it was looked at.
            (self.done, self.total) = (progress.done, progress.total);
            return;
        }
        // What begins anew or goes back has no speed.
        let before = self.done.max(progress.began_at);
        let moved = progress.done.saturating_sub(before) as f64 / seconds;
        for (speed, constant) in [(&mut self.fast, FAST), (&mut self.slow, SLOW)] {
            // Until it has seen as much as it averages over, all that it has seen counts the same.
            let kept = self.seen.min(constant);
            let share = (seconds / (kept + seconds)).max(1.0 - (-seconds / constant).exp());
            *speed += (moved - *speed) * share;
        }
        self.seen += seconds;
        (self.done, self.total) = (progress.done, progress.total);
    }

    const fn has_spoken(&self) -> bool {
        self.done > 0 || self.total.is_some()
    }

    /// What it says while its attempt is under way.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "speeds and times left are rounded for people"
    )]
    pub(crate) fn reading(&self) -> Reading {
        let rate = if self.fast < 1.0 { 0 } else { self.fast as u64 };
        let is_steady = self.fast > self.slow / 3.0 && self.fast < self.slow * 3.0;
        let left = self.total.map(|total| total.saturating_sub(self.done));
        let eta = left.filter(|_| is_steady && self.seen >= SETTLED && self.slow >= 1.0);
        let eta_ms = eta.map(|left| (left as f64 / self.slow) as u64 * 1_000);
        Reading { done: self.done, total: self.total, rate: Some(rate), eta_ms }
    }
}

impl Reading {
    /// What is left of it when the attempt is over: how far it came.
    pub(crate) const fn at_rest(self) -> Self {
        Self { rate: None, eta_ms: None, ..self }
    }

    /// The same at rest, after it has come so far at least.
    pub(crate) fn came_to(self, reached: u64) -> Self {
        Self { done: self.done.max(reached), ..self.at_rest() }
    }

    /// Whether its attempt has said how far it is.
    pub(crate) const fn has_spoken(&self) -> bool {
        self.done > 0 || self.total.is_some()
    }

    /// Share of the whole, from 0 to 1, if the whole is known.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(crate) fn share(&self) -> Option<f64> {
        let total = self.total.filter(|total| *total > 0)?;
        Some((self.done as f64 / total as f64).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const QUARTER: Duration = Duration::from_millis(250);

    fn at(done: u64) -> Progress {
        let mut progress = Progress::default();
        (progress.done, progress.total) = (done, Some(1_000_000));
        progress
    }

    fn steady(per_quarter: u64, quarters: u64) -> Meter {
        let mut meter = Meter::new(&at(0));
        for quarter in 1..=quarters {
            meter.observe(&at(quarter * per_quarter), QUARTER);
        }
        meter
    }

    #[test]
    fn a_steady_speed_is_told_at_once_and_the_time_left_when_it_has_settled() {
        let early = steady(1_000, 2).reading();
        assert_eq!((early.rate, early.eta_ms), (Some(4_000), None));
        let later = steady(1_000, 40).reading();
        assert_eq!(later.rate, Some(4_000));
        assert_eq!(later.eta_ms, Some(240_000), "960,000 are left");
    }

    #[test]
    fn a_speed_decays_to_nothing_when_bytes_stop() {
        let mut meter = steady(1_000, 40);
        for _ in 0..12 {
            meter.observe(&at(40_000), QUARTER);
        }
        let soon = meter.reading();
        assert!(soon.rate.unwrap() < 600, "{soon:?}");
        for _ in 0..60 {
            meter.observe(&at(40_000), QUARTER);
        }
        let late = meter.reading();
        assert_eq!((late.rate, late.eta_ms), (Some(0), None));
        assert_eq!(late.at_rest().rate, None);
    }

    #[test]
    fn what_an_earlier_attempt_has_fetched_is_not_taken_for_speed() {
        let mut meter = Meter::new(&Progress::default());
        meter.observe(&at(900_000), QUARTER);
        assert_eq!(meter.reading().rate, Some(0));
        meter.observe(&at(901_000), QUARTER);
        assert_eq!(meter.reading().rate, Some(4_000));
    }

    #[test]
    fn what_begins_anew_is_never_faster_than_it_is() {
        let mut meter = steady(1_000, 40);
        meter.observe(&at(0), QUARTER);
        assert!(meter.reading().rate.unwrap() < 4_000);
        assert_eq!(meter.reading().done, 0);
    }
}
