//! Runs that rest leave memory, and nobody who asks for them can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use resurge::journal::store::{Cache, CacheError, Change, MemoryStore, Pair, Store, Wrapper};
use resurge::{
    Class, Control, Engine, Jitter, RetryPolicy, RunError, RunFilter, RunStatus, Seq, Settings,
    StartError, StepContext, StepError, Workflow,
};
use support::{Calls, chain, fail_first, names, records};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

/// A store in memory that counts what is derived from its records.
#[derive(Debug, Clone, Default)]
struct Counted {
    records: MemoryStore,
    looks: Arc<AtomicU64>,
    checkpoints: Arc<AtomicU64>,
    /// Which cache it is: another one after it was lost.
    generation: Arc<AtomicU64>,
}

impl Counted {
    /// How often somebody read the cache.
    fn looks(&self) -> u64 {
        self.looks.load(Ordering::SeqCst)
    }

    fn checkpoints(&self) -> u64 {
        self.checkpoints.load(Ordering::SeqCst)
    }

    fn lose_cache(&self) {
        for (key, _) in self.pairs() {
            self.records.cache().unwrap().apply(vec![Change::Remove { key }]).unwrap();
        }
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn damage_cache(&self) {
        for (key, mut value) in self.pairs() {
            let last = value.last_mut().unwrap();
            *last = !*last;
            self.records.cache().unwrap().apply(vec![Change::Put { key, value }]).unwrap();
        }
    }

    fn damage_checkpoint(&self) {
        let (at, mut image) = self.records.load_checkpoint().unwrap();
        let last = image.last_mut().unwrap();
        *last = !*last;
        self.records.save_checkpoint(at, &image).unwrap();
    }

    fn pairs(&self) -> Vec<Pair> {
        self.records.cache().unwrap().range(&[], &[0xff], usize::MAX).unwrap()
    }
}

impl Cache for Counted {
    fn generation(&self) -> Result<uuid::Uuid, CacheError> {
        Ok(uuid::Uuid::from_u128(self.generation.load(Ordering::SeqCst).into()))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.records.cache().unwrap().get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.records.cache().unwrap().range(from, to, limit)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        self.records.cache().unwrap().apply(changes)
    }

    fn sync(&self) -> Result<(), CacheError> {
        Ok(())
    }
}

impl Wrapper for Counted {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(self)
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.checkpoints.fetch_add(1, Ordering::SeqCst);
        self.records.save_checkpoint(at, image)
    }
}

/// Keeps the state whenever something has happened, and nothing in memory that rests.
fn eager() -> Settings {
    let mut settings = Settings::default();
    settings.checkpoint_records = 1;
    settings.rest_after = Duration::ZERO;
    settings
}

async fn engine<I: resurge::Payload, O: resurge::Payload>(
    disk: &Counted,
    flow: &Workflow<I, O>,
    settings: Settings,
) -> Engine {
    let builder = support::engine_on(disk.clone()).settings(settings);
    builder.register(flow).start().await.unwrap()
}

/// Fails once and is tried again after an hour.
fn in_an_hour(calls: &Calls) -> Workflow<(), u32> {
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    fail_first(1, Class::Network, policy, calls)
}

