//! Random journals: folded twice, folded in part, and checked against what they index.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{STEPS, World, event_of, failed, host, key, run_id, run_started};
use crate::event::{
    Admission, AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, BreakerClosed,
    BreakerHalfOpened, BreakerMode, BreakerModeSet, BreakerOpened, BreakerWouldOpen, Budget,
    CloseCause, Ease, EngineOpened, Event, ExhaustReason, ForceRetry, HalfOpenCause, Health,
    InterruptCause, LateResultIgnored, LintFound, OpenCause, ProbePassed, RecoveryCancelled,
    ReleaseCause, RetryNow, RunCancelled, RunExhausted, RunFailed, RunParked, RunPaused,
    RunResumed, RunSucceeded, RunUnparked, SettingsChanged, Sign, StepParked, StepReleased,
    Verdict, WaveMark,
};
use crate::id::{AttemptNo, BreakerEpoch, Epoch, ResourceKey, StepKey, WorkflowName};
use crate::json::Json;
use crate::record::Record;
use crate::state::world::Agenda;
use crate::state::{Breaker, Gate, Run, RunPhase, State, StepMove, StepPhaseKind};
use crate::time::Timestamp;

/// What somebody tries: often something that is not legal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try {
    run: u8,
    step: usize,
    what: u8,
    /// Whatever the event has a choice in.
    choice: u8,
    /// Now and then a number that is off by one.
    is_off: bool,
    /// Time that passes before.
    seconds: u8,
}

pub(crate) fn tries() -> impl Strategy<Value = Vec<Try>> {
    let is_off = proptest::bool::weighted(0.1);
    // Mostly work: a run that has ended is no longer of much interest.
    let what = prop_oneof![40 => 0..22u8, 2 => 22..30u8, 12 => 30..41u8, 6 => 41..52u8];
    let one = (0..3u8, 0..STEPS.len(), what, any::<u8>(), is_off, 0..20u8);
    let one = one.prop_map(|(run, step, what, choice, is_off, seconds)| Try {
        run,
        step,
        what,
        choice,
        is_off,
        seconds,
    });
    vec(one, 0..200)
}

impl Try {
    /// Mostly a step for which the event is legal, as far as its phase goes.
    fn aimed(self, world: &World) -> Self {
        use StepPhaseKind as P;
        let phases: &[P] = match self.what {
            0..=5 | 20 => &[P::Ready, P::Waiting, P::Held],
            6..=18 => &[P::Running],
            39 => &[P::Ready, P::Waiting],
            40 => &[P::Held],
            _ => return self,
        };
        let steps = world.state.run(run_id(self.run.into())).map(Run::steps);
        let fits: Vec<usize> = steps
            .into_iter()
            .flatten()
            .filter(|(_, _, step)| phases.contains(&step.phase.kind()))
            .map(|(index, _, _)| index.get())
            .collect();
        let aim = fits.get(self.step.checked_rem(fits.len()).unwrap_or(0));
        Self { step: aim.copied().filter(|_| !self.is_off).unwrap_or(self.step), ..self }
    }

    fn step(self) -> &'static str {
        STEPS.get(self.step).map_or("a", |(step, _)| *step)
    }

    fn key(self) -> StepKey {
        key(self.step())
    }

    /// One of two hosts.
    fn host(self) -> ResourceKey {
        host(if self.choice & 1 == 0 { "a" } else { "b" })
    }

    fn flag(self) -> bool {
        self.choice & 2 == 0
    }

    fn sign(self) -> Sign {
        if self.choice & 4 == 0 { Sign::Alive } else { Sign::Failing }
    }

    /// None, the step itself, or all steps.
    fn keys(self) -> Vec<StepKey> {
        match self.choice % 4 {
            0 => vec![],
            1 | 2 => vec![self.key()],
            _ => STEPS.iter().map(|(step, _)| key(step)).collect(),
        }
    }

    /// A moment soon, or none.
    fn soon(self, world: &World) -> Option<Timestamp> {
        let later = world.now.after(Duration::from_secs(u64::from(self.choice % 64)));
        (self.choice < 128).then_some(later)
    }

    fn attempt(self, world: &World) -> AttemptNo {
        let run = world.state.run(run_id(self.run.into()));
        let attempts = run
            .and_then(|run| run.step_by_key(&self.key()))
            .map_or_else(Default::default, |(_, step)| step.attempts);
        if self.is_off { attempts.next() } else { attempts }
    }

    fn epoch(self, world: &World) -> BreakerEpoch {
        let epoch = world.state.breaker(&self.host()).map(|b| b.epoch).unwrap_or_default();
        if self.is_off { epoch } else { epoch.next() }
    }
}

