//! When breakers turn, and who goes first after a break.

use std::collections::BTreeSet;
use std::time::Duration;

use resurge_journal::event::{
    BreakerClosed, BreakerHalfOpened, BreakerMode, BreakerOpened, BreakerWouldOpen, CloseCause,
    HalfOpenCause, OpenCause, ReleaseCause, Sign, StepReleased, WaveMark,
};
use resurge_journal::policy::BreakerSpec;
use resurge_journal::state::{Breaker, Gate, Sample, Tuning, Wave};
use resurge_journal::{BreakerEpoch, ResourceKey, RunId, Timestamp};

use super::World;
use super::gate::{lets_all_pass, spec_of, spec_under};
use crate::core::command::Fact;
use crate::policy::draw_for;

/// The next facts about breakers, if any of them has to move.
///
/// `showed` are resources about which something was learnt since the last look.
pub(in crate::core) fn breakers(
    world: &World<'_>,
    showed: &BTreeSet<ResourceKey>,
    now: Timestamp,
) -> Vec<Fact> {
    if let Some(fact) = local_outage(world, showed, now) {
        return vec![fact];
    }
    let unsettled = world.state.unsettled_breakers();
    // One that was forgotten while a paused run stood behind it lets everybody pass.
    let forgotten = Breaker::default();
    for key in unsettled.chain(showed) {
        let breaker = world.state.breaker(key).unwrap_or(&forgotten);
        let facts = turn(world, key, breaker, now);
        if !facts.is_empty() {
            return facts;
        }
    }
    Vec::new()
}

/// A breaker that lets probes through because somebody wants to try now.
pub(super) fn half_open(
    world: &World<'_>,
    key: &ResourceKey,
    epoch: BreakerEpoch,
    cause: HalfOpenCause,
) -> Fact {
    let spec = spec_of(world, key);
    let (needed, lease_ms) = (spec.probes_needed, spec.lease_ms);
    let (key, epoch) = (key.clone(), epoch.next());
    Fact::of_engine(BreakerHalfOpened { key, epoch, cause, needed, lease_ms })
}

/// A breaker that the server itself opens until a time.
pub(super) fn server_directed(
    world: &World<'_>,
    key: &ResourceKey,
    until: Timestamp,
    now: Timestamp,
) -> Option<Fact> {
    let known = world.state.breaker(key)?;
    // A probe that is told to wait speaks for those behind it as well, and so does an attempt from
    // before the break that is told to wait for longer.
    let is_covered = matches!(known.gate, Gate::Open { until: known, .. } if known >= until);
    if is_covered || known.mode_at(now) != BreakerMode::Enforced {
        return None;
    }
    let planned_ms = u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX);
    Some(Fact::of_engine(BreakerOpened {
        key: key.clone(),
        epoch: known.epoch.next(),
        cause: OpenCause::ServerDirected,
        trip: known.trips,
        planned_ms,
        until,
        failures: 0,
        total: 0,
        sample: Vec::new(),
    }))
}

fn turn(world: &World<'_>, key: &ResourceKey, breaker: &Breaker, now: Timestamp) -> Vec<Fact> {
    let opened = |cause| vec![open(world, key, breaker, cause, &[], now)];
    match &breaker.gate {
        Gate::Closed => {
            let tripped = trip(world, key, breaker, now);
            tripped.map_or_else(|| wave(world, key, breaker, now), |fact| vec![fact])
        }
        Gate::Open { until, looks_alive, .. } => {
            let cause = if *looks_alive { HalfOpenCause::Alive } else { HalfOpenCause::Elapsed };
            let is_over = *looks_alive || *until <= now;
            let fact = is_over.then(|| half_open(world, key, breaker.epoch, cause));
            fact.into_iter().collect()
        }
        Gate::HalfOpen { failed: true, .. } => opened(OpenCause::ProbeFailed),
        Gate::HalfOpen { lost: Some((_, _, LOST_PROBES_MAX..)), .. } => {
            opened(OpenCause::ProbeLost)
        }
        Gate::HalfOpen { passed, needed, .. } if passed >= needed => {
            vec![close(key, breaker, now)]
        }
        Gate::HalfOpen { probe: Some(probe), .. } if probe.lease_until <= now => {
            opened(OpenCause::ProbeExpired)
        }
        Gate::HalfOpen { .. } => Vec::new(),
    }
}

