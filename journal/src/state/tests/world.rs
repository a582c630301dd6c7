//! A small world to move about in.

use std::time::Duration;

use uuid::Uuid;

use crate::event::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, CheckpointSaved, Event,
    InterruptCause, JournalCreated, OutputsInvalidated, RecoveryCancelled, ReleaseCause, RetryNow,
    RunCancelled, RunStarted, StepParked, StepRefused, StepReleased, StepSkipped, Verdict,
};
use crate::failure::{Advice, Class, Condition, Failure};
use crate::id::{AttemptNo, ResourceKey, RunId, RunKey, StepIndex, StepKey, WorkflowName};
use crate::json::Json;
use crate::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use crate::policy::RetrySpec;
use crate::record::Record;
use crate::state::{IllegalTransition, Run, State, StepMove};
use crate::time::Timestamp;

/// `b` and `c` need `a`, `d` needs `c`.
pub(crate) const STEPS: [(&str, Option<u16>); 4] =
    [("a", None), ("b", Some(0)), ("c", Some(0)), ("d", Some(2))];

pub(crate) fn run_id(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number + 1))
}

pub(crate) fn key(step: &str) -> StepKey {
    StepKey::new(step).expect("a slug")
}

pub(crate) fn host(name: &str) -> ResourceKey {
    ResourceKey::new(format!("host:{name}")).expect("a kind and a name")
}

pub(crate) fn run_started(run_key: Option<&str>, deadline: Option<i64>) -> Event {
    let step = |(name, need): (&str, Option<u16>)| StepSpec {
        key: key(name),
        kind: "test".to_owned(),
        input: InputSpec {
            shape: InputShape::List,
            sources: need.map(|need| Source::Step(StepIndex::new(need))).into_iter().collect(),
        },
        after: vec![],
        retry: RetrySpec::default(),
        timeout_ms: None,
        idle_timeout_ms: None,
        is_idempotent: true,
        breaker: None,
    };
    let manifest = Manifest {
        workflow: WorkflowName::new("test").expect("a slug"),
        version: 1,
        steps: STEPS.into_iter().map(step).collect(),
        result: StepIndex::new(3),
    };
    RunStarted {
        key: run_key.map(|key| RunKey::new(key).expect("a key")),
        manifest,
        input: Json::null(),
        deadline_at: deadline.map(Timestamp::from_millis),
    }
    .into()
}

/// A state and the records that led to it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) records: Vec<Record>,
    /// When the last record was recorded; each comes a millisecond after the one before.
    pub(crate) now: Timestamp,
}

impl World {
    /// A journal without runs.
    pub(crate) fn empty() -> Self {
        let mut world = Self { state: State::new(), records: vec![], now: Timestamp::default() };
        world.engine(JournalCreated { journal: Uuid::nil() }).expect("the first record");
        world
    }

    /// A journal with one run that has just begun.
    pub(crate) fn begun() -> Self {
        let mut world = Self::empty();
        world.run(run_started(None, None)).expect("a new run");
        world
    }

    pub(crate) fn engine(&mut self, event: impl Into<Event>) -> Result<(), IllegalTransition> {
        self.apply(None, event.into())
    }

    /// Applies an event to the first run.
    pub(crate) fn run(&mut self, event: impl Into<Event>) -> Result<(), IllegalTransition> {
        self.apply(Some(run_id(0)), event.into())
    }

    pub(crate) fn apply(
        &mut self,
        run: Option<RunId>,
        event: Event,
    ) -> Result<(), IllegalTransition> {
        let seq = self.state.head().next();
        let at = self.now.after(Duration::from_millis(1));
        let record = Record { seq, at, run, event };
        self.state.apply(&record)?;
        self.records.push(record);
        self.now = at;
        Ok(())
    }

