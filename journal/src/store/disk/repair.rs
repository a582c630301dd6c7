//! Putting a damaged journal together again in another folder, by hand.

use std::io;
use std::path::Path;

use uuid::Uuid;

use super::anchor;
use super::base::{self, Base, Loss, Lost, Origin};
use super::draft::{Draft, TargetError};
use super::error::OpenError;
use super::files;
use super::index::{self, Rescue};
use super::lock::Lock;
use super::open::Place;
use super::payloads::Payloads;
use super::recover::{self, Chain};
use super::segment::{self, Piece, Survey, Worth, survey};
use crate::event::{Event, JournalRecovered, TailCut};
use crate::id::Seq;
use crate::store::tail::Tail;

/// Where a copy of the database is opened: opening it where it is would change it.
const COPY: &str = "index-copy";

/// A journal that was not put together again; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The journal cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new one cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// A journal that was put together again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Repaired {
    /// Its last record.
    pub head: Seq,
    /// What was mended, which is its last record; none if there was nothing to mend.
    pub mended: Option<Event>,
}

/// Writes the longest provable chain of a journal as a new journal, with the same identity.
///
/// Changes nothing in the old one. The new folder must be missing or empty. What was mended is
/// recorded at the end of the new journal.
///
/// # Durability
/// The new journal is on the disk when this returns; before that its folder holds none.
///
/// # Errors
/// [`RepairError::Open`] if there is no journal, if it is in use, if it needs a newer release, or
/// if not even its first record can be read; [`RepairError::Target`] if the new one cannot be made.
pub fn repair(journal: &Path, to: &Path) -> Result<Repaired, RepairError> {
    let place = Place::new(journal);
    let id = place.journal()?.ok_or_else(|| place.missing())?;
    let in_use = || OpenError::Locked { location: journal.display().to_string(), pid: None };
    if Lock::is_held(journal) {
        return Err(in_use().into());
    }
    if is_inside(to, journal) {
        return Err(TargetError::Inside { location: to.display().to_string() }.into());
    }
    let draft = Draft::begin(to)?;
    let made = fill(&place, journal, id, &draft).and_then(|repaired| {
        // What an opening changed meanwhile may have been read half.
        if Lock::is_held(journal) { Err(in_use().into()) } else { Ok(repaired) }
    });
    let published = made.and_then(|(chain, mended)| {
        draft.io("remove a copy", files::remove_all(&draft.dir().join(COPY)))?;
        Ok(Repaired { head: draft.publish(id, chain)?, mended })
    });
    if published.is_err() {
        let _ = files::remove_all(&draft.dir().join(COPY));
        draft.abandon();
    }
    published
}

/// Whether a path, which may not be there yet, lies in a folder.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let there = path.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        above.canonicalize().ok()
    });
    there.is_some_and(|there| there.starts_with(folder))
}

/// Adds everything that can be proven, and what was mended, to an empty chain.
fn fill(
    place: &Place,
    from: &Path,
    journal: Uuid,
    draft: &Draft,
) -> Result<(Chain, Option<Event>), RepairError> {
    let rescue = draft.io("copy the index", copy_index(from, draft.dir(), journal))?;
    let known = match place.io("read the head", anchor::read(from))? {
        None => place.io("read the index", rescue.tail())?,
        known => known,
    };
    let bases = place.bases(journal)?;
    let origin = bases.origin();
    let segments = place.io("list the segments", origin.segments(from))?;
    let payloads = Payloads::new(from);
    let frames = || origin.frames(journal, segments.iter().cloned());
    let vetted = frames().map(|piece| payloads.vet(piece));
    let Survey { whole, durable, worth, .. } =
        survey(vetted, origin.position(), origin.first, known, |_, _| {});
    let mut chain = draft.chain(journal, origin)?.carried_from(payloads.clone());
    let mut mended: Option<Event> = match worth {
        Worth::Newer { problem } => return Err(place.newer(problem).into()),
        Worth::Whole | Worth::Torn { .. } => {
            let pieces = frames().take_while(|piece| piece.key <= whole.tail.head);
            draft.io("write the records", add(pieces, &mut chain))?;
            place.io("read the records again", expect_end(&chain, whole.tail))?;
            match worth {
                Worth::Torn { to, problem, .. } => Some(TailCut { to, problem }.into()),
                _ => None,
            }
        }
        Worth::Damaged { problem, .. } => {
            let gathered = recover::gather(from, journal, origin, durable, &rescue, &mut chain);
            let (mut lost, mut method) = draft.io("put it together again", gathered)?;
            if chain.tail == origin.tail() {
                // What stood for the first records may be gone, and the others may not.
                let orphaned = base::orphaned(journal, &segments);
                let Some(origin) = orphaned.filter(|_| bases.base.is_none()) else {
                    return Err(place.lost(journal, &segments, problem).into());
                };
                chain = begin_anew(draft, journal, origin)?.carried_from(payloads.clone());
                let gathered = recover::gather(from, journal, origin, durable, &rescue, &mut chain);
                (lost, method) = draft.io("put it together again", gathered)?;
                let to = lost.map_or_else(|| origin.tail().head, |(_, to)| to);
                lost = Some((Seq::new(1), to));
            }
            let (lost_from, lost_to) = lost.unzip();
            Some(JournalRecovered { lost_from, lost_to, method, problem }.into())
        }
    };
    if let Some(base) = &bases.base {
        let lost = carry_base(place, journal, base, &payloads, draft, &chain)?;
        mended = lost.map(|lost| lost.tell(mended.clone())).or(mended);
    }
    if let Some(event) = &mended {
        draft.io("record what was mended", chain.record(event.clone()))?;
    }
    Ok((chain, mended))
}

