//! Group commit: what is decided while a flush runs goes into the next one.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::store::{AppendError, Store};
use resurge_journal::{Record, Seq};
use tokio::task::JoinHandle;

use super::ambient::{has_threads_to_spare, real_now, spawn_blocking};

/// Something that must not happen before a record is durable, such as an answer.
type Ack = Box<dyn FnOnce() + Send>;

/// Records on their way to the disk, and the answers that wait for them.
pub(super) struct Committer {
    store: Arc<dyn Store>,
    durable: Seq,
    pending: Vec<Record>,
    /// An empty list with room, for what is queued behind the next flush.
    spare: Vec<Record>,
    acks: VecDeque<(Seq, Ack)>,
    under_way: Option<Flush>,
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
        let (pending, spare, acks) = (Vec::new(), Vec::new(), VecDeque::new());
        Self {
            store,
            durable,
            pending,
            spare,
            acks,
            under_way: None,
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
    pub(super) fn answer_after(&mut self, seq: Seq, ack: impl FnOnce() + Send + 'static) {
        if seq <= self.durable {
            ack();
        } else {
            self.acks.push_back((seq, Box::new(ack)));
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
        self.pending.len().max(self.acks.len()) < QUEUED_MAX
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
        while self.acks.front().is_some_and(|(seq, _)| *seq <= self.durable) {
            if let Some((_, ack)) = self.acks.pop_front() {
                ack();
            }
        }
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
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Mutex;
    use std::thread::{self, ThreadId};

    use resurge_journal::Timestamp;
    use resurge_journal::event::RunUnparked;
    use resurge_journal::store::{Fault, FaultyStore, Gate, MemoryStore, ReadError, Scan};

    use super::*;

    /// Tells on which thread each append was made.
    #[derive(Debug)]
    struct Told {
        inner: FaultyStore<MemoryStore>,
        threads: Mutex<Vec<ThreadId>>,
    }

    impl Told {
        fn new(faults: impl IntoIterator<Item = (usize, Fault)>) -> Arc<Self> {
            let inner = FaultyStore::new(MemoryStore::new(), faults);
            Arc::new(Self { inner, threads: Mutex::default() })
        }

        /// Whether the last append was made by this very thread.
        fn was_here(&self) -> bool {
            self.threads.lock().unwrap().last() == Some(&thread::current().id())
        }
    }

    impl Store for Told {
        fn head(&self) -> Seq {
            self.inner.head()
        }

        fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
            self.threads.lock().unwrap().push(thread::current().id());
            self.inner.append(expected, batch)
        }

        fn scan(&self, from: Seq) -> Scan<'_> {
            self.inner.scan(from)
        }

        fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
            self.inner.read(seq)
        }

        fn location(&self) -> &str {
            self.inner.location()
        }

        fn close(&self) {
            self.inner.close();
        }
    }

    fn record(seq: Seq) -> Record {
        Record { seq, at: Timestamp::default(), run: None, event: RunUnparked {}.into() }
    }

    /// Flushes one more record, which a driver without other work asks for.
    async fn flush(commits: &mut Committer) -> Result<Vec<Record>, CommitError> {
        let next = record(commits.durable().next());
        commits.queue().push(next);
        commits.begin(true);
        commits.landed().await
    }

