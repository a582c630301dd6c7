//! Decisions about steps with several needs, and about what ended, went on or was left alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::event::{BreakerMode, Health, Sign};
use resurge_journal::failure::{Advice, Class, Failure};
use resurge_journal::manifest::{InputShape, InputSpec, Manifest, StepSpec};
use resurge_journal::policy::RetrySpec;
use resurge_journal::state::{Gate, RunPhase, Step, StepPhase};
use resurge_journal::store::{MemoryStore, Store};
use resurge_journal::{
    Json, Record, ResourceKey, RunId, State, StepIndex, StepKey, Timestamp, WorkflowName,
};
use resurge_steps::{ErasedStep, Needs, Progress};

use super::stub::Stub;
use super::{
    Ambient, Asked, BreakerControl, Command, Control, Core, Outcome, Refusal, Registry, Seen,
    StartRequest,
};
use crate::policy::Breaker;
use crate::settings::Settings;
use crate::workflow::Definition;

/// A core whose decisions are all kept, with a clock of its own.
struct World {
    core: Core,
    now: Timestamp,
    entropy: u128,
}

/// A step of a workflow in these tests.
#[derive(Clone, Default)]
struct Plan {
    needs: Needs,
    panics: bool,
    breaker: Breaker,
    retry: RetrySpec,
    is_once: bool,
}

impl World {
    fn new(workflows: &[(&str, Vec<Plan>)]) -> Self {
        Self::with(workflows, Settings::default())
    }

    fn with(workflows: &[(&str, Vec<Plan>)], settings: Settings) -> Self {
        let mut registry = Registry::default();
        for (name, plans) in workflows {
            assert!(registry.insert(&Arc::new(definition(name, plans))));
        }
        let core = Core::new(State::new(), Arc::new(registry), settings);
        let mut world = Self { core, now: Timestamp::from_millis(1_700_000_000_000), entropy: 1 };
        world.command(Command::Recover { boot: None, pid: 1 }).unwrap();
        world
    }

    fn command(&mut self, command: Command) -> Result<Vec<Record>, Refusal> {
        self.entropy += 1;
        let ambient = Ambient { now: self.now, entropy: self.entropy };
        self.core.handle(command, ambient).expect("the fold accepts every decision")
    }

    fn start(&mut self, name: &str, plans: &[Plan]) -> RunId {
        let request = StartRequest {
            manifest: manifest(name, plans),
            input: Json::null(),
            key: None,
            deadline: None,
            restart_ended: false,
            caller: None,
        };
        self.command(Command::Start(Box::new(request))).unwrap()[0].run.unwrap()
    }

    fn control(&mut self, run: RunId, control: Control) -> Result<Vec<Record>, Refusal> {
        self.command(Command::Control { run, control, asked: asked(), expected: None })
    }

    fn breaker(&mut self, key: &ResourceKey, control: BreakerControl) {
        let key = key.clone();
        self.command(Command::Breaker { key, control, asked: asked() }).unwrap();
    }

    fn later(&mut self, seconds: u64) -> Vec<Record> {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.command(Command::Wake).unwrap()
    }

    fn step(&self, run: RunId, index: u16) -> &Step {
        self.core.state().run(run).unwrap().step(StepIndex::new(index)).unwrap()
    }

    fn gate(&self, key: &ResourceKey) -> Gate {
        self.core.state().breaker(key).unwrap().gate.clone()
    }

    fn finish(&mut self, run: RunId, index: u16, outcome: Outcome) -> Vec<Record> {
        let attempt = self.step(run, index).running().expect("it runs");
        let step = StepIndex::new(index);
        self.command(Command::Finished { run, step, attempt, outcome }).unwrap()
    }

    fn moved(&mut self, run: RunId, index: u16) -> Vec<Record> {
        let attempt = self.step(run, index).running().expect("it runs");
        self.command(Command::Moved { run, step: StepIndex::new(index), attempt }).unwrap()
    }

    /// Opens the breaker of a host by failures of runs that need nothing else.
    fn open(&mut self, host: &ResourceKey, name: &str, plans: &[Plan]) {
        while !matches!(self.core.state().breaker(host).map(|b| &b.gate), Some(Gate::Open { .. })) {
            let run = self.start(name, plans);
            self.finish(run, 0, refused(host));
            let _ = self.control(run, Control::Cancel);
        }
    }
}

