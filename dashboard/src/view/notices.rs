//! What happened lately that somebody may want to be told.

use std::collections::{BTreeMap, VecDeque};

use resurge::RunStatus;
use resurge::journal::Record;
use resurge::journal::event::Event;

use super::entry::Entry;
use super::model::Notice;

/// The newest notices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices(VecDeque<(u64, Notice)>);

/// How many are kept.
const NOTICES: usize = 20;

impl Notices {
    /// Takes in that a run has ended; it is shown as it stands by now.
    pub(crate) fn apply(&mut self, record: &Record, entry: &Entry) {
        let name = &entry.row.name;
        let (kind, text) = match &record.event {
            Event::RunSucceeded(_) if entry.has_failed => {
                ("recovered", format!("{name} recovered and is done"))
            }
            Event::RunSucceeded(_) => ("succeeded", format!("{name} is done")),
            Event::RunFailed(_) | Event::RunExhausted(_) => {
                let word = if entry.status == RunStatus::Exhausted { "gave up" } else { "failed" };
                let why = entry.row.error.as_ref().map(|error| format!(": {}", error.message));
                ("gave_up", format!("{name} {word}{}", why.unwrap_or_default()))
            }
            _ => return,
        };
        let notice = Notice {
            operation: entry.id.to_string(),
            name: name.clone(),
            kind: kind.to_owned(),
            text,
            at: record.at.to_string(),
        };
        self.0.push_back((record.seq.get(), notice));
        while self.0.len() > NOTICES {
            self.0.pop_front();
        }
    }

    /// The notices by the number of their record.
    pub(crate) fn cards(&self) -> BTreeMap<String, Notice> {
        self.0.iter().map(|(seq, notice)| (seq.to_string(), notice.clone())).collect()
    }
}
