//! How fast the show goes.

use std::time::Duration;

use crate::demo::model::{KIB, MIB, Pace};

/// How fast the show goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tempo {
    /// So that people can see what happens: about two minutes.
    Watched,
    /// Small files and short waits, for programs that check it.
    Fast,
}

impl Tempo {
    /// The settings of the manifest.
    ///
    /// The breaker opens after more failures than one artifact has attempts: hosts open it, not
    /// artifacts.
    pub(super) const fn settings(self) -> &'static str {
        match self {
            Self::Watched => {
                "[settings]\nmax_retries = 5\ninitial_delay = \"2s\"\nbackoff_factor = 2.0\n\
                 circuit_breaker_threshold = 7\n\n"
            }
            Self::Fast => {
                "[settings]\nmax_retries = 5\ninitial_delay = \"200ms\"\nbackoff_factor = 2.0\n\
                 circuit_breaker_threshold = 7\ncircuit_breaker_timeout = \"1500ms\"\n\n"
            }
        }
    }

    /// How long something takes that takes so many seconds to watch.
    pub(super) const fn seconds(self, seconds: u64) -> Duration {
        match self {
            Self::Watched => Duration::from_secs(seconds),
            Self::Fast => Duration::from_millis(seconds * 100),
        }
    }

    /// What a server asks for that wants so many seconds of patience; it can ask for whole ones only.
    pub(super) const fn patience(self, seconds: u64) -> u64 {
        match self {
            Self::Watched => seconds,
            Self::Fast => 1,
        }
    }

    /// The size of a file that has so many MiB to watch.
    pub(super) const fn size(self, mib: usize) -> usize {
        match self {
            Self::Watched => mib * MIB,
            Self::Fast => mib * MIB / 8,
        }
    }

    /// The pace of a file of which so many KiB a second are sent to watch.
    pub(super) fn pace(self, kib: u32) -> Pace {
        let faster = match self {
            Self::Watched => 1,
            Self::Fast => 4,
        };
        let pause = Duration::from_secs(1) * BLOCK_KIB / (kib.max(1) * faster);
        Pace { block: KIB * BLOCK_KIB as usize, pause }
    }
}

const BLOCK_KIB: u32 = 32;
