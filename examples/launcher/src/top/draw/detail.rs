//! One operation in full.

use ratatui::text::Line;
use resurge::Timestamp;
use resurge_dashboard::view::{Detail, ErrorCard, Row, StepCard, WhyCard};

use super::paper::Paper;
use super::{gantt, words};
use crate::top::app::App;
use crate::top::ask::{SKIP, Verb};
use crate::top::clock;
use crate::top::ink::{Ink, Tone, icon};
use crate::top::text::fit;

/// The chosen operation.
pub(super) fn detail(app: &App, here: Timestamp, columns: usize) -> Vec<Line<'static>> {
    let mut paper = Paper::new(app.ink, columns);
    let Some(id) = app.chosen() else { return Vec::new() };
    let known = app.view().and_then(|view| view.detail.as_ref());
    let Some(detail) = known.filter(|detail| detail.id == id) else {
        paper.text(0, "…", Tone::Dim);
        return paper.into_lines();
    };
    let Some(row) = detail.row.as_deref().filter(|_| !detail.missing) else {
        paper.text(0, "this operation is no longer kept", Tone::Dim);
        return paper.into_lines();
    };
    let now = app.clock.at(here);
    title(&mut paper, detail, row);
    if let Some(card) = &detail.why {
        why(&mut paper, card, row, now);
    }
    if let Some(card) = &row.error {
        error(&mut paper, card);
    }
    actions(&mut paper, detail, row);
    steps(&mut paper, detail, row.status != "paused", now);
    story(&mut paper, detail, now);
    made(&mut paper, detail);
    events(&mut paper, detail);
    paper.into_lines()
}

fn title(paper: &mut Paper, detail: &Detail, row: &Row) {
    paper.text(0, &row.name, Tone::Title);
    let tone = Ink::of_status(&row.status);
    let status = format!("{} {}", icon(&row.status), row.label);
    let attempt = if row.attempt > 0 {
        format!(", attempt {}/{}", row.attempt, row.attempts_max)
    } else {
        String::new()
    };
    paper.line([
        (status + &attempt, tone),
        (format!("  {} of {} steps", row.steps_done, row.steps_total), Tone::Plain),
    ]);
    paper.text(0, &format!("{} {}", row.workflow, detail.id), Tone::Dim);
}

fn why(paper: &mut Paper, card: &WhyCard, row: &Row, now: Timestamp) {
    paper.heading("Why");
    paper.text(2, &card.text, Tone::Plain);
    let due = row.wait.as_ref().and_then(|wait| wait.due_at.as_deref());
    if let Some(left) = due.and_then(|due| clock::left(due, now)) {
        paper.text(2, &format!("left: {left}"), Tone::Warn);
    }
    for line in card.arithmetic.iter().chain(&card.notes) {
        paper.text(4, line, Tone::Dim);
    }
}

fn error(paper: &mut Paper, card: &ErrorCard) {
    paper.heading(&format!("{} ({}/{})", card.title, card.class, card.kind));
    paper.text(2, &card.message, Tone::Bad);
    if let Some(hint) = &card.hint {
        paper.text(2, &format!("what to do: {hint}"), Tone::Plain);
    }
}

/// What a person can do, in the words of the engine; a key stands before what has one.
fn actions(paper: &mut Paper, detail: &Detail, row: &Row) {
    let mut actions: Vec<_> = detail.actions.iter().collect();
    actions.sort_by_key(|(_, action)| action.index);
    if actions.is_empty() {
        return;
    }
    paper.heading("What you can do");
    for (name, action) in actions {
        let verb = Verb::ALL.into_iter().find(|verb| verb.name() == name);
        let verb = verb.filter(|_| row.can.iter().any(|can| can == name));
        let skip = name.strip_prefix("skip:").map(|_| SKIP);
        let key = verb.map(Verb::key).or(skip).unwrap_or('-');
        paper.text(2, &format!("{key}  {}", action.text), Tone::Plain);
    }
}

