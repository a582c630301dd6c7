//! Group commit: what is decided while a flush runs goes into the next one.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::store::{AppendError, Store};
use resurge_journal::{Record, Seq};
use tokio::task::JoinHandle;

use super::ambient::{has_threads_to_spare, real_now, spawn_blocking};
use super::answer::{Answer, Answers};
use super::latency::Latency;

/// Records on their way to the disk, and the answers that wait for them.
pub(super) struct Committer {
    store: Arc<dyn Store>,
    durable: Seq,
    pending: Vec<Record>,
    /// An empty list with room, for what is queued behind the next flush.
    spare: Vec<Record>,
    answers: Answers,
    under_way: Option<Flush>,
    /// How long those took that made something durable.
    flushes: Latency,
    trust: Trust,
    /// Whether the last flush took longer than it takes to look at what it wrote.
    is_disk_slow: bool,
    patience: Patience,
    /// Whether what is queued begins with records for which there was no room.
    is_refused: bool,
    /// Whether nobody waits for room if there is none for the flush under way.
    is_last_try: bool,
}

/// Whether records wait for room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Whoever cannot even say that it began ends.
    NotYet,
    Waits,
    /// Everything ends, with them or without.
    Over,
}

/// A flush that was begun.
enum Flush {
    /// On a thread that may wait for a disk.
    Elsewhere(JoinHandle<Landed>),
    /// Made by the driver itself.
    Done(Landed),
}

/// What came back from the disk.
struct Landed {
    records: Vec<Record>,
    head: Result<Seq, CommitError>,
    took: Duration,
}

/// Why nothing can be written any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("records {first} to {last}, of which nobody was told, were not kept")]
    NoRoom { first: Seq, last: Seq, source: AppendError },
    #[error("the journal's writer stopped")]
    Writer,
}

impl Committer {
    /// Begins behind what the store holds; called on the runtime of the driver.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let durable = store.head();
        let trust = Trust { quick_in_a_row: 0, has_threads: has_threads_to_spare() };
        let (pending, spare, answers) = (Vec::new(), Vec::new(), Answers::default());
        Self {
            store,
            durable,
            pending,
            spare,
            answers,
            under_way: None,
            flushes: Latency::default(),
            trust,
            is_disk_slow: false,
            patience: Patience::NotYet,
            is_refused: false,
            is_last_try: false,
        }
    }

    /// The last record that is durable.
    pub(super) const fn durable(&self) -> Seq {
        self.durable
    }

    /// How long flushes have taken that made something durable.
    pub(super) const fn flushes(&self) -> &Latency {
        &self.flushes
    }

    /// The records of the next flush; more can be queued behind them.
    pub(super) const fn queue(&mut self) -> &mut Vec<Record> {
        &mut self.pending
    }

    /// Takes back the room of records that have landed.
    pub(super) fn reuse(&mut self, mut room: Vec<Record>) {
        room.clear();
        // What a burst has needed is not kept for ever.
        room.shrink_to(ROOM_RECORDS_MAX);
        self.spare = room;
    }

    /// Answers once everything up to `seq` is durable: at once if it is.
    pub(super) fn answer_after(&mut self, seq: Seq, answer: Box<dyn Answer>) {
        if seq <= self.durable {
            answer.give();
        } else {
            self.answers.push(seq, answer);
        }
    }

    /// Whether nothing is on its way to the disk.
    pub(super) const fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.pending.is_empty()
    }

    /// Whether records wait for nothing but a flush.
    pub(super) const fn is_due(&self) -> bool {
        self.under_way.is_none() && !self.pending.is_empty() && !self.is_refused
    }

    /// Whether records wait for room on the disk, and all that were queued since for them.
    pub(super) const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Has what was refused tried again.
    pub(super) const fn try_again(&mut self) {
        self.is_refused = false;
    }

    /// Has everything tried for the last time: a refusal ends it from now on.
    pub(super) const fn try_last(&mut self) {
        self.patience = Patience::Over;
        self.try_again();
    }

    /// Whether more may be queued; a disk that hangs must not fill the memory.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len().max(self.answers.len()) < QUEUED_MAX
    }

    /// Begins to flush what is queued, unless a flush is under way.
    ///
    /// A driver with nothing else to do makes it itself, if the disk is known to be quick: to wake
    /// a thread for it, and to be woken by that, may cost more than the flush.
    pub(super) fn begin(&mut self, is_driver_free: bool) {
        if !self.is_due() {
            return;
        }
        let records = std::mem::replace(&mut self.pending, std::mem::take(&mut self.spare));
        self.is_last_try = self.patience != Patience::Waits;
        let here = is_driver_free && self.trust.is_earned(records.len());
        let (store, expected) = (Arc::clone(&self.store), self.durable);
        let append = move || append(store.as_ref(), expected, records);
        self.under_way = Some(if here {
            Flush::Done(append())
        } else {
            Flush::Elsewhere(spawn_blocking(append))
        });
    }

    /// Begins to flush what has gathered while the last flush was under way.
    ///
    /// A slow disk had better wait for what follows from that flush: else the runs in flight fall
    /// into two halves, each of which waits for the flushes of the other.
    pub(super) fn go_on(&mut self) {
        if !self.is_disk_slow {
            self.begin(false);
        }
    }

    /// Waits for the flush that is under way, for ever if there is none; gives what has landed.
    ///
    /// That is nothing if there was no room for it: then it is the first that is tried again.
    ///
    /// # Cancel safety
    /// Safe: the flush goes on, and the next call waits for it again.
    pub(super) async fn landed(&mut self) -> Result<Vec<Record>, CommitError> {
        if let Some(Flush::Elsewhere(flush)) = &mut self.under_way {
            let landed = flush.await.map_err(|_| CommitError::Writer)?;
            self.under_way = Some(Flush::Done(landed));
        }
        let Some(Flush::Done(Landed { records, head, took })) = self.under_way.take() else {
            return std::future::pending().await;
        };
        self.trust.learn(took);
        let looking = LOOK.saturating_mul(u32::try_from(records.len()).unwrap_or(u32::MAX));
        self.is_disk_slow = took > looking + QUICK;
        match head {
            Err(CommitError::Append(source @ AppendError::NoRoom { .. })) => {
                self.put_back(records, source)?;
                return Ok(Vec::new());
            }
            head => self.durable = head?,
        }
        self.flushes.add(took);
        if self.patience == Patience::NotYet {
            self.patience = Patience::Waits;
        }
        Ok(records)
    }

    /// Queues what was refused in front of what was queued behind it.
    fn put_back(&mut self, refused: Vec<Record>, source: AppendError) -> Result<(), CommitError> {
        let mut behind = std::mem::replace(&mut self.pending, refused);
        self.pending.append(&mut behind);
        // One that was under way when the last try was asked for was not the last.
        self.is_refused = self.patience == Patience::Waits;
        match (self.is_last_try, self.pending.first(), self.pending.last()) {
            (true, Some(Record { seq: first, .. }), Some(Record { seq: last, .. })) => {
                Err(CommitError::NoRoom { first: *first, last: *last, source })
            }
            _ => Ok(()),
        }
    }

    /// Gives the answers that have become due.
    pub(super) fn answer(&mut self) {
        self.answers.give(self.durable);
    }
}

