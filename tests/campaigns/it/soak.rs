//! C21: thousands of short runs, of which a journal keeps the newest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use resurge::{Engine, Jitter, RetryPolicy, RunStatus, Settings, StepContext, StepError, Workflow};
use resurge_journal::RunId;
use resurge_journal::audit::audit;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};

use crate::files;
use crate::report::Campaign;
use crate::shim::quick_home;

/// Runs of one life of the engine.
const LIFE_RUNS: u64 = 2_000;
/// Ended runs that are kept.
const KEPT_RUNS: u64 = 1_000;
/// What a run is given, so that records are not all alike.
const PADDING: usize = 1_500;
/// A journal may take up so many times what its records take up.
const OVERHEAD: u64 = 3;
/// What the records of one run take up at most.
const RUN_BYTES_MAX: u64 = 2_500;

/// What is there of a journal.
#[derive(Debug)]
struct There {
    /// Bytes of the folder.
    folder: u64,
    /// Bytes of the records that are there.
    records: u64,
}

fn short() -> Workflow<String, u64> {
    let mut flow = Workflow::builder::<String>("short");
    let input = flow.input();
    let step = flow.step_fn("count", input, |_: StepContext, text: String| async move {
        Ok(text.len() as u64)
    });
    let step = step.add();
    flow.build(step).unwrap()
}

/// Fails at first, and is tried again long after the test is over.
fn long() -> Workflow<u64, u64> {
    let mut flow = Workflow::builder::<u64>("long");
    let input = flow.input();
    let step = flow.step_fn("wait", input, |_: StepContext, _: u64| async move {
        Err::<u64, _>(StepError::new(resurge::Class::Server, "busy", "come back in a year"))
    });
    let year = Duration::from_secs(365 * 24 * 3_600);
    let step = step.retry(RetryPolicy::fixed(year).jitter(Jitter::None).no_max_elapsed()).add();
    flow.build(step).unwrap()
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.checkpoint_records = 1_000;
    settings.checkpoint_quiet = Duration::from_millis(50);
    settings.rest_after = Duration::ZERO;
    settings.retention_runs = Some(KEPT_RUNS);
    settings
}

fn there(dir: &Path) -> There {
    let folder =
        files::all(dir).into_iter().map(|path| path.metadata().map_or(0, |meta| meta.len()));
    let store = DiskStore::open(dir, OpenMode::Existing, Durability::Process).unwrap();
    let records = store.scan_kept().chain(store.scan(resurge_journal::Seq::ZERO));
    let records = records.map(|record| record.unwrap().size().unwrap() as u64).sum();
    let report = audit(&store);
    assert!(report.is_clean(), "{report:?}");
    store.close();
    There { folder: folder.sum(), records }
}

/// Runs so many short runs, a few at a time; one that waits for a year begins with each life.
async fn live(dir: &Path, lives: u64, runs: u64, waiting: &mut Vec<RunId>) {
    let (short, long) = (short(), long());
    let store = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Process).unwrap();
    let engine = Engine::with_store(Arc::new(store)).settings(settings());
    let engine = engine.register(&short).register(&long).start().await.unwrap();
    let key = |life: u64| format!("long-{life}");
    for life in 0..lives {
        let known = engine.find(&key(life).parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(
            (Some(&known.id), known.status),
            (waiting.get(usize::try_from(life).unwrap()), RunStatus::Recovering)
        );
    }
    waiting.push(engine.start(&long, lives).key(key(lives)).await.unwrap().id());
    for number in 0..runs / 8 {
        let text = format!("{number:PADDING$}");
        let mut under_way = Vec::new();
        for _ in 0..8 {
            under_way.push(engine.start(&short, text.clone()).await.unwrap());
        }
        for run in under_way {
            assert_eq!(run.outcome().await.unwrap(), PADDING as u64);
        }
    }
    let stats = engine.stats().await.unwrap();
    assert_eq!(stats.succeeded, (lives + 1) * (runs / 8) * 8, "what was counted stays counted");
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[test]
fn c21_a_journal_keeps_the_newest_of_thousands_of_runs() {
    let Some(campaign) = Campaign::begin("c21", 3) else { return };
    let home = quick_home();
    let dir = home.path().join("journal");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap();
    let mut waiting = Vec::new();
    let mut largest = 0;
    for life in 0..campaign.count {
        if life % 2 == 1 {
            // What is left of dropped records is all that this life has.
            for checkpoint in files::all(&dir.join("checkpoints")) {
                std::fs::remove_file(checkpoint).unwrap();
            }
        }
        runtime.block_on(live(&dir, life, LIFE_RUNS, &mut waiting));
        let there = there(&dir);
        largest = largest.max(there.folder);
        assert!(
            there.folder <= there.records * OVERHEAD,
            "life {life}: {there:?}; {}",
            campaign.again()
        );
        let runs = KEPT_RUNS + LIFE_RUNS + waiting.len() as u64;
        let bytes_max = runs * RUN_BYTES_MAX;
        assert!(there.records <= bytes_max, "life {life}: {there:?}; {}", campaign.again());
    }
    campaign.pass(&format!(
        "{} runs, at most {} KiB on the disk",
        campaign.count * LIFE_RUNS,
        largest / 1024
    ));
}
