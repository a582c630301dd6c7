//! Colours, for those who want them; nothing is told by colour alone.

use ratatui::style::{Color, Modifier, Style};

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Colours.
    Colours,
    /// Bold, dim and reverse only.
    Plain,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Title,
    Busy,
    Good,
    Warn,
    Bad,
}

impl Ink {
    /// What the variable `NO_COLOR` asks for: no colours if it is set to anything.
    pub(crate) fn wanted(no_color: Option<&std::ffi::OsStr>) -> Self {
        if no_color.is_some_and(|value| !value.is_empty()) { Self::Plain } else { Self::Colours }
    }

    /// How a piece of text is drawn.
    pub(crate) const fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        let (style, colour) = match tone {
            Tone::Plain => return style,
            Tone::Dim => return style.add_modifier(Modifier::DIM),
            Tone::Title => return style.add_modifier(Modifier::BOLD),
            Tone::Busy => (style, Color::Cyan),
            Tone::Good => (style, Color::Green),
            Tone::Warn => (style, Color::Yellow),
            Tone::Bad => (style.add_modifier(Modifier::BOLD), Color::Red),
        };
        match self {
            Self::Colours => style.fg(colour),
            Self::Plain => style,
        }
    }

    /// The tone of a status.
    pub(crate) fn of_status(status: &str) -> Tone {
        match status {
            "in_progress" | "running" => Tone::Busy,
            "recovering" | "waiting" | "held" => Tone::Warn,
            "success" | "succeeded" => Tone::Good,
            "failed" | "exhausted" => Tone::Bad,
            "pending" | "blocked" | "ready" | "cancelled" | "stopped" => Tone::Dim,
            _ => Tone::Plain,
        }
    }
}

/// The sign of a status; the words stand beside it.
pub(crate) fn icon(status: &str) -> char {
    match status {
        "in_progress" | "running" => '▶',
        "recovering" | "waiting" => '↻',
        "paused" | "held" => '‖',
        "success" | "succeeded" => '✓',
        "failed" => '✗',
        "exhausted" => '!',
        "cancelled" | "stopped" => '–',
        _ => '·',
    }
}
