//! Limits and times of an engine.

use std::time::Duration;

use resurge_journal::policy::BreakerSpec;
use resurge_journal::retention::Limits;
use resurge_journal::store::{BODY_BYTES_MAX, FRAME_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// Most steps that a workflow may have.
pub(crate) const STEPS_MAX: usize = 64;

/// Largest graph, in bytes of its record, so that an input and a key fit in beside it.
pub(crate) const GRAPH_BYTES_MAX: usize = 3_584;

/// Largest payload that fits a record; all else that stands in one fits a frame.
const PAYLOAD_BYTES_MAX: usize = BODY_BYTES_MAX - FRAME_BYTES_MAX;

/// Limits and times of an engine; every one has a default.
///
/// # Defaults
/// | field | default | why |
/// |---|---|---|
/// | `attempts_in_flight_max` | 16 | as many transfers as home routers bear |
/// | `bandwidth_limit` | 0: none | the whole line is there to be used, unless somebody needs it |
/// | `payload_bytes_max` | 1 MiB | every opening may read it again; larger data belongs into files |
/// | `server_delay_max` | 15 min | a server that asks for more is as good as down |
/// | `stop_grace` | 5 s | time for a stopped attempt to save its checkpoint |
/// | `refund_units_min` | 1 MiB | less progress than that may be a trickle |
/// | `refund_fraction_min` | 1 % | of the total, for large transfers |
/// | `breaker` | [`BreakerSpec::default`] | for steps that bring none of their own |
/// | `server_wait_max` | 1 h | all that servers may make a step wait without progress |
/// | `crashes_max` | 3 | a step in which the process dies again and again is at fault |
/// | `retry_budget_per_minute` | 60 | what a host gets of retries, however many runs need it |
/// | `retry_budget_burst` | 120 | retries that may come at once |
/// | `condition_poll` | 5 s | how soon freed space is noticed; a look costs nothing |
/// | `checkpoint_records` | 50,000 | replayed in some 25 ms; a checkpoint costs about as much |
/// | `checkpoint_quiet` | 3 s | the next opening finds little to replay, an idle engine writes nothing |
/// | `rest_after` | 60 s | shorter waits are over before it pays to let go of the run |
/// | `retention_age` | 30 days | time enough to ask what became of a run |
/// | `retention_runs` | 100,000 | a list of runs that is still read in a second |
/// | `retention_bytes` | 1 GiB | what a launcher may take up for its memory |
/// | `lost_inputs_max` | 3 | a step whose inputs vanish as fast as they are made needs a person |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// Most attempts under way at the same time, over all runs; at least 1.
    ///
    /// Attempts of a cancelled or failed run that still wind down do not count.
    pub attempts_in_flight_max: usize,
    /// Most bytes a second that all transfers together receive; 0 is no limit.
    ///
    /// Held by steps that say what they transfer ([`StepContext::transferred`]), as the step
    /// `download` does. While it holds, attempts do not count as slow for breakers, nor as idle while
    /// it holds them back; the timeout of an attempt runs on, so that downloads do better with an idle
    /// timeout. Every transfer under way needs a few KiB a second of it, or servers hang up on it as
    /// on one that does not read. People change it with [`Engine::tune`].
    ///
    /// [`StepContext::transferred`]: crate::StepContext::transferred
    /// [`Engine::tune`]: crate::Engine::tune
    pub bandwidth_limit: u64,
    /// Largest input, output or checkpoint, in bytes of JSON; 4,186,112 at most, which the journal
    /// can hold.
    pub payload_bytes_max: usize,
    /// Longest wait that a server can ask for.
    pub server_delay_max: Duration,
    /// How long a stopped attempt may take to end before it is dropped.
    pub stop_grace: Duration,
    /// Progress that gives a step all its retries back, in its own unit (bytes for downloads).
    ///
    /// Counts beyond the furthest point of any attempt before, and only for failures of the network
    /// and timeouts.
    pub refund_units_min: u64,
    /// The same, as a fraction of the total; the larger of the two counts.
    pub refund_fraction_min: f64,
    /// Times in a row that a step may find its inputs gone before it fails.
    pub lost_inputs_max: u32,
    /// The breakers of steps that bring no policy of their own.
    pub breaker: BreakerSpec,
    /// Longest time that servers may make one step wait, all waits since its last progress together.
    pub server_wait_max: Duration,
    /// Times in a row that the process may die in a step before it is given up.
    ///
    /// A checkpoint that says something new begins the count anew. At least 1.
    pub crashes_max: u32,
    /// Retries a minute that a resource gets from all runs together; 0 leaves the budget out.
    ///
    /// What is beyond it is not lost: it waits until the budget is paid back.
    pub retry_budget_per_minute: u32,
    /// Retries of a resource that may come at once.
    pub retry_budget_burst: u32,
    /// How often the engine looks whether what a step waits for has come true.
    pub condition_poll: Duration,
    /// Records after which the state is kept, so that an opening need not replay them; 0 is never.
    ///
    /// Runs that rest leave memory then, and what retention does not keep any more is dropped: with 0
    /// none leaves, and records are dropped at openings only.
    pub checkpoint_records: u64,
    /// How long nothing must have happened before the state is kept although there is less to keep.
    pub checkpoint_quiet: Duration,
    /// A run that waits for longer than this leaves memory until its time has come.
    pub rest_after: Duration,
    /// How long a run is kept after it has ended; none is for ever.
    ///
    /// The oldest records are dropped as soon as any of the three limits is exceeded, some
    /// thousands of them at a time; a run that has not ended is kept whatever its age. The engine looks when
    /// it is opened and after a checkpoint, so that an idle one drops nothing.
    pub retention_age: Option<Duration>,
    /// Ended runs that are kept, the newest ones; none is all of them.
    pub retention_runs: Option<u64>,
    /// Bytes of records that are kept, with payloads in files of their own; none is all of them.
    pub retention_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempts_in_flight_max: 16,
            bandwidth_limit: 0,
            payload_bytes_max: 1024 * 1024,
            server_delay_max: Duration::from_secs(15 * 60),
            stop_grace: Duration::from_secs(5),
            refund_units_min: 1024 * 1024,
            refund_fraction_min: 0.01,
            lost_inputs_max: 3,
            breaker: BreakerSpec::default(),
            server_wait_max: Duration::from_secs(60 * 60),
            crashes_max: 3,
            retry_budget_per_minute: 60,
            retry_budget_burst: 120,
            condition_poll: Duration::from_secs(5),
            checkpoint_records: 50_000,
            checkpoint_quiet: Duration::from_secs(3),
            rest_after: Duration::from_secs(60),
            retention_age: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            retention_runs: Some(100_000),
            retention_bytes: Some(1024 * 1024 * 1024),
        }
    }
}

