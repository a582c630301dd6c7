//! The list of operations.

use ratatui::style::Modifier;
use ratatui::text::Line;
use resurge::Timestamp;
use resurge_dashboard::view::Row;

use super::{paper, words};
use crate::top::app::{App, Pane};
use crate::top::ink::{Ink, Tone, icon};
use crate::top::text::fit;
use crate::top::window::first;

/// A heading and the operations that are seen.
pub(super) fn list(app: &App, here: Timestamp, columns: usize) -> Vec<Line<'static>> {
    let Some(view) = app.view() else { return Vec::new() };
    let list = &view.list;
    let now = app.clock.at(here);
    let mut lines = vec![heading(app, list.total, columns)];
    let total = usize::try_from(list.total).unwrap_or(usize::MAX);
    let seen = app.window.top()..app.window.top().saturating_add(app.window.rows()).min(total);
    for place in seen {
        let id = place.checked_sub(first(list)).and_then(|at| list.order.get(at));
        let Some((id, row)) = id.and_then(|id| Some((id, list.rows.get(id)?))) else {
            lines.push(paper::line(app.ink, columns, [("  …".to_owned(), Tone::Dim)]));
            continue;
        };
        let is_chosen = app.window.selected() == Some(id);
        let line = operation(row, app.ink, now, columns, is_chosen);
        // In the detail the keyboard is elsewhere.
        let is_active = is_chosen && app.pane == Pane::List;
        lines.push(if is_active { line.style(Modifier::REVERSED) } else { line });
    }
    if total == 0 {
        let is_all = app.state.is_none() && app.search.is_empty();
        let text = if is_all { "  no operations yet" } else { "  none fits; esc shows all" };
        lines.push(paper::line(app.ink, columns, [(text.to_owned(), Tone::Dim)]));
    }
    lines
}

fn heading(app: &App, total: u64, columns: usize) -> Line<'static> {
    let last = (app.window.top() + app.window.rows()) as u64;
    let first = if total == 0 { 0 } else { app.window.top() + 1 };
    let search =
        if app.search.is_empty() { String::new() } else { format!(", with \"{}\"", app.search) };
    let order = words::sort(app.sort);
    let text = format!("{first}-{} of {total}, {order}{search}", last.min(total));
    paper::line(app.ink, columns, [(text, Tone::Dim)])
}

/// One operation: what it is, how it stands, what it does.
fn operation(
    row: &Row,
    ink: Ink,
    now: Timestamp,
    columns: usize,
    is_chosen: bool,
) -> Line<'static> {
    let tone = Ink::of_status(&row.status);
    let mark = if is_chosen { '>' } else { ' ' };
    let sign = (format!("{mark}{} ", icon(&row.status)), tone);
    let attempt = if row.attempt > 0 {
        format!("{}/{}", row.attempt, row.attempts_max)
    } else {
        String::new()
    };
    let room = columns.saturating_sub(3);
    if columns < MEDIUM {
        let doing = doing_or_label(row, now, room * 3 / 5);
        let doing_columns = room * 3 / 5;
        let name = fit(&row.name, room.saturating_sub(doing_columns + 1));
        return paper::line(ink, columns, [sign, (name + " ", Tone::Plain), (doing, tone)]);
    }
    let is_full = columns >= FULL;
    let step_columns = if is_full { STEP + 1 } else { 0 };
    let rest = room.saturating_sub(LABEL + ATTEMPT + 3 + step_columns);
    let name_columns = (rest * 2 / 5).min(40);
    let step = fit(row.step.as_deref().unwrap_or_default(), STEP) + " ";
    let mut pieces = vec![
        sign,
        (fit(&row.name, name_columns) + " ", Tone::Plain),
        (fit(&row.label, LABEL) + " ", tone),
    ];
    pieces.extend(is_full.then_some((step, Tone::Dim)));
    pieces.push((fit(&attempt, ATTEMPT) + " ", Tone::Plain));
    pieces.push((words::doing(row, now, rest - name_columns), tone));
    paper::line(ink, columns, pieces)
}

/// What it does, or how it stands if there is nothing to be said about that.
fn doing_or_label(row: &Row, now: Timestamp, columns: usize) -> String {
    let doing = words::doing(row, now, columns);
    let is_over = row.ended_at.is_some();
    if doing.is_empty() || is_over { row.label.clone() } else { doing }
}

/// From here on status and attempt have columns.
const MEDIUM: usize = 48;
/// From here on the step has one as well.
const FULL: usize = 72;
const LABEL: usize = 11;
const STEP: usize = 9;
const ATTEMPT: usize = 5;
