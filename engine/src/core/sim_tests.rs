//! Seeded simulation of the core: random graphs, outcomes, crashes at every append, torn batches,
//! late results and clocks set back. Every run settles, and what is replayed is what was live.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::checkpoint::{Cold, Habits, recover, replay};
use resurge_journal::event::{Event, Verdict};
use resurge_journal::manifest::{Manifest, StepSpec};
use resurge_journal::policy::BreakerSpec;
use resurge_journal::state::RunPhase;
use resurge_journal::store::{MemoryStore, Store};
use resurge_journal::{
    AttemptNo, Json, Record, ResourceKey, RunId, Seq, State, StepIndex, StepKey, Timestamp,
};

use super::sim_checks;
use super::stub::Stub;
use super::{Ambient, Command, Core, Outcome, Refusal, Registry, Running, StartRequest, reconcile};
use crate::policy::Breaker;
use crate::settings::Settings;
use crate::workflow::Definition;
use resurge_steps::ErasedStep;

mod random;
mod residence;

use random::{HOSTS, Luck, host, needs_of, random_graph};

/// An engine on a simulated machine: the core, a disk that holds what was flushed, tasks.
struct Sim {
    luck: Luck,
    now: Timestamp,
    graph: Manifest,
    core: Core,
    /// The runs that have left memory.
    cold: Cold,
    disk: MemoryStore,
    /// Everything that was ever on the disk.
    history: Vec<Record>,
    tasks: Running,
    /// Hosts that are down, and until when.
    outages: BTreeMap<ResourceKey, Timestamp>,
    /// Attempts that were stopped or left over; they may still report.
    zombies: Vec<(RunId, StepIndex, AttemptNo)>,
    /// Attempts whose start is durable.
    on_disk: BTreeSet<(RunId, AttemptNo)>,
    crashes: u32,
    events: u64,
    /// Times that a run has left memory.
    left: u64,
    /// Times that the oldest records were dropped.
    trims: u64,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut luck = Luck(seed);
        let graph = random_graph(&mut luck);
        let disk = MemoryStore::new();
        let (core, cold) = core_on(&disk, &graph);
        let now = Timestamp::from_millis(1_700_000_000_000);
        let history = disk.scan(Seq::ZERO).map(Result::unwrap).collect();
        let (tasks, zombies) = (Running::new(), Vec::new());
        let (outages, on_disk) = (BTreeMap::new(), BTreeSet::new());
        let mut sim = Self {
            luck,
            now,
            graph,
            core,
            cold,
            disk,
            history,
            tasks,
            outages,
            zombies,
            on_disk,
            crashes: 0,
            events: 0,
            left: 0,
            trims: 0,
        };
        sim.command(Command::Recover { boot: None, pid: 1 });
        sim
    }

    fn start_run(&mut self, key: u64) {
        let deadline = self.luck.one_in(4).then(|| Duration::from_secs(self.luck.below(120)));
        let request = StartRequest {
            manifest: self.graph.clone(),
            input: Json::null(),
            key: Some(format!("run-{key}").parse().unwrap()),
            deadline,
            restart_ended: false,
            caller: None,
        };
        self.command(Command::Start(Box::new(request)));
    }

    /// Decides, then flushes, or crashes before, within or after the flush.
    fn command(&mut self, command: Command) {
        let entropy = u128::from(self.luck.next()) << 64 | u128::from(self.luck.next());
        self.bring(&command);
        let head = self.core.state().head();
        let decision = self.core.handle(command, Ambient { now: self.now, entropy });
        let records = match decision.expect("the fold accepts every decision") {
            Ok(records) => records,
            Err(refusal) => {
                assert!(!matches!(refusal, Refusal::Draining), "nobody drains");
                assert_eq!(self.core.state().head(), head, "a refusal changes nothing");
                return;
            }
        };
        self.events += records.len() as u64;
        let (crash, keep) = (self.luck.one_in(20), self.luck.below(records.len() as u64 + 1));
        let keep = if crash { usize::try_from(keep).unwrap() } else { records.len() };
        self.disk.append(self.disk.head(), &records[..keep]).expect("the disk accepts it");
        self.history.extend(records[..keep].iter().cloned());
        self.forget(&records);
        self.on_disk.extend(records[..keep].iter().filter_map(|record| match &record.event {
            Event::AttemptStarted(event) => Some((record.run?, event.attempt)),
            _ => None,
        }));
        if crash {
            self.crash();
        } else {
            self.reconcile(&records);
            self.keep();
        }
    }

    /// The process dies; the next one replays what the disk holds.
    fn crash(&mut self) {
        self.crashes += 1;
        assert!(self.crashes < 10_000, "crashing for ever");
        self.tasks.clear();
        self.zombies.clear();
        (self.core, self.cold) = core_on(&self.disk, &self.graph);
        if self.luck.one_in(3) {
            // The shell never lets time begin before the last record.
            let set_back = Timestamp::from_millis(self.now.as_millis() - 50_000);
            self.now = set_back.max(self.core.state().last_at());
        }
        self.command(Command::Recover { boot: None, pid: 1 });
    }

    fn reconcile(&mut self, records: &[Record]) {
        assert!(self.core.state().running() <= SETTINGS_IN_FLIGHT);
        let durable = self.disk.head();
        let runs: BTreeSet<RunId> = records.iter().filter_map(|record| record.run).collect();
        for run in runs {
            let plan = reconcile(self.core.state(), durable, run, &self.tasks);
            for stop in plan.stop {
                if self.is_paused(stop.run) {
                    // It winds down, and what it still reports counts.
                    continue;
                }
                let task = self.tasks.remove(&(stop.run, stop.step));
                assert_eq!(task, Some(stop.attempt), "only what runs is stopped");
                self.zombies.push((stop.run, stop.step, stop.attempt));
            }
            for spawn in plan.spawn {
                assert!(self.is_on_disk(spawn.run, spawn.attempt), "no spawn before its record");
                let before = self.tasks.insert((spawn.run, spawn.step), spawn.attempt);
                assert_eq!(before, None, "one task a step");
            }
        }
    }

    fn is_paused(&self, run: RunId) -> bool {
        let run = self.core.state().run(run);
        run.is_some_and(|run| matches!(run.phase, RunPhase::Paused { .. }))
    }

    /// Whether the start of an attempt is durable.
    fn is_on_disk(&self, run: RunId, attempt: AttemptNo) -> bool {
        self.on_disk.contains(&(run, attempt))
    }

    /// Lets one thing happen: a task ends, a zombie reports, somebody asks, or time passes.
    fn step(&mut self) {
        if self.luck.one_in(4) {
            self.trim();
        }
        if self.luck.one_in(15) {
            let host = host(self.luck.below(HOSTS));
            let until = self.now.after(Duration::from_secs(self.luck.below(200)));
            self.outages.insert(host, until);
        }
        if self.luck.one_in(10) {
            let command = self.random_request();
            self.command(command);
            return;
        }
        let zombie = (!self.zombies.is_empty() && self.luck.one_in(4)).then(|| self.zombies.pop());
        if let Some((run, step, attempt)) = zombie.flatten() {
            let before = self.run(run);
            let outcome = self.random_outcome(step);
            self.command(Command::Finished { run, step, attempt, outcome });
            if self.crashes == 0 {
                assert_eq!(self.run(run), before, "late results are inert");
            }
            return;
        }
        let nth = self.luck.below(self.tasks.len() as u64 + 1);
        let task = self.tasks.iter().nth(usize::try_from(nth).unwrap()).map(|(k, a)| (*k, *a));
        match task {
            Some(((run, step), attempt)) if self.luck.one_in(5) => {
                let checkpoint = Json::of(&self.events).unwrap();
                self.command(Command::Checkpoint { run, step, attempt, checkpoint });
            }
            Some(((run, step), attempt)) if self.luck.one_in(6) => {
                self.command(Command::Moved { run, step, attempt });
            }
            Some(((run, step), attempt)) => {
                let winds_down = self.is_paused(run) && self.luck.one_in(2);
                let outcome =
                    if winds_down { Outcome::Interrupted } else { self.random_outcome(step) };
                self.tasks.remove(&(run, step));
                self.command(Command::Finished { run, step, attempt, outcome });
            }
            None => {
                let wake_at = self.core.wake_at().into_iter().chain(self.cold.next_due()).min();
                let nudge = Duration::from_millis(self.luck.below(2_000));
                self.now = wake_at.unwrap_or(self.now).max(self.now).after(nudge);
                self.command(Command::Wake);
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.core.state().open_runs().next().is_none() && self.cold.open_runs() == 0
    }

    fn replayed(&self) -> State {
        let whole = fold(&self.history);
        assert_eq!(replay(&self.disk).expect("sound"), whole, "what was dropped is missed");
        whole
    }
}

const SETTINGS_IN_FLIGHT: usize = 3;

fn core_on(disk: &MemoryStore, graph: &Manifest) -> (Core, Cold) {
    let mut registry = Registry::default();
    let stub = |(index, _): (StepIndex, &StepSpec)| {
        Arc::new(Stub(Some(needs_of(index)))) as Arc<dyn ErasedStep>
    };
    // Some authors name what the step names itself.
    let breaker = |(index, _): (StepIndex, &StepSpec)| match index.get() {
        5 => Breaker::keyed(host(2)),
        6 => Breaker::keyed(ResourceKey::local_network()),
        _ => Breaker::default(),
    };
    let definition = Definition {
        manifest: graph.clone(),
        steps: graph.iter().map(stub).collect(),
        custom: BTreeMap::new(),
        resources: graph.iter().map(breaker).collect(),
        retried: Vec::new(),
    };
    assert!(registry.insert(&Arc::new(definition)));
    let breaker = BreakerSpec { threshold: 2, ..BreakerSpec::default() };
    let attempts_in_flight_max = SETTINGS_IN_FLIGHT;
    let settings = Settings { attempts_in_flight_max, breaker, ..Settings::default() };
    let habits = Habits { every: 30, far: Duration::from_secs(5), stays: &Core::stays };
    let (state, cold) = recover(disk, &habits).expect("what is on disk replays");
    (Core::new(state, Arc::new(registry), settings), cold)
}

fn fold(history: &[Record]) -> State {
    let mut state = State::new();
    for record in history {
        state.apply(record).expect("what was on disk replays");
    }
    state
}

/// Events by name, crashes, and how often runs have left memory and records the disk.
fn simulate(seed: u64) -> (BTreeMap<&'static str, u64>, u32, [u64; 2]) {
    let mut sim = Sim::new(seed);
    for key in 0..=sim.luck.below(8) {
        sim.start_run(key);
    }
    let mut steps = 0;
    while !sim.is_settled() {
        sim.step();
        steps += 1;
        if steps % 200 == 0 {
            sim.let_go();
        }
        assert!(steps < 20_000, "seed {seed}: the runs do not settle");
    }
    // Whatever a crash cut off is caught up on by the next opening.
    sim.crash();
    check_history(seed, &sim);
    sim_checks::check_breakers(seed, &sim.history);
    let mut events = BTreeMap::new();
    for record in &sim.history {
        *events.entry(record.event.name()).or_default() += 1;
    }
    (events, sim.crashes, [sim.left, sim.trims])
}

/// What must hold for any journal that an engine has written.
fn check_history(seed: u64, sim: &Sim) {
    let whole = sim.replayed();
    let runs = sim.runs();
    assert_eq!(
        whole.runs().cloned().collect::<Vec<_>>(),
        runs.values().cloned().collect::<Vec<_>>()
    );
    let together = sim.core.state().with_only(runs.into_values().map(Arc::new));
    assert_eq!(whole, together, "seed {seed}: replay differs from live");
    let mut charged: BTreeMap<(RunId, StepKey), u32> = BTreeMap::new();
    let mut done: BTreeSet<(RunId, StepKey)> = BTreeSet::new();
    for record in sim.history.iter().cloned() {
        let Some(run) = record.run else { continue };
        match record.event {
            Event::AttemptStarted(event) => {
                assert!(!done.contains(&(run, event.step)), "seed {seed}: a done step ran again");
            }
            Event::AttemptSucceeded(event) => {
                done.insert((run, event.step));
            }
            Event::OutputsInvalidated(_) => done.retain(|(known, _)| *known != run),
            Event::AttemptFailed(event) => {
                let before = charged.get(&(run, event.step.clone())).copied().unwrap_or(0);
                // A probe, a server that asks to wait, and a full disk cost nothing.
                // A person may have given the step a fresh start.
                let fits = [before, before + 1, 0, 1].contains(&event.charged);
                assert!(fits || event.is_refunded, "seed {seed}: {event:?}");
                assert!(event.charged <= event.max_attempts, "seed {seed}: {event:?}");
                if let Verdict::Retry { due_at, delay } = event.verdict {
                    assert_eq!(due_at, record.at.after(delay), "seed {seed}: {event:?}");
                }
                charged.insert((run, event.step), event.charged);
            }
            Event::StepSkipped(event) => {
                done.insert((run, event.step));
            }
            _ => {}
        }
        charged.retain(|key, _| !done.contains(key));
    }
}

#[test]
fn every_run_settles_and_replay_equals_live() {
    let seeds = std::env::var("RESURGE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let first = std::env::var("RESURGE_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let (first, seeds) = (first.unwrap_or(1), seeds.unwrap_or(500));
    let mut events: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut crashes, mut left, mut trims) = (0, 0, 0);
    for seed in first..first + seeds {
        let caught = std::panic::catch_unwind(|| simulate(seed));
        let (more_events, more_crashes, [more_left, more_trims]) = caught.unwrap_or_else(|panic| {
            eprintln_seed(seed);
            std::panic::resume_unwind(panic)
        });
        for (name, more) in more_events {
            *events.entry(name).or_default() += more;
        }
        crashes += u64::from(more_crashes);
        left += more_left;
        trims += more_trims;
    }
    assert!(crashes > seeds, "the simulation hardly crashes: {crashes} in {seeds} seeds");
    assert!(left > seeds, "runs hardly leave memory: {left} in {seeds} seeds");
    assert!(trims > seeds / 10, "hardly anything is dropped: {trims} in {seeds} seeds");
    // Everything that can happen in a journal happens, but for what shell and store do alone.
    let rare = |name: &str| events.get(name).copied().unwrap_or(0) < seeds / 50;
    let elsewhere = [
        "journal_created",
        "engine_closed",
        "tail_cut",
        "journal_recovered",
        "journal_trimmed",
        "lint_found",
        "run_parked",
        "run_unparked",
    ];
    let missing: Vec<&&str> =
        Event::NAMES.iter().filter(|name| rare(name) && !elsewhere.contains(name)).collect();
    assert!(missing.is_empty(), "the simulation hardly ever gets to {missing:?}: {events:?}");
}

#[expect(clippy::print_stderr, reason = "the seed reproduces the failure")]
fn eprintln_seed(seed: u64) {
    eprintln!("simulation failed; run again with RESURGE_SIM_SEED={seed} RESURGE_SIM_SEEDS=1");
}
