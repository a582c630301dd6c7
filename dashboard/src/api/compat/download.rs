//! An operation as the old routes show it.

use std::sync::Arc;

use resurge::{RunStatus, RunView, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::view::{Row, downloaded, redact};

/// An operation as the old download routes show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldDownloadRow)]
pub(in crate::api) struct Download {
    id: String,
    /// Where it comes from, without secrets; empty if its input names no `url`.
    url: String,
    /// Where it goes, or its name.
    dest_path: String,
    /// `pending`, `downloading`, `paused`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    /// In percent.
    progress: f64,
    bytes_downloaded: u64,
    total_bytes: u64,
    /// Bytes a second.
    speed: u64,
    /// Seconds left; 0 if that cannot be told.
    eta: u64,
    attempts: u32,
    error: Option<String>,
    created_at: String,
    updated_at: String,
    can_resume: bool,
    can_pause: bool,
}

/// An operation as the old recovery routes show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldOperationRow)]
pub(in crate::api) struct Recovering {
    operation_id: String,
    /// The workflow.
    function_name: String,
    /// `pending`, `in_progress`, `recovering`, `paused`, `success`, `failed`, `exhausted` or
    /// `cancelled`.
    state: String,
    attempts: u32,
    max_attempts: u32,
    error: Option<String>,
    /// When the next attempt is due.
    next_retry_at: Option<String>,
    created_at: String,
    updated_at: String,
    metadata: Metadata,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldMetadata)]
struct Metadata {
    name: String,
    /// The step that decides about it.
    step: Option<String>,
    /// What to do about the error.
    suggestion: Option<String>,
}

impl Download {
    pub(super) fn new(row: &Arc<Row>, view: &RunView) -> Self {
        let input: Value = view.input.read().unwrap_or_default();
        let named = |names: &[&str]| {
            let text = names.iter().find_map(|name| input.get(name)?.as_str());
            text.map(|text| redact::text(text).into_owned())
        };
        let (done, total) = bytes(row, view);
        let can = |verb: &str| row.can.iter().any(|can| can == verb);
        Self {
            id: view.id.to_string(),
            url: named(&["url"]).unwrap_or_default(),
            dest_path: named(&["dest_path", "dest", "path"]).unwrap_or_else(|| row.name.clone()),
            status: legacy(&row.status),
            progress: row.percent.unwrap_or(0.0),
            bytes_downloaded: done,
            total_bytes: total,
            speed: row.rate.unwrap_or(0),
            eta: row.eta_ms.unwrap_or(0).div_ceil(1_000),
            attempts: row.attempt,
            error: row.error.as_ref().map(|error| error.message.clone()),
            created_at: row.started_at.clone(),
            updated_at: updated(view).to_string(),
            can_resume: can("resume") || can("retry"),
            can_pause: can("pause"),
        }
    }
}

/// Bytes that are there, and those that will be; 0 if that cannot be told.
fn bytes(row: &Row, view: &RunView) -> (u64, u64) {
    match row.progress {
        Some(amount) => (amount.done, amount.total.unwrap_or(0)),
        // Nothing is under way any more; the files tell how large they are.
        None if view.status == RunStatus::Success => {
            let size = downloaded(&view.steps).unwrap_or(0);
            (size, size)
        }
        None => (0, 0),
    }
}

impl Recovering {
    pub(super) fn new(row: &Arc<Row>, view: &RunView) -> Self {
        let error = row.error.as_ref();
        Self {
            operation_id: view.id.to_string(),
            function_name: row.workflow.clone(),
            state: row.status.clone(),
            attempts: row.attempt,
            max_attempts: row.attempts_max,
            error: error.map(|error| error.message.clone()),
            next_retry_at: row.wait.as_ref().and_then(|wait| wait.due_at.clone()),
            created_at: row.started_at.clone(),
            updated_at: updated(view).to_string(),
            metadata: Metadata {
                name: row.name.clone(),
                step: row.step.clone(),
                suggestion: error.and_then(|error| error.hint.clone()),
            },
        }
    }
}

/// The statuses of the old page, which knew no recovery.
fn legacy(status: &str) -> &'static str {
    match status {
        "pending" => "pending",
        "in_progress" | "recovering" => "downloading",
        "paused" => "paused",
        "success" => "completed",
        "cancelled" => "cancelled",
        _ => "failed",
    }
}

/// When something moved last.
fn updated(view: &RunView) -> Timestamp {
    let moves = view.steps.iter().map(|step| step.since).chain(view.ended_at);
    moves.max().unwrap_or(view.started_at).max(view.started_at)
}
