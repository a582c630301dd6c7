//! The section `[settings]`: how failures are met, and how fast downloads may be.

use std::time::Duration;

use resurge::steps::download::Download;
use resurge::{Breaker, BreakerProblem, BuildProblem, PolicyProblem, RetryPolicy};
use toml::Value;

use super::duration;
use super::fields::{Fields, factor, switch, text, whole_u32};
use super::rate;
use crate::flow::install_flow;

/// How failures are met.
///
/// # Defaults
/// Those of the user guide for downloads: 5 retries after 2 s, 4 s, 8 s and so on, at most 300 s;
/// breakers open after 5 failures in a row, for 15 s at first and for 300 s at most. No limit on bandwidth.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Retries after the first attempt; 0 means one attempt.
    pub max_retries: u32,
    /// Delay before the first retry.
    pub initial_delay: Duration,
    /// Growth of the delay from one retry to the next.
    pub backoff_factor: f64,
    /// Longest delay.
    pub max_delay: Duration,
    /// Whether work waits behind a breaker while its host is down.
    pub circuit_breaker: bool,
    /// Failures in a row that open the breaker of a host.
    pub circuit_breaker_threshold: u32,
    /// The longest break; the first one takes 15 s, each further one twice as long.
    pub circuit_breaker_timeout: Duration,
    /// Bytes a second of all downloads together; 0 is no limit.
    pub bandwidth_limit: u64,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_retries: 5,
            initial_delay: Duration::from_secs(2),
            backoff_factor: 2.0,
            max_delay: Duration::from_secs(300),
            circuit_breaker: true,
            circuit_breaker_threshold: 5,
            circuit_breaker_timeout: Duration::from_secs(300),
            bandwidth_limit: 0,
        }
    }
}

impl Recovery {
    /// The same as a policy of the engine.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy::exponential(self.initial_delay)
            .factor(self.backoff_factor)
            .max_delay(self.max_delay)
            .max_retries(self.max_retries)
    }

    /// The breaker of every host.
    pub fn breaker(&self) -> Breaker {
        if !self.circuit_breaker {
            return Breaker::none();
        }
        Breaker::per_host()
            .threshold(self.circuit_breaker_threshold)
            .timeout(self.circuit_breaker_timeout)
    }

    /// Reads the section; a value that cannot be read stays at its default.
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let mut recovery = Self::default();
        set(&mut recovery.max_retries, fields.optional("max_retries", |v| whole_u32(&v, 0)));
        set(&mut recovery.initial_delay, fields.optional("initial_delay", wait));
        set(&mut recovery.backoff_factor, fields.optional("backoff_factor", |v| factor(&v)));
        set(&mut recovery.max_delay, fields.optional("max_delay", wait));
        set(&mut recovery.circuit_breaker, fields.optional("circuit_breaker", |v| switch(&v)));
        set(
            &mut recovery.circuit_breaker_threshold,
            fields.optional("circuit_breaker_threshold", |v| whole_u32(&v, 1)),
        );
        set(
            &mut recovery.circuit_breaker_timeout,
            fields.optional("circuit_breaker_timeout", wait),
        );
        set(&mut recovery.bandwidth_limit, fields.optional("bandwidth_limit", |v| rate::read(&v)));
        let (first, longest) = (recovery.initial_delay, recovery.max_delay);
        if longest < first {
            fields.problem(format!("max_delay ({longest:?}) lies below initial_delay ({first:?})"));
        }
        if recovery.circuit_breaker && recovery.circuit_breaker_timeout < MILLISECOND {
            let message = "circuit_breaker_timeout: a break of no length lets everything pass; \
                           write circuit_breaker = false for no breaker";
            fields.problem(message.to_owned());
        }
        recovery.contradictions().into_iter().for_each(|problem| fields.problem(problem));
        fields.finish();
        recovery
    }

    /// What only the engine knows to be a contradiction, each once for all steps.
    fn contradictions(&self) -> Vec<String> {
        let Err(error) = install_flow(self, Download::default()) else { return Vec::new() };
        let mut found: Vec<String> = Vec::new();
        for problem in error.problems() {
            let message = match problem {
                // Told above, in the words of the manifest.
                BuildProblem::Policy { problem: PolicyProblem::CapBelowInitial { .. }, .. }
                | BuildProblem::Breaker {
                    problem: BreakerProblem::NoBreak | BreakerProblem::FirstBreak,
                    ..
                } => continue,
                BuildProblem::Policy { problem, .. } => problem.to_string(),
                BuildProblem::Breaker { problem, .. } => problem.to_string(),
                other => other.to_string(),
            };
            if !found.contains(&message) {
                found.push(message);
            }
        }
        found
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn wait(value: Value) -> Result<Duration, String> {
    duration::parse(&text(value)?)
}
