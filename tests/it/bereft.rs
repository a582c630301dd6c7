//! A trimmed journal that has lost what stood for its first records goes on, and says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use resurge::journal::audit;
use resurge::journal::event::{Event, JournalRecovered};
use resurge::journal::state::Stats;
use resurge::journal::store::Store;
use resurge::{RunStatus, RunView, Seq};
use support::records;
use tempfile::TempDir;

use crate::retained_bodies::{Life, large, settings, weekly};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [&str; 2] = ["BASE", "BASE.copy"];

/// A journal that was trimmed; one run waits from before the cut on, another one from behind it.
async fn trimmed() -> (TempDir, PathBuf, Seq, Stats) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("journal");
    let life = Life::open(&dir, settings()).await;
    life.engine.start(&weekly(), large(0)).key("early").await.unwrap();
    life.work_until(|| life.is_trimmed()).await;
    life.engine.start(&weekly(), large(1)).key("late").await.unwrap();
    tokio::time::sleep(SECOND).await;
    let (first, counted) = (life.disk.first(), life.engine.stats().await.unwrap());
    life.close().await;
    (home, dir, first, counted)
}

fn spoil(dir: &Path, name: &str) {
    let mut bytes = fs::read(dir.join(name)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(dir.join(name), bytes).unwrap();
}

async fn find(life: &Life, key: &str) -> Option<RunView> {
    life.engine.find(&key.parse().unwrap()).await.unwrap()
}

/// What the journal says of records that were lost.
async fn losses(life: &Life) -> Vec<JournalRecovered> {
    let told = records(&life.engine).await.into_iter().filter_map(|record| match record.event {
        Event::JournalRecovered(event) => Some(event),
        _ => None,
    });
    told.collect()
}

/// Somebody looks at a run that is in doubt, and lets it go on.
async fn expect_resumed(life: &Life, key: &str, first: Seq, outcome: &str) {
    let run = find(life, key).await.unwrap();
    assert_eq!(run.status, RunStatus::Paused);
    let lost = format!("paused by journal: records 1 to {} of", first.get() - 1);
    assert!(run.paused.as_ref().unwrap().starts_with(&lost), "{run:?}");
    let run = life.engine.run(run.id);
    run.resume("ann", "nothing was done").await.unwrap();
    run.retry_now("ann", "it is needed now").await.unwrap();
    assert_eq!(run.outcome().await.unwrap().as_str(), outcome);
}

/// Runs are made and dropped as ever, and nothing is told a second time.
async fn expect_ordinary(life: Life, dir: &Path) {
    let first = life.disk.first();
    life.work_until(|| life.disk.first() > first).await;
    life.close().await;
    let life = Life::open(dir, settings()).await;
    assert_eq!(life.disk.mended(), None);
    let report = audit::audit(&*life.disk);
    assert!(report.is_clean(), "{report:?}");
    life.shout("it goes on").await;
    life.close().await;
}

#[tokio::test(start_paused = true)]
async fn one_copy_is_enough() {
    let (_home, dir, first, counted) = trimmed().await;
    for name in BOTH {
        spoil(&dir, name);
        let life = Life::open(&dir, settings()).await;
        assert_eq!(life.disk.mended(), None, "no record is lost");
        assert_eq!(life.disk.first(), first);
        assert_eq!(life.engine.stats().await.unwrap(), counted);
        for key in ["early", "late"] {
            assert_eq!(find(&life, key).await.unwrap().status, RunStatus::Recovering);
        }
        assert!(dir.join("quarantine").join(format!("{name}-1")).exists());
        life.close().await;
        assert_eq!(fs::read(dir.join("BASE")).unwrap(), fs::read(dir.join("BASE.copy")).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn without_both_copies_a_checkpoint_still_knows_every_run() {
    let (_home, dir, first, counted) = trimmed().await;
    for name in BOTH {
        spoil(&dir, name);
    }
    let life = Life::open(&dir, settings()).await;
    let told = losses(&life).await;
    let told: Vec<_> = told.iter().map(|event| (event.lost_from, event.lost_to)).collect();
    assert_eq!(told, [(Some(Seq::new(1)), Some(Seq::new(first.get() - 1)))]);
    assert_eq!(life.engine.stats().await.unwrap(), counted, "what was dropped is counted");
    expect_resumed(&life, "early", first, "\"text   0 tx\"").await;
    expect_resumed(&life, "late", first, "\"text   1 tx\"").await;
    expect_ordinary(life, &dir).await;
}

#[tokio::test(start_paused = true)]
async fn without_both_copies_and_a_checkpoint_what_is_lost_is_told_and_the_rest_goes_on() {
    let (_home, dir, first, counted) = trimmed().await;
    for name in BOTH {
        spoil(&dir, name);
    }
    for derived in ["checkpoints", "index"] {
        fs::remove_dir_all(dir.join(derived)).unwrap();
    }
    let life = Life::open(&dir, settings()).await;
    assert_eq!(losses(&life).await.len(), 1);
    assert!(find(&life, "early").await.is_none(), "it began in records that are gone");
    assert!(life.engine.stats().await.unwrap().total < counted.total);
    expect_resumed(&life, "late", first, "\"text   1 tx\"").await;
    for name in BOTH {
        assert!(dir.join("quarantine").join(format!("{name}-1")).exists());
    }
    expect_ordinary(life, &dir).await;
}
