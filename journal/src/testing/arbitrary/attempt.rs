//! Strategies for events about attempts.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::values::{failure, json, one_of, resource, step_key, timestamp, verdict};
use crate::event::{
    Admission, AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, Budget,
    CheckpointSaved, DelayParts, Ease, Event, ExhaustReason, Health, InterruptCause,
    LateResultIgnored, OutputsInvalidated, Sign,
};
use crate::id::{AttemptNo, BreakerEpoch, StepKey};

pub(super) fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        started(),
        (at(), json(), healths()).prop_map(|((step, attempt), output, health)| {
            AttemptSucceeded { step, attempt, output, health }.into()
        }),
        failed(),
        (at(), one_of(InterruptCause::ALL))
            .prop_map(|((step, attempt), cause)| AttemptInterrupted { step, attempt, cause }.into()),
        (at(), json()).prop_map(|((step, attempt), checkpoint)| {
            CheckpointSaved { step, attempt, checkpoint }.into()
        }),
        (at(), vec(step_key(), 0..4), ".{0,60}").prop_map(|((step, attempt), lost, reason)| {
            OutputsInvalidated { step, attempt, lost, reason }.into()
        }),
        (at(), "[a-z]{0,12}")
            .prop_map(|((step, attempt), result)| LateResultIgnored { step, attempt, result }.into()),
    ]
}

pub(super) fn at() -> impl Strategy<Value = (StepKey, AttemptNo)> {
    (step_key(), any::<u32>().prop_map(AttemptNo::new))
}

fn started() -> impl Strategy<Value = Event> {
    let admitted = (resource(), any::<u64>(), any::<bool>())
        .prop_map(|(key, epoch, probe)| Admission { key, epoch: BreakerEpoch::new(epoch), probe });
    (at(), any::<[u32; 2]>(), any::<Option<u64>>(), vec(admitted, 0..3), any::<bool>()).prop_map(
        |((step, attempt), [charged, max_attempts], timeout_ms, admission, forced)| {
            AttemptStarted { step, attempt, charged, max_attempts, timeout_ms, admission, forced }
                .into()
        },
    )
}

fn healths() -> impl Strategy<Value = Vec<Health>> {
    let one = (resource(), one_of(Sign::ALL)).prop_map(|(key, sign)| Health { key, sign });
    vec(one, 0..3)
}

fn parts() -> impl Strategy<Value = DelayParts> {
    (any::<[u64; 5]>(), any::<[u32; 2]>(), any::<Option<u64>>(), any::<bool>()).prop_map(
        |(
            [curve_ms, cap_ms, spread_ms, server_max_ms, budget_ms],
            [stretch, draw_millionths],
            server_ms,
            at_once,
        )| {
            DelayParts {
                curve_ms,
                stretch,
                cap_ms,
                draw_millionths,
                spread_ms,
                server_ms,
                server_max_ms,
                budget_ms,
                at_once,
            }
        },
    )
}

fn failed() -> impl Strategy<Value = Event> {
    let counts = (any::<[u32; 3]>(), any::<[u64; 3]>(), any::<bool>());
    let reasons = (option::of(one_of(ExhaustReason::ALL)), option::of(parts()));
    let budget = (resource(), timestamp()).prop_map(|(key, paid_at)| Budget { key, paid_at });
    let ease = (timestamp(), any::<u32>())
        .prop_map(|(until, in_flight_max)| Ease { until, in_flight_max });
    let rest = (healths(), option::of(budget), option::of(ease));
    (at(), failure(), verdict(), counts, reasons, rest).prop_map(
        |(
            (step, attempt),
            failure,
            verdict,
            ([charged, max_attempts, streak], [gained, reached, server_waited_ms], is_refunded),
            (exhausted_by, parts),
            (health, budget, ease),
        )| {
            AttemptFailed {
                step,
                attempt,
                failure,
                verdict,
                charged,
                max_attempts,
                gained,
                reached,
                streak,
                is_refunded,
                exhausted_by,
                parts,
                server_waited_ms,
                health,
                budget,
                ease,
            }
            .into()
        },
    )
}