fn steps(paper: &mut Paper, detail: &Detail, is_counting: bool, now: Timestamp) {
    paper.heading("Steps");
    let mut steps: Vec<_> = detail.steps.iter().collect();
    steps.sort_by_key(|(_, step)| step.index);
    for (key, step) in steps {
        let tone = Ink::of_status(&step.status);
        let mut pieces = vec![
            (format!("  {} {} ", icon(&step.status), fit(key, 12)), Tone::Plain),
            (fit(&step.status, 10), tone),
        ];
        if step.attempt > 0 {
            pieces.push((format!(" {}/{}", step.attempt, step.attempts_max), Tone::Plain));
        }
        if let Some(percent) = step.progress.and_then(words::share) {
            pieces.push((format!(" {}", words::bar(percent, 8)), tone));
        }
        let pace = words::pace(step.rate, step.eta_ms);
        pieces.push((format!(" {pace}"), Tone::Plain));
        paper.line(pieces);
        waits(paper, step, is_counting, now);
    }
}

/// Why a step stands where it stands, if that is not plain.
fn waits(paper: &mut Paper, step: &StepCard, is_counting: bool, now: Timestamp) {
    let is_plain = matches!(step.status.as_str(), "running" | "succeeded" | "stopped");
    if let Some(text) = step.text.as_ref().filter(|_| !is_plain) {
        let due = step.due_at.as_deref().filter(|_| is_counting);
        let left = due.and_then(|due| clock::left(due, now));
        let left = left.map(|left| format!(" ({left})")).unwrap_or_default();
        paper.text(6, &format!("{text}{left}"), Tone::Dim);
    }
}

fn story(paper: &mut Paper, detail: &Detail, now: Timestamp) {
    let Some(timeline) = &detail.timeline else { return };
    let to = timeline.to.as_deref().map_or("now", clock::time_of_day);
    paper.heading(&format!("From {} to {to} (UTC)", clock::time_of_day(&timeline.from)));
    let mut lanes: Vec<_> = timeline.lanes.iter().collect();
    lanes.retain(|(_, lane)| !lane.segments.is_empty());
    lanes.sort_by_key(|(_, lane)| lane.index);
    let columns = paper.columns().saturating_sub(LANE + 5);
    for (key, lane) in lanes {
        let bar = gantt::bar(timeline, &lane.segments, now, columns);
        paper.line([
            (format!("  {} ", fit(key, LANE)), Tone::Plain),
            (format!("|{bar}|"), Tone::Busy),
        ]);
        if lane.dropped > 0 {
            paper.text(4, &format!("{} older blocks are not shown", lane.dropped), Tone::Dim);
        }
    }
    paper.text(2, gantt::LEGEND, Tone::Dim);
}

fn made(paper: &mut Paper, detail: &Detail) {
    if detail.artifacts.is_empty() {
        return;
    }
    paper.heading("Files");
    for file in detail.artifacts.values() {
        let size = file.bytes.map(crate::ui::words::bytes).unwrap_or_default();
        paper.text(2, &format!("{} {size}", file.path), Tone::Plain);
        paper.text(4, file.digest.as_deref().unwrap_or_default(), Tone::Dim);
    }
}

fn events(paper: &mut Paper, detail: &Detail) {
    let mut events: Vec<_> = detail.events.iter().collect();
    events.sort_by_key(|(seq, _)| std::cmp::Reverse(seq.parse::<u64>().unwrap_or(0)));
    paper.heading("Events, the newest first (UTC)");
    for (_, event) in events {
        paper.text(2, &format!("{} {}", clock::time_of_day(&event.at), event.text), Tone::Plain);
    }
    if detail.more_events {
        paper.text(2, "older ones: `journal-dump show`", Tone::Dim);
    }
}

/// Columns of the name of a lane.
const LANE: usize = 10;