fn event(world: &World, tried: Try) -> Event {
    let tried = tried.aimed(world);
    if let Some(event) = go_on(world, tried) {
        return event;
    }
    match tried.what {
        0..=21 => attempt_event(world, tried),
        22..=29 => run_event(tried),
        30..=40 => breaker_event(world, tried),
        _ => control_event(world, tried),
    }
}

/// What lets a run go on that does not work, for some of those who want to start a step.
fn go_on(world: &World, tried: Try) -> Option<Event> {
    let (actor, reason) = ("test".to_owned(), "because".to_owned());
    let run = world.state.run(run_id(tried.run.into())).filter(|_| tried.what <= 3)?;
    let failed = run.steps().filter(|(_, _, step)| step.phase.kind() == StepPhaseKind::Failed);
    match run.phase {
        RunPhase::Paused { .. } => Some(RunResumed { actor, reason }.into()),
        RunPhase::Parked { .. } => Some(RunUnparked {}.into()),
        RunPhase::Failed { .. } | RunPhase::Exhausted { .. } => {
            let steps = failed.map(|(_, spec, _)| spec.key.clone()).collect();
            Some(RetryNow { actor, reason, steps }.into())
        }
        _ => None,
    }
}

fn attempt_event(world: &World, tried: Try) -> Event {
    let (step, attempt) = (tried.key(), tried.attempt(world));
    let health = vec![Health { key: tried.host(), sign: tried.sign() }];
    match tried.what {
        0..=5 => {
            let breaker = world.state.breaker(&tried.host());
            let admitted = Admission {
                key: tried.host(),
                epoch: breaker.map(|breaker| breaker.epoch).unwrap_or_default(),
                probe: tried.flag(),
            };
            AttemptStarted {
                step,
                attempt: attempt.next(),
                charged: 0,
                max_attempts: 4,
                timeout_ms: None,
                admission: vec![admitted],
                forced: false,
            }
            .into()
        }
        6..=9 => AttemptSucceeded { step, attempt, output: Json::null(), health }.into(),
        10..=13 => {
            let due_at = tried.soon(world).unwrap_or(world.now);
            let verdict = match tried.choice % 8 {
                0 => Verdict::Park { force_at: tried.soon(world) },
                1 => Verdict::NotRetryable,
                _ => Verdict::Retry { delay: Duration::from_secs(1), due_at },
            };
            let budget = Some(Budget { key: tried.host(), paid_at: due_at });
            let ease = tried.flag().then_some(Ease { until: due_at, in_flight_max: 2 });
            AttemptFailed { health, budget, ease, ..failed(step, attempt, verdict) }.into()
        }
        14 => event_of(tried.step(), attempt, StepMove::Checkpoint),
        15 => event_of(tried.step(), attempt, StepMove::Invalidate),
        16 | 17 => {
            let causes = InterruptCause::ALL;
            let cause = causes.get(usize::from(tried.choice) % causes.len());
            let cause = cause.copied().unwrap_or(InterruptCause::Crash);
            AttemptInterrupted { step, attempt, cause }.into()
        }
        18 => ProbePassed { step, attempt, key: tried.host() }.into(),
        19 => event_of(tried.step(), attempt, StepMove::Skip),
        20 => event_of(tried.step(), attempt, StepMove::Refuse),
        _ => LateResultIgnored { step, attempt, result: "ok".to_owned() }.into(),
    }
}