fn close(key: &ResourceKey, breaker: &Breaker, now: Timestamp) -> Fact {
    let since = breaker.not_closed_since().unwrap_or(now);
    Fact::of_engine(BreakerClosed {
        key: key.clone(),
        epoch: breaker.epoch.next(),
        cause: CloseCause::ProbesPassed,
        open_ms: u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX),
        trips: breaker.trips,
        actor: None,
        reason: None,
    })
}

fn open(
    world: &World<'_>,
    key: &ResourceKey,
    breaker: &Breaker,
    cause: OpenCause,
    samples: &[&Sample],
    now: Timestamp,
) -> Fact {
    let spec = spec_of(world, key);
    // While the line is down its hosts are not to blame: their breaks do not grow.
    let is_excused = !breaker.is_closed() && key.is_host() && is_offline(world);
    let trip = if is_excused { breaker.trips.max(1) } else { next_trip(breaker, &spec, now) };
    let epoch = breaker.epoch.next();
    let planned_ms = spec.break_ms(trip, draw_for(key, epoch));
    let newest = samples.iter().rev().take(SAMPLE_SEQS_MAX).map(|sample| sample.seq);
    Fact::of_engine(BreakerOpened {
        key: key.clone(),
        epoch,
        cause,
        trip,
        planned_ms,
        until: now.after(Duration::from_millis(planned_ms)),
        failures: count(samples.iter().filter(|sample| sample.sign != Sign::Alive).count()),
        total: count(samples.len()),
        sample: newest.collect(),
    })
}

/// Trips are remembered until the breaker was closed for long enough.
fn next_trip(breaker: &Breaker, spec: &BreakerSpec, now: Timestamp) -> u32 {
    let memory = Duration::from_millis(spec.memory_ms);
    let forgets =
        breaker.is_closed() && breaker.closed_at.is_none_or(|closed| now.since(closed) >= memory);
    if forgets { 1 } else { breaker.trips.saturating_add(1) }
}

/// Opens a closed breaker whose samples ask for it.
fn trip(world: &World<'_>, key: &ResourceKey, breaker: &Breaker, now: Timestamp) -> Option<Fact> {
    let mode = breaker.mode_at(now);
    let watches = matches!(mode, BreakerMode::Enforced | BreakerMode::Shadow);
    // While the line itself is down, its hosts are not to blame.
    if !watches || (key.is_host() && is_offline(world)) {
        return None;
    }
    let samples = recent_samples(world, key, breaker, now);
    let cause = cause_to_open(world, key, &spec_of(world, key), &samples, now)?;
    if mode == BreakerMode::Shadow {
        let failures = count(samples.iter().filter(|s| s.sign != Sign::Alive).count());
        return Some(Fact::of_engine(BreakerWouldOpen {
            key: key.clone(),
            cause,
            trip: next_trip(breaker, &spec_of(world, key), now),
            failures,
            total: count(samples.len()),
        }));
    }
    Some(open(world, key, breaker, cause, &samples, now))
}

/// Whether a closed breaker would open with one more failure, under settings that need not be in force.
pub(in crate::core) fn would_open(
    world: &World<'_>,
    key: &ResourceKey,
    tuning: &Tuning,
    now: Timestamp,
) -> bool {
    let Some(breaker) = world.state.breaker(key).filter(|breaker| breaker.is_closed()) else {
        return false;
    };
    let is_watched = breaker.mode_at(now) == BreakerMode::Enforced && !key.is_local_network();
    if !is_watched || (key.is_host() && is_offline(world)) {
        return false;
    }
    let (seq, run) = (world.state.head(), RunId::default());
    let next = Sample { seq, at: now, run, sign: Sign::Failing, took_ms: 0 };
    let mut samples = recent_samples(world, key, breaker, now);
    samples.push(&next);
    cause_to_open(world, key, &spec_under(world, key, tuning), &samples, now).is_some()
}

