//! Old runs are dropped, and whatever has not ended goes on as if nothing had been.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use resurge::journal::event::{Event, JournalTrimmed};
use resurge::journal::store::{Cache, Cut, MemoryStore, Store, TrimError, Wrapper};
use resurge::journal::{Record, audit};
use resurge::{
    Class, ControlError, Engine, Jitter, RetryPolicy, RunError, RunId, RunStatus, Seq, Settings,
    StepContext, StepError, Workflow,
};
use support::{Calls, chain, records};
use tokio::sync::mpsc;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// Keeps the state whenever it is quiet, and nothing in memory that rests.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.checkpoint_records = 10;
    settings.rest_after = Duration::ZERO;
    settings
}

fn at_most(runs: u64) -> Settings {
    let mut settings = settings();
    settings.retention_runs = Some(runs);
    settings
}

async fn engine<I: resurge::Payload, O: resurge::Payload>(
    store: impl Store,
    flow: &Workflow<I, O>,
    settings: Settings,
) -> Engine {
    support::engine_on(store).settings(settings).register(flow).start().await.unwrap()
}

fn quick() -> Workflow<u32, u32> {
    chain(&[Calls::default()])
}

/// Saves where it is, fails, and is tried again after many days.
fn in_weeks(days: u32) -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("weeks");
    let input = flow.input();
    let step = flow
        .step_fn("wait", input, |cx: StepContext, n: u32| async move {
            if let Some(saved) = cx.checkpoint::<u32>()? {
                return Ok(n + saved + cx.attempt().get());
            }
            cx.save_checkpoint(&40u32).await.unwrap();
            Err(StepError::new(Class::Server, "busy", "come back later"))
        })
        .retry(RetryPolicy::fixed(DAY * days).jitter(Jitter::None).no_max_elapsed())
        .add();
    flow.build(step).unwrap()
}

/// Runs so many short runs, one after the other, and gives their ids.
async fn run_many(
    live: &Engine,
    flow: &Workflow<u32, u32>,
    keys: std::ops::Range<u32>,
) -> Vec<RunId> {
    let mut ids = Vec::new();
    for n in keys {
        let run = live.start(flow, n).key(format!("run-{n}")).await.unwrap();
        assert_eq!(run.outcome().await.unwrap(), n + 1);
        ids.push(run.id());
        tokio::time::sleep(SECOND * 5).await;
    }
    ids
}

/// What is there of a journal.
fn there(store: &MemoryStore) -> Vec<Record> {
    store.scan_kept().chain(store.scan(Seq::ZERO)).map(|record| record.unwrap()).collect()
}

