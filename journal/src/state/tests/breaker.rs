//! What attempts do to breakers, and breakers to what is due.

use std::time::Duration;

use super::world::{World, failed, host, key, run_id, run_started};
use crate::event::{
    Admission, AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, BreakerClosed,
    BreakerHalfOpened, BreakerMode, BreakerModeSet, BreakerOpened, BreakerWouldOpen, CloseCause,
    Event, HalfOpenCause, Health, InterruptCause, OpenCause, Sign, Verdict,
};
use crate::id::{AttemptNo, BreakerEpoch, ResourceKey};
use crate::json::Json;
use crate::state::{Breaker, Gate, IllegalTransition};
use crate::time::Timestamp;

mod held;
mod probes;

type Applied = Result<(), IllegalTransition>;

fn the_host() -> ResourceKey {
    host("a")
}

/// A journal with this many runs; their first steps all need one host.
fn runs(count: u128) -> World {
    let mut world = World::empty();
    for run in 0..count {
        world.apply(Some(run_id(run)), run_started(None, None)).expect("a new run");
    }
    world
}

impl World {
    fn breaker(&self) -> Breaker {
        self.state.breaker(&the_host()).cloned().unwrap_or_default()
    }

    fn next_epoch(&self) -> BreakerEpoch {
        self.breaker().epoch.next()
    }

    /// Applies an event to step `a` of a run, made for the number of its last attempt.
    fn at(&mut self, run: u128, event: impl FnOnce(AttemptNo) -> Event) -> Applied {
        let known = self.state.run(run_id(run)).expect("begun");
        let attempts = known.step_by_key(&key("a")).expect("a step").1.attempts;
        self.apply(Some(run_id(run)), event(attempts))
    }

    fn start(&mut self, run: u128, probe: bool) {
        let admitted = Admission { key: the_host(), epoch: self.breaker().epoch, probe };
        let started = |attempt: AttemptNo| {
            AttemptStarted {
                step: key("a"),
                attempt: attempt.next(),
                charged: 0,
                max_attempts: 4,
                timeout_ms: None,
                admission: vec![admitted],
                forced: false,
            }
            .into()
        };
        self.at(run, started).expect("it can start");
    }

    fn succeed(&mut self, run: u128) {
        let health = vec![Health { key: the_host(), sign: Sign::Alive }];
        let done = |attempt| {
            AttemptSucceeded { step: key("a"), attempt, output: Json::null(), health }.into()
        };
        self.at(run, done).expect("it is running");
    }

    /// The attempt fails and another is due at once.
    fn fail(&mut self, run: u128, sign: Sign) {
        let health = vec![Health { key: the_host(), sign }];
        let retry = Verdict::Retry { delay: Duration::ZERO, due_at: self.now };
        let done = |attempt| AttemptFailed { health, ..failed(key("a"), attempt, retry) }.into();
        self.at(run, done).expect("it is running");
    }

    fn try_once(&mut self, run: u128, sign: Sign) {
        self.start(run, false);
        self.fail(run, sign);
    }

    fn interrupt(&mut self, run: u128, cause: InterruptCause) {
        let done = |attempt| AttemptInterrupted { step: key("a"), attempt, cause }.into();
        self.at(run, done).expect("it is running");
    }

    fn open(&mut self) {
        let until = self.now.after(Duration::from_secs(15));
        self.engine(opened(self.next_epoch(), until)).expect("the next epoch");
    }

    fn half_open(&mut self) {
        self.engine(half_opened(self.next_epoch())).expect("it is open");
    }

    fn close(&mut self) {
        self.engine(closed(self.next_epoch())).expect("the next epoch");
    }

    /// A breaker that lets probes through, over this many runs.
    fn probing(count: u128) -> Self {
        let mut world = runs(count);
        world.open();
        world.half_open();
        world
    }

    /// The run whose probe is under way.
    fn prober(&self) -> Option<u128> {
        let Gate::HalfOpen { probe, .. } = self.breaker().gate else { panic!("not half-open") };
        probe.map(|probe| probe.run.as_uuid().as_u128() - 1)
    }

    /// How many probes have passed, and whether one failed.
    fn probes(&self) -> (u32, bool) {
        let Gate::HalfOpen { passed, failed, .. } = self.breaker().gate else {
            panic!("not half-open")
        };
        (passed, failed)
    }

    /// Whose probes the process died in, and how often in a row.
    fn lost(&self) -> Option<(u128, u32)> {
        let Gate::HalfOpen { lost, .. } = self.breaker().gate else { panic!("not half-open") };
        lost.map(|(run, _, times)| (run.as_uuid().as_u128() - 1, times))
    }
}

