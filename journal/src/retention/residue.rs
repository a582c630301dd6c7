//! What dropped records had added up to beside runs, as JSON that later releases read.
//!
//! Its types are its own, so that the state can change without it: the compiler asks for the
//! conversion, and a frozen sample for what was written before.

mod breaker;
mod wire;

use serde::{Deserialize, Serialize};

use self::wire::Wire;
use crate::id::{Epoch, Seq};
use crate::state::Global;

/// Version of the residue that this release writes; it reads every one up to it.
pub const RESIDUE_VERSION: u32 = 1;

/// A residue that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResidueError {
    /// It was written by a newer release.
    #[error("what is left of dropped records needs a newer release (version {version})")]
    Newer {
        /// Its version.
        version: u32,
    },
    /// It is not what was written.
    #[error("what is left of dropped records is damaged; restore the journal from a backup")]
    Damaged(#[from] serde_json::Error),
    /// It speaks of something that this release does not know.
    #[error("what is left of dropped records does not fit this release: {problem}")]
    Unfit {
        /// What does not fit.
        problem: String,
    },
}

/// What stands in the place of dropped records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Residue {
    /// Everything beside runs, as of the last record in front of the cut; without keys.
    pub(super) global: Global,
    pub(super) past: Past,
    /// Whether that begins behind records of which nothing is known.
    pub(super) is_bereft: bool,
}

/// What happened to runs that were kept, but stands in no record of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) openings: Vec<Opening>,
    pub(super) losses: Vec<Loss>,
}

/// An engine took the journal over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// The record that said so.
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    /// Attempts that had saved nothing then.
    pub(super) crowd: u32,
}

/// Records were lost while runs were open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Loss {
    /// The record that said so.
    pub(super) seq: Seq,
    pub(super) from: Seq,
    pub(super) to: Seq,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Residue {
    pub(super) fn encode(&self) -> Result<Vec<u8>, ResidueError> {
        Ok(serde_json::to_vec(&Wire::from(self))?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ResidueError> {
        let Version { version } = serde_json::from_slice(bytes)?;
        if version > RESIDUE_VERSION {
            return Err(ResidueError::Newer { version });
        }
        let wire: Wire = serde_json::from_slice(bytes)?;
        wire.try_into()
    }
}

impl Past {
    /// Leaves out what happened before the first of the kept records: nothing remembers it.
    ///
    /// The opening before it stays, because attempts carry its number.
    pub(super) fn since(&self, first_kept: Option<Seq>) -> Self {
        let Some(first) = first_kept else { return Self::default() };
        let before = self.openings.iter().rposition(|opening| opening.seq < first).unwrap_or(0);
        Self {
            openings: self.openings.iter().skip(before).copied().collect(),
            losses: self.losses.iter().filter(|loss| loss.seq > first).copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_kept_record_remembers_is_left_out() {
        let opening = |seq| Opening { seq: Seq::new(seq), epoch: Epoch::new(seq), crowd: 0 };
        let loss = |seq| Loss { seq: Seq::new(seq), from: Seq::new(1), to: Seq::new(1) };
        let past = Past {
            openings: [2, 10, 20].map(opening).to_vec(),
            losses: [5, 16].map(loss).to_vec(),
        };
        let since = |first| past.since(Some(Seq::new(first)));
        assert_eq!(since(1), past);
        assert_eq!(since(15).openings, [opening(10), opening(20)], "the one in force stays");
        assert_eq!(since(15).losses, [loss(16)]);
        assert_eq!(past.since(None), Past::default());
    }
}
