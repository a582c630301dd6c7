//! How far an attempt is: beside the journal, never in it.

use std::time::Duration;

use resurge_journal::Timestamp;

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// Where this attempt began, in the step's own unit (bytes for downloads).
    pub began_at: u64,
    /// Where it stands.
    pub done: u64,
    /// Where it will end, if that is known.
    pub total: Option<u64>,
    /// Units per second, lately.
    pub per_second: f64,
}

impl Progress {
    /// How far this attempt has advanced by itself.
    pub const fn gained(&self) -> u64 {
        self.done.saturating_sub(self.began_at)
    }

    /// Time to the end at the present rate; none if that cannot be told.
    pub fn eta(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done);
        if left == 0 {
            return Some(Duration::ZERO);
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = left as f64 / self.per_second;
        (self.per_second > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
    }
}

/// Measures a rate that forgets: half of what it knows is younger than the half-life.
///
/// The rate decays towards zero while nothing arrives.
#[derive(Debug, Clone)]
pub struct Meter {
    last_at: Timestamp,
    last_done: u64,
    per_second: f64,
    /// How much of the rate has been learnt, from 0 to 1; takes the bias out of the start.
    weight: f64,
}

impl Meter {
    const HALF_LIFE_SECONDS: f64 = 5.0;

    /// Begins to measure at a point.
    pub const fn new(at: Timestamp, done: u64) -> Self {
        Self { last_at: at, last_done: done, per_second: 0.0, weight: 0.0 }
    }

    /// Takes note of where things stand and gives the rate.
    pub fn observe(&mut self, at: Timestamp, done: u64) -> f64 {
        let seconds = at.since(self.last_at).as_secs_f64();
        if seconds > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            let now = done.saturating_sub(self.last_done) as f64 / seconds;
            let keep = 0.5_f64.powf(seconds / Self::HALF_LIFE_SECONDS);
            self.per_second = self.per_second.mul_add(keep, now * (1.0 - keep));
            self.weight = self.weight.mul_add(keep, 1.0 - keep);
            self.last_at = at;
            self.last_done = done;
        }
        if self.weight > 0.0 { self.per_second / self.weight } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_steady_stream_has_its_rate_from_the_start() {
        let mut meter = Meter::new(at(0), 1_000);
        for second in 1..20_u32 {
            let rate = meter.observe(at(second.into()), 1_000 + u64::from(second) * 500);
            assert!((rate - 500.0).abs() < 1e-6, "{rate}");
        }
    }

    #[test]
    fn the_rate_decays_while_nothing_arrives() {
        let mut meter = Meter::new(at(0), 0);
        let first = meter.observe(at(5), 5_000);
        let second = meter.observe(at(10), 5_000);
        let later = meter.observe(at(60), 5_000);
        assert!(second < first && later < 1.0, "{first} {second} {later}");
    }

    #[test]
    fn the_eta_is_unknown_without_total_or_rate() {
        let mut progress = Progress { done: 50, per_second: 10.0, ..Progress::default() };
        assert_eq!(progress.eta(), None);
        progress.total = Some(100);
        assert_eq!(progress.eta(), Some(Duration::from_secs(5)));
        progress.per_second = 0.0;
        assert_eq!(progress.eta(), None);
    }
}
