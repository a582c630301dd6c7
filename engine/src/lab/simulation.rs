//! One scenario under one policy: the core of the engine, and a world that is made up.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::event::JournalCreated;
use resurge_journal::failure::{Class, Failure};
use resurge_journal::{AttemptNo, Json, Record, ResourceKey, RunId, State, StepIndex, Timestamp};
use resurge_steps::Progress;

use super::flow::{request, workflow};
use super::luck::Luck;
use super::policy::Policy;
use super::report::Report;
use super::scenario::{Operation, Scenario};
use super::tally::{Down, Tally};
use crate::core::{Ambient, Command, Core, Outcome, Registry, Running, Seen, reconcile, run_id};
use crate::workflow::{BuildError, Definition};

/// Why a policy could not be tried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The policy contradicts itself.
    #[error("the policy cannot be tried out: {}", all(.0))]
    Policy(BuildError),
    /// The engine would have stopped here.
    #[error("the engine made a decision that does not fit its own journal; please report this")]
    Defect(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<BuildError> for LabError {
    fn from(error: BuildError) -> Self {
        Self::Policy(error)
    }
}

/// Every problem, in one line.
fn all(error: &BuildError) -> String {
    error.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Runs a scenario under a policy on a virtual clock.
///
/// Every decision is made by the code that makes it in an engine. Operations that are neither done
/// nor given up 30 days after the last outage are left unfinished.
///
/// # Errors
/// [`LabError::Policy`] if the policy contradicts itself.
pub fn simulate(scenario: &Scenario, policy: &Policy) -> Result<Report, LabError> {
    Ok(run(scenario, policy, None)?.tally.report())
}

/// The records that a scenario would leave in a new journal, behind its first one.
///
/// # Errors
/// [`LabError::Policy`] if the policy contradicts itself.
pub fn record(scenario: &Scenario, policy: &Policy) -> Result<Vec<Record>, LabError> {
    Ok(run(scenario, policy, Some(Vec::new()))?.records.unwrap_or_default())
}

fn run<'a>(
    scenario: &'a Scenario,
    policy: &Policy,
    records: Option<Vec<Record>>,
) -> Result<World<'a>, LabError> {
    let flow = workflow(policy)?;
    let mut world = World::new(scenario, policy, flow.definition)?;
    world.records = records;
    world.command(Command::Recover { boot: None, pid: 1 })?;
    for (index, operation) in scenario.operations.iter().enumerate() {
        world.plan(BEGINNING.after(operation.arrives), Happening::Arrives(index));
    }
    while let Some(next) = world.next_moment() {
        world.now = next;
        world.turn()?;
    }
    Ok(world)
}

/// A journal with nothing in it but its first record.
pub(super) fn new_journal() -> Result<State, LabError> {
    let mut state = State::new();
    let event = JournalCreated { journal: uuid::Uuid::nil() }.into();
    let first = Record { seq: state.head().next(), at: BEGINNING, run: None, event };
    state.apply(&first).map_err(|problem| LabError::Defect(Box::new(problem)))?;
    Ok(state)
}

/// What the core decides about, moment by moment.
struct World<'a> {
    scenario: &'a Scenario,
    definition: Arc<Definition>,
    core: Core,
    running: Running,
    luck: Luck,
    now: Timestamp,
    ends: Timestamp,
    queue: BinaryHeap<Reverse<(Timestamp, u64, Happening)>>,
    queued: u64,
    /// The operation that a run stands for, and how much of it is done.
    runs: HashMap<RunId, (usize, Duration)>,
    tally: Tally,
    /// What the journal would hold, if somebody wants to have it.
    records: Option<Vec<Record>>,
}

/// Something that the world does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrives(usize),
    Answers { run: RunId, step: StepIndex, attempt: AttemptNo },
    Succeeds { run: RunId, step: StepIndex, attempt: AttemptNo },
    Fails { run: RunId, step: StepIndex, attempt: AttemptNo, gained: Duration },
}