    /// Lets time pass until just before the next record.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    pub(crate) fn the_run(&self) -> &Run {
        self.state.run(run_id(0)).expect("it was begun")
    }

    pub(crate) fn attempts(&self, step: &str) -> AttemptNo {
        self.the_run().step_by_key(&key(step)).expect("a step").1.attempts
    }

    /// Moves a step of the first run, with the attempt number that fits.
    pub(crate) fn step(&mut self, step: &str, action: StepMove) -> Result<(), IllegalTransition> {
        let attempt = match action {
            StepMove::Start => self.attempts(step).next(),
            _ => self.attempts(step),
        };
        self.run(event_of(step, attempt, action))
    }

    pub(crate) fn steps(&mut self, moves: &[(&str, StepMove)]) {
        for (step, action) in moves {
            self.step(step, *action).expect("a legal move");
        }
    }
}

/// The event that makes a move; those that make none of their own come from the run.
pub(crate) fn event_of(step: &str, attempt: AttemptNo, action: StepMove) -> Event {
    let step = key(step);
    let (actor, reason) = ("test".to_owned(), "because".to_owned());
    match action {
        StepMove::Start => AttemptStarted {
            step,
            attempt,
            charged: 0,
            max_attempts: 4,
            timeout_ms: None,
            admission: vec![],
            forced: false,
        }
        .into(),
        StepMove::Checkpoint => CheckpointSaved { step, attempt, checkpoint: Json::null() }.into(),
        StepMove::Succeed => {
            AttemptSucceeded { step, attempt, output: Json::null(), health: vec![] }.into()
        }
        StepMove::Retry => failed(step, attempt, retry(attempt)).into(),
        StepMove::Park => failed(step, attempt, Verdict::Park { force_at: None }).into(),
        StepMove::Fail => failed(step, attempt, Verdict::NotRetryable).into(),
        StepMove::Interrupt => {
            AttemptInterrupted { step, attempt, cause: InterruptCause::Crash }.into()
        }
        StepMove::Invalidate => {
            let lost = vec![key("a")];
            OutputsInvalidated { step, attempt, lost, reason: "gone".to_owned() }.into()
        }
        StepMove::Unblock | StepMove::Stop => RunCancelled { actor, reason }.into(),
        StepMove::Hold => StepParked { step, keys: vec![host("a")], force_at: None }.into(),
        StepMove::Release => StepReleased { step, cause: ReleaseCause::Ready, wave: None }.into(),
        StepMove::Refuse => {
            let failure = Failure::new(Class::Network, "circuit_open", "the host is down");
            StepRefused { step, failure }.into()
        }
        StepMove::Again => RetryNow { actor, reason, steps: vec![step] }.into(),
        StepMove::Reopen => RetryNow { actor, reason, steps: vec![] }.into(),
        StepMove::GiveUp => RecoveryCancelled { actor, reason, steps: vec![step] }.into(),
        StepMove::Skip => StepSkipped { step, output: Json::null(), actor, reason }.into(),
    }
}

fn retry(attempt: AttemptNo) -> Verdict {
    Verdict::Retry {
        delay: Duration::from_millis(5),
        due_at: Timestamp::from_millis(i64::from(attempt.get())),
    }
}

/// A failure that waits for space on a drive if that is its verdict.
pub(crate) fn failed(step: StepKey, attempt: AttemptNo, verdict: Verdict) -> AttemptFailed {
    let failure = Failure::new(Class::Network, "reset", "connection reset");
    let failure = match verdict {
        Verdict::Park { .. } => {
            let space = Condition::DiskSpace { path: "/".to_owned(), bytes: 1 };
            failure.with_advice(Advice::WhenReady(space))
        }
        _ => failure,
    };
    AttemptFailed {
        step,
        attempt,
        failure,
        verdict,
        charged: 1,
        max_attempts: 4,
        gained: 0,
        reached: 0,
        streak: 1,
        is_refunded: false,
        exhausted_by: None,
        parts: None,
        server_waited_ms: 0,
        health: vec![],
        budget: None,
        ease: None,
    }
}
