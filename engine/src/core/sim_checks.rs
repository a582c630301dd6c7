//! What must hold for breakers in any journal that an engine has written.

use std::collections::BTreeMap;
use std::time::Duration;

use resurge_journal::event::{
    AttemptStarted, BreakerMode, BreakerModeSet, BreakerOpened, Event, HalfOpenCause,
};
use resurge_journal::{
    AttemptNo, BreakerEpoch, Record, ResourceKey, RunId, State, StepKey, Timestamp,
};

/// A breaker as its transitions tell it, told apart from the fold under test.
#[derive(Default)]
struct Told {
    epoch: BreakerEpoch,
    gate: Gate,
    isolation: Isolation,
    probe: Option<(RunId, StepKey, AttemptNo)>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Isolation {
    #[default]
    None,
    Until(Timestamp),
    Open,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Gate {
    #[default]
    Closed,
    Open(Timestamp),
    HalfOpen,
}

/// Reads the journal once more and holds every transition and admission to the rules.
pub(super) fn check_breakers(seed: u64, history: &[Record]) {
    let mut told: BTreeMap<ResourceKey, Told> = BTreeMap::new();
    let mut state = State::new();
    for record in history {
        turn(seed, &mut told, record);
        if let (Event::AttemptStarted(event), Some(run)) = (&record.event, record.run) {
            admitted(seed, &mut told, run, event, record.at);
        }
        state.apply(record).expect("what is on disk replays");
        end_probes(&mut told, &state);
    }
}

fn turn(seed: u64, told: &mut BTreeMap<ResourceKey, Told>, record: &Record) {
    let (key, epoch, gate) = match &record.event {
        Event::BreakerOpened(event) => {
            opened(seed, event, record.at);
            (&event.key, event.epoch, Gate::Open(event.until))
        }
        Event::BreakerHalfOpened(event) => (&event.key, event.epoch, Gate::HalfOpen),
        Event::BreakerClosed(event) => (&event.key, event.epoch, Gate::Closed),
        Event::BreakerModeSet(event) => (&event.key, event.epoch, Gate::Closed),
        _ => return,
    };
    let known = told.entry(key.clone()).or_default();
    assert_eq!(epoch, known.epoch.next(), "seed {seed}: no transition without an epoch");
    if let (Event::BreakerHalfOpened(event), Gate::Open(until)) = (&record.event, known.gate)
        && event.cause == HalfOpenCause::Elapsed
    {
        assert!(record.at >= until, "seed {seed}: half-open before the break was over");
    }
    if let Event::BreakerModeSet(BreakerModeSet { mode, until, .. }) = &record.event {
        known.isolation = match until {
            _ if *mode != BreakerMode::Isolated => Isolation::None,
            Some(until) => Isolation::Until(*until),
            None => Isolation::Open,
        };
    }
    *known = Told { epoch, gate, probe: None, isolation: known.isolation };
}

fn opened(seed: u64, event: &BreakerOpened, at: Timestamp) {
    let planned = Duration::from_millis(event.planned_ms);
    assert_eq!(event.until, at.after(planned), "seed {seed}: a break is as long as planned");
    assert!(planned <= Duration::from_secs(900), "seed {seed}: {event:?}");
}

fn admitted(
    seed: u64,
    told: &mut BTreeMap<ResourceKey, Told>,
    run: RunId,
    event: &AttemptStarted,
    at: Timestamp,
) {
    for admission in &event.admission {
        let known = told.entry(admission.key.clone()).or_default();
        assert_eq!(admission.epoch, known.epoch, "seed {seed}: admitted in another epoch");
        if event.forced {
            assert!(!admission.probe, "seed {seed}: a forced attempt is no probe");
            continue;
        }
        let is_isolated = match known.isolation {
            Isolation::None => false,
            Isolation::Until(until) => at < until,
            Isolation::Open => true,
        };
        assert!(!is_isolated, "seed {seed}: an isolated breaker admits forced attempts alone");
        match known.gate {
            Gate::Closed => assert!(!admission.probe, "seed {seed}: nothing to probe"),
            Gate::Open(_) => panic!("seed {seed}: admitted through an open breaker: {event:?}"),
            Gate::HalfOpen => {
                assert!(admission.probe, "seed {seed}: half-open admits probes alone");
                assert_eq!(known.probe, None, "seed {seed}: one probe at a time");
                known.probe = Some((run, event.step.clone(), event.attempt));
            }
        }
    }
}

/// A probe ends with its attempt, or earlier if it has passed.
fn end_probes(told: &mut BTreeMap<ResourceKey, Told>, state: &State) {
    for (key, known) in told {
        let Some((run, step, attempt)) = &known.probe else { continue };
        let running = state.run(*run).and_then(|run| run.step_by_key(step)?.1.running());
        let has_passed = state.breaker(key).is_some_and(|breaker| {
            !matches!(breaker.gate, resurge_journal::state::Gate::HalfOpen { probe: Some(_), .. })
        });
        if running != Some(*attempt) || has_passed {
            known.probe = None;
        }
    }
}
