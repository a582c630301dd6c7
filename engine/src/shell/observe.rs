//! One log line per durable record, with the record's `seq`, so that logs and journal join.

use resurge_journal::event::{Event, Verdict};
use resurge_journal::{Record, Timestamp};
use tracing::{debug, error, info, warn};

/// Logs a record.
pub(super) fn log(record: &Record) {
    let seq = record.seq.get();
    let run = record.run.map(tracing::field::display);
    let name = record.event.name();
    match &record.event {
        Event::AttemptFailed(failed) => {
            let class = failed.failure.class.name();
            let (code, message) = (failed.failure.kind.as_str(), failed.failure.message.as_str());
            let (attempt, max_attempts) = (failed.attempt.get(), failed.max_attempts);
            let (delay_ms, due_at) = delay(failed.verdict);
            warn!(
                seq, op.id = run, step = %failed.step, attempt, max_attempts,
                error.category = class, error.code = code, verdict = failed.verdict.name(),
                delay_ms, due_at = due_at.map(tracing::field::display), "{name}: {message}"
            );
        }
        Event::RunExhausted(_) | Event::RunFailed(_) => error!(seq, op.id = run, "{name}"),
        Event::RunParked(parked) => warn!(seq, op.id = run, "{name}: {}", parked.reason),
        Event::OutputsInvalidated(lost) => {
            warn!(seq, op.id = run, step = %lost.step, attempt = lost.attempt.get(), "{name}: {}", lost.reason);
        }
        Event::RunStarted(started) => {
            info!(seq, op.id = run, op.kind = %started.manifest.workflow, "{name}");
        }
        Event::AttemptStarted(started) => {
            let (attempt, max_attempts) = (started.attempt.get(), started.max_attempts);
            info!(seq, op.id = run, step = %started.step, attempt, max_attempts, "{name}");
        }
        Event::AttemptSucceeded(done) => {
            info!(seq, op.id = run, step = %done.step, attempt = done.attempt.get(), "{name}");
        }
        Event::AttemptInterrupted(ended) => {
            info!(seq, op.id = run, step = %ended.step, attempt = ended.attempt.get(), cause = ended.cause.name(), "{name}");
        }
        Event::CheckpointSaved(saved) => {
            debug!(seq, op.id = run, step = %saved.step, attempt = saved.attempt.get(), "{name}");
        }
        Event::BreakerOpened(opened) => {
            let (key, cause) = (opened.key.as_str(), opened.cause.name());
            warn!(seq, breaker = key, cause, trip = opened.trip, until = %opened.until, "{name}");
        }
        Event::BreakerHalfOpened(turned) => info!(seq, breaker = %turned.key, "{name}"),
        Event::BreakerClosed(turned) => {
            info!(seq, breaker = %turned.key, open_ms = turned.open_ms, "{name}");
        }
        Event::BreakerModeSet(set) => {
            let (mode, actor) = (set.mode.name(), set.actor.as_str());
            warn!(seq, breaker = %set.key, mode, actor, "{name}: {}", set.reason);
        }
        Event::StepRefused(refused) => {
            error!(seq, op.id = run, step = %refused.step, "{name}: {}", refused.failure.message);
        }
        Event::LintFound(lint) => {
            let (code, workflow) = (lint.code.as_str(), lint.workflow.as_str());
            warn!(seq, op.kind = workflow, step = %lint.step, code, "{name}: {}", lint.message);
        }
        Event::SettingsChanged(set) => {
            let (old, new) = (set.old.as_str(), set.new.as_str());
            info!(seq, setting = %set.name, old, new, actor = %set.actor, "{name}: {}", set.reason);
        }
        _ => info!(seq, op.id = run, "{name}"),
    }
}

const fn delay(verdict: Verdict) -> (Option<u128>, Option<Timestamp>) {
    match verdict {
        Verdict::Retry { delay, due_at } => (Some(delay.as_millis()), Some(due_at)),
        _ => (None, None),
    }
}
