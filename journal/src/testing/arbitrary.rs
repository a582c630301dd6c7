//! Strategies for every event there is.

mod attempt;
mod recovery;
mod values;

use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::event::{
    EngineClosed, EngineOpened, Event, ExhaustReason, JournalCreated, JournalRecovered,
    JournalTrimmed, RecoveryMethod, RunCancelled, RunExhausted, RunFailed, RunParked, RunStarted,
    RunSucceeded, RunUnparked, TailCut, TrimReason,
};
use crate::id::{Epoch, RunId, RunKey, Seq};
use crate::record::Record;

use values::{json, manifest, one_of, step_key, timestamp};

/// Any record that fits into a frame.
pub(crate) fn records() -> impl Strategy<Value = Record> {
    (any::<u64>(), timestamp(), option::of(1u128..), events()).prop_map(|(seq, at, run, event)| {
        let run = run.map(|run| RunId::new(Uuid::from_u128(run)));
        Record { seq: Seq::new(seq), at, run, event }
    })
}

/// Any event, each kind about equally often.
fn events() -> BoxedStrategy<Event> {
    prop_oneof![
        engine_events(),
        run_events(),
        attempt::events(),
        recovery::breaker_events(),
        recovery::held_events(),
        recovery::control_events(),
    ]
    .boxed()
}

fn engine_events() -> impl Strategy<Value = Event> {
    let epoch = || any::<u64>().prop_map(Epoch::new);
    prop_oneof![
        any::<u128>().prop_map(|id| JournalCreated { journal: Uuid::from_u128(id) }.into()),
        (epoch(), option::of(".{0,40}"), any::<u32>(), ".{0,20}").prop_map(
            |(epoch, boot, pid, engine)| EngineOpened { epoch, boot, pid, engine }.into()
        ),
        epoch().prop_map(|epoch| EngineClosed { epoch }.into()),
        (any::<u64>(), ".{0,40}")
            .prop_map(|(to, problem)| TailCut { to: Seq::new(to), problem }.into()),
        (option::of(any::<(u64, u64)>()), one_of(RecoveryMethod::ALL), ".{0,40}").prop_map(
            |(lost, method, problem)| {
                let (lost_from, lost_to) =
                    lost.map(|(from, to)| (Seq::new(from), Seq::new(to))).unzip();
                JournalRecovered { lost_from, lost_to, method, problem }.into()
            }
        ),
        (any::<[u64; 4]>(), timestamp(), one_of(TrimReason::ALL)).prop_map(
            |([first, runs, records, kept], before, reason)| {
                let first = Seq::new(first);
                JournalTrimmed { first, before, runs, records, kept, reason }.into()
            }
        ),
    ]
}

fn run_events() -> impl Strategy<Value = Event> {
    prop_oneof![
        run_started(),
        Just(RunSucceeded {}.into()),
        step_key().prop_map(|step| RunFailed { step }.into()),
        (one_of(ExhaustReason::ALL), option::of(step_key()))
            .prop_map(|(reason, step)| RunExhausted { reason, step }.into()),
        (".{0,20}", ".{0,60}").prop_map(|(actor, reason)| RunCancelled { actor, reason }.into()),
        ".{0,60}".prop_map(|reason| RunParked { reason }.into()),
        Just(RunUnparked {}.into()),
    ]
}

fn run_started() -> impl Strategy<Value = Event> {
    let key = "[a-zA-Z0-9 ./]{1,40}".prop_map(|key| RunKey::new(key).expect("printable"));
    (option::of(key), manifest(), json(), option::of(timestamp())).prop_map(
        |(key, manifest, input, deadline_at)| {
            RunStarted { key, manifest, input, deadline_at }.into()
        },
    )
}
