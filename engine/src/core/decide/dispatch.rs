//! From a command to the room where it is decided.

use super::world::World;
use super::{attempt, call, control, gatekeeper, recover, start};
use crate::core::command::{Ambient, Command, Fact, Refusal};

/// The facts that follow from a command.
pub(in crate::core) fn decide(
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
        Command::Moved { run, step, attempt } => Ok(attempt::moved(world, run, step, attempt)),
        Command::Ready { run, step } => Ok(attempt::ready(world, run, step)),
        Command::Control { run, control, asked, expected } => {
            control::control(world, run, control, asked, expected)
        }
        Command::Breaker { key, control, asked } => {
            gatekeeper::control(world, key, control, asked, ambient.now)
        }
        Command::Tune { name, value, asked } => control::tune(world, name, value, asked),
        Command::Detach { run } => Ok(call::detach(world, run)),
        Command::Wake | Command::Drain => Ok(Vec::new()),
        Command::Trim(event) => Ok(vec![Fact::of_engine(*event)]),
        Command::Close { epoch } => Ok(control::close(world, epoch)),
    }
}
