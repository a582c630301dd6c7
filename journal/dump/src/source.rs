//! The journal that is shown, and what is wrong with it.

use std::path::Path;

use resurge_journal::store::{Condition, ReadError, Snapshot};
use resurge_journal::{Record, Seq, State};

use crate::exit::{Exit, Trouble, say};

/// A journal as it stood when it was looked at.
pub(crate) struct Source {
    snapshot: Snapshot,
}

impl Source {
    pub(crate) fn open(journal: &Path) -> Result<Self, Trouble> {
        Ok(Self { snapshot: Snapshot::take(journal)? })
    }

    pub(crate) const fn condition(&self) -> &Condition {
        self.snapshot.condition()
    }

    /// What was read, for people.
    pub(crate) const PLACE: &str = "the segments";

    /// All records, with errors for those that cannot be shown; a torn end is left out.
    pub(crate) fn scan(&self) -> impl Iterator<Item = Result<Record, ReadError>> {
        let torn = match self.condition() {
            Condition::Torn { from, .. } => Some(*from),
            _ => None,
        };
        // Behind a torn end anything can stand, records from before it as well.
        let mut shown = Seq::ZERO;
        self.snapshot.scan().take_while(move |found| {
            let seq = found.as_ref().map_or_else(ReadError::seq, |record| Some(record.seq));
            let goes_on = seq.is_some_and(|seq| seq > shown);
            shown = seq.unwrap_or(shown);
            torn.is_none_or(|torn| goes_on && shown < torn)
        })
    }

    /// Segments of others behind a torn end, which no writer of this journal left there.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = ReadError> {
        let torn = match self.condition() {
            Condition::Torn { from, .. } => Some(*from),
            _ => None,
        };
        let found = torn.into_iter().flat_map(|from| {
            let errors = self.snapshot.scan().filter_map(Result::err);
            errors.filter(move |error| error.seq() >= Some(from))
        });
        found.filter(|error| matches!(error, ReadError::Foreign { .. }))
    }

    /// The records that can be shown.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.scan().filter_map(Result::ok)
    }

    /// The state after the last record that follows from all before it.
    pub(crate) fn state(&self) -> State {
        let mut state = State::new();
        for record in self.scan().map_while(Result::ok) {
            if state.apply(&record).is_err() {
                break;
            }
        }
        state
    }

    /// Says what is wrong with the journal, and how that makes the tool end.
    pub(crate) fn warn(&self) -> Exit {
        match self.condition() {
            Condition::Whole => Exit::Ok,
            Condition::Torn { from, to, problem } => {
                say(&format!(
                    "records {from} to {to} were never acknowledged and are left out ({problem})"
                ));
                Exit::Torn
            }
            Condition::Damaged { problem, .. } => {
                say(&format!("the journal is damaged ({problem}); {}", self.what_is_left()));
                Exit::Findings
            }
            Condition::Newer { problem } => {
                say(&format!("parts of the journal need a newer release ({problem})"));
                Exit::Newer
            }
            _ => Exit::Findings,
        }
    }

    fn what_is_left(&self) -> String {
        let doubt = self.scan().find_map(Result::err);
        match doubt.as_ref().and_then(|error| error.seq().map(|seq| (seq, error))) {
            Some((seq, error)) => format!("the first record in doubt is {seq}: {error}"),
            None => format!("records 1 to {} were found in it", self.snapshot.whole()),
        }
    }
}
