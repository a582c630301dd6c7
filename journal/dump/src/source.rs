//! The journal that is shown, and what is wrong with it.

use std::cell::Cell;
use std::io::Write;
use std::path::Path;

use resurge_journal::retention::{BaseError, base_of};
use resurge_journal::store::{Archive, Condition, ReadError, Scan, Snapshot};
use resurge_journal::{Record, Seq, State};

use crate::exit::{Exit, Trouble, say};

/// A journal as it stood when it was looked at, or an archive.
pub(crate) struct Source {
    kept: Kept,
    condition: Condition,
    /// Whether records were dropped before they were read.
    was_overtaken: Cell<bool>,
}

enum Kept {
    Journal(Snapshot),
    Archive(Archive),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Trouble> {
        if Archive::is_at(path) {
            let kept = Kept::Archive(Archive::open(path)?);
            return Ok(Self::of(kept, Condition::Whole));
        }
        let snapshot = Snapshot::take(path)?;
        let condition = snapshot.condition().clone();
        Ok(Self::of(Kept::Journal(snapshot), condition))
    }

    const fn of(kept: Kept, condition: Condition) -> Self {
        Self { kept, condition, was_overtaken: Cell::new(false) }
    }

    /// Shows what somebody makes of a journal as it stood at one moment.
    ///
    /// If records were dropped before they were read, all of it is done again.
    pub(crate) fn show(
        path: &Path,
        out: &mut dyn Write,
        tell: impl Fn(&Self, &mut dyn Write) -> Result<Exit, Trouble>,
    ) -> Result<Exit, Trouble> {
        for _ in 0..LOOKS_MAX {
            let source = Self::open(path)?;
            let mut told = Vec::new();
            let ended = tell(&source, &mut told);
            if !source.was_overtaken.get() {
                out.write_all(&told)?;
                return ended;
            }
        }
        Err(Trouble::Overtaken)
    }

