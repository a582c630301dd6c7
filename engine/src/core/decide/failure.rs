//! What follows from a failed attempt: charge, verdict, delay, and what it shows about hosts.

use std::num::NonZeroU32;
use std::time::Duration;

use resurge_journal::event::{
    AttemptFailed, Budget, DelayParts, Ease, ExhaustReason, Health, Sign, Verdict,
};
use resurge_journal::failure::{Advice, Applied, Class, Failure, Group};
use resurge_journal::policy::{ClassRule, RetrySpec};
use resurge_journal::{ResourceKey, Timestamp};
use resurge_steps::Progress;

use super::World;
use super::attempt::Current;
use super::begin::{LAST_ATTEMPT, force_at, time_limit};
use super::breaker::is_offline;
use crate::core::command::{Fact, Seen};
use crate::policy::{Occasion, delay_parts, draw, effective_retry, total};

/// A failed attempt, with everything that the verdict depends on.
struct Case<'a> {
    world: &'a World<'a>,
    current: &'a Current<'a>,
    failure: Failure,
    retry: &'a RetrySpec,
    progress: Progress,
    now: Timestamp,
    streak: u32,
    charged: NonZeroU32,
    is_free: bool,
    is_excused: bool,
    is_refunded: bool,
}

/// What becomes of the step.
struct Ruling {
    verdict: Verdict,
    exhausted_by: Option<ExhaustReason>,
    parts: Option<DelayParts>,
    budget: Option<Budget>,
}

pub(super) fn failed(
    world: &World<'_>,
    current: &Current<'_>,
    failure: Failure,
    seen: &Seen,
    now: Timestamp,
) -> Fact {
    let progress = seen.progress;
    // What an earlier attempt had reached already is no progress, however it was lost.
    let gained = progress.done.saturating_sub(progress.began_at.max(current.step.reached));
    let reached = progress.done.max(current.step.reached);
    // Progress proves that a line works; it says nothing about a full disk or a wrong digest.
    let proves = matches!(failure.class.group(), Group::Network | Group::Timeout);
    let is_refunded = proves && world.settings.refunds(gained, progress.total);
    let same_rule = !is_refunded && current.step.last_rule() == Some(failure.rule.as_str());
    let streak = if same_rule { current.step.streak.saturating_add(1) } else { 1 };
    let before = if is_refunded { 0 } else { current.step.charged };
    let retry = effective_retry(&current.spec.retry, world.state.tuning());
    let health = health(current, &failure, seen);
    // Without any retries one attempt is all there is, whatever became of it; to wait for room on
    // a drive is not to try again.
    let waits = matches!(failure.advice, Advice::WhenReady(_));
    let is_excused = retry.max_retries > 0 && is_excused(world, current, &failure, &health);
    // What gives the retries back is not the first to use one up.
    let is_uncounted = is_refunded || is_asked(&failure);
    let is_free = waits || is_excused || (retry.max_retries > 0 && is_uncounted);
    let charged = NonZeroU32::MIN.saturating_add(before);
    let retry = &*retry;
    let case = Case {
        world,
        current,
        failure,
        retry,
        progress,
        now,
        streak,
        charged,
        is_free,
        is_excused,
        is_refunded,
    };
    let ruling = case.ruling();
    let waited = case.server_waited_ms(&ruling);
    let ease = ease(world, &case.failure, now);
    let event = AttemptFailed {
        step: current.spec.key.clone(),
        attempt: current.attempt,
        verdict: ruling.verdict,
        charged: if is_free { before } else { charged.get() },
        max_attempts: retry.max_retries.saturating_add(1),
        gained,
        reached,
        streak,
        is_refunded,
        exhausted_by: ruling.exhausted_by,
        parts: ruling.parts,
        server_waited_ms: waited,
        health,
        budget: ruling.budget,
        ease,
        failure: case.failure,
    };
    Fact::about(current.run.id, event)
}

