//! What happened lately that somebody may want to be told.

use std::collections::{BTreeMap, VecDeque};

use resurge::journal::Record;
use resurge::journal::event::Event;
use resurge::{RunStatus, SeenRun};

use super::model::Notice;
use super::redact;
use super::row::name;

/// The newest notices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices(VecDeque<(u64, Notice)>);

/// How many are kept.
const NOTICES: usize = 20;

impl Notices {
    /// Takes in that a run has ended; it is seen as it stands by now.
    pub(crate) fn apply(&mut self, record: &Record, seen: &SeenRun) {
        let view = &seen.view;
        let name = name(view);
        let (kind, text) = match &record.event {
            Event::RunSucceeded(_) if view.first_failed_at.is_some() => {
                ("recovered", format!("{name} recovered and is done"))
            }
            Event::RunSucceeded(_) => ("succeeded", format!("{name} is done")),
            Event::RunFailed(_) | Event::RunExhausted(_) => {
                let word = if view.status == RunStatus::Exhausted { "gave up" } else { "failed" };
                let why = view.last_failure().map(|(_, failure)| redact::text(&failure.message));
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                ("gave_up", format!("{name} {word}{why}"))
            }
            _ => return,
        };
        let notice = Notice {
            operation: view.id.to_string(),
            name,
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
