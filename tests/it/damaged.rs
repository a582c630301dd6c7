//! A journal that is damaged on the disk: mended if one copy is whole, and honest if none is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::{Class, Engine, RetryPolicy, RunStatus, Workflow};
use support::{Calls, fail_first, names, records};

const HOUR: Duration = Duration::from_secs(3_600);

/// A step that fails once and then waits for an hour.
fn flow(calls: &Calls) -> Workflow<(), u32> {
    fail_first(1, Class::Network, RetryPolicy::fixed(HOUR).max_retries(3), calls)
}

/// Flips a bit in the last frame that speaks of a failed attempt.
fn spoil(journal: &Path) {
    let segment = journal.join("segments/00000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let needle = b"RJ\x02\x00\x03\x03";
    let alone = b"RJ\x02\x01\x03\x03";
    let at = bytes.windows(6).rposition(|found| found == needle || found == alone).unwrap();
    *bytes.get_mut(at + 80).unwrap() ^= 1;
    fs::write(segment, bytes).unwrap();
}

/// A journal with a run that waits for its second attempt.
async fn waiting(journal: &Path, calls: &Calls) -> resurge::RunId {
    let flow = flow(calls);
    let engine = Engine::open(journal).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let mut events = engine.events(resurge::Seq::new(1));
    while let Some(record) = events.next().await.unwrap() {
        if matches!(record.event, Event::AttemptFailed(_)) {
            break;
        }
    }
    let id = run.id();
    engine.shutdown(Duration::ZERO).await.unwrap();
    id
}

#[tokio::test]
async fn damage_to_one_copy_costs_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (journal, calls) = (home.path().join("journal"), Calls::default());
    let id = waiting(&journal, &calls).await;
    spoil(&journal);
    let flow = flow(&calls);
    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    assert!(names(&records(&engine).await).contains(&"journal_recovered"));
    let view = engine.run(id).view().await.unwrap();
    assert_eq!((view.status, view.paused), (RunStatus::Recovering, None));
    assert_eq!(view.steps.first().unwrap().attempts.get(), 1);
    engine.shutdown(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_run_that_may_have_gone_on_in_lost_records_waits_for_somebody_to_look() {
    let home = tempfile::tempdir().unwrap();
    let (journal, calls) = (home.path().join("journal"), Calls::default());
    let id = waiting(&journal, &calls).await;
    spoil(&journal);
    fs::remove_dir_all(journal.join("index")).unwrap();
    // A short life may have kept nothing of it.
    let _ = fs::remove_dir_all(journal.join("checkpoints"));
    let flow = flow(&calls);
    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    let view = engine.run(id).view().await.unwrap();
    assert_eq!(view.status, RunStatus::Paused);
    let paused = view.paused.unwrap();
    assert!(paused.starts_with("paused by journal: records "), "{paused}");
    assert_eq!(calls.so_far(), 1, "nothing is run again unasked");

    engine.run(id).resume("ann", "the file is fine").await.unwrap();
    assert_eq!(engine.run(id).outcome().await.unwrap().as_str(), "2");
    assert!(journal.join("quarantine/segments-1").is_dir(), "what was damaged is kept");
    engine.shutdown(Duration::ZERO).await.unwrap();
}