impl Case<'_> {
    fn ruling(&self) -> Ruling {
        let plain = |verdict| Ruling { verdict, exhausted_by: None, parts: None, budget: None };
        let exhausted = |by| Ruling { exhausted_by: Some(by), ..plain(Verdict::Exhausted) };
        if !self.is_retryable() {
            return plain(Verdict::NotRetryable);
        }
        if let Advice::WhenReady(_) = self.failure.advice {
            let Current { run, spec, step, .. } = self.current;
            let limit = time_limit(self.world, run, spec, step, self.now);
            if limit.is_some_and(|limit| self.now.after(LAST_ATTEMPT / 2) >= limit) {
                return exhausted(self.limit_reason());
            }
            let force_at = force_at(self.world, run, spec, step, self.now);
            return plain(Verdict::Park { force_at });
        }
        if !self.is_free && self.charged.get() > self.retry.max_retries {
            return exhausted(ExhaustReason::Retries);
        }
        if self.own_limit().is_some_and(|limit| self.in_a_row() > limit) {
            return exhausted(ExhaustReason::ClassLimit);
        }
        self.another()
    }

    /// Another attempt, unless it would begin after the time is up.
    fn another(&self) -> Ruling {
        let plain = |verdict| Ruling { verdict, exhausted_by: None, parts: None, budget: None };
        let exhausted = |by| Ruling { exhausted_by: Some(by), ..plain(Verdict::Exhausted) };
        let (budget_wait, budget) = self.budget();
        let parts = self.parts(budget_wait);
        let delay = total(&parts);
        let due_at = self.now.after(delay);
        let Current { run, spec, step, .. } = self.current;
        if run.deadline_at.is_some_and(|deadline| due_at >= deadline) {
            return exhausted(ExhaustReason::Deadline);
        }
        let limit = time_limit(self.world, run, spec, step, self.now);
        // The attempt that was made because time was running out was the last one.
        let was_last = self.current.was_last(limit, self.now);
        if was_last || limit.is_some_and(|limit| due_at >= limit) {
            return exhausted(self.limit_reason());
        }
        let verdict = Verdict::Retry { delay, due_at };
        let ruling = Ruling { parts: Some(parts), budget, ..plain(verdict) };
        let waited = Duration::from_millis(self.server_waited_ms(&ruling));
        if waited > self.world.settings.server_wait_max {
            return exhausted(ExhaustReason::ServerDelay);
        }
        ruling
    }

    fn limit_reason(&self) -> ExhaustReason {
        let Current { run, spec, step, .. } = self.current;
        let limit = time_limit(self.world, run, spec, step, self.now);
        if run.deadline_at.is_some() && run.deadline_at == limit {
            ExhaustReason::Deadline
        } else {
            ExhaustReason::Elapsed
        }
    }

    fn is_retryable(&self) -> bool {
        let wanted = self.rule().and_then(|rule| rule.retries);
        let repeatable =
            self.current.spec.is_idempotent || self.failure.applied == Applied::NotSent;
        let forbidden = self.current.run.recovery_cancelled;
        !forbidden && repeatable && wanted.unwrap_or_else(|| self.failure.is_retryable())
    }

    fn rule(&self) -> Option<&ClassRule> {
        self.retry.rule(self.failure.class)
    }

    /// Failures in a row that the limit of a rule or a class looks at.
    fn in_a_row(&self) -> u32 {
        match (self.is_excused, self.is_free) {
            (true, _) => 0,
            (_, true) => self.streak,
            // The streak may hold failed probes, which cost nobody anything.
            _ => self.streak.min(self.charged.get()),
        }
    }

    /// The retries that the rule of the failure or its class allow; the smaller wins.
    fn own_limit(&self) -> Option<u32> {
        let of_class = self.rule().and_then(|rule| rule.max_retries);
        of_class.into_iter().chain(self.failure.limit).min()
    }

    fn parts(&self, budget: Duration) -> DelayParts {
        let Current { run, spec, step, attempt } = self.current;
        let definition = self.world.definition(run).ok();
        let name = self.retry.custom.as_ref();
        let custom = name.and_then(|name| definition.and_then(|known| known.custom.get(name)));
        let (of_advice, at_once) = match self.failure.advice {
            Advice::Backoff { stretch } => (stretch, false),
            // Those of the line only if the attempt got somewhere: a host that drops every
            // connection at once must not be asked twice as often.
            Advice::Now => {
                let got_somewhere = self.progress.gained() > 0
                    || !matches!(self.failure.class, Class::Network | Class::Timeout);
                (1, self.streak == 1 && got_somewhere)
            }
            _ => (1, false),
        };
        let of_class = self.rule().and_then(|rule| rule.stretch).unwrap_or(1);
        // One that is not counted repeats the delay that the last counted one had.
        let retry = if self.is_free { self.charged.get() - 1 } else { self.charged.get() };
        let occasion = Occasion {
            retry: NonZeroU32::new(retry).unwrap_or(NonZeroU32::MIN),
            draw: draw(run.id, &spec.key, *attempt),
            previous: step.last_delay_ms.map(Duration::from_millis),
            stretch: of_advice.saturating_mul(of_class),
            server: self.failure.advice.server_delay(),
            server_max: self.world.settings.server_delay_max,
            at_once,
            budget,
        };
        delay_parts(self.retry, custom, &occasion)
    }

    /// How long the retry budget of the resource makes this retry wait.
    fn budget(&self) -> (Duration, Option<Budget>) {
        let per_minute = self.world.settings.retry_budget_per_minute;
        let Some(key) = self.failure.resource.as_ref().filter(|_| !self.is_free && per_minute > 0)
        else {
            return (Duration::ZERO, None);
        };
        let price = Duration::from_secs(60) / per_minute;
        let credit = price.saturating_mul(self.world.settings.retry_budget_burst);
        let debt =
            self.world.state.budget_paid_at(key).map_or(Duration::ZERO, |at| at.since(self.now));
        let owed = debt + price;
        let paid_at = self.now.after(owed);
        (owed.saturating_sub(credit), Some(Budget { key: key.clone(), paid_at }))
    }

    /// How long servers have made the step wait since its last progress, in milliseconds.
    fn server_waited_ms(&self, ruling: &Ruling) -> u64 {
        let before = if self.is_refunded { 0 } else { self.current.step.server_waited_ms };
        let granted =
            ruling.parts.and_then(|parts| Some(parts.server_ms?.min(parts.server_max_ms)));
        before.saturating_add(granted.unwrap_or(0))
    }
}