fn asked() -> Asked {
    Asked { actor: "test".to_owned(), reason: "because".to_owned() }
}

fn host(name: &str) -> ResourceKey {
    ResourceKey::host("http", name, 80).unwrap()
}

fn needing(needs: Needs) -> Vec<Plan> {
    vec![Plan { needs, ..Plan::default() }]
}

fn manifest(name: &str, plans: &[Plan]) -> Manifest {
    let spec = |(index, plan): (usize, &Plan)| StepSpec {
        key: StepKey::new(format!("step-{index}")).unwrap(),
        kind: "stub".to_owned(),
        input: InputSpec { shape: InputShape::Nothing, sources: Vec::new() },
        after: Vec::new(),
        retry: plan.retry.clone(),
        timeout_ms: None,
        idle_timeout_ms: None,
        is_idempotent: !plan.is_once,
        breaker: Some(plan.breaker.spec.clone()),
    };
    Manifest {
        workflow: WorkflowName::new(name).unwrap(),
        version: 1,
        result: StepIndex::new(0),
        steps: plans.iter().enumerate().map(spec).collect(),
    }
}

fn definition(name: &str, plans: &[Plan]) -> Definition {
    let stub = |plan: &Plan| {
        Arc::new(Stub((!plan.panics).then(|| plan.needs.clone()))) as Arc<dyn ErasedStep>
    };
    Definition {
        manifest: manifest(name, plans),
        steps: plans.iter().map(stub).collect(),
        custom: BTreeMap::new(),
        resources: plans.iter().map(|plan| plan.breaker.clone()).collect(),
        retried: Vec::new(),
    }
}

fn failed(class: Class, kind: &str, advice: Advice, resource: Option<&ResourceKey>) -> Outcome {
    let failure = Failure::new(class, kind, "it failed").with_advice(advice);
    let failure = Box::new(Failure { resource: resource.cloned(), ..failure });
    Outcome::Failed { failure, seen: Seen::default() }
}

fn done() -> Outcome {
    Outcome::Succeeded { output: Json::null(), seen: Seen::default() }
}

fn refused(host: &ResourceKey) -> Outcome {
    failed(Class::Network, "refused", Advice::BACKOFF, Some(host))
}

#[test]
fn a_resource_that_is_named_twice_is_asked_once() {
    let a = host("a");
    let plain = needing(Needs::every(a.clone()));
    let twice = vec![Plan {
        needs: Needs::every(a.clone()),
        breaker: Breaker::keyed(a.clone()),
        ..Plan::default()
    }];
    let mut world = World::new(&[("plain", plain.clone()), ("twice", twice.clone())]);
    world.open(&a, "plain", &plain);
    let run = world.start("twice", &twice);
    assert!(matches!(world.step(run, 0).phase, StepPhase::Held { .. }));
    world.control(run, Control::RetryNow).unwrap();
    assert_eq!(world.step(run, 0).admission().len(), 1, "it is the probe, once");
    let passed = world.moved(run, 0);
    let names: Vec<_> = passed.iter().map(|record| record.event.name()).collect();
    assert_eq!(names, ["probe_passed", "breaker_closed"]);
}

#[test]
fn a_line_that_a_step_names_itself_is_asked_once() {
    let (a, b, line) = (host("a"), host("b"), ResourceKey::local_network());
    let (on_a, on_b) = (needing(Needs::every(a.clone())), needing(Needs::every(b.clone())));
    let online = vec![Plan { breaker: Breaker::keyed(line.clone()), ..on_a[0].clone() }];
    let flows = [("a", on_a.clone()), ("b", on_b.clone()), ("online", online.clone())];
    let mut world = World::new(&flows);
    for (name, plans, key) in [("a", &on_a, &a), ("b", &on_b, &b)] {
        let run = world.start(name, plans);
        world.finish(run, 0, failed(Class::Network, "offline", Advice::BACKOFF, Some(key)));
    }
    assert!(matches!(world.gate(&line), Gate::Open { .. }));
    let run = world.start("online", &online);
    world.control(run, Control::RetryNow).unwrap();
    assert_eq!(world.step(run, 0).admission().len(), 2);
    world.moved(run, 0);
    assert_eq!(world.gate(&line), Gate::Closed);
}