impl<'a> World<'a> {
    fn new(
        scenario: &'a Scenario,
        policy: &Policy,
        definition: Arc<Definition>,
    ) -> Result<Self, LabError> {
        let mut registry = Registry::default();
        registry.insert(&definition);
        let settings = policy.settings.clone().bounded();
        let down = |outage: &super::Outage| Down {
            of: outage.of.clone(),
            from: BEGINNING.after(outage.from),
            to: BEGINNING.after(outage.to),
        };
        let outages: Vec<Down> = scenario.outages.iter().map(down).collect();
        let arrivals =
            scenario.operations.iter().map(|operation| BEGINNING.after(operation.arrives));
        let last = outages.iter().map(|down| down.to).chain(arrivals).max().unwrap_or(BEGINNING);
        Ok(Self {
            scenario,
            definition,
            core: Core::new(new_journal()?, Arc::new(registry), settings),
            running: Running::new(),
            luck: Luck::new(scenario.seed),
            now: BEGINNING,
            ends: last.after(PATIENCE),
            queue: BinaryHeap::new(),
            queued: 0,
            runs: HashMap::new(),
            tally: Tally::new(outages),
            records: None,
        })
    }

    fn plan(&mut self, at: Timestamp, happening: Happening) {
        self.queue.push(Reverse((at, self.queued, happening)));
        self.queued += 1;
    }

    /// When something happens next; never, once it is all over.
    fn next_moment(&self) -> Option<Timestamp> {
        let happens_at = self.queue.peek().map(|Reverse((at, _, _))| *at);
        let is_over = self.queue.is_empty() && self.tally.is_complete();
        let wake_at = self.core.wake_at().filter(|_| !is_over);
        happens_at.into_iter().chain(wake_at).min().filter(|at| *at <= self.ends)
    }