fn run_event(tried: Try) -> Event {
    let (actor, reason) = ("test".to_owned(), "because".to_owned());
    match tried.what {
        22 | 23 => {
            let run_key = tried.flag().then_some("key");
            run_started(run_key, Some(i64::from(tried.choice) * 1_000))
        }
        24 => RunParked { reason }.into(),
        25 => RunUnparked {}.into(),
        26 => RunSucceeded {}.into(),
        27 => RunFailed { step: tried.key() }.into(),
        28 => RunExhausted { reason: ExhaustReason::Retries, step: Some(tried.key()) }.into(),
        _ => RunCancelled { actor, reason }.into(),
    }
}

fn breaker_event(world: &World, tried: Try) -> Event {
    let (key, epoch) = (tried.host(), tried.epoch(world));
    let until = tried.soon(world);
    match tried.what {
        30 | 31 => BreakerOpened {
            key,
            epoch,
            cause: OpenCause::Consecutive,
            trip: 1,
            planned_ms: 1,
            until: until.unwrap_or(world.now),
            failures: 1,
            total: 1,
            sample: vec![],
        }
        .into(),
        32..=34 => {
            let cause = HalfOpenCause::Elapsed;
            BreakerHalfOpened { key, epoch, cause, needed: 1, lease_ms: 60_000 }.into()
        }
        35 | 36 => {
            let cause = CloseCause::ProbesPassed;
            let (actor, reason) = (None, None);
            BreakerClosed { key, epoch, cause, open_ms: 1, trips: 1, actor, reason }.into()
        }
        37 => {
            let modes = BreakerMode::ALL;
            let mode = modes.get(usize::from(tried.choice) % modes.len());
            let mode = mode.copied().unwrap_or(BreakerMode::Isolated);
            let (actor, reason) = (String::new(), String::new());
            BreakerModeSet { key, epoch, mode, until, actor, reason }.into()
        }
        38 => {
            let cause = OpenCause::Rate;
            BreakerWouldOpen { key, cause, trip: 1, failures: 1, total: 1 }.into()
        }
        39 => {
            let keys = if tried.flag() { vec![host("a"), host("b")] } else { vec![key] };
            StepParked { step: tried.key(), keys, force_at: until }.into()
        }
        _ => {
            let mark = WaveMark { key, number: 0, next_at: world.now };
            let wave = tried.flag().then_some(mark);
            StepReleased { step: tried.key(), cause: ReleaseCause::Wave, wave }.into()
        }
    }
}

fn control_event(world: &World, tried: Try) -> Event {
    let (actor, reason, steps) = ("test".to_owned(), "because".to_owned(), tried.keys());
    match tried.what {
        41 | 42 => RunPaused { actor, reason, freezes_timers: tried.flag() }.into(),
        43 | 44 => RunResumed { actor, reason }.into(),
        45 | 46 => RetryNow { actor, reason, steps }.into(),
        47 => ForceRetry { actor, reason, steps }.into(),
        48 => RecoveryCancelled { actor, reason, steps }.into(),
        49 => {
            let name = if tried.is_off { "no_such_setting" } else { "max_retries" }.to_owned();
            let new = Json::of(&tried.choice).expect("a number has a form in JSON");
            SettingsChanged { name, old: Json::null(), new, actor, reason }.into()
        }
        50 => {
            let workflow = WorkflowName::new("test").expect("a slug");
            let (step, code) = (tried.key(), "short".to_owned());
            LintFound { workflow, version: 1, step, code, message: reason }.into()
        }
        _ => {
            let epoch = Epoch::new(world.state.epoch().get() + 1 + u64::from(tried.is_off));
            EngineOpened { epoch, boot: None, pid: 1, engine: String::new() }.into()
        }
    }
}

/// The records of whatever is legal among what is tried, over up to three runs.
pub(crate) fn records(tries: Vec<Try>) -> Vec<Record> {
    let mut world = World::empty();
    for run in 0..2 {
        let begun = run_started(None, Some(1_000_000));
        world.apply(Some(run_id(run)), begun).expect("a new run");
    }
    for tried in tries {
        world.pass(tried.seconds.into());
        let event = event(&world, tried);
        let _ = world.apply(Some(run_id(tried.run.into())), event);
    }
    world.records
}

