//! Which run is meant.

use resurge_journal::event::Event;
use resurge_journal::{Record, RunId};

use crate::exit::Trouble;

/// The run that a record starts, if it is one that is meant.
pub(crate) fn started(wanted: &str, record: &Record) -> Option<RunId> {
    let (Some(run), Event::RunStarted(started)) = (record.run, &record.event) else { return None };
    let has_key = started.key.as_ref().is_some_and(|key| key.as_str() == wanted);
    let fits = has_key || run.to_string().starts_with(&wanted.to_ascii_lowercase());
    fits.then_some(run)
}

/// Finds the run that has this id, this key (the newest one), or an id that begins like this.
pub(crate) fn run(wanted: &str, records: impl Iterator<Item = Record>) -> Result<RunId, Trouble> {
    let (mut by_key, mut by_prefix) = (None, Vec::new());
    let prefix = wanted.to_ascii_lowercase();
    for record in records {
        let (Some(run), Event::RunStarted(started)) = (record.run, &record.event) else { continue };
        let id = run.to_string();
        if id == prefix {
            return Ok(run);
        }
        if started.key.as_ref().is_some_and(|key| key.as_str() == wanted) {
            by_key = Some(run);
        }
        if id.starts_with(&prefix) {
            by_prefix.push(run);
        }
    }
    match (by_key, by_prefix.as_slice()) {
        (Some(run), _) => Ok(run),
        (None, [run]) => Ok(*run),
        (None, []) => Err(Trouble::NothingMatched(wanted.to_owned())),
        (None, several) => Err(Trouble::Ambiguous(wanted.to_owned(), several.len())),
    }
}
