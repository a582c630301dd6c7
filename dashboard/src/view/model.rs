//! What people see, as data: the one object that a page or a terminal shows.
//!
//! Two rules keep the patches between two of them small: what is not there is left out instead of
//! being null, and nothing that changes stands in an array of objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::detail_model::Detail;
use super::number::short;

/// Version of the view-model.
pub const VIEW_VERSION: u32 = 1;

/// What a subscription shows at one moment.
///
/// Times are RFC 3339 in UTC with milliseconds, durations milliseconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// Version of the view-model.
    pub v: u32,
    /// Every record up to this one is in it.
    pub seq: u64,
    /// The engine's clock; countdowns go by the difference to one's own.
    pub now: String,
    /// The engine that is shown.
    pub engine: EngineCard,
    /// Operations by status, of those that fit everything but the status.
    pub counts: Counts,
    /// All transfers under way together.
    pub totals: Totals,
    /// Breakers by key: those that are not simply closed, or all of them.
    pub breakers: BTreeMap<String, BreakerCard>,
    /// How well recovery works.
    pub stats: StatsCard,
    /// Settings by name, when they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<BTreeMap<String, SettingCard>>,
    /// The window of the list.
    pub list: List,
    /// The operation that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// What happened lately that somebody may want to be told, by the number of its record.
    pub notices: BTreeMap<String, Notice>,
    /// Buttons of whoever embeds the dashboard.
    pub buttons: BTreeMap<String, ButtonCard>,
}

/// The engine that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineCard {
    /// Name of the program that embeds it.
    pub name: String,
    /// Version of the dashboard.
    pub version: String,
    /// Whether nothing can be changed from here.
    pub read_only: bool,
    /// `running` or `stopped`.
    pub state: String,
    /// When somebody looked for the first time; the engine may have been at work for long by then.
    pub started_at: String,
}

/// Operations by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names of the statuses")]
pub struct Counts {
    pub all: u64,
    pub pending: u64,
    pub in_progress: u64,
    pub recovering: u64,
    /// Those that wait for something, whatever their status.
    pub waiting: u64,
    pub paused: u64,
    pub success: u64,
    pub failed: u64,
    pub exhausted: u64,
    pub cancelled: u64,
}

/// All transfers under way together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Operations with an attempt under way.
    pub active: u64,
    /// What is done of these.
    pub done: u64,
    /// What there is to do, of those that know.
    pub total: u64,
    /// Units a second, lately; 0 when nothing comes any more.
    pub rate: u64,
    /// Time left, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
}

/// A part of the operations in their order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List {
    /// Operations that fit.
    pub total: u64,
    /// Place of the first one of the window.
    pub from: u64,
    /// Ids of the window, in order.
    pub order: Vec<String>,
    /// The operations of the window by id.
    pub rows: BTreeMap<String, Arc<Row>>,
}

/// One operation in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// The caller's name for it, or its id.
    pub name: String,
    /// Its workflow.
    pub workflow: String,
    /// `pending`, `in_progress`, `recovering`, `paused`, `success`, `failed`, `exhausted` or `cancelled`.
    pub status: String,
    /// The status in words.
    pub label: String,
    /// The record that moved it last, for `If-Match`.
    pub version: u64,
    /// The step that decides about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Steps that are done.
    pub steps_done: u32,
    /// Steps that there are.
    pub steps_total: u32,
    /// The attempt of that step, counting those that use up its retries.
    pub attempt: u32,
    /// How many it may have.
    pub attempts_max: u32,
    /// How far the whole operation is, in percent, if that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// How far the attempt under way is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Amount>,
    /// Units a second of the attempt under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// Time left of the attempt under way, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitCard>,
    /// What went wrong last, unless that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCard>,
    /// When it was started.
    pub started_at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What can be asked of it now.
    pub can: Vec<String>,
}

