//! Removes what the cache still holds of runs that retention has dropped.

use std::sync::Arc;

use super::keys::{self, LEVEL_BITS, Room};
use super::lookup::{Lost, PAGE};
use super::pack::Joiner;
use crate::id::Seq;
use crate::state::Run;
use crate::store::{Cache, Change};
use crate::time::Timestamp;

/// Removes the values all of whose runs had ended in front of a record, and were started before a
/// time, with the keys of those runs.
///
/// Whoever reads ignores dropped runs, so that it does not matter how far this comes.
pub(super) fn expel(cache: &dyn Cache, first: Seq, before: Timestamp) -> Result<(), Lost> {
    let before = u64::try_from(before.as_millis()).unwrap_or(0);
    for (level, bits) in (0..).zip(LEVEL_BITS) {
        let (mut from, _) = keys::ended_range(level, 0);
        let (_, to) = keys::ended_range(level, before >> bits);
        let mut joiner = Joiner::default();
        // The pieces of a block go together, behind the keys that lead there.
        let mut pieces = Vec::new();
        loop {
            let pairs = cache.range(&from, &to, PAGE)?;
            let Some((last, _)) = pairs.last() else { break };
            from = keys::just_behind(last.clone());
            for (key, piece) in pairs {
                let version = Room::Ended.version(&key).ok_or(Lost::Damaged)?;
                // A run in a later one may have ended later.
                if version >= first {
                    continue;
                }
                pieces.push(Change::Remove { key });
                if let Some(block) = joiner.add(&piece)? {
                    let mut changes = keys_of(cache, &block.runs(|_| true)?, version)?;
                    changes.append(&mut pieces);
                    cache.apply(changes)?;
                }
            }
        }
    }
    Ok(())
}

/// Removes the keys under which runs are found; another run may have taken one with it.
fn keys_of(cache: &dyn Cache, runs: &[Arc<Run>], version: Seq) -> Result<Vec<Change>, Lost> {
    let mut changes = Vec::new();
    for run in runs {
        let Some(key) = &run.started.key else { continue };
        let key = keys::newest(key, version);
        if cache.get(&key)?.is_some_and(|holder| holder == run.id.as_uuid().as_bytes()) {
            changes.push(Change::Remove { key });
        }
    }
    Ok(changes)
}
