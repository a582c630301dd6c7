//! The past of a run, while retention and lost records get in the way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::store::{MemoryStore, ReadError, Scan, Store, Wrapper};
use resurge::{Class, Engine, EventsError, Jitter, RetryPolicy, RunHandle, RunId, Seq, Workflow};
use support::{Calls, chain, fail_first, records};

const HOUR: Duration = Duration::from_secs(3_600);

/// When a store is trimmed while somebody reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Bisected,
    KeptRead,
    KeptWereRead,
    Scanned,
    HalfWayThrough,
}

/// The moment, and what is kept.
type Trim = (When, Vec<Seq>);

/// A store that is trimmed at such a moment, and that has lost what it is told to.
#[derive(Debug, Clone)]
struct Shrinking {
    records: MemoryStore,
    trim: Arc<Mutex<Option<Trim>>>,
    lost: Arc<Mutex<Option<Seq>>>,
}

impl Shrinking {
    fn new() -> Self {
        Self { records: MemoryStore::new(), trim: Arc::default(), lost: Arc::default() }
    }

    fn reach(&self, now: When) {
        let mut trim = self.trim.lock().unwrap();
        let Some((_, kept)) = trim.take_if(|(when, _)| *when == now) else { return };
        let first = self.records.cuts().last().unwrap().first;
        let kept: Vec<Seq> = kept.into_iter().filter(|seq| *seq < first).collect();
        self.records.trim(first, b"rest", &kept).unwrap();
    }
}

impl Wrapper for Shrinking {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        self.reach(When::Bisected);
        match *self.lost.lock().unwrap() {
            Some(lost) if lost == seq => Err(ReadError::Gap { from: lost, to: lost }),
            _ => self.records.read(seq),
        }
    }

    fn scan_kept(&self) -> Scan<'_> {
        self.reach(When::KeptRead);
        let kept: Vec<_> = self.records.scan_kept().collect();
        self.reach(When::KeptWereRead);
        Box::new(kept.into_iter())
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        self.reach(When::Scanned);
        let half = self.records.head().get() / 2;
        Box::new(self.records.scan(from).map(move |found| {
            let seq = found.as_ref().map_or(0, |record| record.seq.get());
            if seq >= half {
                self.reach(When::HalfWayThrough);
            }
            match *self.lost.lock().unwrap() {
                Some(lost) if lost.get() == seq => Err(ReadError::Gap { from: lost, to: lost }),
                _ => found,
            }
        }))
    }
}

/// An engine with a run that began among many others, and has not ended after many more.
async fn busy(store: &Shrinking) -> (Engine, RunHandle<u32>) {
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None).max_retries(100);
    let (flow, other) = (fail_first(50, Class::Network, policy, &Calls::default()), quick());
    let builder = support::engine_on(store.clone()).register(&flow).register(&other);
    let engine = builder.start().await.unwrap();
    pass(&engine, &other, 0..20).await;
    let run = engine.start(&flow, ()).await.unwrap();
    for n in 1..20 {
        pass(&engine, &other, n * 20..n * 20 + 5).await;
        tokio::time::sleep(HOUR).await;
    }
    // Nothing happens to it while it is looked at, however the time goes on: it waits, and is paused.
    tokio::time::sleep(HOUR / 2).await;
    run.pause("ann", "so far").await.unwrap();
    (engine, run)
}

fn quick() -> Workflow<u32, u32> {
    chain(&[Calls::default()])
}

async fn pass(engine: &Engine, flow: &Workflow<u32, u32>, inputs: std::ops::Range<u32>) {
    for input in inputs {
        engine.start(flow, input).await.unwrap().outcome().await.unwrap();
    }
}

async fn past(engine: &Engine, run: RunId) -> Result<Vec<Record>, EventsError> {
    let take = |seen: &mut Vec<Record>, record: &Record| seen.push(record.clone());
    Ok(engine.history(run, Vec::new(), take).await?.0)
}

#[track_caller]
fn assert_same(told: &[Record], expected: &[Record], when: &dyn std::fmt::Debug) {
    let said = |records: &[Record]| -> Vec<String> {
        records.iter().map(|record| format!("{} {}", record.seq, record.event.name())).collect()
    };
    assert_eq!(said(told), said(expected), "{when:?}");
    assert_eq!(told, expected, "{when:?}");
}

#[tokio::test(start_paused = true)]
async fn a_trim_at_any_moment_takes_nothing_from_the_past_of_an_open_run() {
    use When::{Bisected, HalfWayThrough, KeptRead, KeptWereRead, Scanned};
    for when in [Bisected, KeptRead, KeptWereRead, Scanned, HalfWayThrough] {
        let store = Shrinking::new();
        let (engine, run) = busy(&store).await;
        let mut all = records(&engine).await;
        all.retain(|record| record.run == Some(run.id()));
        assert!(all.len() > 30);
        let kept = all.iter().map(|record| record.seq).collect();
        *store.trim.lock().unwrap() = Some((when, kept));
        assert_same(&past(&engine, run.id()).await.unwrap(), &all, &when);
        assert!(store.records.first() > Seq::new(100), "it was trimmed: {when:?}");
        assert_same(&past(&engine, run.id()).await.unwrap(), &all, &("after", when));
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_others_have_lost_are_no_reason_to_tell_nothing() {
    let store = Shrinking::new();
    let (engine, run) = busy(&store).await;
    let all = records(&engine).await;
    let own: Vec<Record> =
        all.iter().filter(|record| record.run == Some(run.id())).cloned().collect();
    let others = all.iter().filter(|record| record.run != Some(run.id()));
    for other in others.step_by(7) {
        *store.lost.lock().unwrap() = Some(other.seq);
        assert_same(&past(&engine, run.id()).await.unwrap(), &own, &other.seq);
    }
}

#[tokio::test(start_paused = true)]
async fn what_winds_down_for_as_long_as_it_may_is_part_of_the_past() {
    let mut settings = support::settings();
    settings.stop_grace = HOUR * 2;
    let mut flow = Workflow::builder::<()>("slow");
    let work = |cx: resurge::StepContext, ()| async move {
        cx.stopped().await;
        tokio::time::sleep(HOUR).await;
        Err::<(), _>(resurge::StepError::permanent("it was stopped"))
    };
    let step = flow.step_fn("slow", (), work).add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.cancel("ann", "never mind").await.unwrap();
    tokio::time::sleep(HOUR * 2).await;
    let mut all = records(&engine).await;
    all.retain(|record| record.run == Some(run.id()));
    let (told, last) = (past(&engine, run.id()).await.unwrap(), all.last().unwrap());
    let [.., before, _] = &all[..] else { panic!("{all:?}") };
    assert!(last.at.since(before.at) >= HOUR, "{all:?}");
    assert_eq!(told, all);
}

#[tokio::test(start_paused = true)]
async fn a_fold_that_panics_is_told_apart_from_a_journal_that_cannot_be_read() {
    let flow = quick();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap();
    run.outcome().await.unwrap();
    let failed = engine.history(run.id(), (), |(), _| panic!("a defect of the fold")).await;
    assert!(matches!(failed, Err(EventsError::Panicked)), "{failed:?}");
    assert_eq!(engine.run(run.id()).view().await.unwrap().id, run.id(), "the engine goes on");
}
