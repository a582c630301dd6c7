//! The command line of `journal-dump simulate`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use resurge::lab::{Policy, Storm};
use resurge::{Breaker, Jitter, RetryPolicy};

use crate::exit::Trouble;

#[derive(Debug, ClapArgs)]
pub(crate) struct SimulateArgs {
    /// Folder of a journal: what happened in it is run again under the policy
    #[arg(value_name = "JOURNAL_DIR", conflicts_with_all = ["table", "StormArgs"])]
    pub(crate) journal: Option<PathBuf>,
    /// Compare the usual policies in the usual outages
    #[arg(long, conflicts_with_all = ["StormArgs", "PolicyArgs"])]
    pub(crate) table: bool,
    #[command(flatten)]
    pub(crate) storm: StormArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// How often, each time with other luck [default: 200, 1 with a journal]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) runs: Option<u32>,
    /// The same number gives the same result
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Refuse to conclude anything from a journal with fewer attempts and probes than this
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) min_samples: u32,
    /// Lines for people, or one JSON object, which is stable
    #[arg(long, value_enum, default_value_t = Shape::Human)]
    pub(crate) format: Shape,
}

/// What happens, if it is not read from a journal.
#[derive(Debug, ClapArgs)]
#[group(multiple = true)]
pub(crate) struct StormArgs {
    /// Operations that begin at once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    operations: u32,
    /// Hosts that they are spread over, all down at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    hosts: u32,
    /// How long the hosts are down: one length, or a range such as 120s..600s
    #[arg(long, value_name = "RANGE", default_value = "120s..600s", value_parser = range)]
    outage: RangeInclusive<Duration>,
    /// How long an undisturbed attempt takes; the outage begins within it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    takes: Duration,
    /// How long an attempt takes to fail
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    fails_after: Duration,
    /// Attempts that are cut off have moved bytes, and the next one goes on from there
    #[arg(long)]
    moves_bytes: bool,
}

/// What is tried out.
#[derive(Debug, ClapArgs)]
#[group(multiple = true)]
pub(crate) struct PolicyArgs {
    /// Retries after the first attempt
    #[arg(long, value_name = "N", default_value_t = 5)]
    max_retries: u32,
    /// Delay before the first retry
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    initial_delay: Duration,
    /// Growth of the delay from retry to retry
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    backoff_factor: f64,
    /// Longest delay
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    max_delay: Duration,
    /// Failures in a row that open the breaker
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    breaker_threshold: u32,
    /// The longest break
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    breaker_timeout: Duration,
    /// The first break, which doubles from trip to trip
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    first_break: Duration,
    /// Every break is the longest
    #[arg(long, conflicts_with = "first_break")]
    fixed: bool,
    /// Steps behind an open breaker fail
    #[arg(long)]
    fail_fast: bool,
    /// No breaker at all
    #[arg(long, conflicts_with_all = ["breaker_threshold", "breaker_timeout", "first_break", "fixed", "fail_fast"])]
    no_breaker: bool,
    /// Most attempts at the same time [default: 64, 16 with a journal]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempts_in_flight: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Plain lines for people
    Human,
    /// One JSON object
    Json,
}

impl StormArgs {
    pub(crate) fn storm(&self) -> Storm {
        let Self { hosts, takes, fails_after, moves_bytes, .. } = *self;
        let plain = Storm::new(self.operations, self.outage.clone());
        Storm { hosts, takes, fails_after, moves_bytes, ..plain }
    }
}

impl PolicyArgs {
    /// The policy, under an engine that bears so many attempts unless something else is asked for.
    pub(crate) fn policy(&self, in_flight_max: u32) -> Result<Policy, Trouble> {
        let retry = RetryPolicy::exponential(self.initial_delay)
            .factor(self.backoff_factor)
            .max_delay(self.max_delay)
            .max_retries(self.max_retries)
            .jitter(Jitter::Equal);
        let mut policy = Policy::new(retry, self.breaker()?);
        let in_flight_max = self.attempts_in_flight.unwrap_or(in_flight_max);
        policy.settings.attempts_in_flight_max =
            usize::try_from(in_flight_max).unwrap_or(usize::MAX);
        Ok(policy)
    }

    fn breaker(&self) -> Result<Breaker, Trouble> {
        if self.no_breaker {
            return Ok(Breaker::none());
        }
        let breaker = Breaker::per_host().threshold(self.breaker_threshold);
        let breaker = if self.fixed {
            breaker.fixed(self.breaker_timeout)
        } else if self.first_break > self.breaker_timeout {
            return Err(Trouble::Usage(
                "--first-break is longer than --breaker-timeout; raise the one or lower the other"
                    .to_owned(),
            ));
        } else {
            breaker.first_break(self.first_break).timeout(self.breaker_timeout)
        };
        Ok(if self.fail_fast { breaker.fail_fast() } else { breaker })
    }
}

/// Reads `90s`, `1.5m`, `2h`, `250ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let rule = || format!("`{text}` is no length of time; write it like 90s, 5m, 2h or 250ms");
    let text_of_unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.strip_suffix(text_of_unit).unwrap_or(text);
    let number: f64 = number.parse().map_err(|_| rule())?;
    let seconds = match text_of_unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(rule()),
    };
    let length = Duration::try_from_secs_f64(number * seconds).map_err(|_| rule())?;
    if length > LONGEST {
        return Err(format!("`{text}` is longer than a year; nothing waits for so long"));
    }
    Ok(length)
}

/// Reads `120s..600s`, or one length that stands for both ends.
fn range(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err(format!("`{text}` ends before it begins; write the shorter length first"));
    }
    Ok(least..=most)
}

const LONGEST: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_with_their_unit() {
        let millis = Duration::from_millis;
        for (text, expected) in
            [("90s", 90_000), ("1.5m", 90_000), ("2min", 120_000), ("1h", 3_600_000), ("7ms", 7)]
        {
            assert_eq!(duration(text), Ok(millis(expected)), "{text}");
        }
        for text in ["", "s", "90", "-1s", "1.2.3s", "1y", "9999d", "1e9h", "NaNs"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(range("1s..2s"), Ok(millis(1_000)..=millis(2_000)));
        assert_eq!(range("3s"), Ok(millis(3_000)..=millis(3_000)));
        assert!(range("2s..1s").is_err());
        assert!(range("..").is_err());
    }
}
