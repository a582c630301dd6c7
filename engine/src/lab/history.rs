//! A recorded journal as a scenario, so that it can be run again under another policy.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use resurge_journal::event::{AttemptFailed, Event, Health, Sign, Verdict};
use resurge_journal::failure::Class;
use resurge_journal::{Record, ResourceKey, RunId, StepKey, Timestamp};

use super::evidence::{Sighting, conclude};
use super::report::Report;
use super::scenario::{Operation, Outage, Scenario};
use super::tally::{Down, Tally};

/// A recorded journal as a scenario, so that it can be run again under another policy.
///
/// Every step that needed a host is an operation: it begins when its first attempt did, and takes
/// as long as the attempt that succeeded, or as others at that host if none did. When a host was
/// down is concluded from all attempts and probes that needed it; what nobody saw is a guess, and
/// [`confidence`](Self::confidence) says how much of it there is.
#[derive(Debug, Clone)]
pub struct History {
    scenario: Scenario,
    happened: Report,
    confidence: Confidence,
}

/// How far a [`History`] can be trusted.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Confidence {
    /// Attempts and probes that showed whether a host was up.
    pub samples: u32,
    /// Samples that showed it down.
    pub failures: u32,
    /// Hosts.
    pub resources: u32,
    /// Share of the time for which it is known whether the hosts were up, from 0 to 1.
    ///
    /// Counts from the first sample of a host to its last.
    pub observed: f64,
    /// Failures of a host while another attempt worked there; no outage is concluded from them.
    pub contradicted: u32,
    /// Outages whose end nobody saw; they are taken to end with the journal.
    pub open_ended: u32,
    /// Steps that are left out because something else than the line ended them.
    pub left_out: u32,
}

impl History {
    /// Reads the records of a journal, oldest first; asks for them twice.
    pub fn read<R: IntoIterator<Item = Record>>(records: impl Fn() -> R) -> Self {
        let mut reader = Reader::default();
        for record in records() {
            reader.take(&record);
        }
        let left_out = reader.leave_out();
        let (downs, mut confidence) = reader.conclude();
        confidence.left_out = left_out;
        let mut tally = Tally::new(downs.clone());
        for ((run, step), known) in &reader.operations {
            tally.expect(*run, step.clone(), known.needs.clone());
        }
        for record in records() {
            tally.take(&record);
        }
        let scenario = reader.scenario(&downs);
        Self { scenario, happened: tally.report(), confidence }
    }

    /// What can be run under another policy.
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What really happened.
    pub const fn happened(&self) -> &Report {
        &self.happened
    }

    /// How far all of this can be trusted.
    pub const fn confidence(&self) -> &Confidence {
        &self.confidence
    }
}

/// What is gathered from the records.
#[derive(Default)]
struct Reader {
    operations: BTreeMap<(RunId, StepKey), Known>,
    /// Attempts under way: since when.
    flying: HashMap<(RunId, StepKey), Timestamp>,
    parked: HashMap<(RunId, StepKey), Timestamp>,
    sightings: BTreeMap<ResourceKey, Vec<Sighting>>,
    /// How long attempts took that met an outage.
    failed_after: Vec<Duration>,
    ends: Timestamp,
}

/// What is known of an operation.
struct Known {
    needs: ResourceKey,
    arrives: Timestamp,
    took: Option<Duration>,
    /// Whether something else than the line ended it.
    is_foreign: bool,
}

impl Reader {
    fn take(&mut self, record: &Record) {
        self.ends = self.ends.max(record.at);
        let Some(run) = record.run else { return };
        let at = record.at;
        match &record.event {
            Event::StepParked(event) => {
                self.parked.entry((run, event.step.clone())).or_insert(at);
                if let Some(needs) = event.keys.iter().find(|key| key.is_host()) {
                    self.meet((run, event.step.clone()), needs, at);
                }
            }
            Event::AttemptStarted(event) => {
                let step = (run, event.step.clone());
                let keys = event.admission.iter().map(|admitted| &admitted.key);
                if let Some(needs) = keys.into_iter().find(|key| key.is_host()) {
                    self.meet(step.clone(), needs, at);
                }
                self.flying.insert(step, at);
            }
            Event::AttemptSucceeded(event) => {
                let step = (run, event.step.clone());
                let Some(since) = self.flying.remove(&step) else { return };
                self.see(&event.health, since, at);
                if let Some(known) = self.operations.get_mut(&step) {
                    known.took = Some(at.since(since));
                    known.is_foreign = false;
                }
            }
            Event::AttemptFailed(event) => self.failed(run, event, at),
            Event::AttemptInterrupted(event) => {
                self.flying.remove(&(run, event.step.clone()));
            }
            Event::ProbePassed(event) => {
                let health = Health { key: event.key.clone(), sign: Sign::Alive };
                self.see(&[health], at, at);
            }
            _ => {}
        }
    }

