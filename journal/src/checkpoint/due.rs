//! What runs that have left memory wait for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::keys::{self, Key};
use super::lookup::Lost;
use super::pack::{seal, unseal};
use crate::id::{RunId, Seq};
use crate::time::Timestamp;

/// A time and the run that waits for it.
pub(super) type Entry = (Timestamp, RunId);

/// What runs that have left memory wait for: the near future in memory, the rest in the cache.
///
/// An entry can be out of date, because somebody brought its run back before. Whoever takes it
/// looks at the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Due {
    near: BTreeSet<Entry>,
    /// Values of the cache by the first time in each.
    far: BTreeSet<Far>,
}

/// A value of the cache that holds times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Far {
    first: Timestamp,
    version: Seq,
    part: u32,
}

/// Values that have not reached the cache yet.
pub(super) type Spilled = BTreeMap<Far, Vec<Entry>>;

impl Far {
    pub(super) fn key(&self) -> Key {
        keys::due(self.version, self.part)
    }
}

impl Due {
    pub(super) fn insert(&mut self, entry: Entry) {
        self.near.insert(entry);
    }

    /// Removes an entry; false if it is not in memory.
    pub(super) fn remove(&mut self, entry: Entry) -> bool {
        self.near.remove(&entry)
    }

    /// The next time that anything waits for, or an earlier one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let near = self.near.first().map(|(at, _)| *at);
        near.into_iter().chain(self.far.first().map(|far| far.first)).min()
    }

    /// The next value of the cache that is needed to tell what is due.
    pub(super) fn needed(&self, now: Timestamp) -> Option<Far> {
        self.far.first().copied().filter(|far| far.first <= now)
    }

    /// Takes up what stood in a value of the cache.
    pub(super) fn load(&mut self, far: Far, entries: impl IntoIterator<Item = Entry>) {
        self.far.remove(&far);
        self.near.extend(entries);
    }

    /// The next entry that is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Entry> {
        self.near.first().filter(|(at, _)| *at <= now)?;
        self.near.pop_first()
    }

    /// Moves the far future out of memory if there is much of it.
    pub(super) fn spill(&mut self, version: Seq) -> Spilled {
        let mut spilled = Spilled::new();
        if self.near.len() <= NEAR_MAX {
            return spilled;
        }
        let Some(from) = self.near.iter().nth(NEAR_KEPT).copied() else { return spilled };
        let entries: Vec<Entry> = self.near.split_off(&from).into_iter().collect();
        for (part, entries) in (0..).zip(entries.chunks(ENTRIES_PER_VALUE)) {
            if let Some((first, _)) = entries.first() {
                let far = Far { first: *first, version, part };
                self.far.insert(far);
                spilled.insert(far, entries.to_vec());
            }
        }
        spilled
    }

    /// Takes back what never reached the cache.
    pub(super) fn unspill(&mut self, spilled: &Spilled) {
        for (far, entries) in spilled {
            if self.far.remove(far) {
                self.near.extend(entries);
            }
        }
    }
}

/// A value of the cache: a checksum, then every time with its run.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut value = vec![0; 4];
    for (at, run) in entries {
        value.extend(at.as_millis().to_be_bytes());
        value.extend(run.as_uuid().as_bytes());
    }
    seal(&mut value);
    value
}

pub(super) fn decode(value: &[u8]) -> Result<Vec<Entry>, Lost> {
    let mut rest = unseal(value)?;
    let mut entries = Vec::new();
    while let Some((at, more)) = rest.split_first_chunk::<8>() {
        let (run, more) = more.split_first_chunk::<16>().ok_or(Lost::Damaged)?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        entries.push((at, RunId::new(uuid::Uuid::from_bytes(*run))));
        rest = more;
    }
    if rest.is_empty() { Ok(entries) } else { Err(Lost::Damaged) }
}

/// Entries in memory before the far ones go to the cache.
const NEAR_MAX: usize = 4_096;
/// Entries that stay then.
const NEAR_KEPT: usize = 1_024;
/// 24 bytes each, in a value of 8 KiB.
const ENTRIES_PER_VALUE: usize = 340;
