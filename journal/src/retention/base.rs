//! From what is left of dropped records to the state from which the rest is folded.

use super::residue::{Past, Residue, ResidueError};
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::state::{IllegalTransition, State};
use crate::store::{ReadError, Store};

/// Why there is no state in front of the first record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// A record that was kept cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record that was kept does not fit those before it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// What is left of the others cannot be read.
    #[error(transparent)]
    Residue(#[from] ResidueError),
    /// Nothing is left of the others.
    #[error(
        "records in front of {first} were dropped, and nothing is left of them; restore the journal from a backup"
    )]
    Missing {
        /// The first record that is there.
        first: Seq,
    },
}

/// What everything in front of the first record of a store adds up to.
///
/// # Errors
/// [`BaseError`] if what is left of dropped records is damaged.
pub fn base(store: &dyn Store) -> Result<State, BaseError> {
    loop {
        let first = store.first();
        let found = base_of(first, store.residue(), store.scan_kept());
        // Trimmed meanwhile: residue and kept records may be of two cuts.
        if store.first() == first {
            return found;
        }
    }
}

/// The same for whoever reads a journal without a store: where it begins, what stands for the
/// records in front of that, and those of them that were kept.
///
/// # Errors
/// [`BaseError`] if what is left of dropped records is damaged. A loss of all of it that a record
/// tells is none: what came later is of use without it.
pub fn base_of(
    first: Seq,
    residue: Result<Option<Vec<u8>>, ReadError>,
    kept: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<State, BaseError> {
    if first <= Seq::new(1) {
        return Ok(State::new());
    }
    match residue {
        Err(error) if is_loss(&error) => Ok(State::bereft(first)),
        found => base_state(&found?.ok_or(BaseError::Missing { first })?, kept),
    }
}

/// Whether a store knows that what it had for dropped records was lost.
///
/// A record tells the loss; what came later is of use without it.
pub(super) const fn is_loss(error: &ReadError) -> bool {
    matches!(error, ReadError::Gap { .. })
}

/// What everything in front of a cut adds up to: the residue, and the records that were kept.
///
/// Its head is the last record in front of the cut. Runs that retention has dropped are not in it.
///
/// # Errors
/// [`BaseError`] if any of it is damaged.
pub fn base_state(
    residue: &[u8],
    kept: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> Result<State, BaseError> {
    let residue = Residue::decode(residue)?;
    Ok(residue.put_together(kept)?)
}

/// What is left of dropped records, once some of those that were kept are lost as well.
///
/// What does not fit is passed over from then on. None if it cannot be read.
#[cfg(feature = "sled")]
pub(crate) fn bereave(residue: &[u8]) -> Option<Vec<u8>> {
    let residue = Residue::decode(residue).ok()?;
    Residue { is_bereft: true, ..residue }.encode().ok()
}

/// A kept record that is of no use.
pub(super) enum Unusable {
    Read(ReadError),
    Illegal(IllegalTransition),
}

impl From<Unusable> for BaseError {
    fn from(from: Unusable) -> Self {
        match from {
            Unusable::Read(error) => error.into(),
            Unusable::Illegal(error) => error.into(),
        }
    }
}

impl Residue {
    fn put_together(
        self,
        kept: impl IntoIterator<Item = Result<Record, ReadError>>,
    ) -> Result<State, Unusable> {
        let mut scratch = State::new();
        let mut past = Events::of(&self.past);
        for record in kept {
            let record = record.map_err(Unusable::Read)?;
            past.pass(record.seq, &mut scratch);
            if moves_run(&record.event) {
                // What stood between them is dropped.
                scratch.head = Seq::new(record.seq.get().saturating_sub(1));
                scratch.apply(&record).map_err(Unusable::Illegal)?;
            }
        }
        past.pass(Seq::new(u64::MAX), &mut scratch);
        let (mut global, is_bereft) = (self.global, self.is_bereft);
        // A run that is open holds its key, and one that goes on later takes it back.
        global.keys = scratch.keys;
        let state = State::restore(global, scratch.runs.into_values());
        Ok(State { is_bereft, ..state })
    }
}

/// What happened to runs but stands in no record of theirs, in order.
struct Events<'a> {
    past: &'a Past,
    openings: usize,
    losses: usize,
}

impl<'a> Events<'a> {
    const fn of(past: &'a Past) -> Self {
        Self { past, openings: 0, losses: 0 }
    }

    /// Lets happen what happened before a record.
    fn pass(&mut self, seq: Seq, state: &mut State) {
        while let Some(opening) = self.past.openings.get(self.openings).filter(|o| o.seq < seq) {
            (state.epoch, state.crowd) = (opening.epoch, opening.crowd);
            self.openings += 1;
        }
        while let Some(loss) = self.past.losses.get(self.losses).filter(|loss| loss.seq < seq) {
            state.doubt_open(loss.from, loss.to);
            self.losses += 1;
        }
    }
}

/// Whether an event tells of the run that its record names.
pub(super) const fn is_of_run(event: &Event) -> bool {
    !matches!(
        event,
        Event::JournalCreated(_)
            | Event::EngineOpened(_)
            | Event::EngineClosed(_)
            | Event::TailCut(_)
            | Event::JournalRecovered(_)
            | Event::JournalTrimmed(_)
            | Event::BreakerOpened(_)
            | Event::BreakerHalfOpened(_)
            | Event::BreakerClosed(_)
            | Event::BreakerModeSet(_)
            | Event::BreakerWouldOpen(_)
            | Event::SettingsChanged(_)
            | Event::LintFound(_)
    )
}

/// Whether an event changes the run that its record names.
const fn moves_run(event: &Event) -> bool {
    // A probe that has passed moves its breaker alone, which the residue knows.
    is_of_run(event) && !matches!(event, Event::ProbePassed(_) | Event::LateResultIgnored(_))
}