    fn failed(&mut self, run: RunId, event: &AttemptFailed, at: Timestamp) {
        let step = (run, event.step.clone());
        let Some(since) = self.flying.remove(&step) else { return };
        let is_line =
            matches!(event.failure.class, Class::Network | Class::Timeout | Class::Server);
        let culprit = event.failure.resource.as_ref().filter(|key| key.is_host());
        if let Some(needs) = culprit {
            self.meet(step.clone(), needs, since);
        }
        self.see(&event.health, since, at);
        let said = |key: &ResourceKey| event.health.iter().any(|health| health.key == *key);
        // Without a breaker nothing is said about health, but the failure still names its host.
        if let Some(key) = culprit.filter(|key| is_line && event.gained == 0 && !said(key)) {
            self.see(&[Health { key: key.clone(), sign: Sign::Failing }], since, at);
        }
        if is_line && event.gained == 0 {
            self.failed_after.push(at.since(since));
        }
        if let Some(known) = self.operations.get_mut(&step) {
            known.is_foreign = !is_line && event.verdict == Verdict::NotRetryable;
        }
    }

    fn meet(&mut self, step: (RunId, StepKey), needs: &ResourceKey, at: Timestamp) {
        let arrives = self.parked.get(&step).copied().unwrap_or(at).min(at);
        let known = || Known { needs: needs.clone(), arrives, took: None, is_foreign: false };
        self.operations.entry(step).or_insert_with(known);
    }

    fn see(&mut self, health: &[Health], from: Timestamp, to: Timestamp) {
        for Health { key, sign } in health.iter().filter(|health| health.key.is_host()) {
            let sighting = Sighting { from, to, is_up: *sign == Sign::Alive };
            self.sightings.entry(key.clone()).or_default().push(sighting);
        }
    }

    /// Leaves out what no policy for a line can change, and tells how much that is.
    fn leave_out(&mut self) -> u32 {
        let before = self.operations.len();
        self.operations.retain(|_, known| !known.is_foreign);
        count(before - self.operations.len())
    }

    fn conclude(&self) -> (Vec<Down>, Confidence) {
        let mut confidence = Confidence::default();
        let mut downs = Vec::new();
        let (mut span, mut known) = (Duration::ZERO, Duration::ZERO);
        for (key, sightings) in &self.sightings {
            let conclusion = conclude(key, self.trimmed(sightings), self.ends);
            confidence.resources += 1;
            confidence.samples += count(sightings.len());
            confidence.failures += count(sightings.iter().filter(|seen| !seen.is_up).count());
            confidence.contradicted += conclusion.contradicted;
            confidence.open_ended += conclusion.open_ended;
            span += conclusion.span;
            known += conclusion.known;
            downs.extend(conclusion.outages);
        }
        let share = known.as_secs_f64() / span.as_secs_f64();
        confidence.observed = if span.is_zero() { 0.0 } else { share };
        (downs, confidence)
    }

    /// What failed was down when it failed; whether it was so from the beginning is not known.
    fn trimmed(&self, sightings: &[Sighting]) -> Vec<Sighting> {
        let fails_after = self.fails_after();
        let trim = |seen: &Sighting| {
            let takes = seen.to.since(seen.from);
            let unknown = takes.saturating_sub(fails_after);
            let from = if seen.is_up { seen.from } else { seen.from.after(unknown) };
            Sighting { from, ..*seen }
        };
        sightings.iter().map(trim).collect()
    }

    fn fails_after(&self) -> Duration {
        median(self.failed_after.clone()).unwrap_or(FAILS_AFTER)
    }

    fn scenario(&self, downs: &[Down]) -> Scenario {
        let begins = self.operations.values().map(|known| known.arrives).min();
        let begins = begins.unwrap_or(self.ends);
        let since = |at: Timestamp| at.since(begins);
        let operation = |known: &Known| Operation {
            needs: known.needs.clone(),
            arrives: since(known.arrives),
            takes: known.took.unwrap_or_else(|| self.usual(&known.needs)),
        };
        let outage = |down: &Down| Outage {
            of: down.of.clone(),
            from: since(down.from),
            to: since(down.to),
        };
        Scenario {
            operations: self.operations.values().map(operation).collect(),
            outages: downs.iter().map(outage).collect(),
            fails_after: self.fails_after(),
            moves_bytes: false,
            seed: 0,
        }
    }

    /// How long operations take that never came to their end: as long as others there do.
    fn usual(&self, needs: &ResourceKey) -> Duration {
        let took = |wanted: Option<&ResourceKey>| {
            let same = |known: &&Known| wanted.is_none_or(|needs| known.needs == *needs);
            median(self.operations.values().filter(same).filter_map(|known| known.took).collect())
        };
        took(Some(needs)).or_else(|| took(None)).unwrap_or(TAKES)
    }
}

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// How long an attempt takes to fail if none did.
const FAILS_AFTER: Duration = Duration::from_secs(5);
/// How long an operation takes if none ever came to its end.
const TAKES: Duration = Duration::from_secs(60);
