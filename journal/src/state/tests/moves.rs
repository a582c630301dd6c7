//! Every phase against every move.

use super::world::{World, key};
use crate::event::{
    Event, ExhaustReason, RetryNow, RunCancelled, RunExhausted, RunFailed, RunParked, RunPaused,
    RunResumed, RunSucceeded, RunUnparked,
};
use crate::state::{RunMove, RunPhaseKind, StepMove, StepPhaseKind};

/// A run in which step `c` is in a phase, by way of legal moves.
fn with_step_in(phase: StepPhaseKind) -> World {
    use StepMove as M;
    let mut world = World::begun();
    let ready = [("a", M::Start), ("a", M::Succeed)];
    let rest: &[(&str, StepMove)] = match phase {
        StepPhaseKind::Blocked => return world,
        StepPhaseKind::Ready => &[],
        StepPhaseKind::Running => &[("c", M::Start)],
        StepPhaseKind::Waiting => &[("c", M::Start), ("c", M::Retry)],
        StepPhaseKind::Held => &[("c", M::Hold)],
        StepPhaseKind::Succeeded => &[("c", M::Start), ("c", M::Succeed)],
        StepPhaseKind::Failed => &[("c", M::Start), ("c", M::Fail)],
        StepPhaseKind::Stopped => &[("c", M::Stop)],
    };
    world.steps(&ready);
    world.steps(rest);
    world
}

fn phase_of(world: &World, step: &str) -> StepPhaseKind {
    world.the_run().step_by_key(&key(step)).expect("a step").1.phase.kind()
}

/// Moves that one event makes one step do, in a run that is under way.
const DIRECT: [StepMove; 13] = {
    use StepMove as M;
    [
        M::Start,
        M::Checkpoint,
        M::Succeed,
        M::Retry,
        M::Park,
        M::Fail,
        M::Interrupt,
        M::Hold,
        M::Release,
        M::Refuse,
        M::Again,
        M::GiveUp,
        M::Skip,
    ]
};

#[test]
fn every_move_has_a_test_here() {
    use StepMove as M;
    let others = [M::Unblock, M::Invalidate, M::Stop, M::Reopen];
    for action in M::ALL {
        assert_eq!(DIRECT.contains(&action), !others.contains(&action), "{action:?}");
    }
}

#[test]
fn an_event_moves_a_step_as_the_table_says() {
    for phase in StepPhaseKind::ALL {
        for action in DIRECT {
            let mut world = with_step_in(phase);
            assert_eq!(phase_of(&world, "c"), phase);
            let before = world.state.clone();
            let moved = world.step("c", action);
            if let Some(to) = action.from(phase) {
                moved.unwrap_or_else(|error| panic!("{phase:?} {action:?}: {error}"));
                assert_eq!(phase_of(&world, "c"), to, "{phase:?} {action:?}");
            } else {
                assert!(moved.is_err(), "{phase:?} {action:?}");
                assert_eq!(world.state, before, "a refused record changes nothing");
            }
        }
    }
}

#[test]
fn the_end_of_a_run_stops_its_steps_as_the_table_says() {
    for phase in StepPhaseKind::ALL {
        let mut world = with_step_in(phase);
        if phase == StepPhaseKind::Stopped {
            assert!(world.step("c", StepMove::Stop).is_err());
            continue;
        }
        world.step("c", StepMove::Stop).expect("an active run can be cancelled");
        assert_eq!(phase_of(&world, "c"), StepMove::Stop.from(phase).unwrap_or(phase));
    }
}

/// The run is exhausted while step `c` is in a phase, and goes on.
#[test]
fn a_run_that_goes_on_takes_up_its_steps_as_the_table_says() {
    for phase in StepPhaseKind::ALL {
        if phase == StepPhaseKind::Stopped {
            continue;
        }
        let mut world = with_step_in(phase);
        world.run(run_event(RunMove::Exhaust)).expect("an active run can be exhausted");
        let ended = phase_of(&world, "c");
        assert_eq!(ended, StepMove::Stop.from(phase).unwrap_or(phase));
        world.step("c", StepMove::Reopen).expect("an exhausted run can go on");
        let needs_are_met = phase != StepPhaseKind::Blocked;
        let expected = match StepMove::Reopen.from(ended) {
            Some(to) if needs_are_met => StepMove::Unblock.from(to),
            Some(to) => Some(to),
            None => Some(ended),
        };
        assert_eq!(Some(phase_of(&world, "c")), expected, "{phase:?}");
    }
}

#[test]
fn success_unblocks_what_waited_for_it_as_the_table_says() {
    let mut world = with_step_in(StepPhaseKind::Running);
    for phase in StepPhaseKind::ALL {
        assert_eq!(StepMove::Unblock.from(phase).is_some(), phase == phase_of(&world, "d"));
    }
    world.step("c", StepMove::Succeed).expect("legal");
    assert_eq!(Some(phase_of(&world, "d")), StepMove::Unblock.from(StepPhaseKind::Blocked));
}

