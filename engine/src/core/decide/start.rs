//! A run begins, or the run that holds its key stands for it.

use resurge_journal::event::RunStarted;
use resurge_journal::state::{Run, RunPhase};
use resurge_journal::{RunId, Seq, Timestamp};
use uuid::Builder;

use super::{World, call};
use crate::core::command::{Ambient, Fact, Refusal, StartRequest};

pub(super) fn start(
    world: &World<'_>,
    request: StartRequest,
    ambient: Ambient,
) -> Result<Vec<Fact>, Refusal> {
    if let Some(holder) = request.key.as_ref().and_then(|key| world.state.run_by_key(key)) {
        match standing_for(holder, &request) {
            Standing::Gone => {}
            Standing::Same if request.caller.is_some() => return go_on(world, holder),
            Standing::Same => return Err(Refusal::Existing(holder.id)),
            Standing::Different => return Err(Refusal::KeyTaken { run: holder.id }),
        }
    }
    may_begin(world)?;
    let run = run_id(ambient, world.state.head());
    let started = RunStarted {
        key: request.key,
        manifest: request.manifest,
        input: request.input,
        deadline_at: request.deadline.map(|deadline| ambient.now.after(deadline)),
    };
    Ok(vec![Fact::about(run, started)])
}

/// A UUID of version 7: ids are in the order in which runs are started, within a millisecond as well.
///
/// The twelve bits behind the time count the records, of which each run has one at least; only beyond
/// 4,096 records in one millisecond they begin anew.
pub(crate) fn run_id(Ambient { now, entropy }: Ambient, head: Seq) -> RunId {
    let millis = u64::try_from(now.max(Timestamp::default()).as_millis()).unwrap_or_default();
    let [.., high, low] = head.get().to_be_bytes();
    let luck = entropy.to_be_bytes();
    let mut luck: [u8; 10] = luck.last_chunk().copied().unwrap_or_default();
    let [first, second, ..] = &mut luck;
    (*first, *second) = (high & 0x0f, low);
    RunId::new(Builder::from_unix_timestamp_millis(millis, &luck).into_uuid())
}

/// A call goes on with the run of an earlier one that was cut off.
fn go_on(world: &World<'_>, holder: &Run) -> Result<Vec<Fact>, Refusal> {
    may_begin(world)?;
    match holder.phase {
        RunPhase::Paused { .. } => Err(Refusal::PausedRun { run: holder.id }),
        RunPhase::Parked { .. } => Ok(call::attach(holder)),
        _ => Err(Refusal::Busy { run: holder.id }),
    }
}

/// Refuses what would be recorded; what is there already is found all the same.
const fn may_begin(world: &World<'_>) -> Result<(), Refusal> {
    match (world.draining, world.suspended) {
        (true, _) => Err(Refusal::Draining),
        (false, true) => Err(Refusal::NoRoom),
        (false, false) => Ok(()),
    }
}

/// How the run that holds a key stands to a request for the same key.
enum Standing {
    /// It has ended and gives the key up.
    Gone,
    /// It is what was asked for.
    Same,
    /// It is something else.
    Different,
}

fn standing_for(holder: &Run, request: &StartRequest) -> Standing {
    if holder.phase.is_final() && request.restart_ended {
        Standing::Gone
    } else if holder.started.input.says_the_same_as(&request.input)
        && holder.started.manifest.workflow == request.manifest.workflow
    {
        Standing::Same
    } else {
        Standing::Different
    }
}
