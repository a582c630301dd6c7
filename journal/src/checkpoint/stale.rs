//! What is in the cache and out of date.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::keys::{self, Key};
use super::lookup::Lost;
use crate::id::{RunId, RunKey, Seq};
use crate::store::Cache;

/// Something in the cache that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Stale {
    Open(RunId, Seq),
    Newest(RunKey, Seq),
    Due(Key),
}

/// What a checkpoint does without, and may still be in the cache.
///
/// Whoever reads passes it over: it says of a run that it goes on, although the run may have ended
/// and be dropped by now.
#[derive(Debug, Default)]
pub(super) struct Dead {
    open: HashSet<(RunId, Seq)>,
    newest: HashSet<(RunKey, Seq)>,
}

impl Stale {
    /// Adds the keys that are to be removed.
    pub(super) fn keys(&self, cache: &dyn Cache, to: &mut Vec<Key>) -> Result<(), Lost> {
        match self {
            Self::Open(run, version) => {
                let first = keys::open(*run, *version, 0);
                let last = keys::open(*run, *version, u32::MAX);
                let pairs = cache.range(&first, &last, usize::MAX)?;
                to.extend(pairs.into_iter().map(|(key, _)| key));
            }
            Self::Newest(key, version) => to.push(keys::newest(key, *version)),
            Self::Due(key) => to.push(key.clone()),
        }
        Ok(())
    }
}

impl Dead {
    pub(super) fn add(&mut self, stale: &[Stale]) {
        for stale in stale {
            match stale {
                Stale::Open(run, version) => drop(self.open.insert((*run, *version))),
                Stale::Newest(key, version) => drop(self.newest.insert((key.clone(), *version))),
                // Nothing leads there.
                Stale::Due(_) => {}
            }
        }
    }

    /// Whether an open run is passed over.
    pub(super) fn has_open(&self, run: RunId, version: Seq) -> bool {
        self.open.contains(&(run, version))
    }

    /// Whether the newest run under a key is passed over.
    pub(super) fn has_newest(&self, key: &RunKey, version: Seq) -> bool {
        !self.newest.is_empty() && self.newest.contains(&(key.clone(), version))
    }
}
