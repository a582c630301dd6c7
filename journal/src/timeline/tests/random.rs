//! Whatever happens, the lanes hold together and agree with the state.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::id::{AttemptNo, RunId, Seq};
use crate::record::Record;
use crate::state::tests::random::{records, tries};
use crate::state::tests::world::run_id;
use crate::state::{Hold, Run, RunPhase, State, Step, StepPhase};
use crate::timeline::{HoldOn, Lane, Outcome, Segment, SegmentKind, Timeline};

/// What holds of every lane, whatever the records say.
fn check_order(lane: &Lane) -> Result<(), TestCaseError> {
    prop_assert!(lane.segments().len() <= Timeline::SEGMENTS_MAX);
    for segment in lane.segments() {
        prop_assert!(segment.to.is_none_or(|to| segment.from <= to), "{:?}", segment);
        prop_assert!(segment.text.chars().count() <= Timeline::TEXT_CHARS_MAX);
        prop_assert!(!segment.text.chars().any(char::is_control));
        let is_running = segment.outcome() == Some(Outcome::Running);
        prop_assert!(!is_running || segment.is_open(), "{:?}", segment);
    }
    for (one, next) in lane.segments().iter().zip(lane.segments().iter().skip(1)) {
        prop_assert!(one.to.is_some_and(|to| to <= next.from), "{:?} {:?}", one, next);
    }
    Ok(())
}

/// The segment that must go on, given what the state says.
fn check_open(run: &Run, step: &Step, open: Option<&Segment>) -> Result<(), TestCaseError> {
    let is_halted = matches!(run.phase, RunPhase::Paused { .. } | RunPhase::Parked { .. });
    match (&step.phase, open.map(|segment| &segment.kind)) {
        (
            StepPhase::Running { attempt, forced, started_at, .. },
            Some(SegmentKind::Attempt { number, forced: drawn, outcome: Outcome::Running, .. }),
        ) => {
            prop_assert_eq!((attempt, forced), (number, drawn));
            prop_assert_eq!(open.map(|segment| segment.from), Some(*started_at));
        }
        (
            StepPhase::Ready | StepPhase::Waiting { .. } | StepPhase::Held { .. },
            Some(SegmentKind::Pause),
        ) => prop_assert!(is_halted),
        (StepPhase::Waiting { due_at }, Some(SegmentKind::Delay { due_at: drawn, .. })) => {
            prop_assert!(!is_halted);
            prop_assert_eq!(due_at, drawn);
        }
        (StepPhase::Held { on, force_at }, Some(SegmentKind::Hold { on: drawn, force_at: at })) => {
            prop_assert!(!is_halted);
            prop_assert_eq!(force_at, at);
            match (on, drawn) {
                (Hold::Breakers { keys, .. }, HoldOn::Breakers(drawn)) => {
                    prop_assert_eq!(keys, drawn);
                }
                (Hold::Condition(on), HoldOn::Condition(drawn)) => prop_assert_eq!(on, drawn),
                (on, drawn) => prop_assert!(false, "{:?} is drawn as {:?}", on, drawn),
            }
        }
        (StepPhase::Ready, None) => prop_assert!(!is_halted),
        (
            StepPhase::Blocked
            | StepPhase::Succeeded { .. }
            | StepPhase::Failed { .. }
            | StepPhase::Stopped,
            None,
        ) => {}
        (phase, open) => prop_assert!(false, "{:?} is drawn as {:?}", phase, open),
    }
    Ok(())
}

fn check(state: &State, id: RunId, timeline: &Timeline) -> Result<(), TestCaseError> {
    let run = state.run(id).expect("its records were applied");
    prop_assert_eq!(timeline.run(), Some(id));
    prop_assert_eq!(timeline.began_at(), Some(run.started_at));
    prop_assert_eq!(timeline.ended_at(), run.ended_at);
    prop_assert_eq!(timeline.lanes().len(), run.started.manifest.steps.len());
    for ((_, spec, step), lane) in run.steps().zip(timeline.lanes()) {
        check_order(lane)?;
        prop_assert_eq!(lane.step(), &spec.key);
        prop_assert_eq!(lane.phase(), step.phase.kind(), "step {}", spec.key);
        let numbers: Vec<u32> =
            lane.segments().iter().filter_map(Segment::attempt).map(AttemptNo::get).collect();
        prop_assert_eq!(lane.dropped(), 0, "two hundred tries fill no lane");
        prop_assert_eq!(numbers, (1..=step.attempts.get()).collect::<Vec<_>>());
        let lost = lane.segments().iter().any(|s| s.outcome() == Some(Outcome::Lost));
        prop_assert!(!lost, "a whole journal tells what became of every attempt");
        check_open(run, step, lane.segments().last().filter(|segment| segment.is_open()))?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn after_every_record_of_a_legal_journal_the_lanes_agree_with_the_state(tries in tries()) {
        let mut state = State::new();
        let mut timelines: Vec<(RunId, Timeline)> = Vec::new();
        for record in records(tries) {
            state.apply(&record).expect("only what is legal was kept");
            let Some(id) = record.run else { continue };
            if state.run(id).is_none() {
                continue;
            }
            if timelines.iter().all(|(known, _)| *known != id) {
                timelines.push((id, Timeline::default()));
            }
            // All are shown the record: it belongs to one of them.
            for (_, timeline) in &mut timelines {
                timeline.apply(&record);
            }
            for (id, timeline) in &timelines {
                check(&state, *id, timeline)?;
            }
        }
    }

    #[test]
    fn no_nonsense_is_too_much(
        mixed in vec(crate::testing::records(), 0..60),
        knows_the_run in any::<bool>(),
    ) {
        let mut timeline = Timeline::default();
        for (seq, record) in (1..).zip(mixed) {
            let run = knows_the_run.then_some(run_id(0)).or(record.run);
            timeline.apply(&Record { seq: Seq::new(seq), run, ..record });
            timeline.lanes().iter().try_for_each(check_order)?;
        }
        prop_assert!(timeline.events().len() <= Timeline::EVENTS_MAX);
        for entry in timeline.events() {
            prop_assert!(!entry.text.is_empty(), "{}", entry.event);
            prop_assert!(entry.text.chars().count() <= Timeline::TEXT_CHARS_MAX);
            prop_assert!(!entry.text.chars().any(char::is_control));
        }
    }

    /// A legal journal of which the first records are gone.
    #[test]
    fn a_story_without_its_beginning_still_holds_together(tries in tries(), from in 0..100usize) {
        let records = records(tries);
        let mut guessed = Timeline::default();
        for record in records.iter().skip(from).filter(|record| record.run == Some(run_id(0))) {
            guessed.apply(record);
            guessed.lanes().iter().try_for_each(check_order)?;
        }
    }
}
