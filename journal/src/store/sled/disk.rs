//! The files of a journal that is open for writing.

use std::fs::File;
use std::io;
use std::path::Path;

use super::anchor::Anchor;
use super::db::{self, Db};
use super::files;
use super::lock::Lock;
use super::store::Durability;
use crate::codec::Encoded;
use crate::id::Seq;
use crate::store::tail::Tail;

/// The open files of a journal.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) db: Db,
    /// sled's log, to sync what sled only hands to the system.
    log: File,
    anchor: Anchor,
    durability: Durability,
    /// The last field: let go of when everything else is closed.
    lock: Lock,
}

impl Disk {
    pub(super) fn new(
        dir: &Path,
        db: Db,
        anchor: Anchor,
        lock: Lock,
        durability: Durability,
    ) -> io::Result<Self> {
        let log = files::open_for_update(&dir.join(files::DATABASE).join(db::LOG))?;
        Ok(Self { db, log, anchor, durability, lock })
    }

    /// Makes what stands in the log durable, and the anchor say so.
    pub(super) fn settle(&mut self, tail: Tail) -> io::Result<()> {
        self.sync()?;
        self.anchor.write(tail)
    }

    /// Adds a group of frames as one; durable when this returns.
    pub(super) fn commit(&mut self, before: Tail, group: &[(Seq, Encoded)]) -> io::Result<Tail> {
        let Some((head, frame)) = group.last() else { return Ok(before) };
        let after = Tail { head: *head, chain: frame.crc };
        self.db.commit(group)?;
        self.settle(after)?;
        Ok(after)
    }

    fn sync(&self) -> io::Result<()> {
        match self.durability {
            Durability::Power => self.log.sync_data(),
            Durability::Process => Ok(()),
        }
    }

    /// Lets go of everything, the lock last.
    pub(super) fn close(self, is_sound: bool) {
        let Self { db, log, anchor, durability: _, lock } = self;
        db.close();
        if is_sound {
            // Only saves the anchor itself; every record is durable already.
            let _ = anchor.sync();
        }
        drop((log, anchor));
        drop(lock);
    }

    /// Puts a file in the place of the log that cannot be synced.
    #[cfg(all(test, unix))]
    pub(super) fn break_sync(&mut self) {
        self.log = File::open("/dev/null").expect("always there");
    }
}
