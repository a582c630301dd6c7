//! The journal was opened: replay plus this one command is all there is to recovery.

use resurge_journal::event::{EngineOpened, InterruptCause, LintFound, RunParked, RunUnparked};
use resurge_journal::state::{Run, RunPhase};

use super::control::interrupt_running;
use super::{World, call};
use crate::core::command::Fact;
use crate::policy::Lint;
use crate::workflow::Definition;

pub(super) fn recover(world: &World<'_>, boot: Option<String>, pid: u32) -> Vec<Fact> {
    let epoch = world.state.epoch().next();
    let engine = env!("CARGO_PKG_VERSION").to_owned();
    let opened = Fact::of_engine(EngineOpened { epoch, boot, pid, engine });

    let interrupted = interrupt_running(world, InterruptCause::Crash);
    let parked = world.state.open_runs().filter_map(|run| park_or_unpark(world, run));
    let linted = world.registry.definitions().flat_map(|known| lints(world, known));
    [opened].into_iter().chain(interrupted).chain(parked).chain(linted).collect()
}

/// What may surprise the authors of policies is told once.
fn lints(world: &World<'_>, known: &Definition) -> Vec<Fact> {
    let (workflow, version) = (&known.manifest.workflow, known.manifest.version);
    let found = known
        .lints(world.settings)
        .into_iter()
        .filter(|lint| !world.state.has_lint(workflow, version, &lint.step, lint.code.name()));
    let fact = |Lint { step, code, message }| {
        let (workflow, code) = (workflow.clone(), code.name().to_owned());
        Fact::of_engine(LintFound { workflow, version, step, code, message })
    };
    found.map(fact).collect()
}

/// A run goes on only under a definition that fits the graph it was started with.
fn park_or_unpark(world: &World<'_>, run: &Run) -> Option<Fact> {
    if call::is_call(run) {
        return call::leave(run);
    }
    let misfit = world.definition(run).err().map(|misfit| misfit.to_string());
    match (&run.phase, misfit) {
        // It is looked at again when somebody resumes it.
        (RunPhase::Paused { .. }, _) => None,
        (RunPhase::Parked { reason: known }, Some(reason)) if *known == reason => None,
        (_, Some(reason)) => Some(Fact::about(run.id, RunParked { reason })),
        (RunPhase::Parked { .. }, None) => Some(Fact::about(run.id, RunUnparked {})),
        _ => None,
    }
}
