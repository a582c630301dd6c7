//! What a rule of classification looked at.

use serde::{Deserialize, Serialize};

use super::cut;

/// What a rule of classification looked at, secrets redacted, so that rules can be run again.
///
/// Bounded: what does not fit is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Typed findings from the outermost error inwards, as `name:value`, such as `errno:111`.
    facts: Vec<String>,
    /// What the errors say, outermost first.
    texts: Vec<String>,
}

impl Evidence {
    /// Most facts, and most texts.
    pub const ENTRIES_MAX: usize = 16;
    /// Longest fact, in bytes.
    pub const FACT_BYTES_MAX: usize = 96;
    /// Longest text, in bytes.
    pub const TEXT_BYTES_MAX: usize = 160;

    /// Adds a finding; false if there is no room for it.
    pub fn fact(&mut self, name: &str, value: impl std::fmt::Display) -> bool {
        push(&mut self.facts, format!("{name}:{value}"), Self::FACT_BYTES_MAX)
    }

    /// Adds what an error says; false if there is no room for it.
    pub fn text(&mut self, text: impl Into<String>) -> bool {
        push(&mut self.texts, text.into(), Self::TEXT_BYTES_MAX)
    }

    /// The findings, as names and values, in the order in which they were made.
    pub fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.iter().map(|fact| fact.split_once(':').unwrap_or((fact, "")))
    }

    /// The value of the first finding with a name.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.facts().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// What the errors say, outermost first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// Whether nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.texts.is_empty()
    }
}

fn push(entries: &mut Vec<String>, entry: String, bytes_max: usize) -> bool {
    let has_room = entries.len() < Evidence::ENTRIES_MAX;
    if has_room {
        entries.push(cut(entry, bytes_max));
    }
    has_room
}
