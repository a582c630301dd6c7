//! What is drawn by lot: graphs, outcomes, and what people ask for.

use std::time::Duration;

use resurge_journal::event::BreakerMode;
use resurge_journal::failure::{Advice, Class, Condition, Failure};
use resurge_journal::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use resurge_journal::policy::{BreakerSpec, OnOpen, RetrySpec};
use resurge_journal::{Json, ResourceKey, RunId, StepIndex, StepKey, WorkflowName};
use resurge_steps::{Needs, Progress};

use super::super::{Asked, BreakerControl, Command, Control, Outcome, Seen};
use super::Sim;

/// A small generator with a printable seed.
pub(super) struct Luck(pub(super) u64);

impl Luck {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

pub(super) fn random_graph(luck: &mut Luck) -> Manifest {
    let steps = 1 + luck.below(8);
    let spec = |index: u64, luck: &mut Luck| {
        let index_of = |i| StepIndex::new(u16::try_from(i).unwrap());
        let needs = (0..index).filter(|_| luck.one_in(2)).map(index_of).collect::<Vec<_>>();
        let (sources, after) = needs.split_at(needs.len() / 2);
        let sources = sources.iter().map(|step| Source::Step(*step)).collect();
        StepSpec {
            key: StepKey::new(format!("step-{index}")).unwrap(),
            kind: "sim".to_owned(),
            input: InputSpec { shape: InputShape::List, sources },
            after: after.to_vec(),
            retry: RetrySpec {
                max_retries: u32::try_from(luck.below(4)).unwrap(),
                ..RetrySpec::default()
            },
            timeout_ms: None,
            idle_timeout_ms: None,
            is_idempotent: !luck.one_in(8),
            breaker: luck.one_in(2).then(|| random_breaker(luck)),
        }
    };
    let steps: Vec<StepSpec> = (0..steps).map(|index| spec(index, luck)).collect();
    let result = StepIndex::new(u16::try_from(steps.len() - 1).unwrap());
    Manifest {
        workflow: WorkflowName::new("sim").unwrap(),
        version: 1,
        steps: steps.into(),
        result,
    }
}

fn random_breaker(luck: &mut Luck) -> BreakerSpec {
    let default = BreakerSpec { threshold: 2, ..BreakerSpec::default() };
    let on_open = if luck.one_in(4) { OnOpen::FailFast } else { OnOpen::Park };
    let slow_after_ms = luck.one_in(4).then_some(1_000);
    let probes_needed = 1 + u32::try_from(luck.below(2)).unwrap();
    BreakerSpec { on_open, slow_after_ms, probes_needed, rate_samples_min: 4, ..default }
}

/// What a step needs: a host, one of several, both, one twice, or nothing.
pub(super) fn needs_of(step: StepIndex) -> Needs {
    let mirrors = Needs::one_of([host(0), host(1)]);
    match step.get() {
        0 | 6 => Needs::every(host(0)),
        1 => mirrors,
        2 | 5 => Needs::every(host(2)),
        4 => Needs { every: vec![host(2)], ..mirrors },
        _ => Needs::nothing(),
    }
}

pub(super) fn host(nth: u64) -> ResourceKey {
    ResourceKey::host("http", &format!("h{nth}"), 80).unwrap()
}

pub(super) const HOSTS: u64 = 3;

impl Sim {
    pub(super) fn random_outcome(&mut self, step: StepIndex) -> Outcome {
        let needs = needs_of(step);
        let is_up =
            |key: &&ResourceKey| self.outages.get(*key).is_none_or(|until| *until <= self.now);
        let down = needs.every.iter().find(|key| !is_up(key));
        let mirror = needs.one_of.iter().find(is_up).or_else(|| needs.one_of.first());
        let host = down.or(mirror).or_else(|| needs.every.first()).cloned();
        if host.as_ref().is_some_and(|host| !is_up(&host)) {
            let kind = if self.luck.one_in(4) { "offline" } else { "refused" };
            return failed(Class::Network, kind, Advice::BACKOFF, host, 0);
        }
        match self.luck.below(12) {
            0..=5 => done(Json::of(&self.luck.next()).unwrap()),
            6 => {
                let lost: Vec<_> = self.graph.step(step).unwrap().needs().take(1).collect();
                if lost.is_empty() {
                    return done(Json::null());
                }
                Outcome::InputsLost { lost, reason: "gone".to_owned() }
            }
            7 => {
                let delay = Duration::from_secs(self.luck.below(30));
                let advice = Advice::After { delay, shared: self.luck.one_in(2) };
                failed(Class::Throttled, "http_429", advice, host, 0)
            }
            8 => {
                let space = Condition::DiskSpace { path: "/".to_owned(), bytes: 1 };
                failed(Class::Resource, "disk_full", Advice::WhenReady(space), None, 0)
            }
            9 if self.luck.one_in(2) => failed(Class::Validation, "format", Advice::Never, host, 0),
            _ => {
                let progress = self.luck.below(64) << 20;
                let advice = if self.luck.one_in(2) { Advice::Now } else { Advice::BACKOFF };
                failed(Class::Network, "dropped", advice, host, progress)
            }
        }
    }