fn opened(epoch: BreakerEpoch, until: Timestamp) -> BreakerOpened {
    BreakerOpened {
        key: the_host(),
        epoch,
        cause: OpenCause::Consecutive,
        trip: 1,
        planned_ms: 15_000,
        until,
        failures: 5,
        total: 5,
        sample: vec![],
    }
}

fn half_opened(epoch: BreakerEpoch) -> BreakerHalfOpened {
    let cause = HalfOpenCause::Elapsed;
    BreakerHalfOpened { key: the_host(), epoch, cause, needed: 2, lease_ms: 60_000 }
}

fn closed(epoch: BreakerEpoch) -> BreakerClosed {
    BreakerClosed {
        key: the_host(),
        epoch,
        cause: CloseCause::ProbesPassed,
        open_ms: 1,
        trips: 1,
        actor: None,
        reason: None,
    }
}

fn mode_set(epoch: BreakerEpoch, mode: BreakerMode, until: Option<Timestamp>) -> BreakerModeSet {
    let (actor, reason) = ("ann".to_owned(), "maintenance".to_owned());
    BreakerModeSet { key: the_host(), epoch, mode, until, actor, reason }
}

#[test]
fn failures_in_a_row_count_until_one_attempt_works() {
    let mut world = runs(2);
    world.try_once(0, Sign::Failing);
    world.try_once(0, Sign::Unreachable);
    assert_eq!(world.breaker().failures_in_row, 2);
    world.start(1, false);
    world.succeed(1);
    assert_eq!(world.breaker().failures_in_row, 0);
    let signs: Vec<Sign> = world.breaker().samples.iter().map(|sample| sample.sign).collect();
    assert_eq!(signs, [Sign::Failing, Sign::Unreachable, Sign::Alive]);
}

#[test]
fn a_sample_says_how_long_its_attempt_took() {
    let mut world = runs(1);
    world.start(0, false);
    world.pass(7);
    world.fail(0, Sign::Failing);
    assert_eq!(world.breaker().last_sample().expect("one").took_ms, 7_001);
}

#[test]
fn what_an_attempt_says_about_a_resource_that_did_not_admit_it_is_not_counted() {
    let mut world = runs(1);
    world.start(0, false);
    let health = vec![Health { key: host("b"), sign: Sign::Failing }];
    let retry = Verdict::Retry { delay: Duration::ZERO, due_at: world.now };
    world
        .at(0, |attempt| AttemptFailed { health, ..failed(key("a"), attempt, retry) }.into())
        .expect("it is running");
    assert!(world.state.breaker(&host("b")).is_none());
    assert!(world.breaker().samples.is_empty());
}

#[test]
fn a_stale_failure_changes_nothing() {
    let mut world = runs(3);
    for run in 0..3 {
        world.start(run, false);
    }
    world.open();
    let open = world.breaker();
    world.fail(0, Sign::Failing);
    assert_eq!(world.breaker(), open, "while it is open");
    world.half_open();
    let half_open = world.breaker();
    world.fail(1, Sign::Failing);
    assert_eq!(world.breaker(), half_open, "while it is half-open");
    world.close();
    let closed = world.breaker();
    world.fail(2, Sign::Failing);
    assert_eq!(world.breaker(), closed, "after it has closed");
}

#[test]
fn a_stale_success_is_worth_a_look_while_it_is_open_and_closes_nothing() {
    let mut world = runs(2);
    world.start(0, false);
    world.start(1, false);
    world.open();
    let epoch = world.breaker().epoch;
    world.succeed(0);
    assert!(matches!(world.breaker().gate, Gate::Open { looks_alive: true, .. }));
    assert_eq!(world.breaker().epoch, epoch);
    world.half_open();
    world.succeed(1);
    assert_eq!(world.probes(), (0, false), "it was no probe");
}

#[test]
fn old_samples_do_not_count() {
    let mut world = runs(1);
    for _ in 0..4 {
        world.try_once(0, Sign::Failing);
    }
    world.pass(Breaker::HORIZON.as_secs() - 1);
    world.try_once(0, Sign::Failing);
    assert_eq!((world.breaker().samples.len(), world.breaker().failures_in_row), (5, 5));
    world.pass(2);
    world.try_once(0, Sign::Failing);
    assert_eq!((world.breaker().samples.len(), world.breaker().failures_in_row), (2, 2));
}