#[test]
fn a_mistake_in_what_a_step_says_it_needs_does_not_end_the_engine() {
    let plans = vec![Plan { panics: true, ..Plan::default() }];
    let mut world = World::new(&[("panics", plans.clone())]);
    let run = world.start("panics", &plans);
    assert!(world.step(run, 0).running().is_some());
}

#[test]
fn a_step_behind_a_breaker_that_was_forgotten_goes_on() {
    let a = host("a");
    let plans = needing(Needs::every(a.clone()));
    let crowd: Vec<ResourceKey> = (0..1_100).map(|n| host(&format!("h{n}"))).collect();
    let flows: Vec<(String, Vec<Plan>)> = crowd
        .iter()
        .enumerate()
        .map(|(n, key)| (format!("other-{n}"), needing(Needs::every(key.clone()))))
        .collect();
    let all: Vec<(&str, Vec<Plan>)> = flows
        .iter()
        .map(|(name, plans)| (name.as_str(), plans.clone()))
        .chain([("flow", plans.clone())])
        .collect();
    let mut world = World::new(&all);
    world.open(&a, "flow", &plans);
    let run = world.start("flow", &plans);
    world.control(run, Control::Pause { freezes_timers: false }).unwrap();
    world.breaker(&a, BreakerControl::Close);
    for (name, plans) in &flows {
        let other = world.start(name, plans);
        world.finish(other, 0, done());
    }
    assert!(world.core.state().breaker(&a).is_none(), "it was forgotten");
    world.control(run, Control::Resume).unwrap();
    assert!(world.step(run, 0).running().is_some(), "{:?}", world.step(run, 0).phase);
}

#[test]
fn a_mirror_that_is_probed_does_not_let_everybody_at_the_other() {
    let (a, b) = (host("a"), host("b"));
    let (on_a, on_b) = (needing(Needs::every(a.clone())), needing(Needs::every(b.clone())));
    let either = needing(Needs::one_of([a.clone(), b.clone()]));
    let flows = [("a", on_a.clone()), ("b", on_b.clone()), ("either", either.clone())];
    let mut world = World::new(&flows);
    world.open(&a, "a", &on_a);
    world.later(40);
    world.open(&b, "b", &on_b);
    let runs: Vec<RunId> = (0..10).map(|_| world.start("either", &either)).collect();
    // The first is the probe; the second mirror is closed by hand, so that waves begin.
    let running =
        |world: &World| runs.iter().filter(|run| world.step(**run, 0).running().is_some()).count();
    let before = running(&world);
    world.breaker(&a, BreakerControl::Close);
    world.breaker(&b, BreakerControl::Probe);
    assert!(running(&world) <= before + 1, "a wave is one step first: {}", running(&world));
    for _ in 0..10 {
        world.later(2);
    }
    assert_eq!(running(&world), 10);
}

#[test]
fn a_call_that_was_paused_when_its_caller_went_can_go_on() {
    let plans = vec![Plan::default()];
    let mut called = definition("call", &plans);
    for step in Arc::make_mut(&mut called.manifest.steps) {
        (step.key, step.kind) = (StepKey::new("call").unwrap(), "call".to_owned());
    }
    let request = StartRequest {
        manifest: called.manifest.clone(),
        input: Json::null(),
        key: Some("one".parse().unwrap()),
        deadline: None,
        restart_ended: true,
        caller: Some(Arc::new(called)),
    };
    let mut world = World::new(&[]);
    let make = |world: &mut World| world.command(Command::Start(Box::new(request.clone())));
    let run = make(&mut world).unwrap()[0].run.unwrap();
    world.control(run, Control::Pause { freezes_timers: false }).unwrap();
    world.core.detach(run);
    world.command(Command::Detach { run }).unwrap();
    assert_eq!(make(&mut world), Err(Refusal::PausedRun { run }));
    world.control(run, Control::Resume).unwrap();
    let parked = &world.core.state().run(run).unwrap().phase;
    assert!(matches!(parked, RunPhase::Parked { .. }), "{parked:?}");
    make(&mut world).unwrap();
    assert!(world.step(run, 0).running().is_some());
}

