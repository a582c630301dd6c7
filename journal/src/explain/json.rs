//! The explanation for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::dump::JSON_LINES_VERSION;
use crate::event::{DelayParts, ExhaustReason, Verdict};
use crate::explain::{Action, Cause, Explanation, GateView, StepExplanation, Wait};
use crate::id::{ResourceKey, RunKey, StepKey};
use crate::time::Timestamp;

impl Explanation {
    /// The explanation as JSON; as stable as the lines of a dump.
    pub fn to_json(&self) -> Value {
        json!({
            "v": JSON_LINES_VERSION,
            "run": self.run.to_string(),
            "key": self.key.as_ref().map(RunKey::as_str),
            "workflow": self.workflow.as_str(),
            "version": self.version,
            "status": self.status.name(),
            "now": self.now.to_string(),
            "deadline_at": time(self.deadline_at),
            "step": self.step.as_ref().map(StepKey::as_str),
            "cause": cause(&self.cause),
            "text": self.sentence(),
            "steps": self.steps.iter().map(|known| step(known, self.now)).collect::<Vec<_>>(),
            "actions": self.actions.iter().map(action).collect::<Vec<_>>(),
        })
    }
}

impl serde::Serialize for Explanation {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(to)
    }
}

fn step(step: &StepExplanation, now: Timestamp) -> Value {
    json!({
        "step": step.step.as_str(),
        "kind": step.kind,
        "cause": cause(&step.cause),
        "text": step.sentence(now),
        "failure": step.failure,
        "hint": step.hint,
        "arithmetic": step.arithmetic,
        "notes": step.notes,
    })
}

/// An object that has the name of the cause as `is`.
fn cause(cause: &Cause) -> Value {
    let mut object = match cause {
        Cause::Blocked { by } => json!({ "by": keys(by) }),
        Cause::Ready { eased } => json!({
            "eased_until": time(eased.map(|ease| ease.until)),
            "eased_to": eased.map(|ease| ease.in_flight_max),
        }),
        Cause::Running { attempt, since, timeout, forced } => json!({
            "attempt": attempt.get(),
            "since": since.to_string(),
            "timeout_ms": timeout.map(millis),
            "forced": forced,
        }),
        Cause::Backoff(known) | Cause::ServerDelay(known) | Cause::Budget(known) => wait(known),
        Cause::Breaker { key, gate: known, position, force_at } => json!({
            "key": key.as_str(),
            "gate": gate(known),
            "position": position.map(|(place, _)| place),
            "queue": position.map(|(_, length)| length),
            "force_at": time(*force_at),
        }),
        Cause::DiskSpace { path, bytes, force_at } => {
            json!({ "path": path, "bytes": bytes, "force_at": time(*force_at) })
        }
        Cause::Paused { by, reason, since, frozen } => {
            json!({ "by": by, "reason": reason, "since": since.to_string(), "frozen": frozen })
        }
        Cause::Parked { reason } => json!({ "reason": reason }),
        Cause::GivenUp { verdict, exhausted_by, by_request } => json!({
            "verdict": verdict.as_ref().map(Verdict::name),
            "exhausted_by": exhausted_by.map(ExhaustReason::name),
            "by_request": by_request,
        }),
        Cause::Cancelled { by, reason } => json!({ "by": by, "reason": reason }),
        Cause::Unknown | Cause::Stopped | Cause::Done => json!({}),
    };
    name(&mut object, cause.name());
    object
}

fn wait(wait: &Wait) -> Value {
    json!({
        "due_at": wait.due_at.to_string(),
        "remaining_ms": millis(wait.remaining),
        "overdue": wait.remaining.is_zero(),
        "retry": wait.retry,
        "retries_max": wait.retries_max,
        "resource": wait.resource.as_ref().map(ResourceKey::as_str),
        "parts": wait.parts.as_ref().map(parts),
    })
}

/// As it stands in the line of `attempt_failed`.
fn parts(parts: &DelayParts) -> Value {
    json!({
        "curve_ms": parts.curve_ms,
        "stretch": parts.stretch,
        "cap_ms": parts.cap_ms,
        "draw": f64::from(parts.draw_millionths) / 1e6,
        "spread_ms": parts.spread_ms,
        "server_ms": parts.server_ms,
        "server_max_ms": parts.server_max_ms,
        "budget_ms": parts.budget_ms,
        "at_once": parts.at_once,
    })
}

/// An object that has the name of the gate as `is`.
fn gate(gate: &GateView) -> Value {
    let (is, mut object) = match gate {
        GateView::Open { until, remaining, cause, trips } => (
            "open",
            json!({
                "until": until.to_string(),
                "remaining_ms": millis(*remaining),
                "cause": cause.name(),
                "trips": trips,
            }),
        ),
        GateView::HalfOpen { probe, passed, needed } => (
            "half_open",
            json!({
                "probe": probe.as_ref().map(|probe| json!({
                    "run": probe.run.to_string(),
                    "step": probe.step.as_str(),
                    "lease_until": probe.lease_until.to_string(),
                })),
                "passed": passed,
                "needed": needed,
            }),
        ),
        GateView::Isolated { by, reason, until } => {
            ("isolated", json!({ "by": by, "reason": reason, "until": time(*until) }))
        }
        GateView::Closed { next_wave_at } => {
            ("closed", json!({ "next_wave_at": time(*next_wave_at) }))
        }
        GateView::LetsPass { mode } => (mode.name(), json!({})),
    };
    name(&mut object, is);
    object
}

fn action(action: &Action) -> Value {
    let mut object = match action {
        Action::Heed { step, hint } => json!({ "step": step.as_str(), "hint": hint }),
        Action::FreeSpace { path, bytes } => json!({ "path": path, "bytes": bytes }),
        Action::EndIsolation { key } => json!({ "key": key.as_str() }),
        Action::RetryNow { steps, reopens } | Action::ForceRetry { steps, reopens } => {
            json!({ "steps": keys(steps), "reopens": reopens })
        }
        Action::Skip { step } => json!({ "step": step.as_str() }),
        Action::CancelRecovery { steps } => json!({ "steps": keys(steps) }),
        Action::StartAgain { holder } => json!({ "holder": holder.map(|run| run.to_string()) }),
        Action::Resume | Action::Register | Action::Pause | Action::Cancel => json!({}),
    };
    name(&mut object, action.name());
    if let Value::Object(fields) = &mut object {
        fields.insert("text".to_owned(), action.to_string().into());
    }
    object
}

fn name(object: &mut Value, is: &str) {
    if let Value::Object(fields) = object {
        fields.insert("is".to_owned(), is.into());
    }
}

fn keys(steps: &[StepKey]) -> Vec<&str> {
    steps.iter().map(StepKey::as_str).collect()
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
