//! What events about breakers and controls say.

use serde_json::json;

use super::{Fields, Value, keys, millis, tree};
use crate::event::{
    Admission, BreakerClosed, BreakerHalfOpened, BreakerModeSet, BreakerOpened, BreakerWouldOpen,
    DelayParts, Event, Health, LintFound, SettingsChanged, StepParked, StepRefused, StepReleased,
    StepSkipped,
};
use crate::id::{ResourceKey, Seq};

/// The fields of an event of the families 4 and 5, in the order in which they stand in a line.
pub(super) fn fields(event: &Event) -> Fields<'_> {
    use Value as V;
    match event {
        Event::BreakerOpened(event) => opened(event),
        Event::BreakerHalfOpened(event) => half_opened(event),
        Event::BreakerClosed(event) => closed(event),
        Event::BreakerModeSet(event) => mode_set(event),
        Event::BreakerWouldOpen(event) => would_open(event),
        Event::ProbePassed(event) => vec![
            ("step", V::Text(event.step.as_str())),
            ("attempt", V::Count(event.attempt.get().into())),
            ("key", V::Text(event.key.as_str())),
        ],
        Event::StepParked(event) => parked(event),
        Event::StepReleased(event) => released(event),
        Event::StepRefused(event) => refused(event),
        Event::RunPaused(event) => {
            let mut fields = asked(&event.actor, &event.reason);
            fields.push(("freezes_timers", V::Flag(event.freezes_timers)));
            fields
        }
        Event::RunResumed(event) => asked(&event.actor, &event.reason),
        Event::RetryNow(event) => {
            with_steps(asked(&event.actor, &event.reason), keys(&event.steps))
        }
        Event::ForceRetry(event) => {
            with_steps(asked(&event.actor, &event.reason), keys(&event.steps))
        }
        Event::RecoveryCancelled(event) => {
            with_steps(asked(&event.actor, &event.reason), keys(&event.steps))
        }
        Event::StepSkipped(event) => skipped(event),
        Event::SettingsChanged(event) => settings_changed(event),
        Event::LintFound(event) => lint_found(event),
        _ => Vec::new(),
    }
}

fn asked<'a>(actor: &'a str, reason: &'a str) -> Fields<'a> {
    vec![("actor", Value::Text(actor)), ("reason", Value::Text(reason))]
}

fn with_steps<'a>(mut fields: Fields<'a>, steps: Value<'a>) -> Fields<'a> {
    fields.push(("steps", steps));
    fields
}

fn opened(event: &BreakerOpened) -> Fields<'_> {
    vec![
        ("key", Value::Text(event.key.as_str())),
        ("epoch", Value::Id(event.epoch.get())),
        ("cause", Value::Text(event.cause.name())),
        ("trip", Value::Count(event.trip.into())),
        ("planned_ms", Value::Count(event.planned_ms)),
        ("until", Value::MaybeTime(Some(event.until))),
        ("failures", Value::Count(event.failures.into())),
        ("total", Value::Count(event.total.into())),
        ("sample", tree(event.sample.iter().copied().map(Seq::get).collect::<Vec<_>>())),
    ]
}

fn half_opened(event: &BreakerHalfOpened) -> Fields<'_> {
    vec![
        ("key", Value::Text(event.key.as_str())),
        ("epoch", Value::Id(event.epoch.get())),
        ("cause", Value::Text(event.cause.name())),
        ("needed", Value::Count(event.needed.into())),
        ("lease_ms", Value::Count(event.lease_ms)),
    ]
}

fn closed(event: &BreakerClosed) -> Fields<'_> {
    vec![
        ("key", Value::Text(event.key.as_str())),
        ("epoch", Value::Id(event.epoch.get())),
        ("cause", Value::Text(event.cause.name())),
        ("open_ms", Value::Count(event.open_ms)),
        ("trips", Value::Count(event.trips.into())),
        ("actor", Value::Maybe(event.actor.as_deref())),
        ("reason", Value::Maybe(event.reason.as_deref())),
    ]
}

