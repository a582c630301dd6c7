//! The lines above and below.

use ratatui::style::Modifier;
use ratatui::text::Line;
use resurge::Timestamp;
use resurge_dashboard::view::{Counts, STATES, View};

use super::{paper, words};
use crate::top::app::{self, App, Pane};
use crate::top::ask::Ask;
use crate::top::ink::{Ink, Tone, icon};
use crate::top::text;

/// Totals, and operations by status.
pub(super) fn head(app: &App, columns: usize) -> Vec<Line<'static>> {
    vec![totals(app, columns), statuses(app, columns)]
}

fn totals(app: &App, columns: usize) -> Line<'static> {
    let mut pieces = Vec::new();
    let name = app.view().map_or("launcher", |view| view.engine.name.as_str());
    pieces.push((format!("{name}  "), Tone::Title));
    match &app.line {
        app::Line::Waiting => pieces.push(("connecting …".to_owned(), Tone::Dim)),
        // It stands first: all else on the screen is as it was.
        app::Line::Lost(why) => pieces.push((format!("✗ not live: {why}  "), Tone::Bad)),
        app::Line::Live => {}
    }
    if let Some(view) = app.view() {
        pieces.extend(sums(view));
    }
    paper::line(app.ink, columns, pieces)
}

fn sums(view: &View) -> Vec<(String, Tone)> {
    let totals = &view.totals;
    let mut pieces = Vec::new();
    if view.engine.state != "running" {
        pieces.push(("engine stopped  ".to_owned(), Tone::Bad));
    }
    pieces.push((format!("{} active  ", totals.active), Tone::Plain));
    if totals.active > 0 {
        let left = if totals.eta_ms.is_some() { " left" } else { "" };
        let pace = words::pace(Some(totals.rate), totals.eta_ms);
        pieces.push((format!("{pace}{left}  "), Tone::Busy));
    }
    let down = view.breakers.values().filter(|breaker| breaker.state != "closed").count();
    if down > 0 {
        let noun = if down == 1 { "breaker" } else { "breakers" };
        pieces.push((format!("{down} {noun} open  "), Tone::Warn));
    }
    if view.engine.read_only {
        pieces.push(("read-only".to_owned(), Tone::Dim));
    }
    pieces
}

/// Operations by status with the digits that choose them.
fn statuses(app: &App, columns: usize) -> Line<'static> {
    let counts = app.view().map(|view| view.counts).unwrap_or_default();
    let mut line = Line::default();
    let mut left = columns;
    let all = std::iter::once((None, "all", counts.all));
    let states =
        STATES.iter().enumerate().map(|(at, state)| (Some(at), *state, count(counts, state)));
    for (at, state, count) in all.chain(states) {
        let is_chosen = app.state == at;
        if count == 0 && !is_chosen && at.is_some() {
            continue;
        }
        let digit = at.map_or(0, |at| at + 1);
        let sign = at.map(|_| icon(state)).map(String::from).unwrap_or_default();
        let chip = format!("{digit}:{sign}{} {count}", state.replace('_', " "));
        let chip = text::cut(&chip, left);
        left = left.saturating_sub(text::width(&chip) + 2);
        let tone = if at.is_some() { Ink::of_status(state) } else { Tone::Plain };
        let mut style = app.ink.style(tone);
        if is_chosen {
            style = style.add_modifier(Modifier::REVERSED);
        }
        line.push_span(ratatui::text::Span::styled(chip, style));
        line.push_span("  ");
    }
    line
}

fn count(counts: Counts, state: &str) -> u64 {
    match state {
        "pending" => counts.pending,
        "in_progress" => counts.in_progress,
        "recovering" => counts.recovering,
        "waiting" => counts.waiting,
        "paused" => counts.paused,
        "success" => counts.success,
        "failed" => counts.failed,
        "exhausted" => counts.exhausted,
        _ => counts.cancelled,
    }
}

/// A question, or the search, or what was said last, or the keys.
pub(super) fn foot(app: &App, here: Timestamp, columns: usize) -> Line<'static> {
    if let Some(question) = &app.question {
        // The answer must be in sight, however long the question is.
        let text = text::cut(&question.text, columns.saturating_sub(ANSWERS.len()));
        return paper::line(
            app.ink,
            columns,
            [(text, Tone::Bad), (ANSWERS.to_owned(), Tone::Title)],
        );
    }
    if let Some(ask @ Ask::Skip { output, .. }) = &app.unsaid {
        if let Some(said) =
            app.said.as_ref().filter(|said| said.is_fresh(here) && said.tone == Tone::Warn)
        {
            return paper::line(app.ink, columns, [(said.text.clone(), said.tone)]);
        }
        // What is typed last must be in sight.
        let label = format!("{}; its output as JSON: ", ask.title());
        let room = columns.saturating_sub(text::width(&label) + 1);
        let typed = format!("{}▏", text::end(output, room));
        return paper::line(app.ink, columns, [(label, Tone::Plain), (typed, Tone::Title)]);
    }
    if app.is_typing {
        let text = format!("/{}▏", app.search);
        return paper::line(app.ink, columns, [(text, Tone::Title)]);
    }
    if let Some(said) = app.said.as_ref().filter(|said| said.is_fresh(here)) {
        return paper::line(app.ink, columns, [(said.text.clone(), said.tone)]);
    }
    paper::line(app.ink, columns, [(hints(app.pane).to_owned(), Tone::Dim)])
}

const ANSWERS: &str = "  y yes, any other key no";

const fn hints(pane: Pane) -> &'static str {
    match pane {
        Pane::List => {
            "? help  q quit  ↵ detail  / search  p pause  r resume  n retry  f force  c cancel  b breakers  s statistics  o order"
        }
        Pane::Detail => {
            "? help  q quit  esc back  ↑↓ scroll  p pause  r resume  n retry  f force  x no more retries  c cancel"
        }
        Pane::Breakers => {
            "? help  esc back  ↑↓ choose  p probe  c close  i isolate  d disable  e enforce"
        }
        Pane::Stats | Pane::Help => "esc back  ↑↓ scroll  q quit",
    }
}
