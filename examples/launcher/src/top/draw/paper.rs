//! Lines that are being written.

use ratatui::text::{Line, Span};

use crate::top::ink::{Ink, Tone};
use crate::top::text;

/// Lines of one width, the one below the other.
#[derive(Debug)]
pub(super) struct Paper {
    ink: Ink,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Paper {
    pub(super) const fn new(ink: Ink, columns: usize) -> Self {
        Self { ink, columns, lines: Vec::new() }
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns
    }

    /// A heading, with a blank line before it.
    pub(super) fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.text(0, text, Tone::Title);
    }

    /// A text that may take several lines, so many columns from the left.
    pub(super) fn text(&mut self, indent: usize, text: &str, tone: Tone) {
        for line in text::wrap(text, self.columns.saturating_sub(indent)) {
            let line = format!("{}{line}", " ".repeat(indent));
            self.lines.push(Line::from(Span::styled(line, self.ink.style(tone))));
        }
    }

    /// One line of several pieces, without what does not fit.
    pub(super) fn line(&mut self, pieces: impl IntoIterator<Item = (String, Tone)>) {
        self.lines.push(line(self.ink, self.columns, pieces));
    }

    pub(super) fn into_lines(self) -> Vec<Line<'static>> {
        self.lines
    }
}

/// One line of several pieces, without what does not fit.
pub(super) fn line(
    ink: Ink,
    columns: usize,
    pieces: impl IntoIterator<Item = (String, Tone)>,
) -> Line<'static> {
    let mut left = columns;
    let mut spans = Vec::new();
    for (piece, tone) in pieces {
        let piece = text::cut(&piece, left);
        left -= text::width(&piece).min(left);
        if !piece.is_empty() {
            spans.push(Span::styled(piece, ink.style(tone)));
        }
    }
    Line::from(spans)
}
