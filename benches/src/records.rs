//! Records as an engine writes them, without an engine.

use std::collections::VecDeque;
use std::time::Duration;

use resurge::journal::event::{
    AttemptFailed, AttemptStarted, AttemptSucceeded, CheckpointSaved, DelayParts, Event,
    RunStarted, RunSucceeded, Verdict,
};
use resurge::journal::{AttemptNo, Json, Record, RunId, Seq, StepKey, Timestamp};
use resurge::{Class, Failure};
use uuid::Uuid;

use crate::flow::{payload, three_steps};

/// A record of about 200 bytes: an attempt that succeeded.
///
/// # Panics
/// Never: the key is sound.
pub fn succeeded(seq: u64) -> Record {
    let step = StepKey::new("verify").expect("a short key");
    let output = Json::of(&payload()).expect("text is JSON");
    let event = AttemptSucceeded { step, attempt: AttemptNo::new(1), output, health: Vec::new() };
    Record {
        seq: Seq::new(seq),
        at: Timestamp::from_millis(1_763_719_200_000),
        run: Some(RunId::new(Uuid::from_u128(1))),
        event: event.into(),
    }
}

/// An endless legal journal behind its first record: runs of three steps, one after another.
///
/// Each run saves one checkpoint; the second step of every fourth fails once and is tried again.
#[derive(Debug)]
pub struct Mix {
    manifest: resurge::journal::manifest::Manifest,
    payload: Json,
    runs: u128,
    head: Seq,
    ready: VecDeque<Record>,
}

impl Mix {
    /// Begins behind a record.
    ///
    /// # Panics
    /// Never: text is JSON.
    pub fn after(head: Seq) -> Self {
        let manifest = three_steps().manifest().clone();
        let payload = Json::of(&payload()).expect("text is JSON");
        Self { manifest, payload, runs: 0, head, ready: VecDeque::new() }
    }

    fn next_run(&mut self) {
        self.runs += 1;
        let manifest = self.manifest.clone();
        let input = self.payload.clone();
        self.push(RunStarted { key: None, manifest, input, deadline_at: None });
        let keys: Vec<StepKey> = self.manifest.steps.iter().map(|step| step.key.clone()).collect();
        for (index, key) in keys.into_iter().enumerate() {
            self.step(&key, index == 0, index == 1 && self.runs.is_multiple_of(4));
        }
        self.push(RunSucceeded {});
    }

    fn step(&mut self, key: &StepKey, saves: bool, fails: bool) {
        let mut attempt = AttemptNo::new(1);
        self.started(key, attempt, 0);
        if saves {
            let checkpoint = self.payload.clone();
            self.push(CheckpointSaved { step: key.clone(), attempt, checkpoint });
        }
        if fails {
            self.failed(key, attempt);
            attempt = attempt.next();
            self.started(key, attempt, 1);
        }
        let output = self.payload.clone();
        self.push(AttemptSucceeded { step: key.clone(), attempt, output, health: Vec::new() });
    }

    fn started(&mut self, key: &StepKey, attempt: AttemptNo, charged: u32) {
        self.push(AttemptStarted {
            step: key.clone(),
            attempt,
            charged,
            max_attempts: 4,
            timeout_ms: None,
            admission: Vec::new(),
            forced: false,
        });
    }

    fn failed(&mut self, key: &StepKey, attempt: AttemptNo) {
        let (delay, due_at) = (Duration::from_secs(1), self.now());
        self.push(AttemptFailed {
            step: key.clone(),
            attempt,
            failure: Failure::new(Class::Timeout, "read_timeout", "no byte arrived for 30 s"),
            verdict: Verdict::Retry { delay, due_at },
            charged: 1,
            max_attempts: 4,
            gained: 0,
            reached: 0,
            streak: 1,
            is_refunded: false,
            exhausted_by: None,
            parts: Some(DelayParts::default()),
            server_waited_ms: 0,
            health: Vec::new(),
            budget: None,
            ease: None,
        });
    }

    fn push(&mut self, event: impl Into<Event>) {
        self.head = self.head.next();
        let (seq, at, run) = (self.head, self.now(), Some(RunId::new(Uuid::from_u128(self.runs))));
        self.ready.push_back(Record { seq, at, run, event: event.into() });
    }

    /// A millisecond a record.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_719_200_000).after(Duration::from_millis(self.head.get()))
    }
}

impl Iterator for Mix {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.ready.is_empty() {
            self.next_run();
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resurge::RunStatus;
    use resurge::journal::State;
    use resurge::journal::store::{MemoryStore, Store};

    #[test]
    fn the_mix_is_a_legal_journal_whose_runs_succeed() {
        let store = MemoryStore::new();
        let records: Vec<Record> = Mix::after(store.head()).take(1_000).collect();
        store.append(store.head(), &records).expect("accepted");
        let mut state = State::new();
        for record in store.scan(Seq::new(1)) {
            state.apply(&record.expect("readable")).expect("legal");
        }
        let done = state.runs().filter(|run| run.status() == RunStatus::Success).count();
        assert!(done > 100, "{done}");
        assert!(state.open_runs().count() <= 1);
    }

    #[test]
    fn a_success_has_about_two_hundred_bytes() {
        let bytes = succeeded(2).size().expect("fits");
        assert!((150..=250).contains(&bytes), "{bytes}");
    }
}