impl Settings {
    /// These settings within what a record of the journal can hold and an engine can work with.
    pub(crate) fn bounded(mut self) -> Self {
        self.payload_bytes_max = self.payload_bytes_max.min(PAYLOAD_BYTES_MAX);
        self.attempts_in_flight_max = self.attempts_in_flight_max.max(1);
        // A step is not to blame for a crash that has not been.
        self.crashes_max = self.crashes_max.max(1);
        // A break or a lease of no length would have breakers turn for ever.
        self.breaker.break_initial_ms = self.breaker.break_initial_ms.max(1);
        self.breaker.break_max_ms = self.breaker.break_max_ms.max(self.breaker.break_initial_ms);
        self.breaker.lease_ms = self.breaker.lease_ms.max(1);
        self.breaker.probes_needed = self.breaker.probes_needed.max(1);
        self
    }

    /// How much of the journal is kept.
    pub(crate) const fn limits(&self) -> Limits {
        let Self { retention_age: age, retention_runs: runs, retention_bytes: bytes, .. } = *self;
        Limits { age, runs, bytes }
    }

    /// Whether an attempt that advanced by `gained` gives the step its retries back.
    pub(crate) fn refunds(&self, gained: u64, total: Option<u64>) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a threshold; negative and huge fractions saturate"
        )]
        let share = (total.unwrap_or(0) as f64 * self.refund_fraction_min) as u64;
        gained >= self.refund_units_min.max(share).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_payload_that_can_be_asked_for_is_the_one_that_is_documented() {
        let wanted = Settings { payload_bytes_max: usize::MAX, ..Settings::default() };
        assert_eq!(wanted.bounded().payload_bytes_max, 4_186_112);
    }

    #[test]
    fn progress_refunds_from_one_mebibyte_or_one_percent() {
        let settings = Settings::default();
        let mib = 1024 * 1024;
        assert!(!settings.refunds(mib - 1, Some(10 * mib)));
        assert!(settings.refunds(mib, Some(10 * mib)));
        assert!(!settings.refunds(mib, Some(1_000 * mib)));
        assert!(settings.refunds(10 * mib, Some(1_000 * mib)));
        assert!(settings.refunds(mib, None));
        assert!(!settings.refunds(0, None));
    }
}
