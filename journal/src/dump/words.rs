//! Events in words: one sentence each, without the names of run and step.

use crate::event::{
    AttemptFailed, AttemptStarted, BreakerClosed, BreakerModeSet, BreakerOpened, Event,
    InterruptCause, OutputsInvalidated, ReleaseCause, RunExhausted, StepReleased, Verdict,
};
use crate::explain::{Bytes, Decider, Span, decider, exhausted, steps};
use crate::failure::{Advice, Condition, Failure};
use crate::id::{ResourceKey, StepKey};
use crate::json::Json;

use super::human::glance;

/// What an event says, in one sentence for people.
///
/// Run and step are not named, because whoever shows it has them. Texts that others gave stand in
/// it as they are: show it through [`Plain`](super::Plain) where control characters do harm.
pub fn words(event: &Event) -> String {
    match event {
        Event::AttemptStarted(event) => started(event),
        Event::AttemptSucceeded(event) => format!("attempt {} succeeded", event.attempt),
        Event::AttemptFailed(event) => failed(event),
        Event::AttemptInterrupted(event) => {
            format!("attempt {} was interrupted: {}", event.attempt, interrupted(event.cause))
        }
        Event::CheckpointSaved(event) => format!("attempt {} saved where it stands", event.attempt),
        Event::OutputsInvalidated(event) => outputs_invalidated(event),
        Event::LateResultIgnored(event) => {
            format!("attempt {} ended too late: {}", event.attempt, event.result)
        }
        Event::StepParked(event) => behind(&event.keys),
        Event::StepReleased(event) => released(event),
        Event::StepRefused(event) => format!("was refused: {}", of_failure(&event.failure)),
        Event::StepSkipped(event) => by("skipped", &event.actor, &event.reason),
        Event::ProbePassed(event) => {
            format!("attempt {} showed that {} works", event.attempt, event.key)
        }
        _ => of_run(event).unwrap_or_else(|| of_engine(event)),
    }
}

/// What happened to a run as a whole.
fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted(event) => {
            format!("{} version {} was started", event.manifest.workflow, event.manifest.version)
        }
        Event::RunSucceeded(_) => "every step succeeded".to_owned(),
        Event::RunFailed(event) => format!("given up: step `{}` failed", event.step),
        Event::RunExhausted(event) => run_exhausted(event),
        Event::RunCancelled(event) => by("called off", &event.actor, &event.reason),
        Event::RunParked(event) => format!("cannot go on here: {}", event.reason),
        Event::RunUnparked(_) => "goes on: a definition that fits is registered again".to_owned(),
        Event::RunPaused(event) => {
            let text = by("paused", &event.actor, &event.reason);
            let timers = if event.freezes_timers { "; its timers stand still" } else { "" };
            format!("{text}{timers}")
        }
        Event::RunResumed(event) => by("resumed", &event.actor, &event.reason),
        Event::RetryNow(event) => by(
            &format!("another attempt {}asked for", of(&event.steps)),
            &event.actor,
            &event.reason,
        ),
        Event::ForceRetry(event) => {
            by(&format!("another attempt {}forced", of(&event.steps)), &event.actor, &event.reason)
        }
        Event::RecoveryCancelled(event) => by("recovery cancelled", &event.actor, &event.reason),
        _ => return None,
    })
}

/// What happened to the engine, its journal and its breakers.
fn of_engine(event: &Event) -> String {
    match event {
        Event::JournalCreated(_) => "the journal was created".to_owned(),
        Event::EngineOpened(event) => format!("engine {} opened the journal", event.engine),
        Event::EngineClosed(_) => "the engine was shut down".to_owned(),
        Event::TailCut(event) => format!("the end of the journal was cut off: {}", event.problem),
        Event::JournalRecovered(event) => {
            format!("the journal was put together again: {}", event.problem)
        }
        Event::JournalTrimmed(event) => {
            format!("{} records from before {} were dropped", event.records, event.before)
        }
        Event::BreakerOpened(event) => opened(event),
        Event::BreakerHalfOpened(event) => {
            format!(
                "the breaker of {} lets probes through ({})",
                event.key,
                spaced(event.cause.name())
            )
        }
        Event::BreakerClosed(event) => closed(event),
        Event::BreakerModeSet(event) => mode_set(event),
        Event::BreakerWouldOpen(event) => format!(
            "the breaker of {} would have opened ({})",
            event.key,
            spaced(event.cause.name())
        ),
        Event::SettingsChanged(event) => {
            let (name, old, new) = (&event.name, short(&event.old), short(&event.new));
            by(&format!("{name} changed from {old} to {new}"), &event.actor, &event.reason)
        }
        Event::LintFound(event) => format!("step `{}`: {}", event.step, event.message),
        _ => spaced(event.name()),
    }
}

fn started(event: &AttemptStarted) -> String {
    let mut text = format!("attempt {} started", event.attempt);
    let mut probed = event.admission.iter().filter(|admitted| admitted.probe);
    if event.forced {
        text.push_str(", in spite of breakers");
    } else if let Some(admitted) = probed.next() {
        text = format!("{text}, as a probe of {}", admitted.key);
    }
    text
}

fn failed(event: &AttemptFailed) -> String {
    let text = format!("attempt {} failed: {}", event.attempt, of_failure(&event.failure));
    let next = match event.verdict {
        Verdict::Retry { .. } => delay(event),
        Verdict::Park { .. } => match &event.failure.advice {
            Advice::WhenReady(condition) => until(condition),
            _ => "waits for something to change".to_owned(),
        },
        Verdict::Exhausted => event.exhausted_by.map_or("no retry is left", exhausted).to_owned(),
        Verdict::NotRetryable if event.failure.is_retryable() => {
            "no other attempt is made".to_owned()
        }
        Verdict::NotRetryable => "another attempt would fail in the same way".to_owned(),
    };
    format!("{text}; {next}")
}

