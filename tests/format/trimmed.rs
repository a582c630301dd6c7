//! What happens in the golden journal whose oldest records were dropped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::store::{
    AppendError, DiskStore, Durability, OpenMode, Snapshot, Store, Wrapper,
};
use resurge::{
    Class, Engine, Jitter, RetryPolicy, Seq, Settings, StepContext, StepError, Workflow,
};
use support::{Calls, Host, VirtualClock, patient, visit};

use crate::stories::anonymous;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A journal on a disk, which does not say on which machine it was written.
#[derive(Debug)]
struct Disk(DiskStore);

impl Wrapper for Disk {
    fn inner(&self) -> &dyn Store {
        &self.0
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let batch: Vec<Record> = batch.iter().cloned().map(anonymous).collect();
        self.0.append(expected, &batch)
    }
}

/// Everything that runs in it.
struct Flows {
    host: Host,
    visit: Workflow<u32, u32>,
    fails_once: Workflow<(), u32>,
    echo: Workflow<String, usize>,
    weeks: Workflow<String, String>,
}

impl Flows {
    fn new() -> Self {
        let host = Host::refusing("example.org");
        let visit = visit(&host, patient());
        let none = RetryPolicy::none();
        let fails_once = support::fail_first(1, Class::Permission, none, &Calls::default());
        Self { host, visit, fails_once, echo: echo(), weeks: weeks() }
    }

    async fn open(&self, dir: &Path) -> (Engine, Arc<Disk>) {
        let disk = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).unwrap();
        let disk = Arc::new(Disk(disk));
        let mut settings = Settings::default();
        settings.checkpoint_records = 20;
        settings.retention_runs = Some(3);
        let engine = Engine::with_store(Arc::clone(&disk) as Arc<dyn Store>).settings(settings);
        let engine = engine.clock(VirtualClock::start()).register(&self.visit);
        let engine = engine.register(&self.fails_once).register(&self.echo).register(&self.weeks);
        (engine.start().await.unwrap(), disk)
    }
}

/// The length of a text.
fn echo() -> Workflow<String, usize> {
    let mut flow = Workflow::builder::<String>("echo");
    let text = flow.input();
    let step = flow
        .step_fn("echo", text, |_: StepContext, text: String| async move { Ok(text.len()) })
        .add();
    flow.build(step).unwrap()
}

/// Saves what it was given backwards, fails, and has both when it is tried again after weeks.
pub(crate) fn weeks() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("weeks");
    let text = flow.input();
    let step = flow
        .step_fn("wait", text, |cx: StepContext, text: String| async move {
            if let Some(saved) = cx.checkpoint::<String>()? {
                return Ok(format!("{} {}", text.len(), saved.len()));
            }
            cx.save_checkpoint(&text.chars().rev().collect::<String>()).await?;
            Err(StepError::new(Class::Server, "busy", "come back in three weeks"))
        })
        .retry(RetryPolicy::fixed(DAY * 21).jitter(Jitter::None).no_max_elapsed())
        .add();
    flow.build(step).unwrap()
}

/// A text that fits into no frame.
fn large(what: &str) -> String {
    format!("{what}, größer 💥; ").repeat(450)
}

/// Breakers, settings and statistics of records that are gone, and runs of which some stayed.
pub(crate) async fn written(dir: &Path) {
    let flows = Flows::new();
    let (engine, _) = flows.open(dir).await;
    engine.tune("max_retries", Some(2_000), "ann", "bad weather").await.unwrap();
    engine.start(&flows.weeks, large("kept")).key("weeks").await.unwrap();
    let visits = [engine.start(&flows.visit, 1).await, engine.start(&flows.visit, 2).await];
    tokio::time::sleep(SECOND * 20).await;
    flows.host.up();
    for run in visits {
        run.unwrap().outcome().await.unwrap();
    }
    let failed = engine.start(&flows.fails_once, ()).key("reopened").await.unwrap().id();
    engine.run(failed).outcome().await.unwrap_err();
    engine.shutdown(SECOND).await.unwrap();

    let (engine, disk) = flows.open(dir).await;
    engine.isolate(flows.host.key(), None, "bob", "it moves house").await.unwrap();
    engine.start(&flows.visit, 3).key("held").await.unwrap();
    // In front of the first cut alone there is too little to gain.
    while disk.cuts().len() < 2 {
        let dropped = engine.start(&flows.echo, "to be dropped; ".repeat(200)).await.unwrap();
        dropped.outcome().await.unwrap();
    }
    engine.run(failed).force_retry("ann", "it may by now").await.unwrap();
    engine.run(failed).outcome().await.unwrap();
    while Store::first(&*disk) == Seq::new(1) {
        engine.start(&flows.echo, "it stays".to_owned()).await.unwrap().outcome().await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
    }
    engine.start(&flows.echo, large("behind the cut")).await.unwrap().outcome().await.unwrap();
    engine.shutdown(SECOND).await.unwrap();
}

/// What a reader shows of it.
pub(crate) fn records(dir: &Path) -> Vec<Record> {
    let seen = Snapshot::take(dir).unwrap();
    seen.scan_kept().chain(seen.scan()).collect::<Result<_, _>>().unwrap()
}
