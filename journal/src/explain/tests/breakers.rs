//! Steps behind breakers, and what is said about them.

use std::time::Duration;

use super::{PARTS, cause, check, look, offers, said, seconds, waiting};
use crate::event::{
    AttemptStarted, BreakerClosed, BreakerHalfOpened, BreakerMode, BreakerModeSet, BreakerOpened,
    CloseCause, HalfOpenCause, OpenCause, StepParked,
};
use crate::explain::{Cause, GateView, explain_unplaced};
use crate::id::{AttemptNo, BreakerEpoch, ResourceKey};
use crate::state::tests::world::{World, host, key, run_id, run_started};
use crate::time::Timestamp;

impl World {
    fn open_host(&mut self, key: ResourceKey, cause: OpenCause) {
        let epoch = self.next_of(&key);
        let until = self.now.after(seconds(15));
        let opened = BreakerOpened {
            key,
            epoch,
            cause,
            trip: 2,
            planned_ms: 15_000,
            until,
            failures: 5,
            total: 5,
            sample: vec![],
        };
        self.engine(opened).expect("the next epoch");
    }

    fn next_of(&self, key: &ResourceKey) -> BreakerEpoch {
        self.state.breaker(key).map(|breaker| breaker.epoch).unwrap_or_default().next()
    }

    fn probe_host(&mut self, key: ResourceKey) {
        let (epoch, cause) = (self.next_of(&key), HalfOpenCause::Elapsed);
        let event = BreakerHalfOpened { key, epoch, cause, needed: 2, lease_ms: 60_000 };
        self.engine(event).expect("open");
    }

    fn set_mode(&mut self, key: ResourceKey, mode: BreakerMode, until: Option<Timestamp>) {
        let epoch = self.next_of(&key);
        let (actor, reason) = ("ann".to_owned(), "maintenance".to_owned());
        let event = BreakerModeSet { key, epoch, mode, until, actor, reason };
        self.engine(event).expect("the next epoch");
    }

    fn park(&mut self, run: u128, keys: &[ResourceKey], force_at: Option<Timestamp>) {
        let parked = StepParked { step: key("a"), keys: keys.to_vec(), force_at };
        self.apply(Some(run_id(run)), parked.into()).expect("ready");
    }
}

/// The second of two runs behind an open breaker is the one that is asked about.
fn behind_a_breaker() -> World {
    let mut world = World::empty();
    world.apply(Some(run_id(0)), run_started(None, None)).expect("new");
    world.apply(Some(run_id(1)), run_started(None, None)).expect("new");
    world.open_host(host("a"), OpenCause::Consecutive);
    world.park(1, &[host("a")], None);
    world.park(0, &[host("a")], Some(world.now.after(seconds(600))));
    world
}

#[test]
fn the_place_in_the_queue_is_all_that_is_missing_without_it() {
    let world = behind_a_breaker();
    let mut placed = look(&world);
    let run = world.state.run(run_id(0)).expect("it was begun");
    let unplaced = explain_unplaced(&world.state, run, world.now);
    let steps = placed.steps.iter_mut().map(|step| &mut step.cause);
    for cause in steps.chain([&mut placed.cause]) {
        let Cause::Breaker { position, .. } = cause else { continue };
        assert_eq!(position.take(), Some((2, 2)));
    }
    assert_eq!(unplaced, placed);
}

#[test]
fn an_open_breaker_is_told_with_the_queue_behind_it() {
    let mut world = behind_a_breaker();
    let text = said(&world, "a");
    for part in [
        "waits behind host:a",
        "its breaker is open (it failed several times in a row, break 2 in a row)",
        "number 2 of 2 in the queue",
        "a last attempt is made all the same",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    check(&world, "breaker");
    assert!(offers(&world).contains(&"retry_now"));
    world.pass(15);
    assert!(said(&world, "a").contains("the break is over"), "{}", said(&world, "a"));
}

#[test]
fn a_half_open_breaker_is_told_with_its_probe() {
    let mut world = behind_a_breaker();
    world.probe_host(host("a"));
    assert!(said(&world, "a").contains("0 of 2 passed"), "{}", said(&world, "a"));
    let epoch = world.state.breaker(&host("a")).expect("known").epoch;
    let started = AttemptStarted {
        step: key("a"),
        attempt: AttemptNo::new(1),
        charged: 0,
        max_attempts: 4,
        timeout_ms: None,
        admission: vec![crate::event::Admission { key: host("a"), epoch, probe: true }],
        forced: false,
    };
    world.apply(Some(run_id(1)), started.into()).expect("held");
    let text = said(&world, "a");
    assert!(text.contains(&format!("waits for the probe of run {}", run_id(1))), "{text}");
    check(&world, "breaker");
    let closed = BreakerClosed {
        key: host("a"),
        epoch: world.next_of(&host("a")),
        cause: CloseCause::ProbesPassed,
        open_ms: 1,
        trips: 1,
        actor: None,
        reason: None,
    };
    world.engine(closed).expect("the next epoch");
    assert!(said(&world, "a").contains("it is back"), "{}", said(&world, "a"));
    check(&world, "breaker");
}

#[test]
fn who_isolates_a_host_is_told_and_a_hurry_does_not_help() {
    let mut world = behind_a_breaker();
    world.set_mode(host("a"), BreakerMode::Isolated, None);
    let text = said(&world, "a");
    assert!(text.contains("ann holds its breaker open until somebody ends that"), "{text}");
    assert!(text.contains("maintenance"), "{text}");
    let offered = offers(&world);
    assert_eq!(offered.first(), Some(&"end_isolation"));
    assert!(!offered.contains(&"retry_now") && offered.contains(&"force_retry"), "{offered:?}");
    world.set_mode(host("a"), BreakerMode::Disabled, None);
    assert!(said(&world, "a").contains("its breaker is disabled"), "{}", said(&world, "a"));
}

#[test]
fn of_several_breakers_the_tightest_is_the_cause() {
    let mut world = World::begun();
    world.open_host(host("a"), OpenCause::Rate);
    world.pass(5);
    world.open_host(host("b"), OpenCause::Rate);
    world.park(0, &[host("a"), host("b")], None);
    let Cause::Breaker { key, gate: GateView::Open { .. }, .. } = cause(&world, "a") else {
        panic!("{:?}", cause(&world, "a"))
    };
    assert_eq!(key, host("b"));
}

#[test]
fn a_breaker_that_outlasts_the_delay_is_noted() {
    let mut world = waiting(PARTS, Duration::from_millis(950));
    world.open_host(host("a"), OpenCause::Consecutive);
    let notes = look(&world).steps.first().expect("one").notes.clone();
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    let name = host("a").display_name();
    assert!(note.starts_with(&format!("the breaker of {name} is open until ")), "{note}");
    assert!(note.ends_with("so it may wait longer"), "{note}");
}
