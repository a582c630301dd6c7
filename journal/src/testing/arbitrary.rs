//! Strategies for every event there is.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::event::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, CheckpointSaved,
    EngineClosed, EngineOpened, Event, ExhaustReason, InterruptCause, JournalCreated,
    LateResultIgnored, OutputsInvalidated, RunCancelled, RunExhausted, RunFailed, RunParked,
    RunStarted, RunSucceeded, RunUnparked, Verdict,
};
use crate::failure::{Advice, Applied, Class, Condition, Evidence, Failure, Scope};
use crate::id::{
    AttemptNo, Epoch, ResourceKey, RunId, RunKey, Seq, StepIndex, StepKey, WorkflowName,
};
use crate::json::Json;
use crate::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use crate::policy::{Curve, Jitter, RetrySpec};
use crate::record::Record;
use crate::time::Timestamp;

/// Any record that fits into a frame.
pub(crate) fn records() -> impl Strategy<Value = Record> {
    (any::<u64>(), any::<i64>(), option::of(1u128..), events()).prop_map(|(seq, at, run, event)| {
        Record {
            seq: Seq::new(seq),
            at: Timestamp::from_millis(at),
            run: run.map(|run| RunId::new(Uuid::from_u128(run))),
            event,
        }
    })
}

/// Any event, each kind about equally often.
fn events() -> BoxedStrategy<Event> {
    prop_oneof![engine_events(), run_events(), attempt_events()].boxed()
}

fn engine_events() -> impl Strategy<Value = Event> {
    let epoch = || any::<u64>().prop_map(Epoch::new);
    prop_oneof![
        any::<u128>().prop_map(|id| JournalCreated { journal: Uuid::from_u128(id) }.into()),
        (epoch(), option::of(".{0,40}"), any::<u32>(), ".{0,20}").prop_map(
            |(epoch, boot, pid, engine)| EngineOpened { epoch, boot, pid, engine }.into()
        ),
        epoch().prop_map(|epoch| EngineClosed { epoch }.into()),
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

fn attempt_events() -> impl Strategy<Value = Event> {
    let at = || (step_key(), any::<u32>().prop_map(AttemptNo::new));
    prop_oneof![
        (at(), any::<u32>(), any::<u32>()).prop_map(|((step, attempt), charged, max_attempts)| {
            AttemptStarted { step, attempt, charged, max_attempts }.into()
        }),
        (at(), json())
            .prop_map(|((step, attempt), output)| AttemptSucceeded { step, attempt, output }.into()),
        (at(), failure(), verdict(), any::<[u32; 2]>(), any::<[u64; 2]>()).prop_map(
            |((step, attempt), failure, verdict, [charged, max_attempts], [gained, reached])| {
                AttemptFailed {
                    step,
                    attempt,
                    failure,
                    verdict,
                    charged,
                    max_attempts,
                    gained,
                    reached,
                }
                .into()
            }
        ),
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

fn failure() -> impl Strategy<Value = Failure> {
    let texts = (one_of(Class::ALL), "[a-z_0-9]{0,20}", ".{0,80}", option::of(".{0,80}"));
    let scope = (one_of(Scope::ALL), one_of(Applied::ALL), option::of(resource()));
    let rule = (any::<Option<u32>>(), "[a-z._]{0,20}", evidence());
    (texts, advice(), scope, rule).prop_map(
        |(
            (class, kind, message, hint),
            advice,
            (scope, applied, resource),
            (limit, rule, evidence),
        )| {
            Failure {
                class,
                kind,
                message,
                hint,
                advice,
                limit,
                scope,
                applied,
                resource,
                rule,
                evidence,
            }
        },
    )
}

fn advice() -> impl Strategy<Value = Advice> {
    prop_oneof![
        Just(Advice::Never),
        Just(Advice::Now),
        any::<u32>().prop_map(|stretch| Advice::Backoff { stretch }),
        (any::<u64>(), any::<bool>()).prop_map(|(millis, shared)| Advice::After {
            delay: std::time::Duration::from_millis(millis),
            shared
        }),
        (".{0,40}", any::<u64>())
            .prop_map(|(path, bytes)| Advice::WhenReady(Condition::DiskSpace { path, bytes })),
    ]
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (vec(("[a-z]{1,8}", ".{0,20}"), 0..4), vec(".{0,40}", 0..3)).prop_map(|(facts, texts)| {
        let mut evidence = Evidence::default();
        for (name, value) in facts {
            evidence.fact(&name, value);
        }
        for text in texts {
            evidence.text(text);
        }
        evidence
    })
}

fn resource() -> impl Strategy<Value = ResourceKey> {
    "[a-z]{1,8}:[a-z0-9/.:]{1,40}".prop_map(|key| ResourceKey::new(key).expect("a kind and a name"))
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        (any::<u64>(), timestamp()).prop_map(|(millis, due_at)| Verdict::Retry {
            delay: std::time::Duration::from_millis(millis),
            due_at
        }),
        Just(Verdict::Exhausted),
        Just(Verdict::NotRetryable),
    ]
}

fn manifest() -> impl Strategy<Value = Manifest> {
    (step_key(), any::<u32>(), vec(step_spec(), 0..5), any::<u16>()).prop_map(
        |(name, version, steps, result)| Manifest {
            workflow: WorkflowName::new(name.as_str()).expect("the rules are the same"),
            version,
            steps,
            result: StepIndex::new(result),
        },
    )
}

fn step_spec() -> impl Strategy<Value = StepSpec> {
    let index = || any::<u16>().prop_map(StepIndex::new);
    let source = option::of(index()).prop_map(Source::from);
    let input = (one_of(InputShape::ALL), vec(source, 0..4))
        .prop_map(|(shape, sources)| InputSpec { shape, sources });
    (step_key(), ".{0,20}", input, vec(index(), 0..4), retry(), any::<Option<u64>>()).prop_map(
        |(key, kind, input, after, retry, timeout_ms)| StepSpec {
            key,
            kind,
            input,
            after,
            retry,
            timeout_ms,
        },
    )
}

fn retry() -> impl Strategy<Value = RetrySpec> {
    let numbers = (any::<u64>(), 0.0..1e9_f64, any::<u64>(), any::<u32>());
    (one_of(Curve::ALL), numbers, one_of(Jitter::ALL), option::of("[a-z]{1,10}")).prop_map(
        |(curve, (initial_delay_ms, factor, max_delay_ms, max_retries), jitter, custom)| {
            RetrySpec { curve, initial_delay_ms, factor, max_delay_ms, max_retries, jitter, custom }
        },
    )
}

fn step_key() -> impl Strategy<Value = StepKey> {
    "[a-z0-9-]{1,48}".prop_map(|key| StepKey::new(key).expect("a slug"))
}

fn json() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::null()),
        ".{0,200}".prop_map(|text| Json::of(&text).expect("a string is JSON")),
        any::<Vec<i64>>().prop_map(|numbers| Json::of(&numbers).expect("numbers are JSON")),
    ]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}