/// Whether a failure is not the step's doing: a probe, or a machine that is offline.
fn is_excused(
    world: &World<'_>,
    current: &Current<'_>,
    failure: &Failure,
    health: &[Health],
) -> bool {
    // One that ends without a word about what it probed has failed by itself; if that were free,
    // nothing would ever end it.
    let tells = |key: &ResourceKey| {
        failure.class == Class::Throttled || health.iter().any(|known| known.key == *key)
    };
    let mut probed = current.step.admission().iter().filter(|admitted| admitted.probe);
    let is_probe = probed.any(|admitted| tells(&admitted.key));
    // A step that needs no host may take too long whether the line is up or down.
    let needs_host = || current.step.admission().iter().any(|admitted| admitted.key.is_host());
    let is_of_line = match failure.class {
        Class::Network => true,
        Class::Timeout => needs_host(),
        _ => false,
    };
    let is_line = is_of_line && is_offline(world);
    is_probe || is_line
}

/// Whether a server asks to wait, which has an allowance of its own.
fn is_asked(failure: &Failure) -> bool {
    failure.class == Class::Throttled && matches!(failure.advice, Advice::After { .. })
}

/// What the attempt showed about the resources that it needed.
fn health(current: &Current<'_>, failure: &Failure, seen: &Seen) -> Vec<Health> {
    let mut health = seen.health.clone();
    let mut say = |key: &ResourceKey, sign| {
        health.retain(|known: &Health| known.key != *key);
        health.push(Health { key: key.clone(), sign });
    };
    let admission = current.step.admission();
    let only = match admission {
        [only] => Some(&only.key),
        _ => None,
    };
    let culprit = failure.resource.as_ref().or(seen.used.as_ref()).or(only);
    if let Some(key) = culprit
        && let Some(sign) = sign(key, failure, seen.progress)
    {
        say(key, sign);
    }
    let line = ResourceKey::local_network();
    if admission.iter().any(|admitted| admitted.key == line) {
        let is_down =
            matches!(failure.class, Class::Network | Class::Timeout) && seen.progress.gained() == 0;
        say(&line, if is_down { Sign::Failing } else { Sign::Alive });
    }
    health.retain(|known| admission.iter().any(|admitted| admitted.key == known.key));
    health
}

/// What a failure shows about the resource that it happened to; nothing if it says nothing.
fn sign(key: &ResourceKey, failure: &Failure, progress: Progress) -> Option<Sign> {
    if key.kind() == "volume" {
        return (failure.class == Class::Resource).then_some(Sign::Failing);
    }
    // Whatever ended an attempt that moved bytes, the other side was there.
    if progress.gained() > 0 {
        return Some(Sign::Alive);
    }
    match failure.class {
        Class::Network if matches!(failure.kind.as_str(), "offline" | "dns") => {
            Some(Sign::Unreachable)
        }
        Class::Network | Class::Timeout | Class::Server => Some(Sign::Failing),
        Class::Throttled => {
            (!matches!(failure.advice, Advice::After { .. })).then_some(Sign::Failing)
        }
        Class::Permission | Class::NotFound | Class::Conflict | Class::Integrity => {
            Some(Sign::Alive)
        }
        _ => None,
    }
}

/// Less is done at the same time for a minute if this machine is short of something.
fn ease(world: &World<'_>, failure: &Failure, now: Timestamp) -> Option<Ease> {
    if failure.class != Class::Resource {
        return None;
    }
    let own = u32::try_from(world.settings.attempts_in_flight_max).unwrap_or(u32::MAX);
    let in_flight_max = match failure.kind.as_str() {
        "handles" | "ports" => (own / 2).max(1),
        "memory" => 1,
        _ => return None,
    };
    Some(Ease { until: now.after(EASE), in_flight_max })
}

/// How long less is done at the same time.
const EASE: Duration = Duration::from_secs(60);
