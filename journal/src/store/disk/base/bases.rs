//! Both copies of the file in the folder of a journal.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use uuid::Uuid;

use super::file::{Base, Found};
use super::format::{HEAD_BYTES, Head, Loss, Origin};
use super::write;
use crate::codec::{self, PayloadHash};
use crate::id::Seq;
use crate::store::disk::files;
use crate::store::disk::segment::{Place, SegmentFile};

/// The file itself; its rename to this name trims the journal.
pub(in crate::store::disk) const NAME: &str = "BASE";
/// The same bytes again.
pub(super) const COPY: &str = "BASE.copy";
pub(super) const DRAFT: &str = "BASE.new";
pub(super) const COPY_DRAFT: &str = "BASE.copy.new";
/// All names that belong to it.
pub(in crate::store::disk) const NAMES: [&str; 4] = [NAME, COPY, DRAFT, COPY_DRAFT];

/// What the two copies say.
#[derive(Debug)]
pub(in crate::store::disk) struct Bases {
    /// The one that counts; none if the journal was never trimmed, or no copy is whole.
    pub(in crate::store::disk) base: Option<Base>,
    /// What is newer than this release.
    pub(in crate::store::disk) newer: Option<String>,
    /// Copies that are not what they should be, and why.
    pub(in crate::store::disk) flaws: Vec<(&'static str, String)>,
    /// Whether both copies are the same and whole, or none is there.
    is_even: bool,
}

/// Reads and checks both copies.
pub(in crate::store::disk) fn look(dir: &Path, journal: Uuid) -> io::Result<Bases> {
    // The copy is renamed second: where it is, the file itself was before.
    let copy = Base::open(&dir.join(COPY), journal)?;
    let base = Base::open(&dir.join(NAME), journal)?;
    let mut bases = Bases { base: None, newer: None, flaws: Vec::new(), is_even: true };
    if matches!((&base, &copy), (Found::Absent, Found::Intact(_))) {
        bases.flaws.push((NAME, "it is missing".to_owned()));
    }
    let both = [(NAME, base), (COPY, copy)].map(|(name, found)| bases.sort(name, found));
    let heads = both.each_ref().map(|base| base.as_ref().map(Base::head));
    bases.is_even = heads[0] == heads[1] && bases.flaws.is_empty();
    // The one that was written later; the file itself if they are the same.
    bases.base = both.into_iter().rev().flatten().max_by_key(|base| base.origin().first);
    Ok(bases)
}

impl Bases {
    /// Where the journal begins.
    pub(in crate::store::disk) fn origin(&self) -> Origin {
        self.base.as_ref().map_or(Origin::CREATION, Base::origin)
    }

    fn sort(&mut self, name: &'static str, found: Found) -> Option<Base> {
        match found {
            Found::Intact(base) => return Some(base),
            Found::Absent => {}
            Found::Newer(problem) => {
                self.newer.get_or_insert_with(|| format!("its {name} file: {problem}"));
            }
            Found::Damaged(problem) => self.flaws.push((name, problem)),
        }
        None
    }

    /// The records that are lost, if no record tells it yet.
    pub(in crate::store::disk) fn untold(&self) -> Option<(Seq, Seq)> {
        let head = self.base.as_ref()?.head();
        let to = head.origin.tail().head;
        (head.loss == Some(Loss::Untold)).then_some((Seq::new(1), to))
    }

    /// As [`lose`]; what is there in its place goes into quarantine.
    pub(in crate::store::disk) fn lose(
        &self,
        dir: &Path,
        journal: Uuid,
        origin: Origin,
    ) -> io::Result<()> {
        self.set_aside(dir)?;
        lose(dir, journal, origin, Loss::Untold)
    }

    fn set_aside(&self, dir: &Path) -> io::Result<()> {
        let is_there = |name: &&str| dir.join(name).exists();
        let mut names = self.flaws.iter().map(|(name, _)| *name).filter(is_there);
        names.try_for_each(|name| files::quarantine(dir, name))
    }

    /// Makes both copies whole and the same; what was damaged goes into quarantine.
    pub(in crate::store::disk) fn mend(&self, dir: &Path) -> io::Result<()> {
        self.set_aside(dir)?;
        match &self.base {
            Some(base) if !self.is_even => write::adopt(dir, base),
            _ => Ok(()),
        }
    }
}

/// Writes down that a journal begins somewhere, and that nothing stands for what came before.
pub(in crate::store::disk) fn lose(
    dir: &Path,
    journal: Uuid,
    origin: Origin,
    loss: Loss,
) -> io::Result<()> {
    let head = Head { loss: Some(loss), ..Head::new(journal, origin) };
    write::replace::<io::Error>(dir, head, &[], std::iter::empty())
}

/// Removes what a trimming that was cut short has left.
pub(in crate::store::disk) fn remove_drafts(dir: &Path) -> io::Result<()> {
    [DRAFT, COPY_DRAFT].iter().try_for_each(|name| files::remove(&dir.join(name)))
}

/// Where a journal begins just now, as far as the head of the file says; cheap.
pub(in crate::store::disk) fn first_in(dir: &Path, journal: Uuid) -> Option<Origin> {
    let of = |name| {
        let mut bytes = Vec::new();
        let file = files::open(&dir.join(name)).ok()?;
        file.take(HEAD_BYTES).read_to_end(&mut bytes).ok()?;
        Head::decode(&bytes).ok().filter(|head| head.journal == journal).map(|head| head.origin)
    };
    [COPY, NAME].into_iter().filter_map(of).max_by_key(|origin| origin.first)
}

/// What the frames in the file refer to; an error unless both copies are whole.
pub(in crate::store::disk) fn referenced(
    dir: &Path,
    journal: Uuid,
) -> io::Result<HashSet<PayloadHash>> {
    let bases = look(dir, journal)?;
    if !bases.is_even || bases.newer.is_some() {
        return Err(io::Error::other("a copy of the base is not what it should be"));
    }
    let mut found = HashSet::new();
    for kept in bases.base.iter().flat_map(|base| base.kept(Seq::ZERO)) {
        let (_, frame) = kept?;
        found.extend(codec::claim_aside(&frame).map(|aside| aside.hash));
    }
    Ok(found)
}

/// Where segments begin that are not the first ones, if nothing says why.
pub(in crate::store::disk) fn orphaned(journal: Uuid, segments: &[SegmentFile]) -> Option<Origin> {
    let segment = segments.first().filter(|segment| segment.ordinal > 1)?;
    let place = Place::start_of(segment.ordinal);
    let frames = Origin::CREATION.frames(journal, [segment.clone()]);
    let mut intact = frames.filter_map(|piece| Some((piece.place, piece.seal.ok()?)));
    let (_, seal) = intact.next().filter(|(found, _)| *found == place)?;
    (seal.seq > Seq::new(1)).then_some(Origin {
        first: seal.seq,
        ordinal: segment.ordinal,
        chain: seal.link.chain,
    })
}
