//! Runs that are large, and many of them at a time.

use std::collections::BTreeSet;

use uuid::Builder;

use super::lives::Life;
use super::recover;
use crate::event::{AttemptSucceeded, Event, JournalRecovered, RecoveryMethod, RunCancelled};
use crate::id::{AttemptNo, RunId, Seq};
use crate::json::Json;
use crate::record::Record;
use crate::state::StepMove;
use crate::state::tests::world::{event_of, key, run_started};
use crate::store::{CACHE_VALUE_BYTES_MAX, Store};
use crate::time::Timestamp;

/// Text that cannot be made shorter, different for each seed.
fn noise(seed: u64, bytes: usize) -> String {
    let mut word = seed;
    let mut text = String::new();
    while text.len() < bytes {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(b'!' + u8::try_from((word >> 33) % 90).expect("small")));
    }
    text.replace(['"', '\\'], "x")
}

fn id(started_ms: u64, luck: u16) -> RunId {
    let [high, low] = luck.to_be_bytes();
    let luck = [high, low, 0, 0, 0, 0, 0, 0, high, low];
    RunId::new(Builder::from_unix_timestamp_millis(started_ms, &luck).into_uuid())
}

fn record(life: &mut Life, run: RunId, event: Event) {
    let seq = life.state.head().next();
    let record = Record { seq, at: Timestamp::from_millis(1), run: Some(run), event };
    let follows = life.store.head().next() == seq;
    if follows && record.size().is_ok() {
        life.record(&record);
    } else {
        // No journal holds it; what is kept of it is kept all the same.
        life.state.apply(&record).expect("legal");
    }
}

/// A run whose first step gave this; it is paused, or it has ended.
fn begin(life: &mut Life, run: RunId, output: &str, ends: bool) {
    record(life, run, run_started(None, None));
    record(life, run, event_of("a", AttemptNo::new(1), StepMove::Start));
    let (step, attempt) = (key("a"), AttemptNo::new(1));
    let output = Json::of(output).expect("text");
    record(life, run, AttemptSucceeded { step, attempt, output, health: vec![] }.into());
    let (actor, reason) = ("test".to_owned(), "because".to_owned());
    let end: Event = if ends {
        RunCancelled { actor, reason }.into()
    } else {
        crate::event::RunPaused { actor, reason, freezes_timers: false }.into()
    };
    record(life, run, end);
}

/// Takes all runs out of memory, and finds each of them in the next life.
fn check(life: &mut Life, runs: &[RunId]) {
    let whole: Vec<_> = life.state.shared_runs().cloned().collect();
    life.checkpoint(0);
    assert_eq!(life.state.runs().count(), 0, "all of them rest");
    let recovered = recover(&life.store).1;
    let is_recovered = recovered.at() == life.state.head();
    let cold = if is_recovered { &recovered } else { &life.cold };
    for run in whole {
        assert_eq!(cold.peek(&life.store, run.id).expect("nothing is lost"), Some(run));
    }
    let mut listing = cold.listing();
    let mut listed = Vec::new();
    while let Some(page) = listing.next_page(&life.store).expect("nothing is lost") {
        listed.extend(page.iter().map(|run| run.id));
    }
    assert_eq!(listed.len(), runs.len(), "each is listed once");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), runs.iter().copied().collect());
    let unknown = id(7_777_777, 7);
    assert_eq!(cold.peek(&life.store, unknown).expect("nothing is lost"), None);
}

#[test]
fn a_run_that_is_larger_than_a_value_is_kept_in_pieces() {
    for (bytes, ends) in [(7_000, false), (60_000, false), (60_000, true), (700_000, false)] {
        let mut life = Life::new();
        let runs: Vec<RunId> = (0..5).map(|n| id(1_000_000, n)).collect();
        for (seed, run) in (1..).zip(&runs) {
            begin(&mut life, *run, &noise(seed, bytes), ends);
        }
        check(&mut life, &runs);
        let pairs = life.store.pairs();
        assert!(pairs.iter().all(|(_, value)| value.len() <= CACHE_VALUE_BYTES_MAX));
        assert!(pairs.len() * CACHE_VALUE_BYTES_MAX > 5 * bytes * 3 / 4, "nothing was left out");
    }
}

#[test]
fn runs_that_were_started_together_are_found_among_each_other() {
    // Few a second, many a second, and many in the same millisecond.
    for (runs, per_ms) in [(40, 1), (2_000, 3), (600, 600)] {
        for ends in [false, true] {
            let mut life = Life::new();
            let runs: Vec<RunId> =
                (0..runs).map(|n| id(5_000_000 + u64::from(n / per_ms), n)).collect();
            for (seed, run) in (1..).zip(&runs) {
                begin(&mut life, *run, &noise(seed, 20), ends);
            }
            check(&mut life, &runs);
            let values = life.store.pairs().len();
            assert!(!ends || values * 5 < runs.len(), "{values} values for {} runs", runs.len());
        }
    }
}

#[test]
fn an_open_run_is_in_doubt_after_a_loss_wherever_it_was() {
    let mut life = Life::new();
    let runs: Vec<RunId> = (0..3).map(|n| id(1_000_000, n)).collect();
    for run in &runs {
        begin(&mut life, *run, "done", false);
    }
    life.checkpoint(0);
    assert_eq!(life.state.runs().count(), 0, "all of them rest");
    let event = JournalRecovered {
        lost_from: Some(Seq::new(4)),
        lost_to: Some(Seq::new(5)),
        method: RecoveryMethod::Prefix,
        problem: "a disk failed".to_owned(),
    };
    let seq = life.store.head().next();
    let told = Record { seq, at: Timestamp::from_millis(2), run: None, event: event.into() };
    life.store.append(life.store.head(), &[told]).expect("appended");

    let (state, cold) = recover(&life.store);
    for id in runs {
        let run = state.shared_run(id).or_else(|| cold.peek(&life.store, id).expect("there"));
        let doubt = run.expect("nothing is lost of it").doubt;
        assert_eq!(doubt, Some((Seq::new(4), Seq::new(5))), "run {id}");
    }
}
