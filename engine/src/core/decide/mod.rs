//! Decisions: from the state and a command to facts. Nothing here changes anything.

mod attempt;
mod control;
mod follow;
mod recover;
mod start;

pub(super) use follow::{overdue, settle, start_attempts};

use resurge_journal::State;

use super::command::{Ambient, Command, Fact, Refusal};
use super::registry::Registry;
use crate::settings::Settings;

/// Everything that a decision may look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) state: &'a State,
    pub(super) registry: &'a Registry,
    pub(super) settings: &'a Settings,
    pub(super) draining: bool,
}

/// The facts that follow from a command.
pub(super) fn decide(
    world: &World<'_>,
    command: Command,
    ambient: Ambient,
) -> Result<Vec<Fact>, Refusal> {
    match command {
        Command::Recover { boot, pid } => Ok(recover::recover(world, boot, pid)),
        Command::Start(request) => start::start(world, *request, ambient),
        Command::Finished { run, step, attempt, outcome } => {
            Ok(attempt::finished(world, run, step, attempt, outcome, ambient))
        }
        Command::Checkpoint { run, step, attempt, checkpoint } => {
            attempt::checkpoint(world, run, step, attempt, checkpoint)
        }
        Command::Cancel { run, actor, reason } => control::cancel(world, run, actor, reason),
        Command::Wake | Command::Drain => Ok(Vec::new()),
        Command::Close { epoch } => Ok(control::close(world, epoch)),
    }
}