/// Adds what continues a chain.
fn add(mut pieces: impl Iterator<Item = Piece>, chain: &mut Chain) -> io::Result<()> {
    pieces.try_for_each(|piece| chain.push(piece.key, &piece.bytes).map(|_| ()))
}

/// Whether a chain ends where the records did when they were looked at.
fn expect_end(chain: &Chain, end: Tail) -> io::Result<()> {
    if chain.tail == end {
        return Ok(());
    }
    let next = chain.tail.head.next();
    let problem = format!("record {next} changed meanwhile; stop whoever writes and repair again");
    Err(io::Error::other(problem))
}

/// Takes over what stands for dropped records, but for those kept ones that have lost their bodies.
fn carry_base(
    place: &Place,
    journal: Uuid,
    base: &Base,
    payloads: &Payloads,
    draft: &Draft,
    chain: &Chain,
) -> Result<Option<Lost>, RepairError> {
    let lost = place.io("read the payloads", Lost::look(base, payloads))?;
    match &lost {
        Some(lost) => draft.io("write the base", lost.leave_out(base, draft.dir()))?,
        None => draft.begin_with(base)?,
    }
    let taken = draft.io("read the base", base::look(draft.dir(), journal))?;
    let carried = taken.base.iter().try_for_each(|base| chain.carry_kept(base));
    draft.io("write the payloads", carried)?;
    Ok(lost)
}

/// An empty chain that begins where nothing stands for what came before.
fn begin_anew(draft: &Draft, journal: Uuid, origin: Origin) -> Result<Chain, TargetError> {
    let emptied = files::remove_all(&draft.dir().join(segment::DIR));
    draft.io("begin anew", emptied.and_then(|()| segment::create_dir(draft.dir())))?;
    draft.io("write the base", base::lose(draft.dir(), journal, origin, Loss::Told))?;
    draft.chain(journal, origin)
}

/// Opens a copy of the database; one that is not there is as good as a damaged one.
fn copy_index(from: &Path, to: &Path, journal: Uuid) -> io::Result<Rescue> {
    let copy = to.join(COPY);
    files::remove_all(&copy)?;
    files::make_private_dir(&copy)?;
    // One that is copied in part would turn records that it has into losses.
    files::copy(&index::place(from), &copy.join(index::DIR))?;
    Rescue::open(&copy, journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::record;
    use crate::store::contract::Store;
    use crate::store::disk::{DiskStore, Durability, OpenMode};

    /// One that writes and is gone again between two looks, or a body that cannot be read twice.
    #[test]
    fn records_that_are_gone_at_the_second_look_are_not_left_out() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, to) = (home.path().join("journal"), home.path().join("repaired"));
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
        let store = store.expect("created");
        store.append(Seq::new(1), &[record(2, 10), record(3, 10)]).expect("appended");
        drop(store);
        let journal = Place::new(&dir).journal().expect("there").expect("one");
        let draft = Draft::begin(&to).expect("begun");
        let (origin, end) = (Origin::CREATION, anchor::read(&dir).expect("read").expect("there"));
        let frames = || origin.frames(journal, origin.segments(&dir).expect("listed"));
        for (count, is_whole) in [(2, false), (3, true)] {
            let mut chain = draft.chain(journal, origin).expect("begun");
            add(frames().take(count), &mut chain).expect("written");
            assert_eq!(expect_end(&chain, end).is_ok(), is_whole, "{count}");
        }
    }
}
