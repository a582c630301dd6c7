//! What came of the operations.

use std::fmt;
use std::time::Duration;

/// What came of the operations of one scenario or of many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Operations that began.
    pub operations: u64,
    /// Operations that were done.
    pub completed: u64,
    /// Operations that were given up.
    pub exhausted: u64,
    /// Operations that were neither done nor given up in the end.
    pub unfinished: u64,
    /// Attempts that were made.
    pub attempts: u64,
    /// Attempts that failed while what they needed was down.
    pub attempts_in_outage: u64,
    /// Attempts that were probes.
    pub probes: u64,
    /// Most attempts at one host within a minute.
    pub requests_per_minute_max: u64,
    /// Longest time in which operations waited for a host and nobody asked it.
    pub longest_silence: Duration,
    /// From the end of an outage to the beginning of the attempt that succeeded, sorted.
    pub(super) lags: Vec<Duration>,
}

impl Report {
    /// Share of the operations that were done, in percent.
    pub fn completed_percent(&self) -> f64 {
        100.0 * ratio(self.completed, self.operations)
    }

    /// Attempts that each operation made in vain while what it needed was down.
    pub fn attempts_in_outage_per_operation(&self) -> f64 {
        ratio(self.attempts_in_outage, self.operations)
    }

    /// Mean time from the end of an outage to the attempt that succeeded.
    ///
    /// None if no operation that met an outage was done.
    pub fn lag_mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.lags.len()).ok().filter(|count| *count > 0)?;
        Some(self.lags.iter().sum::<Duration>() / count)
    }

    /// The same time for all but the slowest twentieth.
    pub fn lag_p95(&self) -> Option<Duration> {
        let nth = (self.lags.len() * 95).div_ceil(100).checked_sub(1)?;
        self.lags.get(nth).copied()
    }

    /// Adds what came of other operations.
    pub fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.completed += other.completed;
        self.exhausted += other.exhausted;
        self.unfinished += other.unfinished;
        self.attempts += other.attempts;
        self.attempts_in_outage += other.attempts_in_outage;
        self.probes += other.probes;
        self.requests_per_minute_max =
            self.requests_per_minute_max.max(other.requests_per_minute_max);
        self.longest_silence = self.longest_silence.max(other.longest_silence);
        self.lags.extend_from_slice(&other.lags);
        self.lags.sort_unstable();
    }
}

impl fmt::Display for Report {
    /// One line of a table; [`Report::HEADER`] stands above it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10}  {:>7.1} %  {:>9}  {:>8}  {:>9.1}  {:>6}  {:>8}  {:>8}  {:>7}  {:>8}",
            self.operations,
            self.completed_percent(),
            self.exhausted,
            self.attempts,
            self.attempts_in_outage_per_operation(),
            self.probes,
            lag(self.lag_mean()),
            lag(self.lag_p95()),
            self.requests_per_minute_max,
            lag(Some(self.longest_silence)),
        )
    }
}

impl Report {
    /// The names of the columns of [`Display`](fmt::Display).
    pub const HEADER: &'static str = "OPERATIONS  COMPLETED  EXHAUSTED  ATTEMPTS  IN OUTAGE  PROBES  LAG MEAN   LAG P95  REQ/MIN   SILENCE";
}

/// Whole seconds, which is as fine as a model of an outage is.
fn lag(lag: Option<Duration>) -> String {
    lag.map_or_else(|| "-".to_owned(), |lag| format!("{:.0} s", lag.as_secs_f64()))
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let (part, whole) = (part as f64, whole as f64);
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_twentieth_is_left_out_of_the_95th_percentile() {
        let lags = (1..=100).map(Duration::from_secs).collect();
        let report = Report { lags, ..Report::default() };
        assert_eq!(report.lag_p95(), Some(Duration::from_secs(95)));
        assert_eq!(report.lag_mean(), Some(Duration::from_millis(50_500)));
        assert_eq!(Report::default().lag_p95(), None);
        assert_eq!(Report::default().lag_mean(), None);
    }

    #[test]
    fn a_line_is_as_wide_as_its_header() {
        assert_eq!(Report::default().to_string().len(), Report::HEADER.len());
    }
}
