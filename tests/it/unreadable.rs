//! What is derived from the journal cannot be read: for a while, for ever, or because it is gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::store::{
    AppendError, Cache, CacheError, Change, MemoryStore, Pair, ReadError, Scan, Store,
};
use resurge::{
    Class, Engine, Jitter, RetryPolicy, RunId, RunStatus, RunView, Seq, Settings, StartError,
    StepContext, StepError, Unavailable, Workflow,
};
use support::{Calls, chain, fail_first};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A store in memory whose cache fails when it is told to.
#[derive(Debug, Clone, Default)]
struct Weak {
    records: MemoryStore,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Uses of the cache that fail from now on.
    failures: AtomicU64,
    /// Those that have failed.
    failed: AtomicU64,
    scans: AtomicU64,
    /// Changes of the cache by the thread on which the store was made.
    changes_here: AtomicU64,
    /// Which cache it is: another one after it was lost.
    generation: AtomicU64,
    scan_gate: Gate,
    cache_gate: Gate,
    here: Mutex<Option<ThreadId>>,
}

/// Holds whoever passes while it is shut.
#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    changed: Condvar,
    was_forced: AtomicBool,
}

impl Gate {
    fn set_shut(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let is_shut = self.is_shut.lock().unwrap();
        let passed = self.changed.wait_timeout_while(is_shut, MINUTE, |is_shut| *is_shut).unwrap();
        self.was_forced.fetch_or(passed.1.timed_out(), Ordering::SeqCst);
    }
}

impl Weak {
    fn fail(&self, times: u64) {
        self.shared.failures.store(times, Ordering::SeqCst);
    }

    fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::SeqCst)
    }

    fn scans(&self) -> u64 {
        self.shared.scans.load(Ordering::SeqCst)
    }

    fn lose(&self) {
        let cache = self.records.cache().unwrap();
        for (key, _) in cache.range(&[], &[0xff], usize::MAX).unwrap() {
            cache.apply(vec![Change::Remove { key }]).unwrap();
        }
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The cache, if it works.
    fn inner(&self) -> Result<&dyn Cache, CacheError> {
        let spend = |left: u64| left.checked_sub(1);
        let failures = &self.shared.failures;
        if failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok() {
            self.shared.failed.fetch_add(1, Ordering::SeqCst);
            return Err(std::io::Error::from_raw_os_error(5).into());
        }
        Ok(self.records.cache().unwrap())
    }
}

impl Cache for Weak {
    fn generation(&self) -> Result<uuid::Uuid, CacheError> {
        self.shared.cache_gate.pass();
        self.inner()?;
        Ok(uuid::Uuid::from_u128(self.shared.generation.load(Ordering::SeqCst).into()))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        self.inner()?.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError> {
        self.inner()?.range(from, to, limit)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        let is_here = *self.shared.here.lock().unwrap() == Some(thread::current().id());
        self.shared.changes_here.fetch_add(u64::from(is_here), Ordering::SeqCst);
        self.inner()?.apply(changes)
    }

    fn sync(&self) -> Result<(), CacheError> {
        self.inner().map(|_| ())
    }
}

impl Store for Weak {
    fn head(&self) -> Seq {
        self.records.head()
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        self.records.append(expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        self.shared.scans.fetch_add(1, Ordering::SeqCst);
        self.shared.scan_gate.pass();
        self.records.scan(from)
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        self.records.read(seq)
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(self)
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.records.save_checkpoint(at, image)
    }

    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        self.records.load_checkpoint()
    }

    fn location(&self) -> &'static str {
        "a weak store"
    }

    /// Stays open for the next life.
    fn close(&self) {}
}

/// Keeps the state whenever something has happened, and nothing in memory that rests.
fn eager() -> Settings {
    let mut settings = Settings::default();
    settings.checkpoint_records = 1;
    settings.rest_after = Duration::ZERO;
    (settings.retention_age, settings.retention_bytes) = (None, None);
    settings.retention_runs = None;
    settings
}

fn flow() -> Workflow<u32, u32> {
    chain(&[Calls::default()])
}

/// Fails once and is tried again after an hour.
fn in_an_hour() -> Workflow<(), u32> {
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    fail_first(1, Class::Network, policy, &Calls::default())
}

async fn open(disk: &Weak) -> Engine {
    let builder = support::engine_on(disk.clone()).settings(eager());
    builder.register(&flow()).register(&in_an_hour()).start().await.unwrap()
}

