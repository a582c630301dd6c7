//! Attempts begin, one fact at a time, as far as limits and breakers let them.

use std::time::Duration;

use resurge_journal::event::{
    Admission, AttemptStarted, BreakerMode, HalfOpenCause, InterruptCause, StepParked, StepRefused,
};
use resurge_journal::failure::{Advice, Class, Failure};
use resurge_journal::manifest::StepSpec;
use resurge_journal::policy::OnOpen;
use resurge_journal::state::{Breaker, Gate, Hold, Run, Step, StepPhase, Tuning};
use resurge_journal::{ResourceKey, RunId, StepIndex, Timestamp};
use resurge_steps::Needs;

use super::World;
use super::breaker::half_open;
use super::gate::{self, Passage};
use crate::core::command::Fact;
use crate::policy::effective_retry;

/// A step whose turn it is.
struct Turn<'a> {
    id: RunId,
    index: StepIndex,
    run: &'a Run,
    spec: &'a StepSpec,
    step: &'a Step,
}

/// The next facts that bring attempts under way; none if nothing more can begin.
pub(in crate::core) fn begin(world: &World<'_>, now: Timestamp) -> Vec<Fact> {
    if world.state.running() >= in_flight_max(world, world.state.tuning(), now) {
        return Vec::new();
    }
    if let Some(fact) = probe(world, now) {
        return vec![fact];
    }
    let mut startable = world.state.startable(now);
    startable
        .find_map(|(run, step)| Some(take_turn(world, &turn(world, run, step)?, now)))
        .unwrap_or_default()
}

/// Most attempts under way at the same time under settings that need not be in force.
pub(in crate::core) fn in_flight_max(world: &World<'_>, tuning: &Tuning, now: Timestamp) -> usize {
    let tuned = tuning.attempts_in_flight_max;
    let own = tuned.map_or(world.settings.attempts_in_flight_max, |max| max as usize);
    match world.state.ease().filter(|ease| now < ease.until) {
        Some(ease) => own.min(ease.in_flight_max as usize).max(1),
        None => own,
    }
}

fn turn<'a>(world: &World<'a>, id: RunId, index: StepIndex) -> Option<Turn<'a>> {
    let run = world.state.run(id)?;
    let spec = run.started.manifest.step(index)?;
    let step = run.step(index)?;
    Some(Turn { id, index, run, spec, step })
}

/// What a step needs, as its definition tells from its input.
fn needs_of(world: &World<'_>, turn: &Turn<'_>) -> Needs {
    let definition = world.definition(turn.run).ok();
    let input = turn.run.input_of(turn.spec);
    match (definition, input) {
        (Some(definition), Some(input)) => definition.needs(turn.index, &input),
        _ => Needs::default(),
    }
}

fn take_turn(world: &World<'_>, turn: &Turn<'_>, now: Timestamp) -> Vec<Fact> {
    if turn.step.is_to_blame_for(world.settings.crashes_max) && !turn.step.forced {
        return vec![refused(turn, poisoned(turn.step.crashes))];
    }
    if let Some(cause) = turn.step.last_interrupt
        && !(turn.spec.is_idempotent || turn.step.forced)
    {
        return vec![refused(turn, cut_off(cause))];
    }
    let needs = needs_of(world, turn);
    // Held until now: its time is nearly up, so it makes a last attempt.
    let is_last = matches!(turn.step.phase, StepPhase::Held { .. });
    if turn.step.forced || is_last {
        return vec![started(world, turn, gate::forced(world, &needs), true)];
    }
    match gate::passage(world, &needs, on_open(world, turn.spec), now) {
        Passage::Pass(admission) => vec![started(world, turn, admission, false)],
        Passage::Hold(keys) => {
            let opened = if turn.step.hurried { open_for_probe(world, &keys, now) } else { vec![] };
            // Parked first, so that it stands at the head of those who wait to be the probe.
            [parked(world, turn, keys, now)].into_iter().chain(opened).collect()
        }
        Passage::Refuse { key, remaining } => {
            let keys = vec![key.clone()];
            let opened = if turn.step.hurried { open_for_probe(world, &keys, now) } else { vec![] };
            if opened.is_empty() {
                return vec![refused(turn, circuit_open(&key, remaining))];
            }
            [parked(world, turn, keys, now)].into_iter().chain(opened).collect()
        }
    }
}

/// Whether a step waits behind open breakers, as its own policy has it.
pub(super) fn on_open(world: &World<'_>, spec: &StepSpec) -> OnOpen {
    spec.breaker.as_ref().unwrap_or(&world.settings.breaker).on_open
}

/// The first of those behind a breaker that lets a probe through.
fn probe(world: &World<'_>, now: Timestamp) -> Option<Fact> {
    let waits_for_probe = |key: &&ResourceKey| {
        let gate = world.state.breaker(key).map(|breaker| &breaker.gate);
        matches!(gate, Some(Gate::HalfOpen { probe: None, failed: false, .. }))
    };
    for key in world.state.unsettled_breakers().filter(waits_for_probe) {
        for (run, step) in world.state.held_by(key).take(CANDIDATES_MAX) {
            let Some(turn) = turn(world, run, step) else { continue };
            let passage = gate::passage(world, &needs_of(world, &turn), OnOpen::Park, now);
            let Passage::Pass(admission) = passage else { continue };
            if !is_of_a_wave(&turn, key, &admission) {
                return Some(started(world, &turn, admission, false));
            }
        }
    }
    None
}