    /// Something that a person may ask for, sensible or not.
    pub(super) fn random_request(&mut self) -> Command {
        let asked = Asked { actor: "sim".to_owned(), reason: "because".to_owned() };
        let runs: Vec<RunId> = self.runs().into_keys().collect();
        let nth = self.luck.below(runs.len() as u64);
        let run = runs[usize::try_from(nth).unwrap()];
        let step = StepIndex::new(u16::try_from(self.luck.below(8)).unwrap());
        let key = host(self.luck.below(HOSTS));
        let mode = |mode, lasts| BreakerControl::Mode { mode, lasts };
        let lasts = Some(Duration::from_secs(self.luck.below(60)));
        let of_run =
            |control| Command::Control { run, control, asked: asked.clone(), expected: None };
        let of_breaker =
            |control| Command::Breaker { key: key.clone(), control, asked: asked.clone() };
        match self.luck.below(16) {
            0 => of_run(Control::Pause { freezes_timers: self.luck.one_in(2) }),
            1..=3 => of_run(Control::Resume),
            4 | 5 => of_run(Control::RetryNow),
            6 => of_run(Control::ForceRetry),
            7 => of_run(Control::CancelRecovery),
            8 => {
                let spec = self.graph.step(step).or_else(|| self.graph.steps.first()).unwrap();
                of_run(Control::Skip { step: spec.key.clone(), output: Json::null() })
            }
            9 if self.luck.one_in(3) => of_run(Control::Cancel),
            9 => of_breaker(BreakerControl::Close),
            10 => of_breaker(BreakerControl::Probe),
            11 => of_breaker(mode(BreakerMode::Isolated, lasts)),
            12 => of_breaker(mode(BreakerMode::Enforced, None)),
            13 if self.luck.one_in(4) => of_breaker(mode(BreakerMode::Disabled, None)),
            13 => of_breaker(mode(BreakerMode::Shadow, None)),
            14 => Command::Tune {
                name: "circuit_breaker_threshold".to_owned(),
                value: Json::of(&(2 + self.luck.below(5))).unwrap(),
                asked,
            },
            _ => Command::Ready { run, step },
        }
    }

    /// Lets go of whatever people hold back, so that every run can end.
    pub(super) fn let_go(&mut self) {
        let asked = Asked { actor: "sim".to_owned(), reason: "the end".to_owned() };
        let runs = self.runs().into_values().filter(|run| !run.phase.is_final());
        let runs: Vec<RunId> = runs.map(|run| run.id).collect();
        for run in runs {
            let control = Control::Resume;
            self.command(Command::Control { run, control, asked: asked.clone(), expected: None });
            let steps =
                (0..self.graph.steps.len()).map(|n| StepIndex::new(u16::try_from(n).unwrap()));
            for step in steps {
                self.command(Command::Ready { run, step });
            }
        }
    }
}

pub(super) fn failed(
    class: Class,
    kind: &str,
    advice: Advice,
    resource: Option<ResourceKey>,
    done: u64,
) -> Outcome {
    let failure = Failure::new(class, kind, "the line dropped").with_advice(advice);
    let failure = Box::new(Failure { resource, ..failure });
    let progress = Progress { done, ..Progress::default() };
    Outcome::Failed { failure, seen: Seen { progress, ..Seen::default() } }
}

pub(super) fn done(output: Json) -> Outcome {
    Outcome::Succeeded { output, seen: Seen::default() }
}