fn trims(store: &MemoryStore) -> Vec<JournalTrimmed> {
    let trimmed = there(store).into_iter().filter_map(|record| match record.event {
        Event::JournalTrimmed(event) => Some(event),
        _ => None,
    });
    trimmed.collect()
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_runs_for_a_day_keeps_the_runs_of_the_last_hours() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let mut settings = settings();
    settings.retention_age = Some(HOUR * 2);
    let live = engine(disk.clone(), &flow, settings.clone()).await;
    let mut ids = Vec::new();
    let mut largest = 0;
    for hour in 0..24 {
        for n in 0..20 {
            ids.extend(run_many(&live, &flow, hour * 20 + n..hour * 20 + n + 1).await);
            tokio::time::sleep(SECOND * 175).await;
        }
        largest = largest.max(there(&disk).len());
    }
    assert!(largest < 500, "{largest} records of {}", disk.head());
    assert!(live.head() > Seq::new(1_900));

    // Those that were dropped are gone for everybody, and their keys are free.
    let (old, new) = (*ids.first().unwrap(), *ids.last().unwrap());
    assert!(matches!(live.run(old).outcome().await, Err(RunError::UnknownRun { .. })));
    assert!(matches!(live.run(old).view().await, Err(ControlError::UnknownRun { .. })));
    let error = live.run(old).retry_now("alice", "again").await.unwrap_err();
    assert!(error.to_string().contains("retention"), "{error}");
    assert_eq!(live.find(&"run-0".parse().unwrap()).await.unwrap(), None);
    assert_eq!(live.explain(old).await.unwrap(), None);
    assert_eq!(live.run(new).view().await.unwrap().status, RunStatus::Success);
    let listed = live.runs().await.unwrap();
    assert!((40..80).contains(&listed.len()), "{} runs are listed", listed.len());
    let again = live.start(&flow, 1_000).key("run-0").await.unwrap();
    assert_eq!(again.outcome().await.unwrap(), 1_001);
    assert_eq!(live.stats().await.unwrap().succeeded, 481, "what was counted stays counted");
    let from_start = records(&live).await;
    assert_eq!(from_start.first().unwrap().seq, disk.first());
    live.shutdown(Duration::ZERO).await.unwrap();

    let live = engine(disk.clone(), &flow, settings).await;
    assert_eq!(live.runs().await.unwrap().len(), listed.len() + 1);
    assert_eq!(live.find(&"run-1".parse().unwrap()).await.unwrap(), None);
    assert!(audit::audit(&disk).is_clean(), "{:?}", audit::audit(&disk));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_weeks_is_not_touched_by_many_trims() {
    let (disk, flow, slow) = (MemoryStore::new(), quick(), in_weeks(20));
    let open = || async {
        let builder = support::engine_on(disk.clone()).settings(at_most(10));
        builder.register(&flow).register(&slow).start().await.unwrap()
    };
    let live = open().await;
    let waits = live.start(&slow, 1).key("slow").await.unwrap().id();
    run_many(&live, &flow, 0..100).await;
    live.shutdown(Duration::ZERO).await.unwrap();
    for life in 1..4 {
        let live = open().await;
        run_many(&live, &flow, life * 100..life * 100 + 100).await;
        assert_eq!(live.find(&"slow".parse().unwrap()).await.unwrap().unwrap().id, waits);
        live.shutdown(Duration::ZERO).await.unwrap();
    }
    assert!(trims(&disk).len() <= 3, "old records of trims are dropped as well");
    assert!(disk.first() > Seq::new(1_000), "it was trimmed many times: {}", disk.first());
    let live = open().await;
    let view = live.run(waits).view().await.unwrap();
    assert_eq!(view.status, RunStatus::Recovering);
    tokio::time::sleep(DAY * 21).await;
    assert_eq!(live.run(waits).outcome().await.unwrap().read::<u32>().unwrap(), 43);
    let attempts = live.run(waits).view().await.unwrap().steps.first().unwrap().attempts;
    assert_eq!(attempts.get(), 2);
    assert!(audit::audit(&disk).is_clean(), "{:?}", audit::audit(&disk));
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_dropped() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let mut settings = settings();
    (settings.retention_age, settings.retention_bytes) = (None, None);
    settings.retention_runs = None;
    let live = engine(disk.clone(), &flow, settings).await;
    let ids = run_many(&live, &flow, 0..50).await;
    tokio::time::sleep(DAY * 365).await;
    run_many(&live, &flow, 50..60).await;
    assert_eq!(live.run(*ids.first().unwrap()).view().await.unwrap().status, RunStatus::Success);
    assert_eq!(disk.first(), Seq::new(1));
}

#[tokio::test(start_paused = true)]
async fn without_checkpoints_an_opening_drops_what_is_too_much() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let mut settings = at_most(10);
    settings.checkpoint_records = 0;
    let live = engine(disk.clone(), &flow, settings.clone()).await;
    run_many(&live, &flow, 0..50).await;
    live.shutdown(Duration::ZERO).await.unwrap();
    assert_eq!(disk.first(), Seq::new(1));
    for life in 1..3 {
        let live = engine(disk.clone(), &flow, settings.clone()).await;
        tokio::time::sleep(SECOND).await;
        assert!(disk.first() > Seq::new(100), "{}", disk.first());
        assert!(live.runs().await.unwrap().len() < 20);
        assert_eq!(live.stats().await.unwrap().succeeded, 50, "life {life}");
        live.shutdown(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_drops_nothing_until_something_happens() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let live = engine(disk.clone(), &flow, settings()).await;
    run_many(&live, &flow, 0..50).await;
    tokio::time::sleep(SECOND * 10).await;
    let head = live.head();
    tokio::time::sleep(DAY * 40).await;
    assert_eq!((live.head(), disk.first()), (head, Seq::new(1)));
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = engine(disk.clone(), &flow, settings()).await;
    tokio::time::sleep(SECOND * 10).await;
    assert!(disk.first() > Seq::new(100), "the next opening drops them: {}", disk.first());
    assert!(live.runs().await.unwrap().len() < 10);
}

type Asked = (mpsc::UnboundedSender<()>, Arc<Mutex<std::sync::mpsc::Receiver<()>>>);

/// A disk on which nothing can be dropped while it is told so.
#[derive(Debug, Clone)]
struct Stubborn {
    records: MemoryStore,
    refuses: Arc<AtomicBool>,
    /// Tells when it is asked where it can be cut, and waits until that is acknowledged.
    asked: Option<Asked>,
}

impl Wrapper for Stubborn {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn cuts(&self) -> Vec<Cut> {
        if let Some((asked, answered)) = &self.asked
            && asked.send(()).is_ok()
        {
            // Longer than anything takes that is not lost.
            let _ = answered.lock().unwrap().recv_timeout(SECOND * 60);
        }
        self.records.cuts()
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(TrimError::Closed);
        }
        self.records.trim(first, residue, kept)
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_and_not_dropped_is_dropped_by_the_next_opening() {
    for loses_checkpoint in [false, true] {
        let records = MemoryStore::new();
        let disk = Stubborn { records: records.clone(), refuses: Arc::default(), asked: None };
        let flow = quick();
        let live = engine(disk.clone(), &flow, at_most(10)).await;
        disk.refuses.store(true, Ordering::SeqCst);
        let ids = run_many(&live, &flow, 0..40).await;
        let trimmed = trims(&records).pop().expect("it was recorded");
        assert_eq!(records.first(), Seq::new(1), "and not carried out");
        let gone = live.run(*ids.first().unwrap());
        assert!(matches!(gone.view().await, Err(ControlError::UnknownRun { .. })));
        live.shutdown(Duration::ZERO).await.unwrap();

        disk.refuses.store(false, Ordering::SeqCst);
        if loses_checkpoint {
            records.save_checkpoint(Seq::ZERO, &[]).unwrap();
        }
        let live = engine(disk.clone(), &flow, at_most(10)).await;
        tokio::time::sleep(SECOND * 10).await;
        assert!(records.first() >= trimmed.first, "{} {trimmed:?}", records.first());
        assert_eq!(live.stats().await.unwrap().succeeded, 40);
        assert!(live.runs().await.unwrap().len() < 20);
        assert!(audit::audit(&records).is_clean(), "{:?}", audit::audit(&records));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_reopened_in_time_stays() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let fails = support::fail_first(1, Class::Network, RetryPolicy::none(), &Calls::default());
    let builder = support::engine_on(disk.clone()).settings(at_most(10));
    let live = builder.register(&flow).register(&fails).start().await.unwrap();
    let failed = live.start(&fails, ()).key("failed").await.unwrap();
    failed.outcome().await.unwrap_err();
    run_many(&live, &flow, 0..9).await;
    failed.retry_now("alice", "the line is back").await.unwrap();
    failed.outcome().await.unwrap();
    run_many(&live, &flow, 9..17).await;
    let (first, known) = (disk.first(), failed.view().await.is_ok());
    assert!(first > Seq::new(1), "it was trimmed");
    assert!(known, "it ended later than others that are gone");
    assert!(audit::audit(&disk).is_clean(), "{:?}", audit::audit(&disk));
}

#[tokio::test(start_paused = true)]
async fn runs_that_are_reopened_all_the_time_keep_no_others() {
    let (asked, mut asks) = mpsc::unbounded_channel();
    let (answer, answered) = std::sync::mpsc::channel();
    let asked = Some((asked, Arc::new(Mutex::new(answered))));
    let records = MemoryStore::new();
    let disk = Stubborn { records: records.clone(), refuses: Arc::default(), asked };
    let flow = quick();
    let fails =
        support::fail_first(u32::MAX, Class::Network, RetryPolicy::none(), &Calls::default());
    let builder = support::engine_on(disk).settings(at_most(10));
    let live = tokio::spawn(builder.register(&flow).register(&fails).start());
    // Whenever a plan is made, a young run goes on and fails again.
    let young = Arc::new(Mutex::new(None::<(Engine, RunId)>));
    let runs = young.clone();
    let reopener = tokio::spawn(async move {
        let mut plans = 0_u32;
        while asks.recv().await.is_some() {
            let young = runs.lock().unwrap().clone();
            if let Some((live, run)) = young {
                let run = live.run(run);
                run.retry_now("alice", "again").await.unwrap();
                run.outcome().await.unwrap_err();
                plans += 1;
            }
            answer.send(()).unwrap();
        }
        plans
    });
    let live = live.await.unwrap().unwrap();
    run_many(&live, &flow, 0..20).await;
    let before = records.first();
    let run = live.start(&fails, ()).key("young").await.unwrap();
    run.outcome().await.unwrap_err();
    *young.lock().unwrap() = Some((live.clone(), run.id()));
    run_many(&live, &flow, 20..50).await;
    assert!(records.first() > before, "what is old goes");
    assert_eq!(run.view().await.unwrap().status, RunStatus::Exhausted);
    live.shutdown(Duration::ZERO).await.unwrap();
    assert!(audit::audit(&records).is_clean(), "{:?}", audit::audit(&records));
    *young.lock().unwrap() = None;
    drop((live, run));
    let plans = reopener.await.unwrap();
    assert!((5..100).contains(&plans), "{plans} plans");
}

/// Fails for good and leaves a file in its scratch folder, or waits there for weeks.
fn leaves_a_file(waits: bool, seen: &Arc<Mutex<Vec<PathBuf>>>) -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>(if waits { "waits" } else { "fails" });
    let (input, seen) = (flow.input(), seen.clone());
    let step = flow.step_fn("step", input, move |cx: StepContext, _: u32| {
        let folder = cx.scratch_dir().to_owned();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("half"), "half of it").unwrap();
        seen.lock().unwrap().push(folder);
        let class = if waits { Class::Server } else { Class::Network };
        async move { Err(StepError::new(class, "no", "not today")) }
    });
    let policy = RetryPolicy::fixed(DAY * 20).jitter(Jitter::None).no_max_elapsed();
    let step = step.retry(if waits { policy } else { RetryPolicy::none() }).add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_run_has_left_behind_is_removed_and_nothing_else() {
    let (disk, flow) = (MemoryStore::new(), quick());
    let [dropped, kept] = [(); 2].map(|()| Arc::<Mutex<Vec<PathBuf>>>::default());
    let (fails, waits) = (leaves_a_file(false, &dropped), leaves_a_file(true, &kept));
    let builder = support::engine_on(disk.clone()).settings(at_most(10));
    let live = builder.register(&flow).register(&fails).register(&waits).start().await.unwrap();
    live.start(&fails, 1).await.unwrap().outcome().await.unwrap_err();
    live.start(&waits, 1).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let (gone, waiting) = (dropped.lock().unwrap().remove(0), kept.lock().unwrap().remove(0));
    run_many(&live, &flow, 0..8).await;
    assert_eq!(disk.first(), Seq::new(1));
    assert!(gone.exists(), "it may be reopened");
    run_many(&live, &flow, 8..30).await;
    live.start(&fails, 2).await.unwrap().outcome().await.unwrap_err();
    tokio::time::sleep(SECOND * 30).await;
    assert!(disk.first() > Seq::new(1), "it was trimmed");
    assert!(!gone.parent().unwrap().exists(), "nobody can reopen it");
    assert!(waiting.join("half").exists(), "it goes on from there");
    assert!(dropped.lock().unwrap().first().unwrap().exists(), "it may be reopened");
}

/// A store that only keeps records.
#[derive(Debug)]
struct Bare(MemoryStore);

impl Wrapper for Bare {
    fn inner(&self) -> &dyn Store {
        &self.0
    }

    fn cache(&self) -> Option<&dyn Cache> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn old_runs_are_dropped_where_no_checkpoint_can_be_kept_as_well() {
    let (records, flow) = (MemoryStore::new(), quick());
    let live = engine(Bare(records.clone()), &flow, at_most(10)).await;
    run_many(&live, &flow, 0..40).await;
    assert!(records.first() > Seq::new(1), "records were dropped");
    assert!(live.runs().await.unwrap().len() < 20);
    assert!(audit::audit(&records).is_clean(), "{:?}", audit::audit(&records));
}

/// A disk that takes its time to look for old records, or to drop them, until it is closed.
#[derive(Debug)]
struct Slow {
    records: MemoryStore,
    looks_slowly: bool,
    is_closed: Mutex<bool>,
    closed: Condvar,
    /// Tells whether the close has ended it.
    ended: mpsc::UnboundedSender<bool>,
}

impl Slow {
    fn take_time(&self) {
        let is_closed = self.is_closed.lock().unwrap();
        // Longer than anything takes that is not lost.
        let wait = self.closed.wait_timeout_while(is_closed, SECOND * 20, |closed| !*closed);
        let _ = self.ended.send(*wait.unwrap().0);
    }
}

impl Wrapper for Slow {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn cuts(&self) -> Vec<Cut> {
        if self.looks_slowly && self.records.cuts().len() > 1 {
            self.take_time();
        }
        self.records.cuts()
    }

    fn trim(&self, _: Seq, _: &[u8], _: &[Seq]) -> Result<(), TrimError> {
        self.take_time();
        Err(TrimError::Closed)
    }

    fn close(&self) {
        *self.is_closed.lock().unwrap() = true;
        self.closed.notify_all();
        self.records.close();
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_what_looks_for_old_records_or_drops_them() {
    for looks_slowly in [false, true] {
        let (records, flow) = (MemoryStore::new(), quick());
        let (ended, mut ends) = mpsc::unbounded_channel();
        let (is_closed, closed) = (Mutex::default(), Condvar::new());
        let disk = Slow { records: records.clone(), looks_slowly, is_closed, closed, ended };
        let live = engine(disk, &flow, at_most(10)).await;
        for n in 0..200 {
            live.start(&flow, n).await.unwrap().outcome().await.unwrap();
            if !trims(&records).is_empty() {
                break;
            }
        }
        live.shutdown(Duration::ZERO).await.unwrap();
        assert_eq!(ends.recv().await, Some(true), "it was ended by the close");
    }
}

/// A store in which nobody can find a place to cut.
#[derive(Debug)]
struct Cursed(MemoryStore);

impl Wrapper for Cursed {
    fn inner(&self) -> &dyn Store {
        &self.0
    }

    fn cuts(&self) -> Vec<Cut> {
        panic!("on purpose")
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_goes_on_if_nobody_can_find_out_what_to_drop() {
    let (records, flow) = (MemoryStore::new(), quick());
    let live = engine(Cursed(records.clone()), &flow, at_most(10)).await;
    run_many(&live, &flow, 0..40).await;
    assert_eq!(records.first(), Seq::new(1));
    assert_eq!(live.runs().await.unwrap().len(), 40);
    live.shutdown(Duration::ZERO).await.unwrap();
}
