//! Events about breakers, and what attempts show about the resources that they needed.

use super::{Problem, check_run, check_step, set_step, step_index};
use crate::event::{
    Admission, BreakerHalfOpened, BreakerModeSet, BreakerOpened, Event, Health, InterruptCause,
    ProbePassed, Sign, StepParked, StepRefused, StepReleased, Verdict,
};
use crate::failure::{Advice, Class};
use crate::id::{AttemptNo, BreakerEpoch, ResourceKey, RunId, StepIndex};
use crate::record::Record;
use crate::state::breaker::{Breaker, Gate, Probe, Sample, SetMode, Wave};
use crate::state::run::Run;
use crate::state::step::{Hold, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::State;
use crate::time::Timestamp;

/// The attempt that an event ends, as it stood before.
pub(super) struct Ending {
    run: RunId,
    step: StepIndex,
    attempt: AttemptNo,
    admission: Vec<Admission>,
    took_ms: u64,
}

impl Ending {
    fn is(&self, probe: &Probe) -> bool {
        (probe.run, probe.step, probe.attempt) == (self.run, self.step, self.attempt)
    }
}

impl State {
    /// The attempt that an event speaks of, while it is still under way.
    pub(super) fn attempt_before(&self, record: &Record) -> Option<Ending> {
        let key = match &record.event {
            Event::AttemptSucceeded(event) => &event.step,
            Event::AttemptFailed(event) => &event.step,
            Event::AttemptInterrupted(event) => &event.step,
            _ => return None,
        };
        let run = self.run(record.run?)?;
        let (step, entry) = run.step_by_key(key)?;
        let StepPhase::Running { attempt, started_at, admission, .. } = &entry.phase else {
            return None;
        };
        let took = record.at.since(*started_at).as_millis();
        Some(Ending {
            run: run.id,
            step,
            attempt: *attempt,
            admission: admission.clone(),
            took_ms: u64::try_from(took).unwrap_or(u64::MAX),
        })
    }

    /// Takes in what an attempt that has just ended showed.
    pub(super) fn observe(&mut self, record: &Record, ending: &Ending) {
        let healths: &[Health] = match &record.event {
            Event::AttemptSucceeded(event) => &event.health,
            Event::AttemptFailed(event) => {
                self.note_throttle(record, ending);
                &event.health
            }
            Event::AttemptInterrupted(event) => {
                if event.cause == InterruptCause::Crash {
                    self.note_lost(ending);
                }
                &[]
            }
            _ => &[],
        };
        for health in healths {
            let admitted = ending.admission.iter().find(|admitted| admitted.key == health.key);
            let Some(epoch) = admitted.map(|admitted| admitted.epoch) else { continue };
            let sample = Sample {
                seq: record.seq,
                at: record.at,
                run: ending.run,
                sign: health.sign,
                took_ms: ending.took_ms,
            };
            if let Some(breaker) = self.breakers.get_mut(&health.key) {
                breaker.showed(epoch, health, sample, ending);
            }
        }
    }

    fn note_throttle(&mut self, record: &Record, ending: &Ending) {
        let Event::AttemptFailed(event) = &record.event else { return };
        let is_throttled = event.failure.class == Class::Throttled
            && matches!(event.failure.advice, Advice::After { .. });
        let (Verdict::Retry { due_at, .. }, Some(key)) = (event.verdict, &event.failure.resource)
        else {
            return;
        };
        if let Some(breaker) = self.breakers.get_mut(key).filter(|_| is_throttled) {
            breaker.throttled = Some((ending.run, due_at));
        }
    }

    /// The process died in a probe: the place is free, and it is remembered whose it was.
    fn note_lost(&mut self, ending: &Ending) {
        for admitted in ending.admission.iter().filter(|admitted| admitted.probe) {
            let Some(breaker) = self.breakers.get_mut(&admitted.key) else { continue };
            if breaker.epoch != admitted.epoch {
                continue;
            }
            // Only the probe under way: one that has passed already proved what it was for.
            if let Gate::HalfOpen { lost, probe: Some(probe), .. } = &mut breaker.gate
                && ending.is(probe)
            {
                let times = match lost {
                    Some((run, step, times)) if (*run, *step) == (ending.run, ending.step) => {
                        *times
                    }
                    _ => 0,
                };
                *lost = Some((ending.run, ending.step, times.saturating_add(1)));
            }
        }
    }

    /// Takes the place back from every probe whose attempt is no longer under way.
    pub(super) fn release_probes(&mut self) {
        for key in &self.agenda.gates {
            let Some(breaker) = self.breakers.get_mut(key) else { continue };
            if let Gate::HalfOpen { probe, .. } = &mut breaker.gate
                && let Some(known) = *probe
            {
                let step = self.runs.get(&known.run).and_then(|run| run.step(known.step));
                if step.and_then(crate::state::Step::running) != Some(known.attempt) {
                    *probe = None;
                }
            }
        }
    }

    /// Takes note of the breakers that let an attempt pass.
    pub(super) fn admitted(
        &mut self,
        run: RunId,
        step: StepIndex,
        attempt: AttemptNo,
        admission: &[Admission],
        record: &Record,
    ) {
        let pinned = self.run(run).and_then(|run| run.started.manifest.step(step));
        let spec = pinned.and_then(|pinned| pinned.breaker.clone());
        for Admission { key, epoch, probe } in admission {
            self.make_room(key);
            let breaker = self.breakers.entry(key.clone()).or_default();
            breaker.spec.clone_from(&spec);
            breaker.needed = record.seq;
            if !probe || breaker.epoch != *epoch {
                continue;
            }
            if let Gate::HalfOpen { probe, lease_ms, .. } = &mut breaker.gate {
                let lease_until = record.at.after(std::time::Duration::from_millis(*lease_ms));
                *probe = Some(Probe { run, step, attempt, lease_until });
            }
        }
    }

    /// Forgets the breaker that nothing has needed for the longest time, if there are too many.
    fn make_room(&mut self, newcomer: &ResourceKey) {
        if self.breakers.len() < BREAKERS_MAX || self.breakers.contains_key(newcomer) {
            return;
        }
        let idle = |(key, breaker): &(&ResourceKey, &Breaker)| {
            breaker.is_closed() && breaker.mode.is_none() && !self.agenda.held.contains_key(*key)
        };
        let oldest = self.breakers.iter().filter(idle).min_by_key(|(_, known)| known.needed);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.breakers.remove(&key);
        }
    }

    pub(super) fn move_breaker(&mut self, record: &Record) -> Result<(), Problem> {
        match &record.event {
            Event::BreakerOpened(event) => self.opened(record, event),
            Event::BreakerHalfOpened(event) => self.half_opened(event),
            Event::BreakerClosed(event) => {
                let breaker = turned(&mut self.breakers, &event.key, event.epoch)?;
                breaker.turn(event.epoch, Gate::Closed);
                breaker.closed_at = Some(record.at);
                breaker.wave = Some(Wave { number: 0, next_at: record.at });
                self.agenda.gates.remove(&event.key);
                Ok(())
            }
            Event::BreakerModeSet(event) => self.mode_set(record, event),
            Event::BreakerWouldOpen(event) => {
                let breaker =
                    self.breakers.get_mut(&event.key).ok_or("there is no such breaker")?;
                breaker.trips = event.trip;
                breaker.trips_ever = breaker.trips_ever.saturating_add(1);
                breaker.closed_at = Some(record.at);
                breaker.failures_in_row = 0;
                breaker.samples.clear();
                Ok(())
            }
            _ => Err("this event does not move a breaker".to_owned()),
        }
    }

    fn opened(&mut self, record: &Record, event: &BreakerOpened) -> Result<(), Problem> {
        let breaker = turned(&mut self.breakers, &event.key, event.epoch)?;
        let since = breaker.not_closed_since().unwrap_or(record.at);
        let gate = Gate::Open { since, until: event.until, cause: event.cause, looks_alive: false };
        breaker.turn(event.epoch, gate);
        breaker.trips = event.trip;
        breaker.trips_ever = breaker.trips_ever.saturating_add(1);
        self.agenda.gates.insert(event.key.clone());
        self.stats.tripped(event);
        Ok(())
    }

    fn half_opened(&mut self, event: &BreakerHalfOpened) -> Result<(), Problem> {
        // Asked first, because turning makes the breaker if it is not there.
        let Some(Gate::Open { since, .. }) = self.breaker(&event.key).map(|known| &known.gate)
        else {
            return Err("only an open breaker lets probes through".to_owned());
        };
        let since = *since;
        let breaker = turned(&mut self.breakers, &event.key, event.epoch)?;
        let (needed, lease_ms) = (event.needed, event.lease_ms);
        let (probe, passed, failed, lost) = (None, 0, false, None);
        let gate = Gate::HalfOpen { since, probe, passed, needed, lease_ms, failed, lost };
        breaker.turn(event.epoch, gate);
        Ok(())
    }

    fn mode_set(&mut self, record: &Record, event: &BreakerModeSet) -> Result<(), Problem> {
        let breaker = turned(&mut self.breakers, &event.key, event.epoch)?;
        breaker.turn(event.epoch, Gate::Closed);
        breaker.closed_at = Some(record.at);
        breaker.wave = Some(Wave { number: 0, next_at: record.at });
        breaker.mode = Some(SetMode {
            mode: event.mode,
            until: event.until,
            actor: event.actor.clone(),
            reason: event.reason.clone(),
        });
        self.agenda.gates.remove(&event.key);
        Ok(())
    }

    pub(super) fn probe_passed(
        &mut self,
        record: &Record,
        event: &ProbePassed,
    ) -> Result<(), Problem> {
        let (run, _) = self.run_of(record)?;
        let (id, index) = (run.id, step_index(run, &event.step)?);
        let breaker = self.breakers.get_mut(&event.key).ok_or("there is no such breaker")?;
        match &breaker.gate {
            Gate::HalfOpen { probe: Some(probe), .. }
                if (probe.run, probe.step, probe.attempt) == (id, index, event.attempt) =>
            {
                breaker.probed(&Health { key: event.key.clone(), sign: Sign::Alive });
                Ok(())
            }
            _ => Err("the attempt is not the probe under way".to_owned()),
        }
    }

    pub(super) fn move_held(&mut self, record: &Record) -> Result<(), Problem> {
        let (run, _) = self.run_of(record)?;
        check_run(run, RunMove::Work)?;
        match &record.event {
            Event::StepParked(event) => self.parked(record, event),
            Event::StepReleased(event) => self.released(record, event),
            Event::StepRefused(event) => self.refused(record, event),
            _ => Err("this event does not hold a step".to_owned()),
        }
    }

    fn parked(&mut self, record: &Record, event: &StepParked) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let index = step_index(run, &event.step)?;
        check_step(run, index, StepMove::Hold)?;
        if event.keys.is_empty() {
            return Err("a step is held by a breaker at least".to_owned());
        }
        let rank = rank_of(run, index);
        let on = Hold::Breakers { keys: event.keys.clone(), rank };
        set_step(run, agenda, index, StepPhase::Held { on, force_at: event.force_at }, record);
        for key in &event.keys {
            self.make_room(key);
            self.breakers.entry(key.clone()).or_default().needed = record.seq;
        }
        Ok(())
    }

    fn released(&mut self, record: &Record, event: &StepReleased) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let index = step_index(run, &event.step)?;
        check_step(run, index, StepMove::Release)?;
        set_step(run, agenda, index, StepPhase::Ready, record);
        if let Some(mark) = &event.wave
            && let Some(breaker) = self.breakers.get_mut(&mark.key)
        {
            breaker.wave =
                Some(Wave { number: mark.number.saturating_add(1), next_at: mark.next_at });
        }
        Ok(())
    }

    fn refused(&mut self, record: &Record, event: &StepRefused) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let index = step_index(run, &event.step)?;
        check_step(run, index, StepMove::Refuse)?;
        let phase = StepPhase::Failed { verdict: Verdict::NotRetryable };
        set_step(run, agenda, index, phase, record);
        run.first_failed_at.get_or_insert(record.at);
        if let Some(step) = run.steps.get_mut(index.get()) {
            step.last_failure = Some(event.failure.clone());
        }
        Ok(())
    }
}

