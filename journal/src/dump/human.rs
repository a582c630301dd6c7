//! Plain lines.

use std::fmt::{self, Write};

use super::fields::{Value, fields};
use super::json::payload;
use crate::record::Record;

/// A record as one plain line, without the line break.
#[derive(Debug, Clone, Copy)]
pub struct HumanLine<'a>(pub &'a Record);

impl fmt::Display for HumanLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { seq, at, run, event } = self.0;
        let run = run.map_or_else(|| "-".to_owned(), |run| short(&run.to_string()));
        write!(f, "{:>6}  {at}  {run:<8}  {:<19}", seq.get(), event.name())?;
        for (name, value) in fields(event) {
            match (name, &value) {
                // Told in full by `--format jsonl` and by `why`.
                ("evidence" | "parts" | "health" | "admission" | "scope" | "applied", _)
                | (
                    _,
                    Value::Maybe(None)
                    | Value::MaybeCount(None)
                    | Value::MaybeTime(None)
                    | Value::Flag(false),
                ) => {}
                ("step", _) => write!(f, "  {value}")?,
                ("attempt", _) => write!(f, " #{value}")?,
                _ => write!(f, "  {name}={value}")?,
            }
        }
        Ok(())
    }
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) | Value::Maybe(Some(text)) if is_word(text) => f.write_str(text),
            Value::Text(text) | Value::Maybe(Some(text)) => write!(f, "\"{}\"", Plain(text)),
            Value::Maybe(None) | Value::MaybeCount(None) | Value::MaybeTime(None) => {
                f.write_char('-')
            }
            Value::Count(number) | Value::MaybeCount(Some(number)) | Value::Id(number) => {
                number.fmt(f)
            }
            Value::MaybeTime(Some(at)) => at.fmt(f),
            Value::Flag(flag) => flag.fmt(f),
            Value::Uuid(id) => id.fmt(f),
            Value::Payload(json) => {
                let text = serde_json::to_string(&payload(json)).map_err(|_| fmt::Error)?;
                Plain(&glance(&text, GLANCE_CHARS)).fmt(f)
            }
            Value::Tree(tree) => Plain(&glance(&tree.to_string(), GLANCE_CHARS)).fmt(f),
        }
    }
}

/// A line is for a glance, `--format jsonl` tells everything.
const GLANCE_CHARS: usize = 60;

/// The beginning of a payload, and how long it is if that is not all of it.
pub fn glance(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => {
            format!("{}… ({} bytes)", text.get(..end).unwrap_or(text), text.len())
        }
        None => text.to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_./:".contains(c))
}

/// A text of unknown origin: what could command a terminal is spelled out.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}
