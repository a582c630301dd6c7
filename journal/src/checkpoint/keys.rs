//! Where things are in the cache.
//!
//! | key | value |
//! |---|---|
//! | `o` run, version, piece | an open run |
//! | `e` level, bucket, version, piece | runs that have ended, of one bucket of starting times |
//! | `k` key of a run, 0, version | the newest run under the key |
//! | `d` version, part | times that runs wait for |
//!
//! Numbers are big-endian. The version is the position of the checkpoint that relies on the value.

use crate::id::{RunId, RunKey, Seq};

/// A key in the cache.
pub(super) type Key = Vec<u8>;

/// What ended runs are grouped by: 1,024 ms of starting times, or 16 ms where these are too many.
pub(super) const LEVEL_BITS: [u32; 2] = [10, 4];

const OPEN: u8 = b'o';
const ENDED: u8 = b'e';
const NEWEST: u8 = b'k';
const DUE: u8 = b'd';

pub(super) fn open(run: RunId, version: Seq, piece: u32) -> Key {
    let mut key = vec![OPEN];
    key.extend(run.as_uuid().as_bytes());
    key.extend(version.get().to_be_bytes());
    key.extend(piece.to_be_bytes());
    key
}

/// From the first to behind the last key of an open run.
pub(super) fn open_range(run: RunId) -> (Key, Key) {
    let mut prefix = vec![OPEN];
    prefix.extend(run.as_uuid().as_bytes());
    up_to_next(prefix)
}

/// The time at which a run was started, as its id tells, in milliseconds.
pub(crate) fn started_ms(run: RunId) -> u64 {
    u64::try_from(run.as_uuid().as_u128() >> 80).unwrap_or_default()
}

pub(super) fn ended(level: u8, bucket: u64, version: Seq, piece: u32) -> Key {
    let mut key = ended_prefix(level, bucket);
    key.extend(version.get().to_be_bytes());
    key.extend(piece.to_be_bytes());
    key
}

/// From the first to behind the last key of a bucket.
pub(super) fn ended_range(level: u8, bucket: u64) -> (Key, Key) {
    up_to_next(ended_prefix(level, bucket))
}

fn ended_prefix(level: u8, bucket: u64) -> Key {
    let mut key = vec![ENDED, level];
    key.extend(bucket.to_be_bytes());
    key
}

pub(super) fn newest(key: &RunKey, version: Seq) -> Key {
    let mut bytes = newest_prefix(key);
    bytes.extend(version.get().to_be_bytes());
    bytes
}

/// From the first to behind the last entry of a key.
pub(super) fn newest_range(key: &RunKey) -> (Key, Key) {
    up_to_next(newest_prefix(key))
}

fn newest_prefix(key: &RunKey) -> Key {
    let mut bytes = vec![NEWEST];
    bytes.extend(key.as_str().as_bytes());
    // No key of a run has a control character.
    bytes.push(0);
    bytes
}

pub(super) fn due(version: Seq, part: u32) -> Key {
    let mut key = vec![DUE];
    key.extend(version.get().to_be_bytes());
    key.extend(part.to_be_bytes());
    key
}

/// What has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Open,
    Ended,
    Newest,
    Due,
}

impl Room {
    pub(super) const ALL: [Self; 4] = [Self::Open, Self::Ended, Self::Newest, Self::Due];

    const fn tag(self) -> u8 {
        match self {
            Self::Open => OPEN,
            Self::Ended => ENDED,
            Self::Newest => NEWEST,
            Self::Due => DUE,
        }
    }

    /// From the first to behind the last key.
    pub(super) fn range(self) -> (Key, Key) {
        up_to_next(vec![self.tag()])
    }

    /// The version in a key, if it is one of this room.
    pub(super) fn version(self, key: &[u8]) -> Option<Seq> {
        let behind = match self {
            Self::Open | Self::Ended | Self::Due => 4,
            Self::Newest => 0,
        };
        let end = key.len().checked_sub(behind)?;
        let bytes = key.get(end.checked_sub(8)?..end)?;
        Some(Seq::new(u64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// The run of a key of an open run.
pub(super) fn run_of(key: &[u8]) -> Option<RunId> {
    let bytes: [u8; 16] = key.get(1..17)?.try_into().ok()?;
    Some(RunId::new(uuid::Uuid::from_bytes(bytes)))
}

/// A prefix, and the first key behind everything that begins with it.
fn up_to_next(prefix: Key) -> (Key, Key) {
    let mut next = prefix.clone();
    while let Some(last) = next.pop() {
        if let Some(more) = last.checked_add(1) {
            next.push(more);
            break;
        }
    }
    (prefix, next)
}

/// The smallest key behind a key.
pub(super) fn just_behind(mut key: Key) -> Key {
    key.push(0);
    key
}
