//! What the checkpoints of a download say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use crate::artifact::Downloaded;
use crate::digest::HasherState;

/// A checkpoint: what is on disk, and what the sources said about it.
///
/// Holds no address: sources are counted in the order of the artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The boot in which it was written.
    pub(super) boot: Option<String>,
    /// Bytes that were durable.
    pub(super) offset: u64,
    /// The hasher over these bytes, or a little fewer.
    pub(super) hasher: HasherState,
    /// What is known about the sources.
    pub(super) sources: Sources,
    /// The result, once there is one.
    #[serde(default)]
    pub(super) finished: Option<Downloaded>,
}

/// What the sources said about the bytes that are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sources {
    /// What each source said.
    pub(super) known: BTreeMap<usize, Identity>,
    /// The source that is asked first.
    pub(super) next: usize,
    /// The most bytes that were ever there.
    pub(super) reached: u64,
}

impl Saved {
    /// What is known about the sources, when so much of the file is still there.
    ///
    /// Fetching once more what was lost on this machine is progress; fetching once more what a
    /// source would not continue is not.
    pub(super) fn sources_at(self, offset: u64) -> Sources {
        let lost_here = offset < self.offset;
        let reached = if lost_here { offset } else { self.sources.reached };
        Sources { reached, ..self.sources }
    }
}

impl Sources {
    /// Length of the file, if the source of the bytes that are there told it.
    pub(super) fn total(&self) -> Option<u64> {
        self.known.values().filter(|known| !known.encoded).find_map(|known| known.total)
    }

    /// The bytes that are there are gone; these come from one source.
    pub(super) fn begin_anew(&mut self, source: usize, identity: Identity) {
        self.known = BTreeMap::from([(source, identity)]);
    }

    /// The bytes that are there are gone.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
