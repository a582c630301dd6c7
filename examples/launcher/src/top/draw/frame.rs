//! The frame: head, body, foot.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use resurge::Timestamp;

use super::{detail, head, list, panels};
use crate::top::app::{App, Pane};
use crate::top::ink::Tone;
use crate::top::screen::{FOOT, HEAD};

/// Draws the state as it is at a moment of our own clock.
pub(in crate::top) fn draw(frame: &mut Frame<'_>, app: &App, here: Timestamp) {
    let area = frame.area();
    let columns = usize::from(area.width);
    put(frame, area, &head::head(app, columns));
    let body = below(area, HEAD, app.screen.body());
    match app.pane {
        Pane::List | Pane::Detail if app.screen.is_wide() => {
            let (list_columns, detail_columns) = (app.screen.list(), app.screen.detail());
            let left = Rect { width: list_columns, ..body };
            put(frame, left, &list::list(app, here, list_columns.into()));
            let rule = Rect { x: body.x + list_columns, width: 1, ..body };
            let style = app.ink.style(Tone::Dim);
            put(frame, rule, &vec![Line::styled("│", style); body.height.into()]);
            let right = Rect { x: rule.x + 2, width: detail_columns, ..body };
            put_scrolled(frame, right, detail_lines(app, here), app.scroll);
        }
        Pane::List => put(frame, body, &list::list(app, here, columns)),
        Pane::Breakers => put(frame, body, &panels::breakers(app, here, columns)),
        _ => put_scrolled(frame, body, scrolled_lines(app, here), app.scroll),
    }
    let foot = below(area, HEAD + app.screen.body(), FOOT);
    put(frame, foot, &[head::foot(app, here, columns)]);
}

fn detail_lines(app: &App, here: Timestamp) -> Vec<Line<'static>> {
    detail::detail(app, here, app.screen.detail().into())
}

/// What is shown and may be longer than the screen.
pub(in crate::top) fn scrolled_lines(app: &App, here: Timestamp) -> Vec<Line<'static>> {
    let columns = app.screen.width.into();
    match app.pane {
        Pane::Detail => detail_lines(app, here),
        Pane::Stats => panels::stats(app, columns),
        Pane::Help => panels::help(app, columns),
        Pane::List | Pane::Breakers => Vec::new(),
    }
}

fn below(area: Rect, lines: u16, height: u16) -> Rect {
    let y = area.y.saturating_add(lines).min(area.bottom());
    Rect { y, height: height.min(area.bottom() - y), ..area }
}

fn put_scrolled(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>, scroll: usize) {
    let last = lines.len().saturating_sub(area.height.into());
    let lines: Vec<_> = lines.into_iter().skip(scroll.min(last)).collect();
    put(frame, area, &lines);
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'_>]) {
    let area = area.intersection(frame.area());
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        let row = Rect { y, height: 1, ..area };
        frame.buffer_mut().set_style(row, line.style);
        frame.buffer_mut().set_line(row.x, y, line, row.width);
    }
}
