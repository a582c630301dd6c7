//! Strategies for events about breakers and controls.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::attempt::at;
use super::values::{failure, json, one_of, resource, step_key, timestamp};
use crate::event::{
    BreakerClosed, BreakerHalfOpened, BreakerMode, BreakerModeSet, BreakerOpened, BreakerWouldOpen,
    CloseCause, Event, ForceRetry, HalfOpenCause, LintFound, OpenCause, ProbePassed,
    RecoveryCancelled, ReleaseCause, RetryNow, RunPaused, RunResumed, SettingsChanged, StepParked,
    StepRefused, StepReleased, StepSkipped, WaveMark,
};
use crate::id::{BreakerEpoch, ResourceKey, Seq, StepKey, WorkflowName};

/// Whose breaker, and its new epoch.
fn turn() -> impl Strategy<Value = (ResourceKey, BreakerEpoch)> {
    (resource(), any::<u64>().prop_map(BreakerEpoch::new))
}

pub(super) fn breaker_events() -> impl Strategy<Value = Event> {
    prop_oneof![
        opened(),
        (resource(), one_of(OpenCause::ALL), any::<[u32; 3]>()).prop_map(
            |(key, cause, [trip, failures, total])| {
                BreakerWouldOpen { key, cause, trip, failures, total }.into()
            }
        ),
        (turn(), one_of(HalfOpenCause::ALL), any::<u32>(), any::<u64>()).prop_map(
            |((key, epoch), cause, needed, lease_ms)| {
                BreakerHalfOpened { key, epoch, cause, needed, lease_ms }.into()
            }
        ),
        (at(), resource())
            .prop_map(|((step, attempt), key)| ProbePassed { step, attempt, key }.into()),
        closed(),
        (turn(), one_of(BreakerMode::ALL), option::of(timestamp()), asked()).prop_map(
            |((key, epoch), mode, until, (actor, reason))| {
                BreakerModeSet { key, epoch, mode, until, actor, reason }.into()
            }
        ),
    ]
}

fn opened() -> impl Strategy<Value = Event> {
    let sample = vec(any::<u64>().prop_map(Seq::new), 0..8);
    (turn(), one_of(OpenCause::ALL), any::<[u32; 3]>(), any::<u64>(), timestamp(), sample).prop_map(
        |((key, epoch), cause, [trip, failures, total], planned_ms, until, sample)| {
            BreakerOpened { key, epoch, cause, trip, planned_ms, until, failures, total, sample }
                .into()
        },
    )
}

fn closed() -> impl Strategy<Value = Event> {
    let who = (option::of(".{0,20}"), option::of(".{0,60}"));
    (turn(), one_of(CloseCause::ALL), any::<u64>(), any::<u32>(), who).prop_map(
        |((key, epoch), cause, open_ms, trips, (actor, reason))| {
            BreakerClosed { key, epoch, cause, open_ms, trips, actor, reason }.into()
        },
    )
}

pub(super) fn held_events() -> impl Strategy<Value = Event> {
    let mark = (resource(), any::<u32>(), timestamp())
        .prop_map(|(key, number, next_at)| WaveMark { key, number, next_at });
    prop_oneof![
        (step_key(), vec(resource(), 0..3), option::of(timestamp()))
            .prop_map(|(step, keys, force_at)| StepParked { step, keys, force_at }.into()),
        (step_key(), one_of(ReleaseCause::ALL), option::of(mark))
            .prop_map(|(step, cause, wave)| StepReleased { step, cause, wave }.into()),
        (step_key(), failure()).prop_map(|(step, failure)| StepRefused { step, failure }.into()),
    ]
}

/// Who, and why.
fn asked() -> impl Strategy<Value = (String, String)> {
    (".{0,20}", ".{0,60}")
}

fn with_steps() -> impl Strategy<Value = (String, String, Vec<StepKey>)> {
    (".{0,20}", ".{0,60}", vec(step_key(), 0..4))
}

pub(super) fn control_events() -> impl Strategy<Value = Event> {
    prop_oneof![
        (asked(), any::<bool>()).prop_map(|((actor, reason), freezes_timers)| {
            RunPaused { actor, reason, freezes_timers }.into()
        }),
        asked().prop_map(|(actor, reason)| RunResumed { actor, reason }.into()),
        with_steps().prop_map(|(actor, reason, steps)| RetryNow { actor, reason, steps }.into()),
        with_steps().prop_map(|(actor, reason, steps)| ForceRetry { actor, reason, steps }.into()),
        with_steps()
            .prop_map(|(actor, reason, steps)| RecoveryCancelled { actor, reason, steps }.into()),
        (step_key(), json(), asked()).prop_map(|(step, output, (actor, reason))| {
            StepSkipped { step, output, actor, reason }.into()
        }),
        ("[a-z_]{1,20}", json(), json(), asked()).prop_map(|(name, old, new, (actor, reason))| {
            SettingsChanged { name, old, new, actor, reason }.into()
        }),
        (step_key(), any::<u32>(), step_key(), "[a-z_]{1,20}", ".{0,80}").prop_map(
            |(workflow, version, step, code, message)| {
                let workflow =
                    WorkflowName::new(workflow.as_str()).expect("the rules are the same");
                LintFound { workflow, version, step, code, message }.into()
            }
        ),
    ]
}
