//! What every back-end promises.

use std::fmt;
use std::sync::Arc;

use super::cache::{Cache, CacheError};
use super::error::{AppendError, ReadError, TrimError};
use crate::id::Seq;
use crate::record::Record;

/// Records in order, with what stands in the place of those that cannot be shown.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Record, ReadError>> + Send + 'a>;

/// The largest group of frames that lands as one, in bytes.
///
/// Larger flushes of sled were seen to be torn by a power cut.
pub const COMMIT_BYTES_MAX: usize = 64 * 1024;

/// A list of records that grows at its end and outlives the process.
///
/// A new store is never empty: whoever creates it writes a
/// [`JournalCreated`](crate::event::JournalCreated) as record 1.
///
/// Every method may block on a disk: call them where blocking is allowed. One writer is expected;
/// a second one is told off by [`AppendError::Conflict`].
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The last record that is durable.
    fn head(&self) -> Seq;

    /// Adds records behind `expected`, which must be the [`head`](Self::head), and returns the new head.
    ///
    /// The records must carry the positions that follow. An empty batch changes nothing.
    ///
    /// # Durability
    /// The records are durable when this returns `Ok`. A batch of up to [`COMMIT_BYTES_MAX`] lands
    /// whole or not at all; of a larger one a crash can leave a beginning.
    ///
    /// # Errors
    /// [`Conflict`](AppendError::Conflict), [`Misnumbered`](AppendError::Misnumbered) and
    /// [`Record`](AppendError::Record) leave the store as it was. So does
    /// [`NoRoom`](AppendError::NoRoom): there is no [room](Self::has_room) then until
    /// [`seek_room`](Self::seek_room) finds as much as the batch has missed, and the same batch can
    /// be appended again. After [`Io`](AppendError::Io) it is unknown whether the batch is kept, which the next opening
    /// shows, and every later call is refused with [`Poisoned`](AppendError::Poisoned).
    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError>;

    /// Reads from a position to the head as of this call, without holding it all in memory.
    ///
    /// Begins with [`first`](Self::first) if it is asked for more than is there.
    ///
    /// Checks that no record is missing and that each follows the one before. An error stands in
    /// front of the first record that is in doubt, or in the place of those that are gone; the scan
    /// goes on behind it, but what follows is not proven to belong to what came before.
    fn scan(&self, from: Seq) -> Scan<'_>;

    /// Reads one record; none behind the head.
    ///
    /// # Errors
    /// [`Trimmed`](ReadError::Trimmed) if it was dropped on purpose, any other [`ReadError`] if it
    /// is gone or cannot be read.
    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError>;

    /// Whether there is space for records to come, apart from what is kept in reserve.
    ///
    /// Costs nothing: tells what the last append has seen, or [`seek_room`](Self::seek_room). Whoever
    /// adds records should begin nothing new before there is space again: the reserve is for the ends
    /// of what has begun.
    fn has_room(&self) -> bool {
        true
    }

    /// Asks the disk for space again, if it had none; tells whether it has some now.
    fn seek_room(&self) -> bool {
        self.has_room()
    }

    /// What is derived from the records, if this back-end keeps such things.
    ///
    /// May block until the cache is ready.
    fn cache(&self) -> Option<&dyn Cache> {
        None
    }

    /// Keeps what the records up to `at` add up to, in the place of what was kept before.
    ///
    /// # Durability
    /// Durable when this returns; a crash before that leaves the one before it.
    ///
    /// # Errors
    /// [`CacheError`] if it cannot be written. The records are untouched by that.
    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        let _ = (at, image);
        Ok(())
    }

    /// Forgets what was kept, so that the next opening reads every record.
    ///
    /// # Durability
    /// Durable when this returns.
    ///
    /// # Errors
    /// [`CacheError`] if it may still be there.
    fn forget_checkpoint(&self) -> Result<(), CacheError> {
        Ok(())
    }

    /// What was kept last, as it was given; none if there is nothing, or it is damaged.
    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        None
    }

    /// The first record from which on none is missing: 1, unless the journal was trimmed.
    fn first(&self) -> Seq {
        Seq::new(1)
    }

    /// What stands in the place of the records in front of [`first`](Self::first), as
    /// [`trim`](Self::trim) was given it; none if the journal was never trimmed.
    ///
    /// # Errors
    /// [`ReadError`] if it was, and this is gone or cannot be read.
    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }

    /// The records in front of [`first`](Self::first) that were kept, oldest first, with gaps.
    fn scan_kept(&self) -> Scan<'_> {
        Box::new(std::iter::empty())
    }

    /// Where the journal can be trimmed, oldest first; every one is behind [`first`](Self::first).
    fn cuts(&self) -> Vec<Cut> {
        Vec::new()
    }

    /// Drops the records in front of a [cut](Self::cuts), but for some of them.
    ///
    /// `kept` are the positions of those, ascending; each must still be there. `residue` stands in
    /// the place of the others from then on. What was given before is replaced.
    ///
    /// # Durability
    /// A crash leaves the journal as it was, or trimmed.
    ///
    /// # Errors
    /// [`TrimError`] leaves every record where it was.
    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        let _ = (residue, kept);
        Err(TrimError::NoCut { first })
    }

    /// Bytes of the files that the journal consists of; none if there are none, or nobody knows.
    ///
    /// Looks at every file, so that it takes a while.
    fn disk_bytes(&self) -> Option<u64> {
        None
    }

    /// Where the records are, for people.
    fn location(&self) -> &str;

    /// Lets go of the store, so that another process can open it. May be called twice.
    ///
    /// Everything that was appended is durable already; this has nothing left to save. Later calls
    /// are refused with `Closed`. A scan that is still held keeps the store open until it is
    /// dropped.
    fn close(&self);
}

/// A place at which a journal can be trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The first record that stays.
    pub first: Seq,
    /// Bytes that records take up from there on, with what they keep aside.
    pub bytes_behind: u64,
}

/// Engines hold a store of a type that they do not know.
const _: fn(&dyn Store) = |_| {};

impl<S: Store + ?Sized> Store for Arc<S> {
    fn head(&self) -> Seq {
        (**self).head()
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        (**self).append(expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        (**self).scan(from)
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        (**self).read(seq)
    }

    fn has_room(&self) -> bool {
        (**self).has_room()
    }

    fn seek_room(&self) -> bool {
        (**self).seek_room()
    }

    fn cache(&self) -> Option<&dyn Cache> {
        (**self).cache()
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        (**self).save_checkpoint(at, image)
    }

    fn forget_checkpoint(&self) -> Result<(), CacheError> {
        (**self).forget_checkpoint()
    }

    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        (**self).load_checkpoint()
    }

    fn first(&self) -> Seq {
        (**self).first()
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        (**self).residue()
    }

    fn scan_kept(&self) -> Scan<'_> {
        (**self).scan_kept()
    }

    fn cuts(&self) -> Vec<Cut> {
        (**self).cuts()
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        (**self).trim(first, residue, kept)
    }

    fn disk_bytes(&self) -> Option<u64> {
        (**self).disk_bytes()
    }

    fn location(&self) -> &str {
        (**self).location()
    }

    fn close(&self) {
        (**self).close();
    }
}
