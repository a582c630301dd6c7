//! One operation in full.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use resurge::journal::explain::{Action, StepExplanation};
use resurge::journal::graph::Layout;
use resurge::journal::timeline::{Entry as Told, Lane, Segment, SegmentKind, Timeline};
use resurge::{Json, SeenRun, StepKey, StepView, Timestamp};

use super::detail_model::{
    ActionCard, ArtifactCard, Detail, EventCard, GraphCard, LaneCard, NodeCard, SegmentCard,
    StepCard, TimelineCard, WhyCard,
};
use super::entry::{DOWNLOAD, Readings};
use super::model::{Amount, Row};
use super::row::{attempt, error, verb};
use super::{redact, words};

/// What does not change while an operation stands where it stands, and costs something to write.
#[derive(Debug)]
pub(crate) struct Still {
    input: String,
    output: Option<String>,
    /// What steps gave.
    outputs: HashMap<StepKey, String>,
    artifacts: BTreeMap<String, ArtifactCard>,
}

impl Still {
    pub(crate) fn new(seen: &SeenRun) -> Self {
        let view = &seen.view;
        let given = view.steps.iter().filter_map(|step| Some((step, step.output.as_ref()?)));
        Self {
            input: json(&view.input),
            output: view.output.as_ref().map(json),
            outputs: given.map(|(step, output)| (step.key.clone(), json(output))).collect(),
            artifacts: artifacts(&view.steps),
        }
    }
}

/// One operation in full.
pub(crate) fn detail(
    still: &Still,
    seen: &SeenRun,
    row: Arc<Row>,
    story: &Timeline,
    graph: Option<&Layout>,
    readings: Option<&Readings>,
) -> Detail {
    let view = &seen.view;
    let step = |(index, step): (u32, &StepView)| {
        let told = seen.why.steps.iter().find(|told| told.step == step.key);
        let output = still.outputs.get(&step.key).cloned();
        (step.key.to_string(), step_card(index, step, output, told, readings))
    };
    Detail {
        id: view.id.to_string(),
        missing: false,
        row: Some(row),
        deadline_at: seen.why.deadline_at.map(|at| at.to_string()),
        input: Some(still.input.clone()),
        output: still.output.clone(),
        why: Some(why(seen)),
        actions: actions(&seen.why.actions),
        steps: (0..).zip(&view.steps).map(step).collect(),
        graph: graph.map(graph_card),
        timeline: Some(timeline(view.started_at, view.ended_at, story)),
        events: story.events().map(event).collect(),
        more_events: story.events_left_out() > 0,
        artifacts: still.artifacts.clone(),
    }
}

impl Detail {
    /// The same without what can be asked of it; advice stays.
    pub(crate) fn without_controls(mut self) -> Self {
        let Some(row) = self.row.as_mut() else { return self };
        let is_control = |name: &str| {
            let verb = name.split(':').next();
            verb.is_some_and(|verb| row.can.iter().any(|can| can == verb))
        };
        self.actions.retain(|name, _| !is_control(name));
        Arc::make_mut(row).can.clear();
        self
    }
}

/// Why it stands where it stands, with the arithmetic of the step that decides.
fn why(seen: &SeenRun) -> WhyCard {
    let why = &seen.why;
    let step = why.step.as_ref().and_then(|key| why.steps.iter().find(|step| step.step == *key));
    let text = words::cause(&why.cause);
    WhyCard {
        text: match &why.step {
            Some(step) if !seen.view.status.is_final() => format!("step {step}: {text}"),
            _ => text,
        },
        arithmetic: step.map(|step| step.arithmetic.clone()).unwrap_or_default(),
        notes: step
            .map(|step| step.notes.iter().map(|note| clean(note)).collect())
            .unwrap_or_default(),
    }
}

/// What a person can do; what has a control stands under its name, other advice under its own.
fn actions(known: &[Action]) -> BTreeMap<String, ActionCard> {
    let mut cards = BTreeMap::new();
    for (index, action) in (0..).zip(known) {
        let step = match action {
            Action::Skip { step } | Action::Heed { step, .. } => Some(step.to_string()),
            _ => None,
        };
        let name = verb(action).map_or_else(|| action.name().replace('_', "-"), str::to_owned);
        let name = match &step {
            Some(step) => format!("{name}:{step}"),
            None => name,
        };
        let text = redact::text(&action.to_string()).into_owned();
        cards.entry(name).or_insert(ActionCard { index, text, step });
    }
    cards
}

/// A text without secrets.
fn clean(text: &str) -> String {
    redact::text(text).into_owned()
}

