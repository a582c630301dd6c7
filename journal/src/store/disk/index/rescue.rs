//! What can still be had of a database beside segments that are damaged.

use std::io::{self, ErrorKind};
use std::path::Path;

use uuid::Uuid;

use super::block::split;
use super::db::{self, Db};
use super::handle::DIR;
use crate::id::Seq;
use crate::store::tail::Tail;

/// Records out of a database whose segments are damaged.
#[derive(Debug)]
pub(in crate::store::disk) struct Rescue(Option<Db>);

impl Rescue {
    /// Opens the database of a journal; none is as good as a damaged one.
    ///
    /// A disk that fails is an error: what cannot be read now must not count as lost for ever.
    pub(in crate::store::disk) fn open(dir: &Path, journal: Uuid) -> io::Result<Self> {
        let dir = dir.join(DIR);
        if !dir.join(db::LOG).is_file() {
            return Ok(Self(None));
        }
        db::remove_drafts(&dir)?;
        let Some(db) = unless_damaged(|| Db::open(&dir))? else { return Ok(Self(None)) };
        let found = unless_damaged(|| db.identity())?.flatten();
        if found.is_some_and(|(found, _)| found == journal) {
            return Ok(Self(Some(db)));
        }
        db.close();
        Ok(Self(None))
    }

    /// The last record that the database has.
    pub(in crate::store::disk) fn tail(&self) -> io::Result<Option<Tail>> {
        let Some(db) = &self.0 else { return Ok(None) };
        let block = unless_damaged(|| db.last_block())?.flatten();
        Ok(block.and_then(|block| {
            let (head, frame) = split(block.frames()).last()?;
            let crc = frame.last_chunk()?;
            Some(Tail { head, chain: u32::from_be_bytes(*crc) })
        }))
    }

    /// The frame of a record.
    pub(in crate::store::disk) fn frame(&self, seq: Seq) -> io::Result<Option<Vec<u8>>> {
        let Some(db) = &self.0 else { return Ok(None) };
        Ok(unless_damaged(|| db.frame(seq))?.flatten())
    }
}

/// Asks a second time: sled takes an error of the disk for damage now and then, but damage stays.
fn unless_damaged<T>(ask: impl Fn() -> io::Result<T>) -> io::Result<Option<T>> {
    for _ in 0..2 {
        match ask() {
            Ok(done) => return Ok(Some(done)),
            Err(error) if error.kind() == ErrorKind::InvalidData => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Drop for Rescue {
    fn drop(&mut self) {
        if let Some(db) = self.0.take() {
            db.close();
        }
    }
}