fn append(store: &dyn Store, expected: Seq, records: Vec<Record>) -> Landed {
    let began = real_now();
    // A store that panicked is asked for nothing but to close.
    let head = catch_unwind(AssertUnwindSafe(|| store.append(expected, &records)));
    let head = head.map_err(|_| CommitError::Writer).and_then(|head| Ok(head?));
    Landed { records, head, took: began.elapsed() }
}

/// Whether the driver may wait for the disk itself, which holds up a thread of the runtime.
///
/// One slow flush ends that; it takes many quick ones, made elsewhere, until it is dared again. So
/// a disk that is slow, or becomes so, holds a thread up once in a while and never twice in a row.
#[derive(Debug)]
struct Trust {
    /// Quick flushes since the last that was not.
    quick_in_a_row: u32,
    /// Whether the tasks of the runtime can go on while one of its threads waits.
    has_threads: bool,
}

impl Trust {
    const fn is_earned(&self, records: usize) -> bool {
        self.has_threads && self.quick_in_a_row >= QUICK_FLUSHES_MIN && records <= HERE_RECORDS_MAX
    }

    fn learn(&mut self, took: Duration) {
        let is_quick = took < QUICK;
        self.quick_in_a_row = if is_quick { self.quick_in_a_row.saturating_add(1) } else { 0 };
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer")
            .field("durable", &self.durable)
            .field("pending", &self.pending.len())
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

/// Records, or answers, that wait for the disk.
const QUEUED_MAX: usize = 65_536;
/// Records that there is always room for, once there was.
const ROOM_RECORDS_MAX: usize = 4_096;
/// A flush that takes less holds nobody up: a busy task takes as long between two awaits.
const QUICK: Duration = Duration::from_micros(500);
/// What it takes to look at one record that has landed, and at what follows from it.
const LOOK: Duration = Duration::from_micros(5);
/// Quick flushes in a row after which the next one is expected to be quick.
const QUICK_FLUSHES_MIN: u32 = 32;
/// Records in a flush that the driver makes itself; more take long to encode as well.
const HERE_RECORDS_MAX: usize = 256;

#[cfg(test)]
mod tests;