    /// Flushes until the committer does it on this thread; how many that took is up to the machine.
    async fn earn_trust(commits: &mut Committer, store: &Told) {
        while !store.was_here() {
            flush(commits).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_quick_store_is_waited_for_by_the_driver_itself_once_it_is_known_to_be_quick() {
        let store = Told::new([]);
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        for _ in 0..QUICK_FLUSHES_MIN {
            flush(&mut commits).await.unwrap();
            assert!(!store.was_here(), "nothing is known of the store yet");
        }
        earn_trust(&mut commits, &store).await;
        assert_eq!(commits.durable(), store.head());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_driver_with_other_work_never_waits_for_the_store() {
        let store = Told::new([]);
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        earn_trust(&mut commits, &store).await;
        let next = record(commits.durable().next());
        commits.queue().push(next);
        commits.begin(false);
        commits.landed().await.unwrap();
        assert!(!store.was_here());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_that_turns_slow_holds_the_driver_up_once_and_not_again() {
        let gates: Vec<Gate> = (0..200).map(|_| Gate::new()).collect();
        // Every append from some point on is slow; the machine decides which the first one here is.
        let slow_from = 200;
        let faults = gates.iter().zip(slow_from..).map(|(gate, nth)| (nth, gate.clone()));
        let store = Told::new(faults.map(|(nth, gate)| (nth, Fault::Stall(gate))));
        let disk = spawn_blocking(move || {
            for gate in gates {
                gate.arrived();
                let arrived = real_now();
                while arrived.elapsed() < QUICK {
                    thread::yield_now();
                }
                gate.open();
            }
        });
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        for _ in 1..slow_from {
            flush(&mut commits).await.unwrap();
        }
        let mut held_up = 0;
        for _ in 0..200 {
            flush(&mut commits).await.unwrap();
            held_up += u32::from(store.was_here());
        }
        assert!(held_up <= 1, "held up {held_up} times");
        disk.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_gathers_behind_a_slow_flush_waits_for_what_follows_from_it() {
        let gate = Gate::new();
        let store = Told::new([(1, Fault::Stall(gate.clone()))]);
        let disk = spawn_blocking(move || {
            gate.arrived();
            let arrived = real_now();
            while arrived.elapsed() < QUICK * 2 {
                thread::yield_now();
            }
            gate.open();
        });
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        flush(&mut commits).await.unwrap();
        disk.await.unwrap();
        let next = record(commits.durable().next());
        commits.queue().push(next);
        commits.go_on();
        assert!(commits.is_due(), "it is held back");
        commits.begin(false);
        commits.landed().await.unwrap();
        // Behind a quick one it is not; how long that takes to come is up to the machine.
        while commits.is_disk_slow {
            flush(&mut commits).await.unwrap();
        }
        let next = record(commits.durable().next());
        commits.queue().push(next);
        commits.go_on();
        assert!(!commits.is_due(), "the disk works while the driver looks at what it wrote");
        commits.landed().await.unwrap();
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_is_never_held_up() {
        let store = Told::new([]);
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        for _ in 0..QUICK_FLUSHES_MIN * 4 {
            flush(&mut commits).await.unwrap();
            assert!(!store.was_here());
        }
    }

    #[tokio::test]
    async fn what_is_refused_is_tried_again_in_front_of_what_came_later() {
        let store = Told::new([(2, Fault::Refuse { asked: 1 })]);
        let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
        flush(&mut commits).await.unwrap();
        let refused = record(commits.durable().next());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |seq: Seq, told: &Arc<Mutex<Vec<Seq>>>| {
            let told = Arc::clone(told);
            move || told.lock().unwrap().push(seq)
        };
        commits.queue().push(refused.clone());
        commits.answer_after(refused.seq, tell(refused.seq, &told));
        commits.begin(true);
        let later = record(refused.seq.next());
        commits.queue().push(later.clone());
        commits.answer_after(later.seq, tell(later.seq, &told));
        assert_eq!(commits.landed().await.unwrap(), []);
        commits.answer();
        commits.begin(true);
        assert!(commits.is_refused() && !commits.is_due() && !commits.is_idle());
        assert_eq!((store.inner.appends(), told.lock().unwrap().len()), (2, 0));

        assert!(store.inner.seek_room());
        commits.try_again();
        commits.begin(true);
        assert_eq!(commits.landed().await.unwrap(), [refused.clone(), later.clone()]);
        commits.answer();
        assert_eq!(*told.lock().unwrap(), [refused.seq, later.seq]);
        assert!(commits.is_idle());
    }

    /// A flush that began before the end is not the last try.
    #[tokio::test]
    async fn the_last_try_is_one_that_begins_when_it_is_asked_for() {
        for tries in [1, 2] {
            let refusals = (2..2 + tries).map(|number| (number, Fault::Refuse { asked: 0 }));
            let store = Told::new(refusals);
            let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
            flush(&mut commits).await.unwrap();
            let next = record(commits.durable().next());
            commits.queue().push(next);
            commits.begin(false);
            commits.try_last();
            assert_eq!(commits.landed().await.unwrap(), []);
            assert!(commits.is_due(), "at once: nobody waits for room any more");
            commits.begin(false);
            match commits.landed().await {
                Ok(landed) => assert_eq!((landed.len(), tries), (1, 1)),
                Err(error) => {
                    assert!(matches!(error, CommitError::NoRoom { .. }), "{error}");
                    assert_eq!(tries, 2);
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_append_that_fails_fails_the_flush_wherever_it_is_made() {
        for fault in [Fault::Fail, Fault::FailAfter, Fault::Tear { kept: 0 }] {
            // Far behind the point where the driver waits itself, on any but a stalled machine.
            let faults = (1_000..1_001).map(|nth| (nth, fault.clone()));
            let store = Told::new(faults);
            let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
            for _ in 1..1_000 {
                flush(&mut commits).await.unwrap();
            }
            let durable = commits.durable();
            let error = flush(&mut commits).await.unwrap_err();
            assert!(matches!(error, CommitError::Append(AppendError::Io { .. })), "{error}");
            assert_eq!(commits.durable(), durable, "what failed is not acknowledged");
        }
    }
}
