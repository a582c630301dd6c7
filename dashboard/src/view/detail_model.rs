//! One operation in full, as data.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{Amount, ErrorCard, Row};

/// One operation in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// Its id.
    pub id: String,
    /// Whether there is no such operation; all else is left out then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// What the list shows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Arc<Row>>,
    /// When it is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<String>,
    /// What it was started with, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// What it gave, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Why it stands where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyCard>,
    /// What a person can do, by the name of the control; advice that has no control stands there too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, ActionCard>,
    /// Its steps by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepCard>,
    /// The graph of its steps, also of those not reached yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<GraphCard>,
    /// One segment for each attempt and one for each wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<TimelineCard>,
    /// The newest events by the number of their record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, EventCard>,
    /// Whether there are older events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_events: bool,
    /// Files that it made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, ArtifactCard>,
}

/// Why an operation stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyCard {
    /// In one sentence.
    pub text: String,
    /// How the delay came about, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arithmetic: Vec<String>,
    /// What else is worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Something that a person can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionCard {
    /// Its place among the others, the mildest first.
    pub index: u32,
    /// What it does, in words.
    pub text: String,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepCard {
    /// Its place in the order of definition.
    pub index: u32,
    /// Its behaviour.
    pub kind: String,
    /// `blocked`, `ready`, `running`, `waiting`, `held`, `succeeded`, `failed` or `stopped`.
    pub status: String,
    /// Steps that must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The attempt, counting those that use up its retries.
    pub attempt: u32,
    /// How many it may have.
    pub attempts_max: u32,
    /// Attempts begun, those that cost nothing included.
    pub attempts: u32,
    /// How far the attempt under way is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Amount>,
    /// Units a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// Time left, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// Since when it stands where it stands.
    pub since: String,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// Resources whose breakers stand in its way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
    /// Why it stands there, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How the delay came about, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arithmetic: Vec<String>,
    /// What went wrong last, unless that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCard>,
    /// What it gave, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// A graph, laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphCard {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Boxes by step.
    pub nodes: BTreeMap<String, NodeCard>,
    /// Lines between them, as SVG path data.
    pub edges: Vec<String>,
}

/// The box of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "what they are called everywhere")]
pub struct NodeCard {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

/// The attempts and waits of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineCard {
    /// Where it begins.
    pub from: String,
    /// Where it ends; left out while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Its lanes by step.
    pub lanes: BTreeMap<String, LaneCard>,
}

/// The attempts and waits of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneCard {
    /// Its place among the others.
    pub index: u32,
    /// In order of time.
    pub segments: Vec<SegmentCard>,
    /// Older segments that were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

/// An attempt or a wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SegmentCard {
    /// `attempt`, `delay`, `hold` or `pause`.
    pub kind: String,
    /// When it began.
    pub from: String,
    /// When it ended; left out while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// `running`, `succeeded`, `failed`, `interrupted` or another word for how an attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What is to be said about it.
    pub text: String,
}

/// An event of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventCard {
    /// When.
    pub at: String,
    /// Its name.
    pub event: String,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What it says.
    pub text: String,
    /// Whether that is good or bad.
    #[serde(default)]
    pub tone: Tone,
}

/// Whether an event is good or bad for the operation that it is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Something has come to a good end.
    Good,
    /// Something went wrong.
    Bad,
    /// Something stands in the way, or was lost.
    Warn,
    /// Neither.
    #[default]
    Plain,
}

/// A file that an operation made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactCard {
    /// The step that made it.
    pub step: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// How large it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Its digest, with the algorithm in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