fn step_card(
    index: u32,
    step: &StepView,
    output: Option<String>,
    told: Option<&StepExplanation>,
    readings: Option<&Readings>,
) -> StepCard {
    let reading = readings.and_then(|known| known.get(&step.key));
    StepCard {
        index,
        kind: step.kind.clone(),
        status: step.status.name().to_owned(),
        needs: step.needs.iter().map(ToString::to_string).collect(),
        attempt: attempt(step),
        attempts_max: step.max_attempts,
        attempts: step.attempts.get(),
        progress: reading.map(|known| Amount { done: known.done, total: known.total }),
        rate: reading.and_then(|known| known.rate),
        eta_ms: reading.and_then(|known| known.eta_ms),
        since: step.since.to_string(),
        due_at: step.next_attempt_at.map(|at| at.to_string()),
        held_by: step.held_by.iter().map(ToString::to_string).collect(),
        text: told.map(|told| words::cause(&told.cause)),
        arithmetic: told.map(|told| told.arithmetic.clone()).unwrap_or_default(),
        error: step.last_failure.as_ref().map(error),
        output,
    }
}

fn graph_card(layout: &Layout) -> GraphCard {
    let node = |node: &resurge::journal::graph::Node| {
        let card = NodeCard { x: node.x, y: node.y, w: node.w, h: node.h };
        (node.key.to_string(), card)
    };
    GraphCard {
        width: layout.width,
        height: layout.height,
        nodes: layout.nodes.iter().map(node).collect(),
        edges: layout.edges.iter().map(|edge| edge.path.clone()).collect(),
    }
}

fn timeline(from: Timestamp, to: Option<Timestamp>, story: &Timeline) -> TimelineCard {
    let lane = |(index, lane): (u32, &Lane)| {
        let segments = lane.segments().iter().map(segment).collect();
        (lane.step().to_string(), LaneCard { index, segments, dropped: lane.dropped() })
    };
    TimelineCard {
        from: from.to_string(),
        to: to.map(|at| at.to_string()),
        lanes: (0..).zip(story.lanes()).map(lane).collect(),
    }
}

fn segment(segment: &Segment) -> SegmentCard {
    let (attempt, outcome) = match &segment.kind {
        SegmentKind::Attempt { number, outcome, .. } => {
            (Some(number.get()), Some(outcome.name().to_owned()))
        }
        _ => (None, None),
    };
    SegmentCard {
        kind: segment.kind.name().to_owned(),
        from: segment.from.to_string(),
        to: segment.to.map(|at| at.to_string()),
        attempt,
        outcome,
        text: redact::text(&segment.text).into_owned(),
    }
}

fn event(told: &Told) -> (String, EventCard) {
    let card = EventCard {
        at: told.at.to_string(),
        event: told.event.to_owned(),
        step: told.step.as_ref().map(ToString::to_string),
        attempt: told.attempt.map(resurge::journal::AttemptNo::get),
        text: redact::text(&told.text).into_owned(),
        tone: words::tone(told.event),
    };
    (told.seq.to_string(), card)
}

/// Files that steps say they have made: an output with a path.
fn artifacts(steps: &[StepView]) -> BTreeMap<String, ArtifactCard> {
    let made = steps.iter().filter_map(|step| Some((step, step.output.as_ref()?)));
    let cards = made.filter_map(|(step, output)| artifact(step, output));
    (0_u32..).zip(cards).map(|(index, card)| (index.to_string(), card)).collect()
}

/// Bytes of the files that downloads have made, or else of the last file made; none if no step says.
pub(crate) fn downloaded(steps: &[StepView]) -> Option<u64> {
    let sizes = |is_wanted: fn(&StepView) -> bool| {
        let made = steps.iter().filter(move |step| is_wanted(step));
        made.filter_map(|step| artifact(step, step.output.as_ref()?)?.bytes)
    };
    let fetched = sizes(|step| step.kind == DOWNLOAD).reduce(u64::saturating_add);
    fetched.or_else(|| sizes(|_| true).next_back())
}

fn artifact(step: &StepView, output: &Json) -> Option<ArtifactCard> {
    let output: serde_json::Value = output.read().ok()?;
    let path = clean(output.get("path")?.as_str()?);
    let bytes = output.get("bytes").or_else(|| output.get("size"));
    let digest = output.get("digest").and_then(serde_json::Value::as_object);
    let digest = digest.and_then(|digest| digest.iter().next());
    Some(ArtifactCard {
        step: step.key.to_string(),
        name: path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned(),
        path,
        bytes: bytes.and_then(serde_json::Value::as_u64),
        digest: digest.and_then(|(name, hex)| Some(format!("{name}:{}", hex.as_str()?))),
    })
}

/// A payload as people read it, without secrets and not longer than they read.
fn json(payload: &Json) -> String {
    let text = redact::json(payload.as_str());
    let pretty = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok());
    let mut text = pretty.unwrap_or(text);
    if text.len() > PAYLOAD_BYTES_MAX {
        let end = (0..=PAYLOAD_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// Most bytes of a payload that are shown.
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
