//! What each event says, field by field: the one place that knows every event.

mod recovery;

use std::time::Duration;

use serde_json::{Value as Tree, json};
use uuid::Uuid;

use crate::event::{
    AttemptFailed, AttemptStarted, Event, ExhaustReason, JournalTrimmed, OutputsInvalidated,
    RunExhausted, RunStarted, Verdict,
};
use crate::failure::Evidence;
use crate::id::{AttemptNo, ResourceKey, RunKey, Seq, StepKey};
use crate::json::Json;
use crate::manifest::{Manifest, StepSpec};
use crate::time::Timestamp;

/// What a field holds.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Text(&'a str),
    /// A text or nothing.
    Maybe(Option<&'a str>),
    Count(u64),
    MaybeCount(Option<u64>),
    /// A number that other tools would round above 2^53.
    Id(u64),
    MaybeTime(Option<Timestamp>),
    Flag(bool),
    Uuid(Uuid),
    Payload(&'a Json),
    Tree(Tree),
}

pub(super) type Fields<'a> = Vec<(&'static str, Value<'a>)>;

/// The fields of an event in the order in which they stand in a line.
pub(super) fn fields(event: &Event) -> Fields<'_> {
    use Value as V;
    match event {
        Event::JournalCreated(event) => vec![("journal", V::Uuid(event.journal))],
        Event::EngineOpened(event) => vec![
            ("epoch", V::Id(event.epoch.get())),
            ("boot", V::Maybe(event.boot.as_deref())),
            ("pid", V::Count(event.pid.into())),
            ("engine", V::Text(&event.engine)),
        ],
        Event::EngineClosed(event) => vec![("epoch", V::Id(event.epoch.get()))],
        Event::TailCut(event) => {
            vec![("to", V::Count(event.to.get())), ("problem", V::Text(&event.problem))]
        }
        Event::JournalRecovered(event) => vec![
            ("lost_from", V::MaybeCount(event.lost_from.map(Seq::get))),
            ("lost_to", V::MaybeCount(event.lost_to.map(Seq::get))),
            ("method", V::Text(event.method.name())),
            ("problem", V::Text(&event.problem)),
        ],
        Event::JournalTrimmed(event) => journal_trimmed(event),

        Event::RunStarted(event) => run_started(event),
        Event::RunSucceeded(_) | Event::RunUnparked(_) => vec![],
        Event::RunFailed(event) => vec![("step", V::Text(event.step.as_str()))],
        Event::RunExhausted(event) => run_exhausted(event),
        Event::RunCancelled(event) => {
            vec![("actor", V::Text(&event.actor)), ("reason", V::Text(&event.reason))]
        }
        Event::RunParked(event) => vec![("reason", V::Text(&event.reason))],

        Event::AttemptStarted(event) => attempt_started(event),
        Event::AttemptSucceeded(event) => {
            let rest = [
                ("output", V::Payload(&event.output)),
                ("health", recovery::health(&event.health)),
            ];
            with_attempt(&event.step, event.attempt, rest)
        }
        Event::AttemptFailed(event) => attempt_failed(event),
        Event::AttemptInterrupted(event) => {
            with_attempt(&event.step, event.attempt, [("cause", V::Text(event.cause.name()))])
        }
        Event::CheckpointSaved(event) => with_attempt(
            &event.step,
            event.attempt,
            [("checkpoint", V::Payload(&event.checkpoint))],
        ),
        Event::OutputsInvalidated(event) => outputs_invalidated(event),
        Event::LateResultIgnored(event) => {
            with_attempt(&event.step, event.attempt, [("result", V::Text(&event.result))])
        }
        _ => recovery::fields(event),
    }
}

/// A value that is built for the dump.
fn tree(value: impl serde::Serialize) -> Value<'static> {
    Value::Tree(serde_json::to_value(value).unwrap_or(Tree::Null))
}

fn keys(steps: &[StepKey]) -> Value<'static> {
    tree(steps.iter().map(StepKey::as_str).collect::<Vec<_>>())
}

fn journal_trimmed(event: &JournalTrimmed) -> Fields<'_> {
    vec![
        ("first", Value::Count(event.first.get())),
        ("before", Value::MaybeTime(Some(event.before))),
        ("runs", Value::Count(event.runs)),
        ("records", Value::Count(event.records)),
        ("kept", Value::Count(event.kept)),
        ("reason", Value::Text(event.reason.name())),
    ]
}

fn run_started(event: &RunStarted) -> Fields<'_> {
    let manifest = &event.manifest;
    vec![
        ("workflow", Value::Text(manifest.workflow.as_str())),
        ("version", Value::Count(manifest.version.into())),
        ("key", Value::Maybe(event.key.as_ref().map(RunKey::as_str))),
        ("input", Value::Payload(&event.input)),
        ("deadline_at", Value::MaybeTime(event.deadline_at)),
        ("steps", Value::Tree(manifest.steps.iter().map(|step| outline(manifest, step)).collect())),
    ]
}

