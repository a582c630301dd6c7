//! Whether the breakers of what a step needs let its next attempt pass.

use std::time::Duration;

use resurge_journal::event::{Admission, BreakerMode};
use resurge_journal::policy::{BreakerSpec, OnOpen};
use resurge_journal::state::{Breaker, Gate, Tuning};
use resurge_journal::{ResourceKey, Timestamp};
use resurge_steps::Needs;

use super::World;
use crate::policy::effective_breaker;

/// What the breakers say to an attempt.
pub(super) enum Passage {
    /// It passes.
    Pass(Vec<Admission>),
    /// These breakers stand in its way.
    Hold(Vec<ResourceKey>),
    /// This breaker stands in the way of a step that does not want to wait.
    Refuse { key: ResourceKey, remaining: Duration },
}

/// What one breaker says.
enum Door {
    Open(Option<Admission>),
    Shut,
}

/// Asks every breaker in the way of an attempt.
pub(super) fn passage(
    world: &World<'_>,
    needs: &Needs,
    on_open: OnOpen,
    now: Timestamp,
) -> Passage {
    let mut admission = Vec::new();
    let mut shut = Vec::new();
    let line = line_of(needs).filter(|key| is_in_the_way(world, key, now));
    for key in needs.every.iter().chain(&line) {
        match door(world, key, now) {
            Door::Open(admitted) => admission.extend(admitted),
            Door::Shut => shut.push(key.clone()),
        }
    }
    let doors: Vec<(&ResourceKey, Door)> =
        needs.one_of.iter().map(|key| (key, door(world, key, now))).collect();
    let all_shut = doors.iter().all(|(_, door)| matches!(door, Door::Shut));
    if all_shut {
        shut.extend(doors.iter().map(|(key, _)| (*key).clone()));
    }
    if !shut.is_empty() {
        return hold(world, shut, on_open, now);
    }
    let open = doors.into_iter().filter_map(|(_, door)| match door {
        Door::Open(admitted) => admitted,
        Door::Shut => None,
    });
    admission.extend(without_needless_probes(open.collect()));
    Passage::Pass(admission)
}

/// Everything that an attempt needs, for one that passes in spite of breakers.
pub(super) fn forced(world: &World<'_>, needs: &Needs) -> Vec<Admission> {
    let keys = needs.every.iter().chain(&needs.one_of);
    keys.map(|key| Admission { key: key.clone(), epoch: epoch(world, key), probe: false }).collect()
}

/// The policy of a breaker as it is now.
pub(super) fn spec_of(world: &World<'_>, key: &ResourceKey) -> BreakerSpec {
    if key.is_local_network() {
        return spec_of_line(world);
    }
    spec_under(world, key, world.state.tuning())
}

/// The policy of the breaker of a host under settings that need not be in force.
pub(super) fn spec_under(world: &World<'_>, key: &ResourceKey, tuning: &Tuning) -> BreakerSpec {
    let pinned = world.state.breaker(key).and_then(|breaker| breaker.spec.as_ref());
    let pinned = pinned.unwrap_or(&world.settings.breaker);
    effective_breaker(pinned, world.settings, tuning).into_owned()
}

/// The policy of the line: its breaks are no longer than those of the hosts behind it.
fn spec_of_line(world: &World<'_>) -> BreakerSpec {
    let hosts = world.state.breakers().filter(|(key, _)| key.is_host());
    let pinned = hosts.filter_map(|(_, breaker)| breaker.spec.as_ref());
    let pinned = pinned.min_by_key(|spec| spec.break_max_ms).unwrap_or(&world.settings.breaker);
    let longest = effective_breaker(pinned, world.settings, world.state.tuning()).break_max_ms;
    let line = BreakerSpec::local_network();
    BreakerSpec {
        break_initial_ms: line.break_initial_ms.min(longest),
        break_max_ms: line.break_max_ms.min(longest),
        ..line
    }
}

/// Whether attempts that need a resource pass its breaker without being probes.
pub(super) fn lets_all_pass(breaker: &Breaker, now: Timestamp) -> bool {
    breaker.is_closed() && breaker.mode_at(now) != BreakerMode::Isolated
}

fn door(world: &World<'_>, key: &ResourceKey, now: Timestamp) -> Door {
    let plain = |probe| Admission { key: key.clone(), epoch: epoch(world, key), probe };
    let Some(breaker) = world.state.breaker(key) else { return Door::Open(Some(plain(false))) };
    match breaker.mode_at(now) {
        BreakerMode::Isolated => return Door::Shut,
        BreakerMode::Disabled => return Door::Open(None),
        BreakerMode::Shadow => return Door::Open(Some(plain(false))),
        _ => {}
    }
    match &breaker.gate {
        Gate::Closed => Door::Open(Some(plain(false))),
        Gate::HalfOpen { probe: None, passed, needed, failed: false, .. } if passed < needed => {
            Door::Open(Some(plain(true)))
        }
        _ => Door::Shut,
    }
}

fn epoch(world: &World<'_>, key: &ResourceKey) -> resurge_journal::BreakerEpoch {
    world.state.breaker(key).map(|breaker| breaker.epoch).unwrap_or_default()
}

/// The line of this machine, if any host is needed and the step does not name the line itself.
fn line_of(needs: &Needs) -> Option<ResourceKey> {
    let keys = || needs.every.iter().chain(&needs.one_of);
    let is_meant = keys().any(ResourceKey::is_host) && !keys().any(ResourceKey::is_local_network);
    is_meant.then(ResourceKey::local_network)
}

fn is_in_the_way(world: &World<'_>, key: &ResourceKey, now: Timestamp) -> bool {
    world.state.breaker(key).is_some_and(|breaker| !lets_all_pass(breaker, now))
}

/// Who can do without a probe leaves its place to those who cannot.
fn without_needless_probes(admission: Vec<Admission>) -> Vec<Admission> {
    let has_plain = admission.iter().any(|admitted| !admitted.probe);
    let mut probes = 0;
    let keep = |admitted: &Admission| {
        probes += u32::from(admitted.probe);
        !admitted.probe || (!has_plain && probes == 1)
    };
    admission.into_iter().filter(keep).collect()
}

fn hold(world: &World<'_>, shut: Vec<ResourceKey>, on_open: OnOpen, now: Timestamp) -> Passage {
    // Whoever opened a breaker has no say in whether others wait behind it.
    match (on_open, shut.first()) {
        (OnOpen::FailFast, Some(key)) => {
            let remaining = remaining(world, key, now);
            Passage::Refuse { key: key.clone(), remaining }
        }
        _ => Passage::Hold(shut),
    }
}

/// How long a breaker lets nobody pass.
fn remaining(world: &World<'_>, key: &ResourceKey, now: Timestamp) -> Duration {
    let Some(breaker) = world.state.breaker(key) else { return Duration::ZERO };
    let isolated = breaker.mode.as_ref().and_then(|set| set.until);
    match breaker.gate {
        Gate::Open { until, .. } => until.since(now),
        _ => isolated.map(|until| until.since(now)).unwrap_or_default(),
    }
}
