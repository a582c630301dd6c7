//! What the cache still says of runs that retention has dropped.

use std::time::Duration;

use super::lives::Life;
use crate::event::{Event, RunCancelled, RunPaused, Verdict};
use crate::id::{AttemptNo, RunId};
use crate::state::StepMove;
use crate::state::tests::world::{event_of, failed, key, run_id, run_started};
use crate::time::Timestamp;

fn cancelled() -> Event {
    RunCancelled { actor: "test".to_owned(), reason: "done".to_owned() }.into()
}

fn paused() -> Event {
    let (actor, reason) = ("test".to_owned(), "later".to_owned());
    RunPaused { actor, reason, freezes_timers: false }.into()
}

/// Enough runs for a trim behind everything that has happened so far, and what follows from it.
fn trim(life: &mut Life) {
    (0..20).for_each(|_| life.short_run());
    life.checkpoint(0);
    let before = life.state.first();
    life.trim(false);
    assert!(life.state.first() > before, "it was trimmed");
    (0..2).for_each(|_| life.short_run());
    // What is left of dropped runs goes from the cache with this one.
    life.checkpoint(0);
}

fn record(life: &mut Life, run: RunId, event: Event) {
    life.try_record(Some(run), event);
    assert!(life.state.holds(run), "it was legal");
}

#[test]
fn a_dropped_run_takes_no_key_with_it_that_another_has_by_now() {
    let mut life = Life::new();
    let (gone, holder) = (run_id(0), run_id(1));
    record(&mut life, gone, run_started(Some("mine"), None));
    record(&mut life, gone, cancelled());
    record(&mut life, holder, run_started(Some("mine"), None));
    record(&mut life, holder, paused());
    life.checkpoint(0);
    assert!(!life.state.holds(holder) && !life.state.holds(gone), "both have left memory");
    trim(&mut life);
    let left = life.store.pairs();
    assert!(!left.is_empty());
    assert!(life.cold.peek(&life.store, gone).expect("nothing is lost").is_none());
    let found = life.cold.peek_key(&life.store, &"mine".parse().expect("a key"));
    assert_eq!(found.expect("nothing is lost").map(|run| run.id), Some(holder));
}

#[test]
fn little_stays_in_the_cache_of_thousands_of_runs() {
    let mut life = Life::new();
    let mut most = 0;
    for _ in 0..40 {
        trim(&mut life);
        most = most.max(life.store.pairs().len());
    }
    assert!(most < 40, "{most} values");
    assert!(life.whole.stats().total > 800);
}

#[test]
fn an_entry_that_a_dropped_run_left_behind_is_no_loss() {
    let mut life = Life::new();
    let (busy, waits) = (run_id(0), run_id(1));
    record(&mut life, busy, run_started(None, None));
    record(&mut life, waits, run_started(None, None));
    let first = AttemptNo::new(1);
    record(&mut life, waits, event_of("a", first, StepMove::Start));
    let due_at = Timestamp::from_millis(100_000_000);
    let verdict = Verdict::Retry { delay: Duration::from_secs(1), due_at };
    record(&mut life, waits, failed(key("a"), first, verdict).into());
    life.checkpoint(0);
    assert!(!life.state.holds(waits), "it has left memory");
    // So many others are due before it that its entry leaves memory as well.
    for millis in 0..5_000 {
        life.cold.book.due.insert((Timestamp::from_millis(50_000_000 + millis), busy));
    }
    life.short_run();
    life.checkpoint(0);
    life.cold.bring(&mut life.state, &life.store, waits).expect("nothing is lost");
    assert_eq!(life.cold.book.early.get(&waits), Some(&1), "its entry was left behind");
    record(&mut life, waits, cancelled());
    life.checkpoint(0);
    trim(&mut life);
    assert!(life.cold.peek(&life.store, waits).expect("nothing is lost").is_none());
    let later = due_at.after(Duration::from_secs(1));
    let brought = life.cold.bring_due(&mut life.state, &life.store, later, 10);
    assert_eq!(brought.expect("nothing is lost"), 0);
    assert!(life.cold.book.early.is_empty(), "{:?}", life.cold.book.early);
}
