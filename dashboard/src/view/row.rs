//! One operation as a line of a list.

use resurge::journal::explain::Action;
use resurge::{Failure, RunStatus, RunView, SeenRun, StepStatus, StepView};

use super::model::{ErrorCard, Row};
use super::redact;
use super::words;

/// The line of an operation; what moves between two records is added later.
pub(crate) fn row(seen: &SeenRun) -> Row {
    let (view, why) = (&seen.view, &seen.why);
    let named = why.step.as_ref().and_then(|key| view.steps.iter().find(|step| step.key == *key));
    let open = || view.steps.iter().find(|step| step.status != StepStatus::Succeeded);
    let step = named.or_else(open).or_else(|| view.steps.last());
    Row {
        name: name(view),
        workflow: view.workflow.to_string(),
        status: view.status.name().to_owned(),
        label: view.status.to_string(),
        version: view.version.get(),
        step: step.map(|step| step.key.to_string()),
        steps_done: count(view, StepStatus::Succeeded),
        steps_total: u32::try_from(view.steps.len()).unwrap_or(u32::MAX),
        attempt: step.map_or(0, attempt),
        attempts_max: step.map_or(0, |step| step.max_attempts),
        percent: None,
        progress: None,
        rate: None,
        eta_ms: None,
        wait: if view.status.is_final() { None } else { words::wait(&why.cause) },
        error: troubles(view).then(|| view.last_failure()).flatten().map(|(_, known)| error(known)),
        started_at: view.started_at.to_string(),
        ended_at: view.ended_at.map(|at| at.to_string()),
        can: verbs(&why.actions),
    }
}

/// The caller's name for an operation, or its id.
pub(crate) fn name(view: &RunView) -> String {
    let key = view.key.as_ref().map(|key| redact::text(key.as_str()).into_owned());
    key.unwrap_or_else(|| view.id.to_string())
}

/// The attempt of a step, counting those that use up its retries: the 3 of "3/6".
pub(crate) fn attempt(step: &StepView) -> u32 {
    if step.attempts.get() == 0 {
        return 0;
    }
    let has_ended = matches!(step.status, StepStatus::Failed);
    let number = step.charged.saturating_add(u32::from(!has_ended));
    number.clamp(1, step.max_attempts.max(1))
}

/// A failure as people see it.
pub(crate) fn error(failure: &Failure) -> ErrorCard {
    ErrorCard {
        class: failure.class.name().to_owned(),
        group: failure.class.group().name().to_owned(),
        kind: failure.kind.clone(),
        title: words::title(failure.class.group()).to_owned(),
        message: redact::text(&failure.message).into_owned(),
        hint: failure.hint.as_deref().map(|hint| redact::text(hint).into_owned()),
        host: failure.resource.as_ref().map(ToString::to_string),
    }
}

/// The controls among what a person can do, the mildest first.
fn verbs(actions: &[Action]) -> Vec<String> {
    let mut verbs: Vec<String> = Vec::new();
    for verb in actions.iter().filter_map(verb) {
        if !verbs.iter().any(|known| known == verb) {
            verbs.push(verb.to_owned());
        }
    }
    verbs
}

/// The control of an action, if there is one.
pub(crate) const fn verb(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Resume => "resume",
        Action::RetryNow { .. } => "retry",
        Action::ForceRetry { .. } => "force-retry",
        Action::Skip { .. } => "skip",
        Action::Pause => "pause",
        Action::CancelRecovery { .. } => "cancel-recovery",
        Action::Cancel => "cancel",
        _ => return None,
    })
}

/// Whether a failure still matters: what has succeeded or was called off is over.
const fn troubles(view: &RunView) -> bool {
    !matches!(view.status, RunStatus::Success | RunStatus::Cancelled)
}

fn count(view: &RunView, status: StepStatus) -> u32 {
    let count = view.steps.iter().filter(|step| step.status == status).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
