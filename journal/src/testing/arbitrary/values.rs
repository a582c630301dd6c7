//! Strategies for what events are made of.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::event::Verdict;
use crate::failure::{Advice, Applied, Class, Condition, Evidence, Failure, Scope};
use crate::id::{ResourceKey, StepIndex, StepKey, WorkflowName};
use crate::json::Json;
use crate::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use crate::policy::{BreakerSpec, ClassRule, Curve, Jitter, OnOpen, RetrySpec};
use crate::time::Timestamp;

pub(super) fn failure() -> impl Strategy<Value = Failure> {
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

pub(super) fn resource() -> impl Strategy<Value = ResourceKey> {
    "[a-z]{1,8}:[a-z0-9/.:]{1,40}".prop_map(|key| ResourceKey::new(key).expect("a kind and a name"))
}

pub(super) fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        (any::<u64>(), timestamp()).prop_map(|(millis, due_at)| Verdict::Retry {
            delay: std::time::Duration::from_millis(millis),
            due_at
        }),
        option::of(timestamp()).prop_map(|force_at| Verdict::Park { force_at }),
        Just(Verdict::Exhausted),
        Just(Verdict::NotRetryable),
    ]
}

pub(super) fn manifest() -> impl Strategy<Value = Manifest> {
    (step_key(), any::<u32>(), vec(step_spec(), 0..5), any::<u16>()).prop_map(
        |(name, version, steps, result)| Manifest {
            workflow: WorkflowName::new(name.as_str()).expect("the rules are the same"),
            version,
            steps: steps.into(),
            result: StepIndex::new(result),
        },
    )
}

fn step_spec() -> impl Strategy<Value = StepSpec> {
    let index = || any::<u16>().prop_map(StepIndex::new);
    let source = option::of(index()).prop_map(Source::from);
    let input = (one_of(InputShape::ALL), vec(source, 0..4))
        .prop_map(|(shape, sources)| InputSpec { shape, sources });
    let names = (step_key(), ".{0,20}", input, vec(index(), 0..4));
    let policy = (retry(), any::<[Option<u64>; 2]>(), any::<bool>(), option::of(breaker()));
    (names, policy).prop_map(
        |(
            (key, kind, input, after),
            (retry, [timeout_ms, idle_timeout_ms], is_idempotent, breaker),
        )| {
            StepSpec {
                key,
                kind,
                input,
                after,
                retry,
                timeout_ms,
                idle_timeout_ms,
                is_idempotent,
                breaker,
            }
        },
    )
}

fn retry() -> impl Strategy<Value = RetrySpec> {
    let numbers = (any::<u64>(), 0.0..1e9_f64, any::<u64>(), any::<u32>());
    let curve = (one_of(Curve::ALL), option::of("[a-z]{1,10}"), vec(any::<u64>(), 0..4));
    let jitter = (one_of(Jitter::ALL), any::<u8>());
    (curve, numbers, jitter, any::<Option<u64>>(), vec(class_rule(), 0..3)).prop_map(
        |(
            (curve, custom, delays_ms),
            (initial_delay_ms, factor, max_delay_ms, max_retries),
            (jitter, jitter_percent),
            max_elapsed_ms,
            classes,
        )| {
            RetrySpec {
                curve,
                initial_delay_ms,
                factor,
                max_delay_ms,
                max_retries,
                jitter,
                jitter_percent,
                custom,
                delays_ms,
                max_elapsed_ms,
                classes,
            }
        },
    )
}

fn class_rule() -> impl Strategy<Value = ClassRule> {
    (one_of(Class::ALL), any::<Option<bool>>(), any::<[Option<u32>; 2]>()).prop_map(
        |(class, retries, [max_retries, stretch])| ClassRule {
            class,
            retries,
            max_retries,
            stretch,
        },
    )
}

fn breaker() -> impl Strategy<Value = BreakerSpec> {
    let shares = (any::<[u8; 2]>(), any::<Option<u64>>(), any::<bool>(), one_of(OnOpen::ALL));
    (any::<[u32; 4]>(), any::<[u64; 5]>(), shares).prop_map(
        |(
            [threshold, rate_samples_min, break_factor, probes_needed],
            [rate_window_ms, break_initial_ms, break_max_ms, lease_ms, memory_ms],
            ([rate_percent, slow_percent], slow_after_ms, spreads, on_open),
        )| {
            BreakerSpec {
                threshold,
                rate_percent,
                rate_samples_min,
                rate_window_ms,
                slow_after_ms,
                slow_percent,
                break_initial_ms,
                break_factor,
                break_max_ms,
                spreads,
                probes_needed,
                lease_ms,
                memory_ms,
                on_open,
            }
        },
    )
}

pub(super) fn step_key() -> impl Strategy<Value = StepKey> {
    "[a-z0-9-]{1,48}".prop_map(|key| StepKey::new(key).expect("a slug"))
}

pub(super) fn json() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::null()),
        ".{0,200}".prop_map(|text| Json::of(&text).expect("a string is JSON")),
        any::<Vec<i64>>().prop_map(|numbers| Json::of(&numbers).expect("numbers are JSON")),
        text_of_users(),
    ]
}

/// What only a user's own JSON holds: line breaks, numbers of any length, addresses with passwords.
fn text_of_users() -> impl Strategy<Value = Json> {
    let break_ = one_of(&["", " ", "\n", "\r\n", "\t"]);
    let number = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?";
    let address = "[a-z+]{1,5}://([a-z@:%]{0,8}@)?[a-z.]{1,8}(:[0-9]{1,5})?([/?#][a-z@:/]{0,9})?";
    (break_, number, vec(address, 0..3)).prop_map(|(break_, number, addresses)| {
        let addresses = addresses.join(" ");
        let text =
            format!("{{{break_}\"n\":{break_}[{number}],{break_}\"a\": \"{addresses}\"{break_}}}");
        serde_json::from_str(&text).expect("JSON")
    })
}

/// Any point in time, and one that lies in the centuries that people look at more often than not.
pub(super) fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        3 => -70_000_000_000_000..300_000_000_000_000i64,
        1 => any::<i64>(),
    ]
    .prop_map(Timestamp::from_millis)
}

pub(super) fn one_of<T: Copy + std::fmt::Debug + 'static>(
    all: &'static [T],
) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}