/// A step of the graph, as far as it helps to follow a run.
fn outline(manifest: &Manifest, step: &StepSpec) -> Tree {
    let mut needs: Vec<&str> = Vec::new();
    for need in step.needs().filter_map(|need| manifest.step(need)) {
        if !needs.contains(&need.key.as_str()) {
            needs.push(need.key.as_str());
        }
    }
    json!({
        "key": step.key.as_str(),
        "kind": step.kind,
        "needs": needs,
        "max_attempts": step.max_attempts(),
        "timeout_ms": step.timeout_ms,
    })
}

fn run_exhausted(event: &RunExhausted) -> Fields<'_> {
    vec![
        ("reason", Value::Text(event.reason.name())),
        ("step", Value::Maybe(event.step.as_ref().map(StepKey::as_str))),
    ]
}

fn attempt_started(event: &AttemptStarted) -> Fields<'_> {
    let counts = [
        ("charged", Value::Count(event.charged.into())),
        ("max_attempts", Value::Count(event.max_attempts.into())),
        ("timeout_ms", Value::MaybeCount(event.timeout_ms)),
        ("admission", recovery::admission(&event.admission)),
        ("forced", Value::Flag(event.forced)),
    ];
    with_attempt(&event.step, event.attempt, counts)
}

fn attempt_failed(event: &AttemptFailed) -> Fields<'_> {
    let failure = &event.failure;
    let mut fields = with_attempt(
        &event.step,
        event.attempt,
        [
            ("class", Value::Text(failure.class.name())),
            ("group", Value::Text(failure.class.group().name())),
            ("kind", Value::Text(&failure.kind)),
            ("message", Value::Text(&failure.message)),
            ("hint", Value::Maybe(failure.hint.as_deref())),
            ("advice", Value::Text(failure.advice.name())),
            ("retry_after_ms", Value::MaybeCount(failure.advice.server_delay().map(millis))),
            ("limit", Value::MaybeCount(failure.limit.map(u64::from))),
            ("scope", Value::Text(failure.scope.name())),
            ("applied", Value::Text(failure.applied.name())),
            ("resource", Value::Maybe(failure.resource.as_ref().map(ResourceKey::as_str))),
            ("rule", Value::Text(&failure.rule)),
            ("evidence", Value::Tree(evidence(&failure.evidence))),
            ("charged", Value::Count(event.charged.into())),
            ("max_attempts", Value::Count(event.max_attempts.into())),
            ("gained", Value::Count(event.gained)),
            ("reached", Value::Count(event.reached)),
            ("refunded", Value::Flag(event.is_refunded)),
            ("streak", Value::Count(event.streak.into())),
            ("server_waited_ms", Value::Count(event.server_waited_ms)),
            ("health", recovery::health(&event.health)),
            ("verdict", Value::Text(event.verdict.name())),
            ("exhausted_by", Value::Maybe(event.exhausted_by.map(ExhaustReason::name))),
        ],
    );
    match event.verdict {
        Verdict::Retry { delay, due_at } => {
            fields.push(("delay_ms", Value::Count(millis(delay))));
            fields.push(("due_at", Value::MaybeTime(Some(due_at))));
        }
        Verdict::Park { force_at } => fields.push(("force_at", Value::MaybeTime(force_at))),
        Verdict::Exhausted | Verdict::NotRetryable => {}
    }
    if let Some(parts) = &event.parts {
        fields.push(("parts", recovery::parts(parts)));
    }
    if let Some(budget) = &event.budget {
        fields.push(("budget_paid_at", Value::MaybeTime(Some(budget.paid_at))));
    }
    if let Some(ease) = event.ease {
        fields.push(("eased_until", Value::MaybeTime(Some(ease.until))));
        fields.push(("eased_to", Value::Count(ease.in_flight_max.into())));
    }
    fields
}

fn evidence(evidence: &Evidence) -> Tree {
    let facts: Vec<String> =
        evidence.facts().map(|(name, value)| format!("{name}:{value}")).collect();
    json!({ "facts": facts, "texts": evidence.texts().collect::<Vec<_>>() })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn outputs_invalidated(event: &OutputsInvalidated) -> Fields<'_> {
    let lost = event.lost.iter().map(StepKey::as_str).collect();
    let rest = [("lost", Value::Tree(lost)), ("reason", Value::Text(&event.reason))];
    with_attempt(&event.step, event.attempt, rest)
}

fn with_attempt<'a, const N: usize>(
    step: &'a StepKey,
    attempt: AttemptNo,
    rest: [(&'static str, Value<'a>); N],
) -> Fields<'a> {
    let mut fields =
        vec![("step", Value::Text(step.as_str())), ("attempt", Value::Count(attempt.get().into()))];
    fields.extend(rest);
    fields
}
