//! What follows from a failed attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::time::Timestamp;

/// What follows from a failed attempt; part of the failure, so that the two cannot be torn apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[non_exhaustive]
pub enum Verdict {
    /// Another attempt is due.
    Retry {
        /// How long to wait.
        delay: Duration,
        /// When the wait ends.
        due_at: Timestamp,
    },
    /// No retry or no time is left.
    Exhausted,
    /// Another attempt would fail in the same way.
    NotRetryable,
}

coded_enum! {
    /// The verdict's number on disk and name in JSON.
    pub enum VerdictKind {
        /// Another attempt is due.
        Retry = 1 "retry",
        /// No retry or no time is left.
        Exhausted = 2 "exhausted",
        /// Another attempt would fail in the same way.
        NotRetryable = 3 "not_retryable",
    }
}

impl Verdict {
    /// Name of the verdict in JSON lines.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The verdict without what it carries.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Retry { .. } => VerdictKind::Retry,
            Self::Exhausted => VerdictKind::Exhausted,
            Self::NotRetryable => VerdictKind::NotRetryable,
        }
    }
}

/// The verdict as it stands in a record: no variant is written by its position.
#[derive(Serialize, Deserialize)]
struct Wire {
    kind: VerdictKind,
    delay_ms: Option<u64>,
    due_at: Option<Timestamp>,
}

impl From<Verdict> for Wire {
    fn from(verdict: Verdict) -> Self {
        let (delay_ms, due_at) = match verdict {
            Verdict::Retry { delay, due_at } => {
                (Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)), Some(due_at))
            }
            Verdict::Exhausted | Verdict::NotRetryable => (None, None),
        };
        Self { kind: verdict.kind(), delay_ms, due_at }
    }
}

impl TryFrom<Wire> for Verdict {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        match (wire.kind, wire.delay_ms, wire.due_at) {
            (VerdictKind::Retry, Some(delay_ms), Some(due_at)) => {
                Ok(Self::Retry { delay: Duration::from_millis(delay_ms), due_at })
            }
            (VerdictKind::Exhausted, None, None) => Ok(Self::Exhausted),
            (VerdictKind::NotRetryable, None, None) => Ok(Self::NotRetryable),
            _ => Err("a verdict has a delay and a due time if and only if it is `retry`"),
        }
    }
}