    /// Lets the next thing happen.
    fn turn(&mut self) -> Result<(), LabError> {
        let is_due = |Reverse((at, _, _)): &Reverse<(Timestamp, u64, Happening)>| *at <= self.now;
        if !self.queue.peek().is_some_and(is_due) {
            return self.command(Command::Wake).map(drop);
        }
        match self.queue.pop() {
            Some(Reverse((_, _, happening))) => self.happen(happening),
            None => Ok(()),
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), LabError> {
        match happening {
            Happening::Arrives(index) => self.start(index),
            Happening::Answers { run, step, attempt } => {
                self.command(Command::Moved { run, step, attempt }).map(drop)
            }
            Happening::Succeeds { run, step, attempt } => {
                let outcome = Outcome::Succeeded { output: Json::null(), seen: Seen::default() };
                self.finish(run, step, attempt, outcome)
            }
            Happening::Fails { run, step, attempt, gained } => {
                let outcome = self.failed(run, gained);
                self.finish(run, step, attempt, outcome)
            }
        }
    }

    fn start(&mut self, index: usize) -> Result<(), LabError> {
        let Some(operation) = self.scenario.operations.get(index) else { return Ok(()) };
        // The run is known before anything about it is looked at.
        let entropy = self.luck.wide();
        let run = run_id(Ambient { now: self.now, entropy }, self.core.state().head());
        self.runs.insert(run, (index, Duration::ZERO));
        for step in self.definition.manifest.steps.iter() {
            self.tally.expect(run, step.key.clone(), operation.needs.clone());
        }
        self.decide(request(&self.definition, &operation.needs), entropy)
    }

    fn finish(
        &mut self,
        run: RunId,
        step: StepIndex,
        attempt: AttemptNo,
        outcome: Outcome,
    ) -> Result<(), LabError> {
        self.running.remove(&(run, step));
        self.command(Command::Finished { run, step, attempt, outcome }).map(drop)
    }

    fn failed(&mut self, run: RunId, gained: Duration) -> Outcome {
        let Some((operation, done)) = self.known(run) else { return Outcome::Interrupted };
        let mut failure = Failure::new(Class::Network, "connect", "the host is down");
        failure.resource = Some(operation.needs.clone());
        let mut seen = Seen::default();
        if self.scenario.moves_bytes {
            let (began_at, reached) = (bytes(done), bytes(done + gained));
            let total = Some(bytes(operation.takes));
            seen.progress = Progress { began_at, done: reached, total, per_second: 0.0 };
            self.runs.entry(run).and_modify(|(_, known)| *known = done + gained);
        }
        Outcome::Failed { failure: Box::new(failure), seen }
    }

    fn known(&self, run: RunId) -> Option<(&'a Operation, Duration)> {
        let (index, done) = self.runs.get(&run)?;
        Some((self.scenario.operations.get(*index)?, *done))
    }

    fn command(&mut self, command: Command) -> Result<(), LabError> {
        let entropy = self.luck.wide();
        self.decide(command, entropy)
    }

    /// Asks the core, and does what follows from what it says.
    fn decide(&mut self, command: Command, entropy: u128) -> Result<(), LabError> {
        let ambient = Ambient { now: self.now, entropy };
        let decision = self.core.handle(command, ambient);
        let decision = decision.map_err(|broken| LabError::Defect(Box::new(broken)))?;
        // Nothing is asked for twice here, so a refusal is of no interest.
        let records = decision.unwrap_or_default();
        for record in &records {
            self.tally.take(record);
        }
        self.follow(&records);
        if let Some(kept) = &mut self.records {
            kept.extend(records);
        }
        Ok(())
    }

    /// Attempts begin and end as the shell of an engine would have it, every record being durable.
    fn follow(&mut self, records: &[Record]) {
        let touched: BTreeSet<RunId> = records.iter().filter_map(|record| record.run).collect();
        for run in touched {
            let durable = self.core.state().head();
            let plan = reconcile(self.core.state(), durable, run, &self.running);
            for stop in plan.stop {
                self.running.remove(&(stop.run, stop.step));
            }
            for spawn in plan.spawn {
                self.running.insert((spawn.run, spawn.step), spawn.attempt);
                self.attempt(spawn.run, spawn.step, spawn.attempt);
            }
        }
    }

    /// Plans how an attempt goes.
    fn attempt(&mut self, run: RunId, step: StepIndex, attempt: AttemptNo) {
        let Some((operation, done)) = self.known(run) else { return };
        let ends = self.now.after(operation.takes.saturating_sub(done));
        let fails_after = self.scenario.fails_after;
        let met = self.outage_after(&operation.needs).filter(|(from, _)| *from < ends);
        let Some((from, _)) = met else {
            self.plan(self.now.after(ANSWERS_AFTER), Happening::Answers { run, step, attempt });
            self.plan(ends, Happening::Succeeds { run, step, attempt });
            return;
        };
        let gained = from.since(self.now);
        if gained > ANSWERS_AFTER {
            self.plan(self.now.after(ANSWERS_AFTER), Happening::Answers { run, step, attempt });
        }
        let fails = from.max(self.now).after(fails_after);
        self.plan(fails, Happening::Fails { run, step, attempt, gained });
    }

    /// The outage of a resource that lasts or comes next.
    fn outage_after(&self, of: &ResourceKey) -> Option<(Timestamp, Timestamp)> {
        let outages = self.scenario.outages.iter().filter(|outage| outage.of == *of);
        let spans = outages.map(|o| (BEGINNING.after(o.from), BEGINNING.after(o.to)));
        spans.filter(|(_, to)| *to > self.now).min()
    }
}

/// What is moved in a while, at 10 MiB/s.
fn bytes(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).saturating_mul(10_486)
}

/// When scenarios begin.
const BEGINNING: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// How long a host that is up takes to show a sign of life.
const ANSWERS_AFTER: Duration = Duration::from_millis(200);
/// How long operations may go on after the last outage.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3_600);