impl Breaker {
    fn showed(&mut self, epoch: BreakerEpoch, health: &Health, sample: Sample, ending: &Ending) {
        let is_current = epoch == self.epoch;
        match &mut self.gate {
            Gate::Closed if is_current => self.sample(sample),
            Gate::HalfOpen { probe: Some(probe), .. } if is_current && ending.is(probe) => {
                self.probed(health);
            }
            // From before the break: it cannot close anything, but it is worth a look.
            Gate::Open { looks_alive, .. } if health.sign == Sign::Alive => *looks_alive = true,
            _ => {}
        }
    }
}

/// The breaker that a transition turns, if the transition is the next one.
fn turned<'a>(
    breakers: &'a mut std::collections::BTreeMap<ResourceKey, Breaker>,
    key: &ResourceKey,
    epoch: BreakerEpoch,
) -> Result<&'a mut Breaker, Problem> {
    let next = breakers.get(key).map(|breaker| breaker.epoch).unwrap_or_default().next();
    if epoch != next {
        return Err(format!("breaker epoch {} must come here", next.get()));
    }
    Ok(breakers.entry(key.clone()).or_default())
}

/// Its place in the queue for probes: who is in a hurry first, then the earliest deadline.
fn rank_of(run: &Run, step: StepIndex) -> Timestamp {
    if run.step(step).is_some_and(|step| step.hurried) {
        return Timestamp::from_millis(i64::MIN);
    }
    run.deadline_at.unwrap_or(Timestamp::from_millis(i64::MAX))
}

/// Breakers that are remembered.
const BREAKERS_MAX: usize = 1_024;
