//! Random journals: folded twice, folded in part, and checked against what they index.

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{STEPS, World, event_of, key, run_id, run_started};
use crate::event::{
    EngineOpened, Event, ExhaustReason, LateResultIgnored, RunCancelled, RunExhausted, RunFailed,
    RunParked, RunSucceeded, RunUnparked,
};
use crate::id::Epoch;
use crate::state::world::Agenda;
use crate::state::{State, StepMove};

/// What somebody tries: often something that is not legal.
#[derive(Debug, Clone, Copy)]
struct Try {
    run: u8,
    step: usize,
    what: u8,
    /// Now and then an attempt number that is off by one.
    is_off: bool,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let one = (0..3u8, 0..STEPS.len(), 0..24u8, proptest::bool::weighted(0.1));
    vec(one.prop_map(|(run, step, what, is_off)| Try { run, step, what, is_off }), 0..200)
}

fn event(world: &World, tried: Try) -> Event {
    let (step, _) = STEPS.get(tried.step).copied().unwrap_or(("a", None));
    let run = world.state.run(run_id(tried.run.into()));
    let attempts = run
        .and_then(|run| run.step_by_key(&key(step)))
        .map_or_else(Default::default, |(_, step)| step.attempts);
    let attempt = if tried.is_off { attempts.next() } else { attempts };
    let reason = "because".to_owned();
    match tried.what {
        0..=5 => event_of(step, attempt.next(), StepMove::Start),
        6..=9 => event_of(step, attempt, StepMove::Succeed),
        10 | 11 => event_of(step, attempt, StepMove::Retry),
        12 => event_of(step, attempt, StepMove::Interrupt),
        13 => event_of(step, attempt, StepMove::Checkpoint),
        14 => event_of(step, attempt, StepMove::Invalidate),
        15 => event_of(step, attempt, StepMove::Fail),
        16 => run_started(Some("key"), Some(tried.step.try_into().unwrap_or(0))),
        17 => run_started(None, None),
        18 => RunParked { reason }.into(),
        19 => RunUnparked {}.into(),
        20 => RunSucceeded {}.into(),
        21 if tried.is_off => RunFailed { step: key(step) }.into(),
        21 => RunExhausted { reason: ExhaustReason::Retries, step: Some(key(step)) }.into(),
        22 if tried.is_off => RunCancelled { actor: "test".to_owned(), reason }.into(),
        22 => LateResultIgnored { step: key(step), attempt, result: "ok".to_owned() }.into(),
        _ => {
            let epoch = Epoch::new(world.state.epoch().get() + 1 + u64::from(tried.is_off));
            EngineOpened { epoch, boot: None, pid: 1, engine: String::new() }.into()
        }
    }
}

/// The index over open work, made from the runs alone.
fn agenda_of(state: &State) -> Agenda {
    let mut agenda = Agenda::default();
    for run in state.runs() {
        if run.phase.is_final() {
            continue;
        }
        agenda.open.insert(run.id);
        if let Some(deadline) = run.started.deadline_at {
            agenda.deadlines.insert((deadline, run.id));
        }
        for (index, _, _) in run.steps() {
            agenda.insert_step(run, index);
        }
    }
    agenda
}

proptest! {
    #[test]
    fn whatever_is_tried_the_state_holds_together(tries in tries()) {
        let mut world = World::empty();
        for tried in tries {
            let before = world.state.clone();
            let event = event(&world, tried);
            if world.apply(Some(run_id(tried.run.into())), event).is_err() {
                prop_assert_eq!(&world.state, &before, "a refused record changes nothing");
            }
            prop_assert_eq!(&world.state.agenda, &agenda_of(&world.state));
        }

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