#[test]
fn a_probe_that_fails_by_itself_is_charged() {
    let a = host("a");
    let plans = needing(Needs::every(a.clone()));
    let mut world = World::new(&[("flow", plans.clone())]);
    world.open(&a, "flow", &plans);
    let run = world.start("flow", &plans);
    world.later(20);
    for _ in 0..=plans[0].retry.max_retries {
        // It says nothing about the host: the breaker stays half-open.
        world.finish(run, 0, failed(Class::Resource, "handles", Advice::BACKOFF, None));
        world.later(70);
    }
    let phase = &world.core.state().run(run).unwrap().phase;
    assert!(matches!(phase, RunPhase::Exhausted { .. }), "{phase:?}");
}

#[test]
fn a_step_that_was_stopped_with_its_run_is_not_done_twice() {
    let once = Plan { is_once: true, ..Plan::default() };
    let plans = vec![Plan::default(), once];
    let mut world = World::new(&[("flow", plans.clone())]);
    let run = world.start("flow", &plans);
    assert!(world.step(run, 1).running().is_some());
    world.finish(run, 0, failed(Class::Conflict, "busy", Advice::Never, None));
    assert_eq!(world.step(run, 1).phase, StepPhase::Stopped);
    world.control(run, Control::ForceRetry).unwrap();
    assert_eq!(world.step(run, 1).attempts.get(), 1, "it may have had its effect");
    let failure = world.step(run, 1).last_failure.clone().unwrap();
    assert_eq!(failure.kind, "cut_off");
}

#[test]
fn a_run_that_is_reopened_gives_the_steps_that_it_stopped_all_their_time() {
    let a = host("a");
    let retry = RetrySpec { max_elapsed_ms: Some(3_600_000), ..RetrySpec::default() };
    let plans = vec![
        Plan { retry: retry.clone(), ..Plan::default() },
        Plan { needs: Needs::every(a.clone()), retry, ..Plan::default() },
    ];
    let other = needing(Needs::every(a.clone()));
    let mut world = World::new(&[("flow", plans.clone()), ("other", other.clone())]);
    let run = world.start("flow", &plans);
    world.finish(run, 1, refused(&a));
    world.finish(run, 0, failed(Class::Conflict, "busy", Advice::Never, None));
    world.later(7_200);
    world.open(&a, "other", &other);
    world.control(run, Control::ForceRetry).unwrap();
    let step = world.step(run, 1);
    assert!(matches!(step.phase, StepPhase::Held { .. }), "not past the breaker: {:?}", step.phase);
}

#[test]
fn progress_also_gives_back_the_time_that_servers_may_ask_for() {
    let a = host("a");
    let plans = needing(Needs::every(a.clone()));
    let mut world = World::new(&[("flow", plans.clone())]);
    let run = world.start("flow", &plans);
    let wait = Duration::from_secs(900);
    for mib in 1..=12 {
        let asks = Advice::After { delay: wait, shared: false };
        world.finish(run, 0, failed(Class::Throttled, "http_429", asks, Some(&a)));
        world.later(901);
        let Outcome::Failed { failure, .. } = refused(&a) else { unreachable!() };
        let progress = Progress { done: mib << 24, ..Progress::default() };
        world.finish(
            run,
            0,
            Outcome::Failed { failure, seen: Seen { progress, ..Seen::default() } },
        );
        world.later(60);
    }
    assert!(world.step(run, 0).running().is_some(), "{:?}", world.step(run, 0).exhausted_by);
}

#[test]
fn a_step_that_saves_the_same_again_and_dies_is_given_up() {
    let plans = vec![Plan::default()];
    let mut world = World::new(&[("flow", plans.clone())]);
    let run = world.start("flow", &plans);
    for _ in 0..4 {
        if let Some(attempt) = world.step(run, 0).running() {
            let (step, checkpoint) = (StepIndex::new(0), Json::of(&7).unwrap());
            world.command(Command::Checkpoint { run, step, attempt, checkpoint }).unwrap();
        }
        world.command(Command::Recover { boot: None, pid: 1 }).unwrap();
    }
    let failure = world.step(run, 0).last_failure.clone();
    assert_eq!(failure.map(|failure| failure.kind).as_deref(), Some("poisoned"));
}

#[test]
fn a_break_of_no_length_is_refused() {
    let mut world = World::new(&[]);
    for (millis, is_fine) in [(0, false), (1, true)] {
        let (name, value) = ("circuit_breaker_timeout_ms".to_owned(), Json::of(&millis).unwrap());
        let answer = world.command(Command::Tune { name, value, asked: asked() });
        assert_eq!(answer.is_ok(), is_fine, "{millis}");
    }
}