/// Step `b` runs and finds the output of `a` gone, on which `c` and `d` depend as well.
#[test]
fn lost_outputs_block_what_depends_on_them_as_the_table_says() {
    for phase in StepPhaseKind::ALL {
        let mut world = with_step_in(phase);
        if world.step("b", StepMove::Start).is_err() {
            // Nobody can look while `a` has not succeeded, or after the end of the run.
            assert!(matches!(phase, StepPhaseKind::Blocked | StepPhaseKind::Stopped));
            continue;
        }
        let before = world.state.clone();
        let moved = world.step("b", StepMove::Invalidate);
        if let Some(to) = StepMove::Invalidate.from(phase) {
            moved.expect("legal");
            assert_eq!(phase_of(&world, "c"), to, "{phase:?}");
            assert_eq!(phase_of(&world, "d"), StepPhaseKind::Blocked);
            assert_eq!(phase_of(&world, "b"), StepPhaseKind::Blocked);
            assert_eq!(phase_of(&world, "a"), StepPhaseKind::Ready, "it needs nothing");
        } else {
            assert!(moved.is_err(), "{phase:?}");
            assert_eq!(world.state, before);
        }
    }
}

fn run_event(action: RunMove) -> Event {
    let reason = "because".to_owned();
    match action {
        RunMove::Succeed => RunSucceeded {}.into(),
        RunMove::Fail => RunFailed { step: key("a") }.into(),
        RunMove::Exhaust => RunExhausted { reason: ExhaustReason::Deadline, step: None }.into(),
        RunMove::Cancel => RunCancelled { actor: "test".to_owned(), reason }.into(),
        RunMove::Park => RunParked { reason }.into(),
        RunMove::Unpark => RunUnparked {}.into(),
        RunMove::Pause => {
            RunPaused { actor: "test".to_owned(), reason, freezes_timers: false }.into()
        }
        RunMove::Resume => RunResumed { actor: "test".to_owned(), reason }.into(),
        RunMove::Reopen => RetryNow { actor: "test".to_owned(), reason, steps: vec![] }.into(),
        RunMove::Work | RunMove::Report => unreachable!("work is done by steps"),
    }
}

/// A run in a phase, all its steps done, so that it may succeed.
fn with_run_in(phase: RunPhaseKind) -> World {
    let mut world = World::begun();
    for (step, _) in super::world::STEPS {
        world.steps(&[(step, StepMove::Start), (step, StepMove::Succeed)]);
    }
    let action = match phase {
        RunPhaseKind::Active => return world,
        RunPhaseKind::Parked => RunMove::Park,
        RunPhaseKind::Paused => RunMove::Pause,
        RunPhaseKind::Succeeded => RunMove::Succeed,
        RunPhaseKind::Failed => RunMove::Fail,
        RunPhaseKind::Exhausted => RunMove::Exhaust,
        RunPhaseKind::Cancelled => RunMove::Cancel,
    };
    world.run(run_event(action)).expect("a legal move");
    world
}

#[test]
fn a_run_moves_as_the_table_says() {
    for phase in RunPhaseKind::ALL {
        for action in RunMove::ALL {
            // No event of the run alone does these, and `RetryNow` is work in an active run.
            let is_work = matches!(action, RunMove::Work | RunMove::Report);
            if is_work || (action, phase) == (RunMove::Reopen, RunPhaseKind::Active) {
                continue;
            }
            let mut world = with_run_in(phase);
            let before = world.state.clone();
            let moved = world.run(run_event(action));
            if let Some(to) = action.from(phase) {
                moved.unwrap_or_else(|error| panic!("{phase:?} {action:?}: {error}"));
                assert_eq!(world.the_run().phase.kind(), to, "{phase:?} {action:?}");
            } else {
                assert!(moved.is_err(), "{phase:?} {action:?}");
                assert_eq!(world.state, before);
            }
        }
    }
}

/// A run in a phase with an attempt of step `a` under way when it came there.
fn with_attempt_and_run_in(phase: RunPhaseKind) -> World {
    let mut world = World::begun();
    world.steps(&[("a", StepMove::Start)]);
    match phase {
        RunPhaseKind::Active => {}
        RunPhaseKind::Parked => world.run(run_event(RunMove::Park)).expect("legal"),
        RunPhaseKind::Paused => world.run(run_event(RunMove::Pause)).expect("legal"),
        RunPhaseKind::Failed => world.run(run_event(RunMove::Fail)).expect("legal"),
        RunPhaseKind::Exhausted => world.run(run_event(RunMove::Exhaust)).expect("legal"),
        RunPhaseKind::Cancelled => world.run(run_event(RunMove::Cancel)).expect("legal"),
        RunPhaseKind::Succeeded => world = with_run_in(phase),
    }
    world
}

#[test]
fn steps_start_in_active_runs_and_attempts_report_in_paused_ones_too() {
    for phase in RunPhaseKind::ALL {
        let mut world = with_attempt_and_run_in(phase);
        for action in [StepMove::Checkpoint, StepMove::Interrupt] {
            let moved = world.step("a", action);
            assert_eq!(moved.is_ok(), RunMove::Report.from(phase).is_some(), "{phase:?}");
        }
        for action in [StepMove::Hold, StepMove::Release, StepMove::Start] {
            let moved = world.step("a", action);
            assert_eq!(moved.is_ok(), RunMove::Work.from(phase).is_some(), "{phase:?}");
        }
    }
}

#[test]
fn a_run_does_not_succeed_before_its_steps() {
    let mut world = World::begun();
    assert!(world.run(RunSucceeded {}).is_err());
}