/// The index over open work, made from the runs and breakers alone.
pub(crate) fn agenda_of(state: &State) -> Agenda {
    let mut agenda = Agenda::default();
    for run in state.runs() {
        if run.phase.is_final() {
            continue;
        }
        agenda.open.insert(run.id);
        let is_frozen = matches!(run.phase, RunPhase::Paused { freezes_timers: true, .. });
        if let Some(deadline) = run.deadline_at.filter(|_| !is_frozen) {
            agenda.deadlines.insert((deadline, run.id));
        }
        for (index, _, _) in run.steps() {
            agenda.insert_step(run, index);
        }
    }
    let gates = state.breakers().filter(|(_, breaker)| !breaker.is_closed());
    agenda.gates = gates.map(|(key, _)| key.clone()).collect();
    agenda
}

/// What holds in every state, beside the agenda.
fn check_sense(state: &State) -> Result<(), TestCaseError> {
    for (key, breaker) in state.breakers() {
        if let Gate::HalfOpen { probe: Some(probe), .. } = &breaker.gate {
            let step = state.run(probe.run).and_then(|run| run.step(probe.step));
            let running = step.and_then(crate::state::Step::running);
            prop_assert_eq!(running, Some(probe.attempt), "the probe of {} is under way", key);
        }
    }
    let count = |wanted: fn(&RunPhase) -> bool| {
        state.runs().filter(|run| wanted(&run.phase)).count() as u64
    };
    let counted = state.stats();
    prop_assert_eq!(counted.total, count(|_| true));
    prop_assert_eq!(counted.succeeded, count(|phase| matches!(phase, RunPhase::Succeeded)));
    prop_assert_eq!(counted.cancelled, count(|phase| matches!(phase, RunPhase::Cancelled { .. })));
    let is_failed =
        |phase: &RunPhase| matches!(phase, RunPhase::Failed { .. } | RunPhase::Exhausted { .. });
    prop_assert_eq!(counted.failed, count(is_failed));
    let holders = state.open_runs().filter(|run| run.started.key.is_some()).count();
    prop_assert!(holders <= 1, "{} open runs hold one key", holders);
    Ok(())
}

/// Nothing but the next epoch opens, closes or half-opens a gate.
fn check_turns(before: &State, after: &State) -> Result<(), TestCaseError> {
    for (key, breaker) in after.breakers() {
        let was = before.breaker(key).cloned().unwrap_or_default();
        let place = |breaker: &Breaker| std::mem::discriminant(&breaker.gate);
        if place(&was) == place(breaker) {
            prop_assert!(breaker.epoch == was.epoch || breaker.epoch == was.epoch.next());
        } else {
            prop_assert_eq!(breaker.epoch, was.epoch.next());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn whatever_is_tried_the_state_holds_together(tries in tries()) {
        let mut world = World::empty();
        for run in 0..2 {
            let begun = run_started(None, Some(1_000_000));
            world.apply(Some(run_id(run)), begun).expect("a new run");
        }
        for tried in tries {
            let before = world.state.clone();
            world.pass(tried.seconds.into());
            let event = event(&world, tried);
            if world.apply(Some(run_id(tried.run.into())), event).is_err() {
                prop_assert_eq!(&world.state, &before, "a refused record changes nothing");
            }
            prop_assert_eq!(&world.state.agenda, &agenda_of(&world.state));
            check_turns(&before, &world.state)?;
            check_sense(&world.state)?;
        }
        crate::explain::tests::check_offers(&world);

        let mut again = State::new();
        for record in &world.records {
            prop_assert!(again.apply(record).is_ok());
        }
        prop_assert_eq!(&again, &world.state, "replay gives the live state");
        if let Some(last) = world.records.last() {
            prop_assert!(again.apply(last).is_err(), "no record counts twice");
        }
    }
}