/// Whether a step would pass by another breaker that it waits behind, which releases it in a wave.
fn is_of_a_wave(turn: &Turn<'_>, probed: &ResourceKey, admission: &[Admission]) -> bool {
    let StepPhase::Held { on: Hold::Breakers { keys, .. }, .. } = &turn.step.phase else {
        return false;
    };
    let is_probe = admission.iter().any(|admitted| admitted.key == *probed && admitted.probe);
    !is_probe && admission.iter().any(|admitted| keys.contains(&admitted.key))
}

/// Somebody in a hurry does not wait for the end of a break, but for a probe under way.
fn open_for_probe(world: &World<'_>, keys: &[ResourceKey], now: Timestamp) -> Vec<Fact> {
    let is_open = |breaker: &&Breaker| {
        matches!(breaker.gate, Gate::Open { .. }) && breaker.mode_at(now) == BreakerMode::Enforced
    };
    let opened = keys.iter().filter_map(|key| {
        let breaker = world.state.breaker(key).filter(is_open)?;
        Some(half_open(world, key, breaker.epoch, HalfOpenCause::Operator))
    });
    opened.collect()
}

fn started(world: &World<'_>, turn: &Turn<'_>, admission: Vec<Admission>, forced: bool) -> Fact {
    let retry = effective_retry(&turn.spec.retry, world.state.tuning());
    let event = AttemptStarted {
        step: turn.spec.key.clone(),
        attempt: turn.step.attempts.next(),
        charged: turn.step.charged,
        max_attempts: retry.max_retries.saturating_add(1),
        timeout_ms: timeout_ms(turn),
        admission,
        forced,
    };
    Fact::about(turn.id, event)
}

/// After two timeouts in a row each attempt may take twice as long as the one before.
fn timeout_ms(turn: &Turn<'_>) -> Option<u64> {
    let own = turn.spec.timeout_ms?;
    let last = turn.step.last_failure.as_ref();
    let timed_out = last.is_some_and(|f| f.class == Class::Timeout && f.kind == "attempt");
    let doublings = if timed_out { turn.step.streak.saturating_sub(1) } else { 0 };
    Some(own.saturating_mul(1 << doublings.min(TIMEOUT_DOUBLINGS_MAX)))
}

fn parked(world: &World<'_>, turn: &Turn<'_>, keys: Vec<ResourceKey>, now: Timestamp) -> Fact {
    let step = turn.spec.key.clone();
    let force_at = force_at(world, turn.run, turn.spec, turn.step, now);
    Fact::about(turn.id, StepParked { step, keys, force_at })
}

/// When a held step makes a last attempt, so that its time does not run out unused.
pub(super) fn force_at(
    world: &World<'_>,
    run: &Run,
    spec: &StepSpec,
    step: &Step,
    now: Timestamp,
) -> Option<Timestamp> {
    let limit = time_limit(world, run, spec, step, now)?;
    let room = spec.timeout().unwrap_or(LAST_ATTEMPT).min(LAST_ATTEMPT).min(limit.since(now) / 2);
    Some(Timestamp::from_millis(
        limit.as_millis().saturating_sub(i64::try_from(room.as_millis()).unwrap_or(i64::MAX)),
    ))
}

/// When the time of a step is up: its deadline, or the time that its recovery may take.
pub(super) fn time_limit(
    world: &World<'_>,
    run: &Run,
    spec: &StepSpec,
    step: &Step,
    now: Timestamp,
) -> Option<Timestamp> {
    let retry = effective_retry(&spec.retry, world.state.tuning());
    let since = step.trying_since.unwrap_or(now);
    let elapsed = retry.max_elapsed().map(|elapsed| since.after(elapsed));
    run.deadline_at.into_iter().chain(elapsed).min()
}

fn refused(turn: &Turn<'_>, failure: Failure) -> Fact {
    Fact::about(turn.id, StepRefused { step: turn.spec.key.clone(), failure })
}

pub(super) fn circuit_open(key: &ResourceKey, remaining: Duration) -> Failure {
    // Nobody knows how long a probe takes, or when somebody ends what somebody began.
    let (how_long, hint) = if remaining.is_zero() {
        ("until a probe has passed or somebody closes it".to_owned(), "try again later")
    } else {
        let seconds = remaining.as_millis().div_ceil(1_000);
        (format!("for another {seconds} s"), "try again after that time")
    };
    let mut failure = Failure::new(
        Class::Network,
        "circuit_open",
        format!("the circuit breaker of {key} is open {how_long}"),
    )
    .with_hint(format!("{hint}, or force a retry"))
    .with_advice(Advice::After { delay: remaining, shared: true });
    failure.resource = Some(key.clone());
    failure
}

fn poisoned(crashes: u32) -> Failure {
    Failure::new(
        Class::Internal,
        "poisoned",
        format!("the process died {crashes} times in a row while this step ran"),
    )
    .with_hint("look for what ends the process, such as memory; then force a retry")
    .with_advice(Advice::Never)
}

fn cut_off(cause: InterruptCause) -> Failure {
    Failure::new(
        Class::Interrupted,
        "cut_off",
        format!("an attempt was cut off ({}) and may have had its effect", cause.name()),
    )
    .with_hint("look whether it had its effect: skip the step if it had, else force a retry")
    .with_advice(Advice::Never)
}

/// Steps behind one breaker that are asked whether they can be its probe.
const CANDIDATES_MAX: usize = 32;
/// Room for the last attempt before the time of a step is up.
pub(super) const LAST_ATTEMPT: Duration = Duration::from_secs(30);
/// An attempt may take eight times as long as its step allows at most.
const TIMEOUT_DOUBLINGS_MAX: u32 = 3;
