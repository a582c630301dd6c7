//! Records that outlived a trimming, and have lost their bodies since.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;

use super::file::Base;
use super::write;
use crate::codec::{self, PayloadHash};
use crate::event::{Event, JournalRecovered, RecoveryMethod};
use crate::id::Seq;
use crate::retention;
use crate::store::disk::payloads::Payloads;

/// Kept records that are of no use any more.
#[derive(Debug)]
pub(in crate::store::disk) struct Lost {
    /// The first and the last.
    from: Seq,
    to: Seq,
    /// Those whose bodies are lost, and what their runs did behind them.
    seqs: BTreeSet<Seq>,
    /// Bodies that are there, and are not what was written.
    changed: BTreeSet<PayloadHash>,
    problem: String,
}

impl Lost {
    /// Reads the bodies of the records that were kept; gives none if all of them are there.
    ///
    /// As in a journal that was never trimmed, what comes behind a lost record is lost with it: of
    /// a run that is what the same run did.
    pub(in crate::store::disk) fn look(
        base: &Base,
        payloads: &Payloads,
    ) -> io::Result<Option<Self>> {
        let (mut seqs, mut changed, mut runs) = (BTreeSet::new(), BTreeSet::new(), HashSet::new());
        let mut problem = None;
        for found in base.kept(Seq::ZERO) {
            let (seq, frame) = found?;
            let run = codec::run_of(&frame);
            let fetched = codec::claim_aside(&frame).map_or(Ok(()), |aside| payloads.find(aside));
            if let Err(flaw) = fetched {
                // Once the disk answers again, it may be there.
                if let Some(said) = flaw.of_disk() {
                    return Err(io::Error::other(said));
                }
                changed.extend(flaw.changed_payload());
                problem.get_or_insert_with(|| format!("record {seq}, which was kept: {flaw}"));
                runs.extend(run);
            } else if !run.is_some_and(|run| runs.contains(&run)) {
                continue;
            }
            seqs.insert(seq);
        }
        let ends = seqs.first().copied().zip(seqs.last().copied());
        let lost = ends.zip(problem);
        Ok(lost.map(|((from, to), problem)| Self { from, to, seqs, changed, problem }))
    }

    /// Bodies that are there, and are not what was written.
    pub(in crate::store::disk) fn changed(&self) -> impl Iterator<Item = PayloadHash> {
        self.changed.iter().copied()
    }

    /// Adds the loss to what was mended beside it.
    pub(in crate::store::disk) fn tell(&self, mended: Option<Event>) -> Event {
        let mut event = match mended {
            Some(Event::JournalRecovered(event)) => JournalRecovered {
                problem: format!("{}; {}", event.problem, self.problem),
                ..event
            },
            // A torn end was never acknowledged: the loss says more.
            _ => JournalRecovered {
                lost_from: None,
                lost_to: None,
                method: RecoveryMethod::Prefix,
                problem: self.problem.clone(),
            },
        };
        event.method = RecoveryMethod::Prefix;
        event.lost_from = Some(event.lost_from.map_or(self.from, |from| from.min(self.from)));
        event.lost_to = event.lost_to.max(Some(self.to));
        event.into()
    }

    /// Writes the file anew without the lost records, into a folder.
    ///
    /// # Durability
    /// As that of a trimming.
    pub(in crate::store::disk) fn leave_out(&self, base: &Base, dir: &Path) -> io::Result<()> {
        let residue = base.residue()?.unwrap_or_default();
        // Of what nobody can read, nobody folds anything either.
        let residue = retention::bereave(&residue).unwrap_or(residue);
        let is_lost = |found: &io::Result<(Seq, Vec<u8>)>| {
            found.as_ref().is_ok_and(|(seq, _)| self.seqs.contains(seq))
        };
        let kept = base.kept(Seq::ZERO).filter(|found| !is_lost(found));
        write::replace(dir, *base.head(), &residue, kept.map(|found| Ok::<_, io::Error>(found?.1)))
    }
}
