//! The thread that brings the database up to the segments.

use std::io;
use std::time::Duration;

use super::block::{Block, Packer};
use super::db::Db;
use crate::codec;
use crate::id::Seq;
use crate::store::disk::segment::Map;

/// Bytes of blocks after which sled is told to hand them to the system.
const FLUSH_BYTES: usize = 256 * 1024;

/// How far a database is.
#[derive(Debug)]
pub(super) struct Follower {
    db: Db,
    packer: Packer,
    /// The last record that is in a block or in the packer, or that is lost.
    taken: Seq,
    /// Bytes of blocks that sled was not told to hand over yet.
    unflushed: usize,
    /// Blocks in front of this record were removed.
    dropped: Seq,
    /// Whether any was removed since somebody asked.
    has_dropped: bool,
}

impl Follower {
    /// Goes on where the database ends; an error if it does not belong to these segments.
    pub(super) fn resume(db: Db, map: &Map, head: Seq) -> io::Result<Self> {
        let mut packer = Packer::new();
        let before = before(map);
        let block = db.last_block()?.filter(|block| block.last() >= map.first());
        let Some(block) = block else {
            return Ok(Self {
                db,
                packer,
                taken: before,
                unflushed: 0,
                dropped: Seq::new(1),
                has_dropped: false,
            });
        };
        let last = block.last();
        if last > head || !is_of(&block, map)? {
            let problem = "the database holds other records than the segments";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        packer.refill(&block);
        Ok(Self { db, packer, taken: last, unflushed: 0, dropped: Seq::new(1), has_dropped: false })
    }

    pub(super) const fn db(&self) -> &Db {
        &self.db
    }

    /// Lets go of the database.
    pub(super) fn close(self) {
        self.db.close();
    }

    /// Whether blocks were removed since this was asked last.
    pub(super) const fn has_dropped(&mut self) -> bool {
        std::mem::replace(&mut self.has_dropped, false)
    }

    /// The last record that was taken over.
    pub(super) const fn taken(&self) -> Seq {
        self.taken
    }

    /// Takes over records up to `head`, or until it is to stop.
    ///
    /// Damaged ones come out of another database, and are left out if it does not have them.
    pub(super) fn follow(
        &mut self,
        map: &Map,
        head: Seq,
        stop: &dyn Fn() -> bool,
        other: Option<&Db>,
    ) -> io::Result<()> {
        self.drop_trimmed(map, stop)?;
        let mut frames = map.frames_near(self.taken.next());
        for turn in 0_u64.. {
            if self.taken >= head || turn.is_multiple_of(TURNS_BETWEEN_STOPS) && stop() {
                break;
            }
            let found = frames.skim();
            let is_next = matches!(found, Ok(Some((seq, _))) if seq <= self.taken.next());
            // What was dropped meanwhile is not missing: the next turn goes on behind it.
            if !is_next && self.taken < before(map) {
                return Ok(());
            }
            // Behind damage may stand what was not acknowledged yet.
            let found = found?.filter(|(seq, _)| *seq <= head);
            self.fill(found.map_or_else(|| head.next(), |(seq, _)| seq), other)?;
            if let Some((seq, frame)) = found.filter(|(seq, _)| *seq > self.taken) {
                self.take(seq, frame)?;
            }
        }
        self.finish()
    }

    /// Takes over what the segments have lost in front of a record.
    fn fill(&mut self, end: Seq, other: Option<&Db>) -> io::Result<()> {
        while self.taken.next() < end {
            let seq = self.taken.next();
            let frame = other.map_or(Ok(None), |other| other.frame(seq))?;
            match frame.filter(|frame| codec::is_intact(seq, frame)) {
                Some(frame) => self.take(seq, &frame)?,
                None => self.taken = seq,
            }
        }
        Ok(())
    }

    fn take(&mut self, seq: Seq, frame: &[u8]) -> io::Result<()> {
        if let Some(block) = self.packer.push(frame) {
            self.db.put_block(&block)?;
            self.unflushed += block.bytes().len();
        }
        self.taken = seq;
        if self.unflushed >= FLUSH_BYTES {
            self.db.flush()?;
            self.unflushed = 0;
        }
        Ok(())
    }

    /// Whether there are blocks of records that were dropped.
    pub(super) fn is_behind(&self, map: &Map) -> bool {
        self.dropped < map.first()
    }

    /// Removes the blocks of records that were dropped, and goes on behind them.
    fn drop_trimmed(&mut self, map: &Map, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let first = map.first();
        if self.dropped >= first {
            return Ok(());
        }
        let is_overtaken = self.taken < before(map);
        if is_overtaken {
            self.packer = Packer::new();
            self.taken = before(map);
        }
        let dropped = self.db.drop_blocks(first, is_overtaken, stop)?;
        self.has_dropped |= dropped.is_any;
        if dropped.is_all {
            self.dropped = first;
        }
        Ok(())
    }

    /// Writes down what does not fill a block yet.
    fn finish(&mut self) -> io::Result<()> {
        while !self.packer.is_empty() {
            match self.packer.unfinished() {
                Some(block) => {
                    self.db.put_block(&block)?;
                    break;
                }
                None => {
                    if let Some(block) = self.packer.cut() {
                        self.db.put_block(&block)?;
                    }
                }
            }
        }
        self.db.flush()
    }
}

/// The record in front of the first one.
fn before(map: &Map) -> Seq {
    Seq::new(map.first().get() - 1)
}

/// Whether a block ends with the record that the segments have, or with the last one of it that is
/// not damaged there.
fn is_of(block: &Block, map: &Map) -> io::Result<bool> {
    let (mut is_same, mut is_damaged) = (None, false);
    for piece in map.frames_near(block.first()) {
        match piece.seal {
            Ok(seal) if seal.seq > block.last() => break,
            Ok(seal) => {
                let ours = block.frame(seal.seq).map(|frame| frame == piece.bytes);
                is_same = ours.or(is_same);
            }
            // A disk that fails says nothing against the database.
            Err(flaw) => {
                is_damaged = true;
                flaw.of_disk().map_or(Ok(()), |said| Err(io::Error::other(said)))?;
            }
        }
    }
    Ok(is_same.unwrap_or(is_damaged))
}

/// Records that are taken over before it is asked again whether to stop.
const TURNS_BETWEEN_STOPS: u64 = 64;
/// Time between two looks at what has been added, while anything is.
pub(super) const PACE: Duration = Duration::from_millis(250);
/// Time before a database that failed is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(5);
/// How long a journal that is closed waits for its database to be complete.
pub(super) const CLOSE: Duration = Duration::from_secs(1);
/// How long a journal that is closed waits for a database that does not answer.
pub(super) const ABANDON: Duration = Duration::from_secs(3);