/// An engine with a run that has ended, another that waits, and both out of memory.
async fn at_rest(disk: &Weak) -> (Engine, RunId, RunId) {
    let live = open(disk).await;
    let ended = live.start(&flow(), 1).key("ended").await.unwrap();
    ended.outcome().await.unwrap();
    let waits = live.start(&in_an_hour(), ()).key("waits").await.unwrap();
    tokio::time::sleep(SECOND * 20).await;
    assert_eq!(live.stats().await.unwrap().total, 2);
    (live, ended.id(), waits.id())
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_for_a_while_is_waited_for_and_nothing_is_replayed() {
    for times in 1..7 {
        let disk = Weak::default();
        let (live, ended, waits) = at_rest(&disk).await;
        let scans = disk.scans();
        let began = Instant::now();
        disk.fail(times);
        let found = live.find(&"ended".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((found.id, found.status), (ended, RunStatus::Success));
        assert_eq!((disk.failed(), disk.scans()), (times, scans), "nothing was replayed");
        assert!(began.elapsed() < MINUTE);

        disk.fail(times);
        live.run(waits).pause("alice", "later").await.unwrap();
        disk.fail(times);
        let again = live.start(&flow(), 2).key("ended").await;
        assert!(matches!(again, Err(StartError::KeyTaken { run }) if run == ended));
        disk.fail(times);
        assert_eq!(live.runs().await.unwrap().len(), 2);
        disk.fail(times);
        assert_eq!(live.run(ended).outcome().await.unwrap().read::<u32>().unwrap(), 2);
        assert_eq!(disk.scans(), scans, "nothing was replayed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_fails_for_ever_is_given_up_after_a_while() {
    let disk = Weak::default();
    let (live, ended, waits) = at_rest(&disk).await;
    let scans = disk.scans();
    let began = Instant::now();
    disk.fail(u64::MAX);
    let found = live.find(&"ended".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.id, ended);
    assert!((SECOND * 20..MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(disk.scans(), scans + 1, "read again, once");
    assert!(disk.failed() < 30, "asked again and again, but not all the time");
    assert_eq!(live.run(waits).view().await.unwrap().status, RunStatus::Recovering);
    assert_eq!(live.runs().await.unwrap().len(), 2);
    tokio::time::sleep(HOUR).await;
    live.run(waits).outcome().await.unwrap();
    assert_eq!(live.stats().await.unwrap().succeeded, 2, "it goes on at its time");
    let anew = live.start(&flow(), 2).key("another").await.unwrap();
    assert_eq!(anew.outcome().await.unwrap(), 3);
    assert_eq!(disk.scans(), scans + 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_pages_cannot_be_read_is_read_from_the_journal_in_the_end() {
    let disk = Weak::default();
    let (live, ..) = at_rest(&disk).await;
    let scans = disk.scans();
    disk.fail(u64::MAX);
    assert_eq!(live.runs().await.unwrap().len(), 2);
    assert_eq!(disk.scans(), scans + 1, "read again, once");
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_reads_runs_twice_counts_them_once() {
    let mut flow = Workflow::builder::<bool>("hangs");
    let input = flow.input();
    let work = |cx: StepContext, hangs: bool| async move {
        if hangs {
            cx.stopped().await;
        }
        Err::<(), _>(StepError::new(Class::Network, "refused", "nobody is there"))
    };
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    let step = flow.step_fn("hangs", input, work).retry(policy).add();
    let flow = flow.build(step).unwrap();
    let disk = Weak::default();
    let builder = support::engine_on(disk.clone()).settings(eager());
    let live = builder.register(&flow).start().await.unwrap();
    let at_rest = live.start(&flow, false).await.unwrap().id();
    let in_memory = live.start(&flow, true).await.unwrap().id();
    tokio::time::sleep(SECOND * 20).await;
    for times in [0, 1] {
        disk.fail(times);
        let failed = disk.failed();
        let change = ("max_retries".to_owned(), resurge::Json::of(&99).ok());
        let effects = live.preview([change]).await.unwrap();
        assert_eq!(disk.failed() - failed, times, "the list is read again after each");
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((effect.count, &effect.runs[..]), (2, &[in_memory, at_rest][..]), "{times}");
        assert_eq!(effect.text, "2 runs would have more retries than now");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_gone_is_given_up_at_once() {
    let disk = Weak::default();
    let (live, ended, waits) = at_rest(&disk).await;
    let scans = disk.scans();
    let began = Instant::now();
    disk.lose();
    let found = live.find(&"ended".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.id, ended, "nobody is told that there is none");
    assert_eq!(live.run(waits).view().await.unwrap().status, RunStatus::Recovering);
    tokio::time::sleep(HOUR * 2).await;
    live.run(waits).outcome().await.unwrap();
    assert_eq!(disk.scans(), scans + 1, "read again, once");
    assert!(began.elapsed() < HOUR * 3);
}

/// Somebody looks for the run that has ended, and has to wait.
async fn seek(live: &Engine) -> JoinHandle<Result<Option<RunView>, Unavailable>> {
    let (live, key) = (live.clone(), "ended".parse().unwrap());
    let find = tokio::spawn(async move { live.find(&key).await });
    tokio::time::sleep(SECOND).await;
    find
}

#[tokio::test(start_paused = true)]
async fn what_is_in_memory_goes_on_while_the_cache_cannot_be_read() {
    let disk = Weak::default();
    let (live, ended, _) = at_rest(&disk).await;
    disk.fail(u64::MAX);
    let find = seek(&live).await;
    let began = Instant::now();
    let other = live.start(&flow(), 5).await.unwrap();
    assert_eq!(other.outcome().await.unwrap(), 6);
    other.view().await.unwrap();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert!(!find.is_finished());
    assert_eq!(find.await.unwrap().unwrap().unwrap().id, ended);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_cache_keeps_its_order() {
    let disk = Weak::default();
    let (live, _, waits) = at_rest(&disk).await;
    disk.fail(6);
    let run = live.run(waits);
    // Whoever asks loses patience, and asks for the opposite.
    timeout(SECOND / 100, run.pause("alice", "later")).await.unwrap_err();
    run.resume("alice", "now").await.unwrap();
    assert_eq!(run.view().await.unwrap().status, RunStatus::Recovering);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_cannot_be_read_comes_as_soon_as_it_can() {
    let disk = Weak::default();
    let (live, _, waits) = at_rest(&disk).await;
    let (scans, head) = (disk.scans(), live.head());
    // Some of them when it falls due.
    disk.fail(8);
    tokio::time::sleep(MINUTE * 58).await;
    assert_eq!((disk.failed(), live.head()), (0, head), "nobody has looked");
    tokio::time::sleep(MINUTE * 3).await;
    assert_eq!((disk.failed(), disk.scans()), (8, scans));
    live.run(waits).outcome().await.unwrap();
    assert_eq!(live.stats().await.unwrap().succeeded, 2);
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_closed_while_the_cache_cannot_be_read() {
    let disk = Weak::default();
    let (live, ended, _) = at_rest(&disk).await;
    disk.fail(u64::MAX);
    let find = seek(&live).await;
    let began = Instant::now();
    live.shutdown(SECOND).await.unwrap();
    assert!(began.elapsed() < SECOND * 20, "{:?}", began.elapsed());
    find.await.unwrap().unwrap_err();
    disk.fail(0);
    let live = open(&disk).await;
    assert_eq!(live.find(&"ended".parse().unwrap()).await.unwrap().unwrap().id, ended);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_held_up_by_a_replay() {
    let disk = Weak::default();
    let (live, ended, _) = at_rest(&disk).await;
    disk.lose();
    disk.shared.scan_gate.set_shut(true);
    let (seeker, scans) = (live.clone(), disk.scans());
    let seek = tokio::spawn(async move { seeker.run(ended).retry_now("alice", "why not").await });
    // Virtual time stands still while a thread is at work.
    let began = std::time::Instant::now();
    while disk.scans() == scans {
        assert!(began.elapsed() < MINUTE, "it is read from the journal");
        tokio::task::yield_now().await;
    }
    let other = live.start(&flow(), 5).await.unwrap();
    assert_eq!(other.outcome().await.unwrap(), 6);
    assert!(!seek.is_finished());
    disk.shared.scan_gate.set_shut(false);
    let error = seek.await.unwrap().unwrap_err();
    assert!(!error.to_string().contains("retention"), "it is known: {error}");
    assert!(!disk.shared.scan_gate.was_forced.load(Ordering::SeqCst));
    assert_eq!(live.runs().await.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_opening_waits_for_the_cache_without_a_thread() {
    let disk = Weak::default();
    let (live, ended, waits) = at_rest(&disk).await;
    live.shutdown(Duration::ZERO).await.unwrap();
    disk.shared.cache_gate.set_shut(true);
    // A definition is missing, so that the run that waits for it is wanted at once.
    let builder = support::engine_on(disk.clone()).settings(eager()).register(&flow());
    let opening = tokio::spawn(builder.start());
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!opening.is_finished());
    disk.shared.cache_gate.set_shut(false);
    let live = opening.await.unwrap().unwrap();
    assert!(!disk.shared.cache_gate.was_forced.load(Ordering::SeqCst));
    assert_eq!(live.run(waits).view().await.unwrap().status, RunStatus::Paused);
    assert_eq!(live.run(ended).view().await.unwrap().status, RunStatus::Success);
}

#[tokio::test(start_paused = true)]
async fn the_thread_of_the_driver_changes_nothing_in_the_cache() {
    let disk = Weak::default();
    *disk.shared.here.lock().unwrap() = Some(thread::current().id());
    let (live, ended, waits) = at_rest(&disk).await;
    live.run(waits).pause("alice", "later").await.unwrap();
    // What was kept of the run is out of date in the checkpoint that comes now.
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = open(&disk).await;
    assert_eq!(live.run(waits).view().await.unwrap().status, RunStatus::Paused);
    assert_eq!(live.run(ended).view().await.unwrap().status, RunStatus::Success);
    assert_eq!(live.find(&"waits".parse().unwrap()).await.unwrap().unwrap().id, waits);
    assert_eq!(live.runs().await.unwrap().len(), 2);
    assert_eq!(disk.shared.changes_here.load(Ordering::SeqCst), 0);
}
