//! Making a journal out of an archive.

use std::path::Path;

use super::error::{ArchiveError, ImportError};
use super::read::{Archive, Framed};
use crate::codec::Kept;
use crate::id::Seq;
use crate::store::disk::draft::Draft;
use crate::store::disk::payloads::Payloads;
use crate::store::disk::store::Durability;

/// Writes the records of an archive as a new journal, bit for bit, with the same identity.
///
/// The folder must be missing or empty. Gives the last record.
///
/// # Durability
/// The journal is on the disk when this returns; before that its folder holds none.
///
/// # Errors
/// [`ImportError`] if the archive is damaged, holds one run or needs a newer release, or if the
/// journal cannot be made.
pub fn import(archive: &Path, to: &Path) -> Result<Seq, ImportError> {
    let location = archive.display().to_string();
    let archive = Archive::open(archive)?;
    if archive.run().is_some() {
        return Err(ImportError::OneRun { location });
    }
    let draft = Draft::begin(to)?;
    let made = fill(&archive, &draft, &location);
    if made.is_err() {
        draft.abandon();
    }
    made
}

fn fill(archive: &Archive, draft: &Draft, location: &str) -> Result<Seq, ImportError> {
    let mut chain = draft.chain(archive.journal(), archive.origin())?;
    let payloads = Payloads::new(draft.dir());
    let keep = |body: &Option<Kept>| {
        let kept = payloads.keep(body.as_slice(), Durability::Power);
        draft.io("write a payload", kept.map_err(Into::into))
    };
    if let Some(base) = archive.base() {
        for found in archive.kept_frames() {
            keep(&found?.body)?;
        }
        draft.begin_with(base)?;
    }
    let changed = || ArchiveError::Damaged {
        location: location.to_owned(),
        offset: 0,
        problem: "it changed while it was read".to_owned(),
    };
    for found in archive.frames() {
        let Framed { seq, frame, body } = found?;
        keep(&body)?;
        if !draft.io("write the records", chain.push(seq, &frame))? {
            return Err(changed().into());
        }
    }
    if chain.tail.head != archive.last() {
        return Err(changed().into());
    }
    Ok(draft.publish(archive.journal(), chain)?)
}