/// A step that is done, and one that fails at first and is tried again after an hour.
fn two_steps() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("two");
    let input = flow.input();
    let first = flow.step_fn("first", input, |_: StepContext, n: u32| async move { Ok(n) }).add();
    let second = flow
        .step_fn("second", first, |cx: StepContext, n: u32| async move {
            match cx.attempt().get() {
                1 => Err(StepError::new(Class::Server, "busy", "come back later")),
                _ => Ok(n + 1),
            }
        })
        .retry(RetryPolicy::fixed(HOUR).jitter(Jitter::None))
        .add();
    flow.build(second).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_is_found_in_memory_out_of_memory_and_in_the_next_life() {
    let disk = Counted::default();
    let flow = chain(&[Calls::default(), Calls::default()]);
    let live = engine(&disk, &flow, eager()).await;
    let run = live.start(&flow, 1).key("one").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 3);
    tokio::time::sleep(SECOND * 10).await;
    let before = disk.looks();
    assert_eq!(run.outcome().await.unwrap(), 3);
    assert!(disk.looks() > before, "the run has left memory");
    let view = run.view().await.unwrap();
    assert_eq!(view.status, RunStatus::Success);
    live.shutdown(Duration::ZERO).await.unwrap();

    let live = engine(&disk, &flow, eager()).await;
    let again = live.start(&flow, 1).key("one").await.unwrap();
    assert_eq!((again.id(), again.outcome().await.unwrap()), (run.id(), 3));
    assert_eq!(live.find(&"one".parse().unwrap()).await.unwrap(), Some(view.clone()));
    let other = live.start(&flow, 2).key("one").await;
    assert!(matches!(other, Err(StartError::KeyTaken { run: taken }) if taken == run.id()));
    assert_eq!(live.runs().await.unwrap(), [view]);
    let explanation = live.explain(run.id()).await.unwrap().unwrap();
    assert_eq!(explanation.status, RunStatus::Success);
    // Another one takes the key, and is the one that is found from then on.
    let anew = live.start(&flow, 5).key("one").restart_ended().await.unwrap();
    assert_eq!(anew.outcome().await.unwrap(), 7);
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = engine(&disk, &flow, eager()).await;
    let found = live.find(&"one".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.id, anew.id());
    assert_eq!(live.run(run.id()).view().await.unwrap().status, RunStatus::Success);
    assert_eq!(live.runs().await.unwrap().len(), 2);
    assert_eq!(live.stats().await.unwrap().succeeded, 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_runs_that_wait_are_left_alone_until_their_time_has_come() {
    const RUNS: u32 = 10_000;
    let disk = Counted::default();
    let flow = two_steps();
    let live = engine(&disk, &flow, Settings::default()).await;
    for n in 0..RUNS {
        live.start(&flow, n).await.unwrap();
    }
    tokio::time::sleep(SECOND * 20).await;
    assert!(disk.checkpoints() >= 1, "the state was kept");
    live.shutdown(Duration::ZERO).await.unwrap();

    let (looks, checkpoints) = (disk.looks(), disk.checkpoints());
    let live = engine(&disk, &flow, Settings::default()).await;
    assert_eq!(live.stats().await.unwrap().total, u64::from(RUNS));
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(disk.looks(), looks, "nobody has looked at any of them");
    assert_eq!(disk.checkpoints(), checkpoints, "an idle engine keeps nothing again");
    tokio::time::sleep(HOUR).await;
    let stats = live.stats().await.unwrap();
    assert_eq!((stats.succeeded, stats.retry_attempts), (u64::from(RUNS), u64::from(RUNS)));
    let runs = live.runs().await.unwrap();
    assert!(runs.windows(2).all(|two| two.first().unwrap().id < two.last().unwrap().id));
    let outputs: u64 =
        runs.iter().map(|run| run.output.clone().unwrap().read::<u64>().unwrap()).sum();
    assert_eq!(outputs, (1..=u64::from(RUNS)).sum::<u64>());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_came_back_because_of_its_key_goes_on_at_its_time() {
    let (disk, calls) = (Counted::default(), Calls::default());
    let flow = in_an_hour(&calls);
    let live = engine(&disk, &flow, eager()).await;
    live.start(&flow, ()).key("one").await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    live.shutdown(Duration::ZERO).await.unwrap();
    // Nothing is kept in this life, so that the run stays in memory once it is there.
    let live = engine(&disk, &flow, Settings::default()).await;
    let run = live.start(&flow, ()).key("one").await.unwrap();
    let outcome = tokio::time::timeout(HOUR * 2, run.outcome()).await;
    assert_eq!(outcome.expect("it goes on").unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_rests_can_be_steered() {
    let disk = Counted::default();
    let flow = in_an_hour(&Calls::default());
    let live = engine(&disk, &flow, eager()).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(live.start(&flow, ()).await.unwrap().id());
    }
    // The first call fails, and so all but one have ended.
    tokio::time::sleep(SECOND * 10).await;
    live.shutdown(Duration::ZERO).await.unwrap();

    let live = engine(&disk, &flow, eager()).await;
    let waiting = live.runs().await.unwrap();
    let waiting = waiting.iter().find(|view| view.status == RunStatus::Recovering).unwrap().id;
    let run = live.run(waiting);
    let explanation = live.explain(waiting).await.unwrap().unwrap();
    assert_eq!(explanation.status, RunStatus::Recovering);
    run.pause_timers("alice", "later").await.unwrap();
    tokio::time::sleep(HOUR * 10).await;
    assert_eq!(run.view().await.unwrap().status, RunStatus::Paused);
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = engine(&disk, &flow, eager()).await;
    let run = live.run(waiting);
    assert_eq!(run.view().await.unwrap().status, RunStatus::Paused);
    run.resume("alice", "now").await.unwrap();
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(run.view().await.unwrap().status, RunStatus::Recovering);
    let filter = RunFilter::open();
    let done = live.control_all(&filter, &Control::Cancel, "alice", "enough").await.unwrap();
    assert!(matches!(done[..], [(run, Ok(_))] if run == waiting), "{done:?}");
    assert!(matches!(run.outcome().await, Err(RunError::Cancelled { .. })));
    assert_eq!(live.runs().await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_failed_goes_on_from_out_of_memory() {
    let disk = Counted::default();
    let policy = RetryPolicy::none();
    let flow = fail_first(1, Class::Network, policy, &Calls::default());
    let live = engine(&disk, &flow, eager()).await;
    let id = live.start(&flow, ()).key("one").await.unwrap().id();
    live.run(id).outcome().await.unwrap_err();
    live.shutdown(Duration::ZERO).await.unwrap();
    for life in 0..3 {
        let live = engine(&disk, &flow, eager()).await;
        let run = live.run(id);
        if life == 0 {
            run.retry_now("alice", "the line is back").await.unwrap();
        }
        run.outcome().await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
        let views = live.runs().await.unwrap();
        assert_eq!(views.len(), 1, "it is listed once");
        assert_eq!(live.stats().await.unwrap().succeeded, 1);
        live.shutdown(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_passes_out_of_memory_unless_timers_stand_still() {
    let disk = Counted::default();
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    let flow = fail_first(u32::MAX, Class::Network, policy, &Calls::default());
    let live = engine(&disk, &flow, eager()).await;
    let late = live.start(&flow, ()).deadline(HOUR * 3).await.unwrap();
    let frozen = live.start(&flow, ()).deadline(HOUR * 3).await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    late.pause("alice", "later").await.unwrap();
    frozen.pause_timers("alice", "later").await.unwrap();
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = engine(&disk, &flow, eager()).await;
    tokio::time::sleep(HOUR * 2).await;
    assert_eq!(live.run(late.id()).view().await.unwrap().status, RunStatus::Paused);
    tokio::time::sleep(HOUR * 2).await;
    assert_eq!(live.run(late.id()).view().await.unwrap().status, RunStatus::Exhausted);
    assert_eq!(live.run(frozen.id()).view().await.unwrap().status, RunStatus::Paused);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_no_longer_fits_parks_what_rests() {
    let disk = Counted::default();
    let flow = two_steps();
    let live = engine(&disk, &flow, eager()).await;
    let id = live.start(&flow, 1).await.unwrap().id();
    tokio::time::sleep(SECOND * 10).await;
    live.shutdown(Duration::ZERO).await.unwrap();
    let other = chain(&[Calls::default()]);
    let live = engine(&disk, &other, eager()).await;
    let view = live.run(id).view().await.unwrap();
    assert!(view.paused.unwrap().contains("workflow `two` version 1 is not registered"));
    tokio::time::sleep(HOUR * 2).await;
    assert_eq!(live.run(id).view().await.unwrap().status, RunStatus::Paused);
    live.shutdown(Duration::ZERO).await.unwrap();
    let live = engine(&disk, &flow, eager()).await;
    assert_eq!(live.run(id).outcome().await.unwrap().read::<u32>().unwrap(), 2);
}

/// Everything that a life can see.
async fn sight(disk: &Counted, flow: &Workflow<u32, u32>) -> (Vec<resurge::RunView>, u64) {
    let live = engine(disk, flow, Settings::default()).await;
    let found = live.find(&"run-3".parse().unwrap()).await.unwrap();
    assert!(found.is_some(), "the newest run under a key");
    let seen = (live.runs().await.unwrap(), live.stats().await.unwrap().total);
    live.shutdown(Duration::ZERO).await.unwrap();
    seen
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_of_what_was_derived_nothing_is_lost() {
    for lose in [Counted::lose_cache, Counted::damage_cache, Counted::damage_checkpoint] {
        let disk = Counted::default();
        let flow = two_steps();
        let live = engine(&disk, &flow, eager()).await;
        for n in 0..10 {
            live.start(&flow, n).key(format!("run-{n}")).await.unwrap();
        }
        tokio::time::sleep(HOUR / 2).await;
        for n in 10..20 {
            live.start(&flow, n).key(format!("run-{n}")).await.unwrap();
        }
        tokio::time::sleep(HOUR * 3 / 4).await;
        live.shutdown(Duration::ZERO).await.unwrap();
        let whole = sight(&disk, &flow).await;
        let statuses = |status| whole.0.iter().filter(|view| view.status == status).count();
        assert_eq!((statuses(RunStatus::Success), statuses(RunStatus::Recovering)), (10, 10));
        lose(&disk);
        assert_eq!(sight(&disk, &flow).await, whole);
        lose(&disk);
        let live = engine(&disk, &flow, Settings::default()).await;
        assert_eq!(live.runs().await.unwrap(), whole.0);
        tokio::time::sleep(HOUR).await;
        assert_eq!(live.stats().await.unwrap().succeeded, 20, "they go on at their time");
    }
}

#[tokio::test(start_paused = true)]
async fn lives_that_do_little_keep_nothing() {
    let disk = Counted::default();
    let flow = chain(&[Calls::default()]);
    for n in 0..20 {
        let live = engine(&disk, &flow, Settings::default()).await;
        live.start(&flow, n).await.unwrap().outcome().await.unwrap();
        tokio::time::sleep(HOUR).await;
        live.shutdown(Duration::ZERO).await.unwrap();
    }
    assert_eq!(disk.checkpoints(), 0);
    // What they add up to is kept in the end.
    let live = engine(&disk, &flow, Settings::default()).await;
    for n in 0..300 {
        live.start(&flow, n).await.unwrap().outcome().await.unwrap();
    }
    tokio::time::sleep(HOUR).await;
    assert_eq!(disk.checkpoints(), 1, "once, when it has become quiet");
    let names = names(&records(&live).await);
    live.shutdown(Duration::ZERO).await.unwrap();
    assert_eq!(disk.checkpoints(), 1, "there is nothing new to keep");
    assert!(names.len() > 1_000, "{}", names.len());
}