/// So much of so much, in the step's own unit (bytes for downloads).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// What is done.
    pub done: u64,
    /// What there is to do, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// What an operation waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitCard {
    /// `backoff`, `server_delay`, `budget`, `breaker`, `disk_space`, `slot`, `paused`, `parked` or `other`.
    pub kind: String,
    /// The same in words that stay true while time passes.
    pub text: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// The host or other resource that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorCard {
    /// Its class, such as `throttled`.
    pub class: String,
    /// One of the five groups that people see.
    pub group: String,
    /// Its stable code.
    pub kind: String,
    /// The group in words.
    pub title: String,
    /// What was said.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The host or other resource that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerCard {
    /// Its place among the others.
    pub index: u32,
    /// What people call what it guards.
    pub name: String,
    /// `closed`, `open` or `half_open`.
    pub state: String,
    /// `enforced`, `isolated`, `disabled` or `metrics_only`.
    pub mode: String,
    /// Where it stands, in words.
    pub text: String,
    /// When it opened, while it is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<String>,
    /// When its break ends and a probe is let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Failures in a row while it is closed.
    pub failures_in_row: u32,
    /// Failures in a row that open it, as set for all.
    pub threshold: u32,
    /// Trips in a row.
    pub trips: u32,
    /// Steps that wait behind it.
    pub held: u64,
    /// The operation whose attempt is the probe under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_name: Option<String>,
    /// Who set its mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<SetBy>,
    /// What can be asked of it now.
    pub can: Vec<String>,
}

/// Who set a mode, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetBy {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// How well recovery works.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsCard {
    /// Operations started.
    pub total: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that succeeded after a failure.
    pub recovered: u64,
    /// Those that failed or ran out of retries.
    pub failed: u64,
    /// Those that were called off.
    pub cancelled: u64,
    /// Attempts after the first one of their step.
    pub retry_attempts: u64,
    /// Times that a breaker opened.
    pub breaker_trips: u64,
    /// Mean time from the first failure to success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_recovery_ms: Option<u64>,
    /// Share of the ended ones that succeeded, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// Failed attempts by class, the most first; when asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<String, CauseCard>,
    /// What hosts did, those with the most failures first; when asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, HostCard>,
    /// The last minutes, the newest first; when asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recent: BTreeMap<String, MinuteCard>,
}

/// Failures of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CauseCard {
    /// Its place among the others.
    pub index: u32,
    /// Failed attempts.
    pub failures: u64,
    /// Those that were followed by another attempt.
    pub retried: u64,
}

/// What a host or other resource did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCard {
    /// Its place among the others.
    pub index: u32,
    /// What people call it.
    pub name: String,
    /// Attempts that showed that it works.
    pub alive: u64,
    /// Attempts that showed that it fails.
    pub failing: u64,
    /// Times that its breaker opened.
    pub trips: u64,
}

/// What happened within a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MinuteCard {
    /// When the minute began.
    pub from: String,
    /// Operations that succeeded.
    pub succeeded: u32,
    /// Operations that failed or ran out of retries.
    pub failed: u32,
    /// Attempts after the first one of their step.
    pub retries: u32,
}

/// A setting that people can change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingCard {
    /// Its place among the others.
    pub index: u32,
    /// The value that was set; left out where each operation has its own.
    #[serde(default, serialize_with = "short", skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What holds when nothing is set, where that is the same for all.
    #[serde(default, serialize_with = "short", skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
    /// Whether somebody has set it.
    pub changed: bool,
    /// `count`, `ms`, `factor` or `bytes_per_second`.
    pub unit: String,
    /// The least that it can be.
    #[serde(serialize_with = "short")]
    pub min: f64,
    /// The most that it can be set to from here, if there is such a bound.
    #[serde(default, serialize_with = "short", skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Its name for people.
    pub label: String,
    /// What it does.
    pub help: String,
}

/// Something that somebody may want to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// The operation.
    pub operation: String,
    /// Its name.
    pub name: String,
    /// `gave_up`, `recovered` or `succeeded`.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// When.
    pub at: String,
}

/// A button of whoever embeds the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ButtonCard {
    /// Its place among the others.
    pub index: u32,
    /// What stands on it.
    pub label: String,
    /// What it does.
    pub title: String,
    /// What is asked before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}