    pub(crate) const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What was read, for people.
    pub(crate) const fn place(&self) -> &'static str {
        match &self.kept {
            Kept::Journal(_) => "the segments",
            Kept::Archive(archive) if archive.run().is_some() => "an archive of one run",
            Kept::Archive(_) => "an archive",
        }
    }

    /// The first record from which on none was dropped.
    pub(crate) fn first(&self) -> Seq {
        match &self.kept {
            Kept::Journal(snapshot) => snapshot.first(),
            Kept::Archive(archive) => archive.first(),
        }
    }

    /// How many of the dropped records were kept.
    pub(crate) fn kept(&self) -> u64 {
        match &self.kept {
            Kept::Journal(snapshot) => snapshot.kept(),
            Kept::Archive(archive) => archive.kept(),
        }
    }

    /// What retention has dropped, for people.
    pub(crate) fn dropped(&self) -> Option<String> {
        let last = self.first().get() - 1;
        let (kept, residue) = (self.kept(), self.residue());
        (last > 0).then(|| match residue {
            Ok(_) => format!("records 1 to {last} dropped by retention, {kept} of them kept"),
            Err(_) => format!("records 1 to {last} are gone, and what stood for them as well"),
        })
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        match &self.kept {
            Kept::Journal(snapshot) => snapshot.residue(),
            Kept::Archive(archive) => archive.residue(),
        }
    }

    /// What everything in front of the first record adds up to that was not dropped.
    pub(crate) fn base(&self) -> Result<State, BaseError> {
        base_of(self.first(), self.residue(), self.scan_kept())
    }

    /// What is wrong with the copies of what stands for dropped records.
    pub(crate) fn flaws_of_base(&self) -> impl Iterator<Item = String> {
        let snapshot = match &self.kept {
            Kept::Journal(snapshot) => Some(snapshot),
            Kept::Archive(_) => None,
        };
        snapshot.into_iter().flat_map(Snapshot::flaws_of_base)
    }

    /// Whether this is all that is known of one run, without what other records say about it.
    pub(crate) const fn is_one_run(&self) -> bool {
        matches!(&self.kept, Kept::Archive(archive) if archive.run().is_some())
    }

    fn scan_kept(&self) -> impl Iterator<Item = Result<Record, ReadError>> {
        self.note_trims(match &self.kept {
            Kept::Journal(snapshot) => snapshot.scan_kept(),
            Kept::Archive(archive) => archive.scan_kept(),
        })
    }

    fn all(&self) -> impl Iterator<Item = Result<Record, ReadError>> {
        self.note_trims(match &self.kept {
            Kept::Journal(snapshot) => snapshot.scan(),
            Kept::Archive(archive) => archive.scan(),
        })
    }

    fn note_trims<'a>(
        &'a self,
        scan: Scan<'a>,
    ) -> impl Iterator<Item = Result<Record, ReadError>> + 'a {
        scan.inspect(|found| {
            if matches!(found, Err(ReadError::Trimmed { .. })) {
                self.was_overtaken.set(true);
            }
        })
    }

    /// All records, kept ones first, with errors for those that cannot be shown; a torn end is left out.
    pub(crate) fn scan(&self) -> impl Iterator<Item = Result<Record, ReadError>> {
        self.scan_kept().chain(self.scan_rest())
    }

    /// The same without the kept ones: from the first record on that is followed by all others.
    pub(crate) fn scan_rest(&self) -> impl Iterator<Item = Result<Record, ReadError>> {
        let torn = match self.condition() {
            Condition::Torn { from, .. } => Some(*from),
            _ => None,
        };
        // Behind a torn end anything can stand, records from before it as well.
        let mut shown = Seq::ZERO;
        self.all().take_while(move |found| {
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
            let errors = self.all().filter_map(Result::err);
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
        let base = self.base();
        let (true, Ok(mut state)) = (!self.is_one_run(), base) else {
            // As far as its own records tell; what they do not fit is told by others.
            let mut state = State::new();
            for record in self.records() {
                let _ = state.apply(&Record { seq: state.head().next(), ..record });
            }
            return state;
        };
        for record in self.scan_rest().map_while(Result::ok) {
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
            None => match &self.kept {
                Kept::Journal(snapshot) => {
                    format!("records {} to {} were found in it", snapshot.first(), snapshot.whole())
                }
                Kept::Archive(archive) => format!("{} records are in it", archive.records()),
            },
        }
    }
}

/// How often a journal is read that is trimmed meanwhile.
const LOOKS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use resurge_journal::store::conformance::record;
    use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};

    use super::*;

    /// What a journal that is trimmed at so many looks is shown as.
    fn shown(trims: u32) -> (Result<Exit, Trouble>, String, Seq) {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("journal");
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Process);
        let (store, looks) = (store.expect("created"), RefCell::new(0));
        let trim = || {
            let first = store.first();
            while store.cuts().last().is_none_or(|cut| cut.first <= first) {
                let head = store.head();
                store.append(head, &[record(head.get() + 1, 5_000)]).expect("appended");
            }
            let cut = store.cuts().pop().expect("there").first;
            store.trim(cut, b"residue", &[]).expect("trimmed");
        };
        let mut out = Vec::new();
        let ended = Source::show(&dir, &mut out, |source, out| {
            if looks.replace_with(|looks| *looks + 1) < trims {
                trim();
            }
            let found = source.scan().find_map(Result::ok).map(|record| record.seq);
            writeln!(out, "from {}", found.unwrap_or(Seq::ZERO))?;
            Ok(Exit::Ok)
        });
        let first = store.first();
        store.close();
        (ended, String::from_utf8(out).expect("words"), first)
    }

    #[test]
    fn a_journal_that_is_trimmed_while_it_is_read_is_read_again() {
        for trims in [0, 1, 3] {
            let (ended, out, first) = shown(trims);
            assert!(matches!(ended, Ok(Exit::Ok)), "{ended:?}");
            assert_eq!(out, format!("from {first}\n"));
        }
    }

    #[test]
    fn nothing_is_shown_of_a_journal_that_is_trimmed_again_and_again() {
        let (ended, out, _) = shown(u32::MAX);
        assert!(matches!(ended, Err(Trouble::Overtaken)), "{ended:?}");
        assert_eq!(out, "");
    }
}
