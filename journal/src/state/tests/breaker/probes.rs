//! Who tries whether a resource works again.

use std::time::Duration;

use super::super::world::{World, event_of, key};
use super::the_host;
use crate::event::{EngineOpened, InterruptCause, ProbePassed, RunCancelled, RunPaused, Sign};
use crate::id::Epoch;
use crate::state::StepMove;

#[test]
fn a_probe_that_passes_or_fails_gives_its_place_back() {
    let mut world = World::probing(3);
    world.start(0, true);
    assert_eq!(world.prober(), Some(0));
    world.succeed(0);
    assert_eq!((world.prober(), world.probes()), (None, (1, false)));
    world.start(1, true);
    world.fail(1, Sign::Failing);
    assert_eq!((world.prober(), world.probes()), (None, (1, true)));
}

#[test]
fn a_probe_may_pass_long_before_its_attempt_ends_and_counts_once() {
    let mut world = World::probing(2);
    world.start(0, true);
    let passed = |attempt| ProbePassed { step: key("a"), attempt, key: the_host() }.into();
    world.at(0, passed).expect("it is the probe");
    assert_eq!((world.prober(), world.probes()), (None, (1, false)));
    world.at(0, passed).expect_err("it has passed");
    world.start(1, true);
    world.succeed(0);
    assert_eq!((world.prober(), world.probes()), (Some(1), (1, false)));
}

#[test]
fn what_is_no_probe_does_not_count_as_one() {
    let mut world = World::probing(2);
    world.start(0, true);
    world.start(1, false);
    world.succeed(1);
    assert_eq!((world.prober(), world.probes()), (Some(0), (0, false)));
}

#[test]
fn the_place_of_a_probe_is_free_when_its_attempt_ends_in_any_way() {
    for cause in InterruptCause::ALL {
        let mut world = World::probing(1);
        world.start(0, true);
        world.interrupt(0, *cause);
        assert_eq!((world.prober(), world.probes()), (None, (0, false)), "{cause}");
        let is_crash = *cause == InterruptCause::Crash;
        assert_eq!(world.lost().is_some(), is_crash, "{cause}");
    }

    let mut world = World::probing(1);
    world.start(0, true);
    let (actor, reason) = (String::new(), String::new());
    world.run(RunCancelled { actor, reason }).expect("it is active");
    assert_eq!(world.prober(), None, "its run was called off");

    let mut world = World::probing(1);
    world.start(0, true);
    world.at(0, |attempt| event_of("a", attempt, StepMove::Skip)).expect("it is running");
    assert_eq!(world.prober(), None, "somebody did its work");

    let mut world = World::probing(1);
    world.start(0, true);
    let (actor, reason) = (String::new(), String::new());
    world.run(RunPaused { actor, reason, freezes_timers: true }).expect("it is active");
    assert_eq!(world.prober(), Some(0), "it is still under way");
    world.interrupt(0, InterruptCause::Pause);
    assert_eq!(world.prober(), None);
}

#[test]
fn probes_that_the_process_died_in_are_counted_for_each_step() {
    let mut world = World::probing(2);
    for times in 1..=3 {
        world.start(0, true);
        world.interrupt(0, InterruptCause::Crash);
        let epoch = Epoch::new(u64::from(times));
        let opened = EngineOpened { epoch, boot: None, pid: 1, engine: String::new() };
        world.engine(opened).expect("the next epoch");
        assert_eq!(world.lost(), Some((0, times)));
    }
    world.start(1, true);
    world.interrupt(1, InterruptCause::Crash);
    assert_eq!(world.lost(), Some((1, 1)), "another step begins anew");
    world.start(0, true);
    world.interrupt(0, InterruptCause::Shutdown);
    assert_eq!(world.lost(), Some((1, 1)), "a shutdown is no loss");
    world.start(0, true);
    world.succeed(0);
    assert_eq!(world.lost(), None);
}

#[test]
fn a_probe_that_has_passed_cannot_be_lost() {
    let mut world = World::probing(1);
    world.start(0, true);
    let passed = |attempt| ProbePassed { step: key("a"), attempt, key: the_host() }.into();
    world.at(0, passed).expect("it is the probe");
    world.interrupt(0, InterruptCause::Crash);
    assert_eq!(world.lost(), None);
}

#[test]
fn a_probe_has_a_lease() {
    let mut world = World::probing(1);
    world.start(0, true);
    let due = world.now.after(Duration::from_secs(60));
    assert_eq!(world.state.next_due(world.now), Some(due));
}
