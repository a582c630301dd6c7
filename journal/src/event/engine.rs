//! Facts about the journal itself and the engines that open it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::Epoch;

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