/// Samples that count for whether a breaker opens, oldest first.
fn recent_samples<'a>(
    world: &World<'_>,
    key: &ResourceKey,
    breaker: &'a Breaker,
    now: Timestamp,
) -> Vec<&'a Sample> {
    let horizon = instant_before(now, Breaker::HORIZON);
    let recent = if key.is_host() { horizon.max(online_since(world)) } else { horizon };
    breaker.samples_since(recent).collect()
}

/// Why a breaker with these samples opens, if it does.
fn cause_to_open(
    world: &World<'_>,
    key: &ResourceKey,
    spec: &BreakerSpec,
    samples: &[&Sample],
    now: Timestamp,
) -> Option<OpenCause> {
    let is_releasing = world.state.held_by(key).next().is_some();
    let newest = samples.last()?;
    let failing = |sample: &&&Sample| sample.sign != Sign::Alive;
    let in_a_row = count(samples.iter().rev().take_while(failing).count());
    if is_releasing && newest.sign != Sign::Alive {
        return Some(OpenCause::WaveFailed);
    }
    if spec.threshold > 0 && in_a_row >= spec.threshold {
        return Some(OpenCause::Consecutive);
    }
    let window = instant_before(now, Duration::from_millis(spec.rate_window_ms));
    let lately: Vec<&&Sample> = samples.iter().filter(|sample| sample.at >= window).collect();
    let is_enough = count(lately.len()) >= spec.rate_samples_min.max(1);
    let share =
        |part: usize, percent: u8| percent > 0 && part * 100 >= lately.len() * usize::from(percent);
    let failures = lately.iter().filter(|sample| sample.sign != Sign::Alive).count();
    if is_enough && newest.sign != Sign::Alive && share(failures, spec.rate_percent) {
        return Some(OpenCause::Rate);
    }
    let slow_after = spec.slow_after_ms?;
    let is_slow = |sample: &Sample| sample.took_ms >= slow_after && !was_limited(world, sample);
    let slow = lately.iter().filter(|sample| is_slow(sample)).count();
    (is_enough && is_slow(newest) && share(slow, spec.slow_percent)).then_some(OpenCause::Slow)
}

/// Whether the attempt behind a sample began under a limit on bandwidth that was lifted since.
fn was_limited(world: &World<'_>, sample: &Sample) -> bool {
    let began_at = instant_before(sample.at, Duration::from_millis(sample.took_ms));
    world.limited_until.is_some_and(|until| began_at < until)
}

/// Releases the next of the growing waves of steps behind a breaker that lets everybody pass.
fn wave(world: &World<'_>, key: &ResourceKey, breaker: &Breaker, now: Timestamp) -> Vec<Fact> {
    let Wave { number, next_at } = breaker.wave.unwrap_or(Wave { number: 0, next_at: now });
    if !lets_all_pass(breaker, now) || next_at > now {
        return Vec::new();
    }
    let size = 1_usize.checked_shl(number).unwrap_or(usize::MAX).min(WAVE_STEPS_MAX);
    let spread = draw_for(key, BreakerEpoch::new(breaker.epoch.get() + u64::from(number)));
    let next_at = now.after(WAVE_PERIOD.mul_f64(spread.mul_add(0.4, 0.8)));
    let released = |(run, index)| {
        let step = world.state.run(run)?.started.manifest.step(index)?.key.clone();
        let wave = Some(WaveMark { key: key.clone(), number, next_at });
        Some(Fact::about(run, StepReleased { step, cause: ReleaseCause::Wave, wave }))
    };
    world.state.held_by(key).take(size).filter_map(released).collect()
}

