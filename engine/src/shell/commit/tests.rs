//! Where flushes are made, and what becomes of those that fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

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

/// Notes that it was given.
struct Note(Seq, Arc<Mutex<Vec<Seq>>>);

impl Answer for Note {
    fn is_wanted(&self) -> bool {
        true
    }

    fn give(self: Box<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[tokio::test]
async fn what_is_refused_is_tried_again_in_front_of_what_came_later() {
    let store = Told::new([(2, Fault::Refuse { asked: 1 })]);
    let mut commits = Committer::new(Arc::clone(&store) as Arc<dyn Store>);
    flush(&mut commits).await.unwrap();
    let refused = record(commits.durable().next());
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |seq: Seq, told: &Arc<Mutex<Vec<Seq>>>| Box::new(Note(seq, Arc::clone(told)));
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