/// A failure in one line: class, kind and message.
pub(crate) fn of_failure(failure: &Failure) -> String {
    format!("{} ({}): {}", failure.class, failure.kind, failure.message)
}

/// Which retry comes after which delay, and who asked for that.
pub(crate) fn delay(event: &AttemptFailed) -> String {
    let Verdict::Retry { delay, .. } = event.verdict else { return String::new() };
    let (retry, most) = (event.charged.max(1), event.max_attempts.saturating_sub(1));
    let when = if delay.is_zero() { "at once".to_owned() } else { format!("in {}", Span(delay)) };
    let why = match event.parts.as_ref().map_or(Decider::Policy, decider) {
        Decider::Policy => "",
        Decider::Server => ", as the server asked",
        Decider::Budget => ", when the retry budget allows it",
    };
    format!("retry {retry} of {most} {when}{why}")
}

/// What a step waits for that is no time.
pub(crate) fn until(condition: &Condition) -> String {
    match condition {
        Condition::DiskSpace { path, bytes } => {
            format!("waits for {} of free space at {path}", Bytes(*bytes))
        }
    }
}

/// Which breakers a step waits behind.
pub(crate) fn behind(keys: &[ResourceKey]) -> String {
    let keys: Vec<&str> = keys.iter().map(ResourceKey::as_str).collect();
    format!("waits behind {}", keys.join(", "))
}

/// What interrupted an attempt.
pub(crate) const fn interrupted(cause: InterruptCause) -> &'static str {
    match cause {
        InterruptCause::Crash => "the process ended",
        InterruptCause::Shutdown => "the engine was shut down",
        InterruptCause::Pause => "its run was paused",
        InterruptCause::CallerGone => "whoever made it is gone",
        InterruptCause::RunEnded => "its run ended",
    }
}

fn outputs_invalidated(event: &OutputsInvalidated) -> String {
    let OutputsInvalidated { attempt, lost, reason, .. } = event;
    let again = if lost.len() == 1 { "runs" } else { "run" };
    format!("attempt {attempt} found its inputs gone: {reason}; {} {again} again", steps(lost))
}

fn released(event: &StepReleased) -> String {
    match (&event.wave, event.cause) {
        (Some(wave), _) => format!("goes on: {} is back", wave.key),
        (None, ReleaseCause::Wave) => "goes on after a break".to_owned(),
        (None, ReleaseCause::Ready) => "goes on: what it waited for has come true".to_owned(),
    }
}

fn run_exhausted(event: &RunExhausted) -> String {
    let why = exhausted(event.reason);
    match &event.step {
        Some(step) => format!("given up: step `{step}`: {why}"),
        None => format!("given up: {why}"),
    }
}

fn opened(event: &BreakerOpened) -> String {
    let BreakerOpened { key, until, .. } = event;
    format!("the breaker of {key} opened until {until} ({})", spaced(event.cause.name()))
}

fn closed(event: &BreakerClosed) -> String {
    let done = format!("the breaker of {} closed", event.key);
    match &event.actor {
        Some(actor) => by(&done, actor, event.reason.as_deref().unwrap_or_default()),
        None => format!("{done} ({})", spaced(event.cause.name())),
    }
}

fn mode_set(event: &BreakerModeSet) -> String {
    by(&format!("the breaker of {} set to {}", event.key, event.mode), &event.actor, &event.reason)
}

/// What somebody did, and why.
fn by(done: &str, actor: &str, reason: &str) -> String {
    match (actor, reason) {
        ("", "") => done.to_owned(),
        ("", reason) => format!("{done}: {reason}"),
        (actor, "") => format!("{done} by {actor}"),
        (actor, reason) => format!("{done} by {actor}: {reason}"),
    }
}

fn of(keys: &[StepKey]) -> String {
    if keys.is_empty() { String::new() } else { format!("of {} ", steps(keys)) }
}

fn short(json: &Json) -> String {
    glance(json.as_str(), SETTING_CHARS)
}

/// Settings are numbers.
const SETTING_CHARS: usize = 20;

fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;
    use crate::id::AttemptNo;
    use crate::state::tests::world;
    use crate::testing::made_up;

    fn failed_for_good(step: StepKey) -> AttemptFailed {
        world::failed(step, AttemptNo::new(1), Verdict::NotRetryable)
    }

    #[test]
    fn every_event_has_words_of_its_own() {
        for record in made_up(3, 2_000) {
            let (words, name) = (words(&record.event), spaced(record.event.name()));
            assert!(!words.is_empty() && words != name, "{name}");
        }
    }

    #[test]
    fn only_a_failure_that_says_so_would_come_again() {
        let mut event = failed_for_good("a".parse().expect("a key"));
        assert!(words(&event.clone().into()).ends_with("; no other attempt is made"));
        event.failure.class = Class::Permission;
        event.failure.advice = Advice::Never;
        assert!(words(&event.into()).ends_with("; another attempt would fail in the same way"));
    }

    #[test]
    fn who_did_not_say_why_is_named_all_the_same() {
        assert_eq!(by("paused", "ann", "lunch"), "paused by ann: lunch");
        assert_eq!(by("paused", "ann", ""), "paused by ann");
        assert_eq!(by("paused", "", "lunch"), "paused: lunch");
        assert_eq!(by("paused", "", ""), "paused");
    }
}