fn mode_set(event: &BreakerModeSet) -> Fields<'_> {
    vec![
        ("key", Value::Text(event.key.as_str())),
        ("epoch", Value::Id(event.epoch.get())),
        ("mode", Value::Text(event.mode.name())),
        ("until", Value::MaybeTime(event.until)),
        ("actor", Value::Text(&event.actor)),
        ("reason", Value::Text(&event.reason)),
    ]
}

fn would_open(event: &BreakerWouldOpen) -> Fields<'_> {
    vec![
        ("key", Value::Text(event.key.as_str())),
        ("cause", Value::Text(event.cause.name())),
        ("trip", Value::Count(event.trip.into())),
        ("failures", Value::Count(event.failures.into())),
        ("total", Value::Count(event.total.into())),
    ]
}

fn parked(event: &StepParked) -> Fields<'_> {
    let keys: Vec<&str> = event.keys.iter().map(ResourceKey::as_str).collect();
    vec![
        ("step", Value::Text(event.step.as_str())),
        ("keys", tree(keys)),
        ("force_at", Value::MaybeTime(event.force_at)),
    ]
}

fn released(event: &StepReleased) -> Fields<'_> {
    let mark = event.wave.as_ref();
    vec![
        ("step", Value::Text(event.step.as_str())),
        ("cause", Value::Text(event.cause.name())),
        ("key", Value::Maybe(mark.map(|mark| mark.key.as_str()))),
        ("wave", Value::MaybeCount(mark.map(|mark| mark.number.into()))),
        ("next_wave_at", Value::MaybeTime(mark.map(|mark| mark.next_at))),
    ]
}

fn refused(event: &StepRefused) -> Fields<'_> {
    let failure = &event.failure;
    vec![
        ("step", Value::Text(event.step.as_str())),
        ("class", Value::Text(failure.class.name())),
        ("group", Value::Text(failure.class.group().name())),
        ("kind", Value::Text(&failure.kind)),
        ("message", Value::Text(&failure.message)),
        ("hint", Value::Maybe(failure.hint.as_deref())),
        ("resource", Value::Maybe(failure.resource.as_ref().map(ResourceKey::as_str))),
        ("remaining_ms", Value::MaybeCount(failure.advice.server_delay().map(millis))),
    ]
}

fn skipped(event: &StepSkipped) -> Fields<'_> {
    let mut fields =
        vec![("step", Value::Text(event.step.as_str())), ("output", Value::Payload(&event.output))];
    fields.extend(asked(&event.actor, &event.reason));
    fields
}

fn settings_changed(event: &SettingsChanged) -> Fields<'_> {
    let mut fields = vec![
        ("name", Value::Text(&event.name)),
        ("old", Value::Payload(&event.old)),
        ("new", Value::Payload(&event.new)),
    ];
    fields.extend(asked(&event.actor, &event.reason));
    fields
}

fn lint_found(event: &LintFound) -> Fields<'_> {
    vec![
        ("workflow", Value::Text(event.workflow.as_str())),
        ("version", Value::Count(event.version.into())),
        ("step", Value::Text(event.step.as_str())),
        ("code", Value::Text(&event.code)),
        ("message", Value::Text(&event.message)),
    ]
}

/// The breakers that let an attempt pass.
pub(super) fn admission(admission: &[Admission]) -> Value<'_> {
    let one = |admitted: &Admission| {
        let Admission { key, epoch, probe } = admitted;
        json!({ "key": key.as_str(), "epoch": epoch.get(), "probe": probe })
    };
    tree(admission.iter().map(one).collect::<Vec<_>>())
}

/// What an attempt showed about the resources that it needed.
pub(super) fn health(health: &[Health]) -> Value<'_> {
    let one = |health: &Health| json!({ "key": health.key.as_str(), "sign": health.sign.name() });
    tree(health.iter().map(one).collect::<Vec<_>>())
}

/// How a delay came about.
pub(super) fn parts(parts: &DelayParts) -> Value<'_> {
    tree(json!({
        "curve_ms": parts.curve_ms,
        "stretch": parts.stretch,
        "cap_ms": parts.cap_ms,
        "draw": f64::from(parts.draw_millionths) / 1e6,
        "spread_ms": parts.spread_ms,
        "server_ms": parts.server_ms,
        "server_max_ms": parts.server_max_ms,
        "budget_ms": parts.budget_ms,
        "at_once": parts.at_once,
    }))
}
