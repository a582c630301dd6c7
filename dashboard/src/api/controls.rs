//! What operations can be asked to do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use resurge::{Control, ControlError, Json as Payload, RunId, Seq, StepKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::actor::{Actor, reason};
use super::body::{Path, Sent};
use super::operation::{operation, unknown, versions};
use super::problem::{Problem, code};
use crate::dashboard::App;

/// What can be asked of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ControlVerb)]
pub(super) enum Verb {
    /// Halts it until it is resumed.
    Pause,
    /// Lets it go on after a pause.
    Resume,
    /// Calls it off.
    Cancel,
    /// Tries again now what waits, and what ran out of retries.
    Retry,
    /// Tries again now, whatever class and breaker say.
    ForceRetry,
    /// Makes no more retries.
    CancelRecovery,
}

impl Verb {
    /// Its name in addresses, and in what a row `can`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::ForceRetry => "force-retry",
            Self::CancelRecovery => "cancel-recovery",
        }
    }

    pub(super) const fn control(self, freezes_timers: bool) -> Control {
        match self {
            Self::Pause => Control::Pause { freezes_timers },
            Self::Resume => Control::Resume,
            Self::Cancel => Control::Cancel,
            Self::Retry => Control::RetryNow,
            Self::ForceRetry => Control::ForceRetry,
            Self::CancelRecovery => Control::CancelRecovery,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ControlOrder)]
pub(super) struct Order {
    /// Why, for the journal.
    reason: Option<String>,
    /// Whether delays and the deadline stand still during a pause as well.
    #[serde(default)]
    freeze_timers: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Skip {
    /// What the steps after it get.
    #[schema(value_type = serde_json::Value)]
    output: Box<RawValue>,
    /// Why, for the journal.
    reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// The operation.
    operation: String,
    /// The record up to which it is done; a view as of it shows the effect.
    seq: u64,
}

/// Asks something of an operation.
///
/// Asking twice is as good as once. With `If-Match` it is done only if the operation still stands as
/// that version of it.
#[utoipa::path(post, path = "/api/v1/operations/{id}/{verb}", tag = "operations",
    params(("id" = String, Path, description = "The operation"), ("verb" = Verb, Path),
        ("If-Match" = Option<String>, Header, description = "The version of its row, as `W/\"118\"`")),
    request_body(content = Option<Order>, description = "May be left out"),
    responses((status = 202, body = Done)))]
pub(super) async fn control(
    State(app): State<Arc<App>>,
    Path((id, verb)): Path<(String, Verb)>,
    Actor(actor): Actor,
    headers: HeaderMap,
    Sent(order): Sent<Order>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let asked = Asked { run: operation(&id)?, expected: if_match(&headers)?, actor };
    asked.carry_out(&app, verb.control(order.freeze_timers), order.reason).await
}

/// Takes an output for what a step gives, and goes on with the steps after it.
#[utoipa::path(post, path = "/api/v1/operations/{id}/steps/{step}/skip", tag = "operations",
    params(("id" = String, Path, description = "The operation"),
        ("step" = String, Path, description = "The step"),
        ("If-Match" = Option<String>, Header, description = "The version of its row, as `W/\"118\"`")),
    request_body = Skip,
    responses((status = 202, body = Done)))]
pub(super) async fn skip(
    State(app): State<Arc<App>>,
    Path((id, step)): Path<(String, String)>,
    Actor(actor): Actor,
    headers: HeaderMap,
    Sent(skip): Sent<Skip>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let asked = Asked { run: operation(&id)?, expected: if_match(&headers)?, actor };
    let step = StepKey::new(&step).map_err(|error| {
        Problem::new(&code::UNKNOWN_STEP, format!("this is no step: {error}"))
            .about(asked.run)
            .remedy("take one from the steps of the operation")
    })?;
    let output = Payload::of(&skip.output)
        .map_err(|error| Problem::new(&code::INVALID, error.to_string()))?;
    asked.carry_out(&app, Control::Skip { step, output }, skip.reason).await
}

/// Who asks it of what.
#[derive(Debug)]
struct Asked {
    run: RunId,
    expected: Option<Seq>,
    actor: String,
}

impl Asked {
    async fn carry_out(
        self,
        app: &App,
        control: Control,
        why: Option<String>,
    ) -> Result<(StatusCode, Json<Done>), Problem> {
        let Self { run, expected, actor } = self;
        let why = reason(why)?;
        let seq = match expected {
            Some(expected) => app.engine.control_if(run, expected, control, actor, why).await?,
            None => app.engine.control(run, control, actor, why).await?,
        };
        let done = Done { operation: run.to_string(), seq: seq.get() };
        Ok((StatusCode::ACCEPTED, Json(done)))
    }
}

/// The version that the client saw; none if any will do.
fn if_match(headers: &HeaderMap) -> Result<Option<Seq>, Problem> {
    let Some(tags) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tags = tags.to_str().unwrap_or_default();
    if tags.trim() == "*" {
        return Ok(None);
    }
    let mut found = versions(tags);
    match (found.next().flatten(), found.next()) {
        (Some(version), None) => Ok(Some(version)),
        _ => Err(Problem::new(&code::BAD_REQUEST, "the `If-Match` is no version")
            .remedy("send one version, as the `ETag` of the operation gives it")),
    }
}

impl From<ControlError> for Problem {
    fn from(refused: ControlError) -> Self {
        use ControlError as E;
        let text = refused.to_string();
        let (code, run, remedy) = match refused {
            E::Unavailable(gone) => return gone.into(),
            E::UnknownRun { run } => return unknown(&run.to_string()),
            E::Moved { run, version } => {
                return Self::new(&code::MOVED, text).about(run).at(version).remedy(
                    "look at the operation again; then ask again with its version, or without `If-Match`",
                );
            }
            E::Output { run, .. } => (&code::INVALID, run, "see what the step gives elsewhere"),
            E::UnknownStep { run } => {
                (&code::UNKNOWN_STEP, run, "take one from the steps of the operation")
            }
            E::Paused { run } => (&code::PAUSED, run, "resume the operation first"),
            E::Parked { run, .. } => {
                (&code::PARKED, run, "start a program that knows this version of the workflow")
            }
            E::NotRetryable { run, .. } => {
                (&code::NOT_RETRYABLE, run, "mend the cause, then force a retry")
            }
            E::NotRecovering { run } => {
                (&code::NOT_RECOVERING, run, "cancel the operation to end it")
            }
            E::KeyTaken { run, .. } => {
                (&code::KEY_TAKEN, run, "wait for the end of the other operation, or cancel it")
            }
            E::StepDone { run } => (&code::STEP_DONE, run, "there is nothing left to do"),
            E::StepBlocked { run } => {
                (&code::STEP_BLOCKED, run, "skip the steps first that it waits for")
            }
            E::Ended { run } => {
                (&code::ENDED, run, "start the operation again if its work is still needed")
            }
            _ => return Self::new(&code::CONFLICT, text),
        };
        Self::new(code, text).about(run).remedy(remedy)
    }
}
