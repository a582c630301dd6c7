//! A store that changes some of what another one does, for tests.

use std::fmt;

use super::{AppendError, Cache, CacheError, Cut, ReadError, Scan, Store, TrimError};
use crate::id::Seq;
use crate::record::Record;

/// A store that changes some of what another one does; what it leaves out is passed on.
///
/// Whoever implements this is a [`Store`]. Its methods are called as those of the store where this
/// trait is not imported.
pub trait Wrapper: fmt::Debug + Send + Sync + 'static {
    /// The store that does the work.
    fn inner(&self) -> &dyn Store;

    /// In the place of [`Store::append`].
    ///
    /// # Errors
    /// As there.
    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        self.inner().append(expected, batch)
    }

    /// In the place of [`Store::scan`].
    fn scan(&self, from: Seq) -> Scan<'_> {
        self.inner().scan(from)
    }

    /// In the place of [`Store::read`].
    ///
    /// # Errors
    /// As there.
    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        self.inner().read(seq)
    }

    /// In the place of [`Store::has_room`].
    fn has_room(&self) -> bool {
        self.inner().has_room()
    }

    /// In the place of [`Store::seek_room`]; finds none as long as [`has_room`](Self::has_room)
    /// has none.
    fn seek_room(&self) -> bool {
        self.inner().seek_room() && self.has_room()
    }

    /// In the place of [`Store::cache`].
    fn cache(&self) -> Option<&dyn Cache> {
        self.inner().cache()
    }

    /// In the place of [`Store::save_checkpoint`].
    ///
    /// # Errors
    /// As there.
    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.inner().save_checkpoint(at, image)
    }

    /// In the place of [`Store::residue`].
    ///
    /// # Errors
    /// As there.
    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.inner().residue()
    }

    /// In the place of [`Store::scan_kept`].
    fn scan_kept(&self) -> Scan<'_> {
        self.inner().scan_kept()
    }

    /// In the place of [`Store::cuts`].
    fn cuts(&self) -> Vec<Cut> {
        self.inner().cuts()
    }

    /// In the place of [`Store::trim`].
    ///
    /// # Errors
    /// As there.
    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        self.inner().trim(first, residue, kept)
    }

    /// In the place of [`Store::close`].
    fn close(&self) {
        self.inner().close();
    }
}

impl<W: Wrapper> Store for W {
    fn head(&self) -> Seq {
        self.inner().head()
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        Wrapper::append(self, expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        Wrapper::scan(self, from)
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        Wrapper::read(self, seq)
    }

    fn has_room(&self) -> bool {
        Wrapper::has_room(self)
    }

    fn seek_room(&self) -> bool {
        Wrapper::seek_room(self)
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Wrapper::cache(self)
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        Wrapper::save_checkpoint(self, at, image)
    }

    fn forget_checkpoint(&self) -> Result<(), CacheError> {
        self.inner().forget_checkpoint()
    }

    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        self.inner().load_checkpoint()
    }

    fn first(&self) -> Seq {
        self.inner().first()
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        Wrapper::residue(self)
    }

    fn scan_kept(&self) -> Scan<'_> {
        Wrapper::scan_kept(self)
    }

    fn cuts(&self) -> Vec<Cut> {
        Wrapper::cuts(self)
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        Wrapper::trim(self, first, residue, kept)
    }

    fn disk_bytes(&self) -> Option<u64> {
        self.inner().disk_bytes()
    }

    fn location(&self) -> &str {
        self.inner().location()
    }

    fn close(&self) {
        Wrapper::close(self);
    }
}