#[test]
fn a_breaker_in_use_is_remembered_however_many_others_there_were() {
    let (a, b) = (host("a"), host("b"));
    let once = RetrySpec { max_retries: 0, ..RetrySpec::default() };
    let on = |key: &ResourceKey| {
        vec![Plan { needs: Needs::every(key.clone()), retry: once.clone(), ..Plan::default() }]
    };
    let others: Vec<(String, Vec<Plan>)> =
        (0..1_024).map(|n| (format!("other-{n}"), on(&host(&format!("h{n}"))))).collect();
    let mut all: Vec<(&str, Vec<Plan>)> =
        others.iter().map(|(name, plans)| (name.as_str(), plans.clone())).collect();
    all.extend([("a", on(&a)), ("b", on(&b))]);
    let mut world = World::new(&all);
    for (name, plans) in &others {
        let other = world.start(name, plans);
        world.finish(other, 0, done());
    }
    for _ in 0..5 {
        let failing = world.start("a", &on(&a));
        let working = world.start("b", &on(&b));
        world.finish(failing, 0, refused(&a));
        world.finish(working, 0, done());
    }
    assert!(matches!(world.gate(&a), Gate::Open { .. }), "{:?}", world.gate(&a));
}

#[test]
fn what_a_step_needs_fits_the_journal_however_much_it_names() {
    let key = |n: usize| ResourceKey::new(format!("fn:{n}-{}", "x".repeat(150))).unwrap();
    let plans = needing(Needs { every: vec![host("a")], one_of: (0..200).map(key).collect() });
    let mut world = World::new(&[("flow", plans.clone())]);
    let disk = MemoryStore::new();
    let run = world.start("flow", &plans);
    let long = || "x".repeat(5_000);
    let failure = Failure::new(Class::Network, long(), long()).with_hint(long());
    let mut failure = Box::new(failure.with_advice(Advice::BACKOFF));
    for _ in 0..100 {
        failure.evidence.fact("name", long());
        failure.evidence.text(long());
    }
    let health = |n| Health { key: key(n), sign: Sign::Alive };
    let seen = Seen { health: (0..200).map(health).collect(), ..Seen::default() };
    for record in world.finish(run, 0, Outcome::Failed { failure, seen }) {
        let record = Record { seq: disk.head().next(), ..record };
        disk.append(disk.head(), &[record]).expect("it fits");
    }
    assert!(world.step(run, 0).last_failure.is_some());
}

#[test]
fn a_breaker_that_somebody_holds_open_promises_no_time() {
    let a = host("a");
    let breaker = Breaker::default().fail_fast();
    let plans = vec![Plan { needs: Needs::every(a.clone()), breaker, ..Plan::default() }];
    let mut world = World::new(&[("flow", plans.clone())]);
    let (mode, lasts) = (BreakerMode::Isolated, None);
    world.breaker(&a, BreakerControl::Mode { mode, lasts });
    let run = world.start("flow", &plans);
    let failure = world.step(run, 0).last_failure.clone().unwrap();
    let expected = "the circuit breaker of host:http/a:80 is open until a probe has passed or \
                    somebody closes it";
    assert_eq!(failure.message, expected);
}

#[test]
fn a_step_that_needs_no_host_is_charged_for_its_timeouts_while_the_line_is_down() {
    let (a, b) = (host("a"), host("b"));
    let (on_a, on_b) = (needing(Needs::every(a.clone())), needing(Needs::every(b.clone())));
    let local = vec![Plan::default()];
    let flows = [("a", on_a.clone()), ("b", on_b.clone()), ("local", local.clone())];
    let mut world = World::new(&flows);
    for (name, plans, key) in [("a", &on_a, &a), ("b", &on_b, &b)] {
        let run = world.start(name, plans);
        world.finish(run, 0, failed(Class::Network, "offline", Advice::BACKOFF, Some(key)));
    }
    assert!(matches!(world.gate(&ResourceKey::local_network()), Gate::Open { .. }));
    let run = world.start("local", &local);
    world.finish(run, 0, failed(Class::Timeout, "attempt", Advice::BACKOFF, None));
    assert_eq!(world.step(run, 0).charged, 1);
}
