//! Bodies that are kept beside the frames go with the runs that are dropped, and with no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use resurge::journal::audit;
use resurge::journal::event::{Event, TrimReason};
use resurge::journal::store::{DiskStore, Durability, OpenMode, PayloadHash, Store};
use resurge::{
    Class, ControlError, Engine, Jitter, RetryPolicy, RunId, RunStatus, Seq, Settings, StepContext,
    StepError, Workflow,
};
use support::{VirtualClock, records};

const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
const LARGE: usize = 40_000;

/// Gives a text back in capital letters.
fn shout() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("shout");
    let text = flow.input();
    let step =
        flow.step_fn("shout", text, |_: StepContext, text: String| async move {
            Ok(text.to_uppercase())
        })
        .add();
    flow.build(step).unwrap()
}

/// Saves a text backwards, fails, and has both when it is tried again after a week.
pub(crate) fn weekly() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("weekly");
    let text = flow.input();
    let step = flow
        .step_fn("wait", text, |cx: StepContext, text: String| async move {
            let Some(saved) = cx.checkpoint::<String>()? else {
                cx.save_checkpoint(&text.chars().rev().collect::<String>()).await?;
                return Err(StepError::new(Class::Server, "busy", "come back next week"));
            };
            Ok(format!("{} {}", text.get(..5).unwrap(), saved.get(..5).unwrap()))
        })
        .retry(RetryPolicy::fixed(WEEK).jitter(Jitter::None).no_max_elapsed())
        .add();
    flow.build(step).unwrap()
}

/// A text that fits into no frame, another one for each number.
pub(crate) fn large(number: u32) -> String {
    format!("text {number} ").repeat(LARGE / 7)
}

/// An engine over a journal on a disk.
pub(crate) struct Life {
    pub(crate) engine: Engine,
    pub(crate) disk: Arc<DiskStore>,
    shout: Workflow<String, String>,
}

impl Life {
    pub(crate) async fn open(dir: &Path, settings: Settings) -> Self {
        let disk = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Process);
        let (disk, shout) = (Arc::new(disk.unwrap()), shout());
        let engine = Engine::with_store(Arc::clone(&disk) as Arc<dyn Store>).settings(settings);
        let engine = engine.clock(VirtualClock::start()).register(&shout).register(&weekly());
        Self { engine: engine.start().await.unwrap(), disk, shout }
    }

    pub(crate) async fn shout(&self, text: &str) -> RunId {
        let run = self.engine.start(&self.shout, text.to_owned()).await.unwrap();
        assert!(run.outcome().await.unwrap() == text.to_uppercase());
        run.id()
    }

    /// Has runs made until something in the background has happened.
    pub(crate) async fn work_until(&self, is_so: impl Fn() -> bool) {
        while !is_so() {
            self.shout(&"small ".repeat(1_000)).await;
            tokio::time::sleep(SECOND).await;
        }
    }

    pub(crate) async fn close(self) {
        self.engine.shutdown(Duration::ZERO).await.unwrap();
    }

    pub(crate) fn is_trimmed(&self) -> bool {
        self.disk.first() > Seq::new(1)
    }
}

fn bodies(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir.join("payloads")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap().len() == 64).collect()
}

/// Whether all others are gone.
fn only(dir: &Path, kept: &BTreeSet<PathBuf>) -> bool {
    let there = bodies(dir);
    assert!(there.is_superset(kept), "a run that has not ended needs them");
    there == *kept
}

/// Keeps three runs and whatever has not ended.
pub(crate) fn settings() -> Settings {
    let mut settings = support::settings();
    (settings.checkpoint_records, settings.retention_runs) = (50, Some(3));
    settings
}

#[tokio::test(start_paused = true)]
async fn bodies_of_dropped_runs_go_and_those_of_open_runs_stay() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("journal");
    let life = Life::open(&dir, settings()).await;
    let waits = life.engine.start(&weekly(), large(0)).key("waits").await.unwrap().id();
    tokio::time::sleep(SECOND).await;
    let kept = bodies(&dir);
    assert_eq!(kept.len(), 2, "what it was given and what it saved");
    let mut dropped = Vec::new();
    for number in 1..=5 {
        dropped.push(life.shout(&large(number)).await);
    }
    assert_eq!(bodies(&dir).len(), 2 + 2 * 5);
    life.work_until(|| life.is_trimmed()).await;
    life.work_until(|| only(&dir, &kept)).await;
    for run in dropped {
        let gone = life.engine.run(run).view().await;
        assert!(matches!(gone, Err(ControlError::UnknownRun { .. })), "{gone:?}");
    }
    // One whose run is still kept.
    let last = life.shout(&large(6)).await;
    assert_eq!(bodies(&dir).len(), 2 + 2);
    life.close().await;

    // Nothing refers to this one; once it is gone, the others were spared.
    let orphan = dir.join("payloads").join(PayloadHash::of(b"orphan").to_string());
    fs::write(&orphan, "orphan").unwrap();
    let life = Life::open(&dir, settings()).await;
    life.work_until(|| !orphan.exists()).await;
    assert!(bodies(&dir).is_superset(&kept));
    assert!(life.engine.run(last).outcome().await.unwrap().as_str().len() > LARGE / 2);
    let view = life.engine.find(&"waits".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((view.id, view.status), (waits, RunStatus::Recovering));
    let waits = life.engine.run(waits);
    waits.retry_now("ann", "it is needed now").await.unwrap();
    assert_eq!(waits.outcome().await.unwrap().as_str(), "\"text   0 tx\"");

    // It has ended, so that what it kept goes in its turn.
    life.work_until(|| bodies(&dir).is_empty()).await;
    let audit = audit::audit(&*life.disk);
    assert!(audit.is_clean(), "{audit:?}");
    life.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_bytes_that_are_kept_goes_with_its_bodies() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("journal");
    let mut settings = settings();
    (settings.retention_runs, settings.retention_bytes) = (None, Some(100_000));
    let life = Life::open(&dir, settings).await;
    life.engine.start(&weekly(), large(0)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let kept = bodies(&dir);
    life.shout(&large(1)).await;
    assert_eq!(bodies(&dir).len(), 4);
    life.work_until(|| life.is_trimmed()).await;
    life.work_until(|| only(&dir, &kept)).await;
    let mut reasons = records(&life.engine).await.into_iter().filter_map(|record| {
        if let Event::JournalTrimmed(event) = record.event { Some(event.reason) } else { None }
    });
    assert_eq!(reasons.next(), Some(TrimReason::Bytes));
    life.close().await;
}