/// Several hosts that fail at once are one line that is down.
fn local_outage(world: &World<'_>, showed: &BTreeSet<ResourceKey>, now: Timestamp) -> Option<Fact> {
    let fails = |key: &&ResourceKey| {
        let last = world.state.breaker(key).and_then(Breaker::last_sample);
        // Nothing is left of the samples of a breaker that has just opened.
        key.is_host() && last.is_none_or(|sample| sample.sign != Sign::Alive)
    };
    showed.iter().find(fails)?;
    let line = ResourceKey::local_network();
    let default = Breaker::default();
    let breaker = world.state.breaker(&line).unwrap_or(&default);
    if !breaker.is_closed() || breaker.mode_at(now) != BreakerMode::Enforced {
        return None;
    }
    let lately = instant_before(now, OUTAGE_WINDOW).max(online_since(world));
    let (mut alive, mut first) = (None, None);
    let (mut down, mut opened): (Vec<&Sample>, Vec<&Breaker>) = Default::default();
    let mut hosts_down = 0;
    for (_, host) in world.state.breakers().filter(|(key, _)| key.is_host()) {
        if has_opened_since(host, lately) {
            hosts_down += 1;
            opened.push(host);
            first = first.into_iter().chain(host.not_closed_since()).min();
            continue;
        }
        let samples: Vec<&Sample> = host.samples_since(lately).collect();
        // Whatever failed before it answered says nothing about the line by now.
        let answered = samples.iter().rposition(|sample| sample.sign == Sign::Alive);
        alive = alive.max(answered.and_then(|at| samples.get(at)).map(|sample| sample.at));
        let failing = samples.get(answered.map_or(0, |at| at + 1)..).unwrap_or_default();
        if failing.is_empty() {
            continue;
        }
        let is_unreachable = failing.iter().any(|sample| sample.sign == Sign::Unreachable);
        if !is_unreachable && failing.len() < OUTAGE_FAILURES {
            return None;
        }
        hosts_down += 1;
        first = first.into_iter().chain(failing.first().map(|sample| sample.at)).min();
        down.extend(failing);
    }
    // A host that answered while others failed was reached over the same line.
    let is_disproved = alive.zip(first).is_some_and(|(alive, first)| alive > first);
    let run = down.first().filter(|_| hosts_down >= 2 && !is_disproved)?.run;
    // One run that fails with all its mirrors says nothing about the line.
    let is_shared = down.iter().any(|sample| sample.run != run)
        || opened.iter().any(|host| host.culprit.is_some_and(|culprit| culprit != run));
    is_shared.then(|| open(world, &line, breaker, OpenCause::LocalOutage, &down, now))
}

/// Whether a host that worked until then was found down after a point.
fn has_opened_since(host: &Breaker, from: Timestamp) -> bool {
    let by_failures =
        matches!(host.gate, Gate::Open { cause: OpenCause::Consecutive | OpenCause::Rate, .. });
    by_failures && host.not_closed_since().is_some_and(|since| since >= from)
}

/// Since when failures of hosts are not those of a line that was down.
fn online_since(world: &World<'_>) -> Timestamp {
    let line = world.state.breaker(&ResourceKey::local_network());
    let since = line.and_then(|line| line.closed_at);
    since.unwrap_or(Timestamp::from_millis(i64::MIN))
}

/// Whether the line of this machine is known to be down.
pub(super) fn is_offline(world: &World<'_>) -> bool {
    let line = world.state.breaker(&ResourceKey::local_network());
    line.is_some_and(|breaker| !breaker.is_closed())
}

fn instant_before(now: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Probes in which the process died before the resource is taken to be at fault.
const LOST_PROBES_MAX: u32 = 3;
/// Records that a trip names.
const SAMPLE_SEQS_MAX: usize = 16;
/// Time from wave to wave, before it is spread by a fifth to either side.
const WAVE_PERIOD: Duration = Duration::from_secs(1);
/// Most steps of a wave: one batch of records.
const WAVE_STEPS_MAX: usize = 256;
/// Hosts fail at once if they fail within this time.
const OUTAGE_WINDOW: Duration = Duration::from_secs(30);
/// Failures of a host that count as much as one that says that the line is down.
const OUTAGE_FAILURES: usize = 3;
