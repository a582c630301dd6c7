//! What it costs to leave and to come back. Run with
//! `cargo test --release -p resurge-journal figures -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use uuid::Builder;

use super::recover;
use crate::checkpoint::Resting;
use crate::event::{
    AttemptFailed, AttemptStarted, AttemptSucceeded, Event, RunStarted, RunSucceeded, Verdict,
};
use crate::failure::{Class, Failure};
use crate::id::{AttemptNo, RunId, RunKey, Seq, StepKey};
use crate::json::Json;
use crate::record::Record;
use crate::state::State;
use crate::state::tests::world::{failed, key, run_started};
use crate::store::{MemoryStore, Store};
use crate::time::Timestamp;

const NOON: i64 = 1_763_719_200_000;

/// A journal of runs of four steps that wait for an hour after the first one, or have ended.
struct Journal {
    store: MemoryStore,
    state: State,
    batch: Vec<Record>,
}

impl Journal {
    fn new() -> Self {
        let store = MemoryStore::new();
        let (state, _) = recover(&store);
        Self { store, state, batch: Vec::new() }
    }

    fn apply(&mut self, run: RunId, event: impl Into<Event>, at: i64) {
        let seq = self.state.head().next();
        let at = Timestamp::from_millis(at);
        let record = Record { seq, at, run: Some(run), event: event.into() };
        self.state.apply(&record).expect("legal");
        self.batch.push(record);
        if self.batch.len() >= 1_024 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.store.append(self.store.head(), &self.batch).expect("kept");
        self.batch.clear();
    }

    /// 33,000 runs a second.
    fn run(&mut self, n: u32, ends: bool) -> RunId {
        let at = NOON + i64::from(n / 33);
        let luck =
            (u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes();
        let luck: [u8; 10] = luck.first_chunk().copied().expect("long enough");
        let millis = u64::try_from(at).expect("after 1970");
        let id = RunId::new(Builder::from_unix_timestamp_millis(millis, &luck).into_uuid());
        let Event::RunStarted(started) = run_started(None, None) else { unreachable!() };
        let run_key = n.is_multiple_of(10).then(|| RunKey::new(format!("key-{n}")).expect("a key"));
        let input = Json::of(&n).expect("a number");
        self.apply(id, RunStarted { key: run_key, input, ..started }, at);
        let steps = if ends { ["a", "b", "c", "d"].as_slice() } else { &["a"] };
        for step in steps {
            self.start(id, key(step), at);
            let (step, attempt) = (key(step), AttemptNo::new(1));
            let output = Json::of(&n).expect("a number");
            self.apply(id, AttemptSucceeded { step, attempt, output, health: vec![] }, at);
        }
        if ends {
            self.apply(id, RunSucceeded {}, at);
        } else {
            // Both of the next ones wait.
            for step in ["b", "c"] {
                self.start(id, key(step), at);
                let delay = Duration::from_secs(3_600);
                let due_at = Timestamp::from_millis(at).after(delay);
                let verdict = Verdict::Retry { delay, due_at };
                let failure = Failure::new(Class::Server, "busy", "come back later");
                let failed = failed(key(step), AttemptNo::new(1), verdict);
                self.apply(id, AttemptFailed { failure, ..failed }, at);
            }
        }
        id
    }

    fn start(&mut self, run: RunId, step: StepKey, at: i64) {
        let (attempt, timeout_ms) = (AttemptNo::new(1), None);
        let (charged, max_attempts, forced) = (0, 4, false);
        let admission = vec![];
        let event =
            AttemptStarted { step, attempt, charged, max_attempts, timeout_ms, admission, forced };
        self.apply(run, event, at);
    }
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a figure is a time")]
fn figures(runs: u32, ends: bool) -> String {
    let mut journal = Journal::new();
    let before = resident_kb();
    let begun = Instant::now();
    let ids: Vec<RunId> = (0..runs).map(|n| journal.run(n, ends)).collect();
    journal.flush();
    let events = journal.store.head().get();
    let folded = begun.elapsed();
    let grown = resident_kb().saturating_sub(before);
    let Journal { store, state, .. } = journal;
    drop(state);
    let begun = Instant::now();
    let (mut state, mut cold) = recover(&store);
    let replayed = begun.elapsed();

    let now = Timestamp::from_millis(NOON + 60_000);
    let far = Duration::from_secs(60);
    let durable = state.head();
    let resting = Resting { now, far, durable, stays: &|_| false };
    let begun = Instant::now();
    let snapshot = cold.snapshot(&mut state, &resting).expect("none is under way");
    let taken = begun.elapsed();
    assert_eq!(u32::try_from(snapshot.leaving()), Ok(runs));
    let begun = Instant::now();
    let written = snapshot.write(&store);
    let wrote = begun.elapsed();
    let shed = cold.landed(&mut state, &Ok(written.expect("written")));
    drop((shed, state, cold));
    let cache = store.cache().expect("there");
    let pairs = cache.range(&[], &[0xff], usize::MAX).expect("readable");
    let bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    let image = store.load_checkpoint().expect("saved").1.len();

    let begun = Instant::now();
    let (mut state, mut cold) = recover(&store);
    let opened = begun.elapsed();
    assert_eq!(state.head(), Seq::new(events));
    assert_eq!(state.runs().count(), 0);
    let begun = Instant::now();
    for id in ids.iter().step_by(97) {
        assert!(cold.peek(&store, *id).expect("nothing is lost").is_some());
    }
    let peeked = begun.elapsed() / u32::try_from(ids.len().div_ceil(97)).expect("few");
    let begun = Instant::now();
    let due = Timestamp::from_millis(NOON + 4_000_000);
    let mut came = 0;
    while !ends && came < 10_000.min(runs) {
        came += u32::try_from(cold.bring_due(&mut state, &store, due, 1_024).expect("ok"))
            .expect("few");
    }
    let brought = begun.elapsed() / came.max(1);
    format!(
        "{runs} runs ({events} events{}): fold and append {folded:?} ({grown} KB); replay {replayed:?}; \
         snapshot {taken:?} ({:?} a thousand); write {wrote:?} ({:?} a run); \
         {} values, {} bytes a run; image {image} bytes; open {opened:?}; \
         peek {peeked:?}; due {brought:?} a run",
        if ends { ", ended" } else { ", waiting" },
        taken * 1_000 / runs,
        wrote / runs,
        pairs.len(),
        bytes / usize::try_from(runs).expect("few"),
    )
}

#[test]
#[ignore = "takes its time, and means something only when it is optimised"]
#[expect(clippy::print_stderr, reason = "figures are for people")]
fn figures_of_leaving_and_coming_back() {
    let asked = std::env::var("RESURGE_RUNS").ok().and_then(|runs| runs.parse().ok());
    for ends in [false, true] {
        eprintln!("{}", figures(asked.unwrap_or(100_000), ends));
    }
}