#[test]
fn a_bounded_number_of_samples_is_kept_and_a_longer_row_still_counted() {
    let mut world = runs(1);
    let count = Breaker::SAMPLES_MAX + 5;
    for _ in 0..count {
        world.try_once(0, Sign::Failing);
    }
    assert_eq!(world.breaker().samples.len(), Breaker::SAMPLES_MAX);
    assert_eq!(world.breaker().failures_in_row as usize, count);
}

#[test]
fn only_the_next_epoch_turns_a_breaker() {
    type Turn = fn(&mut World, BreakerEpoch) -> Applied;
    let turns: [Turn; 4] = [
        |world, epoch| world.engine(opened(epoch, world.now)),
        |world, epoch| world.engine(half_opened(epoch)),
        |world, epoch| world.engine(closed(epoch)),
        |world, epoch| world.engine(mode_set(epoch, BreakerMode::Isolated, None)),
    ];
    for turn in turns {
        let mut world = runs(1);
        world.open();
        let before = world.state.clone();
        let epoch = world.breaker().epoch;
        for wrong in [BreakerEpoch::default(), epoch, epoch.next().next()] {
            turn(&mut world, wrong).expect_err("not the next epoch");
            assert_eq!(world.state, before, "a refused record changes nothing");
        }
        turn(&mut world, epoch.next()).expect("the next epoch");
        assert_eq!(world.breaker().epoch, epoch.next());
    }
}

#[test]
fn only_an_open_breaker_lets_probes_through() {
    let mut world = runs(1);
    for _ in 0..2 {
        let before = world.state.clone();
        world.engine(half_opened(world.next_epoch())).expect_err("it is closed");
        assert_eq!(world.state, before, "not even a breaker is made");
        world.open();
        world.close();
    }
}

#[test]
fn a_turn_begins_with_a_clean_slate_and_remembers_its_trips() {
    let mut world = runs(1);
    world.try_once(0, Sign::Failing);
    world.open();
    let open = world.breaker();
    assert_eq!((open.samples.len(), open.failures_in_row, open.trips), (0, 0, 1));
    let since = open.not_closed_since().expect("open");
    world.pass(15);
    world.half_open();
    assert_eq!(world.breaker().not_closed_since(), Some(since));
    world.open();
    assert_eq!(world.breaker().not_closed_since(), Some(since), "it was never closed");
    world.close();
    let closed = world.breaker();
    assert_eq!((closed.not_closed_since(), closed.trips, closed.trips_ever), (None, 1, 2));
    assert_eq!(closed.closed_at, Some(world.now));
}

#[test]
fn a_shadow_breaker_remembers_and_gates_nothing() {
    let mut world = runs(1);
    world.engine(mode_set(world.next_epoch(), BreakerMode::Shadow, None)).expect("next");
    world.try_once(0, Sign::Failing);
    let seen = BreakerWouldOpen {
        key: the_host(),
        cause: OpenCause::Consecutive,
        trip: 3,
        failures: 5,
        total: 5,
    };
    world.engine(seen).expect("it exists");
    let breaker = world.breaker();
    assert!(breaker.is_closed());
    assert_eq!((breaker.trips, breaker.trips_ever, breaker.failures_in_row), (3, 1, 0));
    assert_eq!(world.state.stats().breaker_trips, 0, "it did not open");
}

#[test]
fn a_disabled_breaker_watches_nothing() {
    let mut world = runs(1);
    let until = world.now.after(Duration::from_secs(60));
    let disabled = mode_set(world.next_epoch(), BreakerMode::Disabled, Some(until));
    world.engine(disabled).expect("the next epoch");
    world.try_once(0, Sign::Failing);
    assert_eq!(world.breaker().failures_in_row, 0);
    world.pass(60);
    world.try_once(0, Sign::Failing);
    assert_eq!(world.breaker().failures_in_row, 1, "the mode has ended");
}

#[test]
fn a_mode_that_has_ended_does_not_hide_the_next_alarm() {
    let mut world = runs(1);
    let until = world.now.after(Duration::from_secs(60));
    world.engine(mode_set(world.next_epoch(), BreakerMode::Isolated, Some(until))).expect("next");
    assert_eq!(world.breaker().mode_at(world.now), BreakerMode::Isolated);
    world.hold(0, None);
    assert_eq!(world.state.next_due(world.now), Some(until));
    world.pass(60);
    assert_eq!(world.breaker().mode_at(world.now), BreakerMode::Enforced);
    world.open();
    let Gate::Open { until, .. } = world.breaker().gate else { panic!("open") };
    assert_eq!(world.state.next_due(world.now), Some(until));
}
