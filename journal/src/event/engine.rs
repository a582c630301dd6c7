//! Facts about the journal itself and the engines that open it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::coded::coded_enum;
use crate::id::{Epoch, Seq};
use crate::time::Timestamp;

/// The journal was created. Always the first record; changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalCreated {
    /// Tells this journal from every other.
    pub journal: Uuid,
}

/// An engine took the journal over. Starts a new epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineOpened {
    /// The new epoch.
    pub epoch: Epoch,
    /// Identity of this boot of the machine, where the system tells it.
    pub boot: Option<String>,
    /// Process id of the engine.
    pub pid: u32,
    /// Version of the engine.
    pub engine: String,
}

/// An engine let go of the journal in good order. Changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineClosed {
    /// The epoch that ends.
    pub epoch: Epoch,
}

/// The rest of a batch that was never acknowledged was cut off. Changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailCut {
    /// The last position of which anything was there; the first is that of this record.
    pub to: Seq,
    /// What was wrong with the first.
    pub problem: String,
}

/// Damage was mended. What was open before a loss waits until somebody has looked at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecovered {
    /// The first record that was lost; none if nothing was.
    pub lost_from: Option<Seq>,
    /// The last record that is known to have been lost.
    pub lost_to: Option<Seq>,
    /// Where the records came from.
    pub method: RecoveryMethod,
    /// What was damaged.
    pub problem: String,
}

coded_enum! {
    /// How damage to a journal was mended.
    pub enum RecoveryMethod {
        /// What one copy had lost the other one had.
        Index = 1 "index",
        /// Neither copy had all of it: the part in front of the damage was kept.
        Prefix = 2 "prefix",
    }
}

/// Retention drops what is in front of a record. Forgets the runs that had ended before it.
///
/// It is durable before anything is dropped, so that whoever opens the journal next can finish it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalTrimmed {
    /// The first record from which on none is missing.
    pub first: Seq,
    /// When that record was recorded: every run that is dropped had ended by then.
    pub before: Timestamp,
    /// Runs that are dropped.
    pub runs: u64,
    /// Records that are dropped.
    pub records: u64,
    /// Records in front of the first one that stay, because their runs have not ended.
    pub kept: u64,
    /// The limit that reaches furthest.
    pub reason: TrimReason,
}

coded_enum! {
    /// Which limit drops records.
    pub enum TrimReason {
        /// They are too old.
        Age = 1 "age",
        /// There are enough newer runs.
        Count = 2 "count",
        /// They take up too much space.
        Bytes = 3 "bytes",
    }
}
