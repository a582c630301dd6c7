//! Steps that breakers hold back.

use std::time::Duration;

use super::super::world::{World, event_of, failed, key, run_id, run_started};
use super::{runs, the_host};
use crate::event::{ReleaseCause, StepParked, StepReleased, Verdict, WaveMark};
use crate::failure::{Advice, Class};
use crate::state::{StepMove, Wave};
use crate::time::Timestamp;

impl World {
    pub(super) fn hold(&mut self, run: u128, force_at: Option<Timestamp>) {
        let parked = StepParked { step: key("a"), keys: vec![the_host()], force_at };
        self.apply(Some(run_id(run)), parked.into()).expect("it could start");
    }

    fn held(&self) -> Vec<u128> {
        let held = self.state.held_by(&the_host());
        held.map(|(run, _)| run.as_uuid().as_u128() - 1).collect()
    }
}

#[test]
fn steps_behind_a_breaker_are_released_in_waves() {
    let mut world = runs(3);
    world.open();
    (0..3).for_each(|run| world.hold(run, None));
    assert_eq!(world.held(), [0, 1, 2]);
    world.half_open();
    world.close();
    assert_eq!(world.breaker().wave, Some(Wave { number: 0, next_at: world.now }));
    let next_at = world.now.after(Duration::from_secs(1));
    let wave = Some(WaveMark { key: the_host(), number: 0, next_at });
    let released = StepReleased { step: key("a"), cause: ReleaseCause::Wave, wave };
    world.run(released).expect("it is held");
    assert_eq!(world.breaker().wave, Some(Wave { number: 1, next_at }));
    assert_eq!((world.held(), world.state.next_due(world.now)), (vec![1, 2], Some(next_at)));
    assert_eq!(world.state.startable(world.now).count(), 1);
    world.open();
    assert_eq!(world.breaker().wave, None, "a failed wave ends the release");
}

#[test]
fn the_earliest_deadline_is_the_first_probe_and_who_is_in_a_hurry_comes_before_it() {
    let mut world = World::empty();
    for (run, deadline) in [(0, None), (1, Some(9_000_000)), (2, Some(8_000_000)), (3, None)] {
        world.apply(Some(run_id(run)), run_started(None, deadline)).expect("a new run");
    }
    world.open();
    world.at(3, |attempt| event_of("a", attempt, StepMove::Again)).expect("it is ready");
    (0..4).for_each(|run| world.hold(run, None));
    assert_eq!(world.held(), [3, 2, 1, 0]);
}

#[test]
fn a_held_step_is_startable_in_time_for_its_last_attempt() {
    let mut world = runs(1);
    world.open();
    let force_at = world.now.after(Duration::from_secs(5));
    world.hold(0, Some(force_at));
    assert_eq!(world.state.next_due(world.now), Some(force_at));
    assert_eq!(world.state.startable(world.now).count(), 0);
    assert_eq!(world.state.startable(force_at).count(), 1);
}

#[test]
fn a_step_is_held_by_something() {
    let mut world = runs(1);
    let before = world.state.clone();
    let parked = StepParked { step: key("a"), keys: vec![], force_at: None };
    world.run(parked).expect_err("by nothing");
    assert_eq!(world.state, before);
}

#[test]
fn a_server_that_asks_for_a_delay_is_remembered_with_the_run() {
    let mut world = runs(1);
    world.start(0, false);
    let due_at = world.now.after(Duration::from_secs(3));
    let retry = Verdict::Retry { delay: Duration::from_secs(3), due_at };
    let throttled = |attempt| {
        let mut event = failed(key("a"), attempt, retry);
        event.failure.class = Class::Throttled;
        event.failure.advice = Advice::After { delay: Duration::from_secs(3), shared: false };
        event.failure.resource = Some(the_host());
        event.into()
    };
    world.at(0, throttled).expect("it is running");
    assert_eq!(world.breaker().throttled, Some((run_id(0), due_at)));
}
