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
    /// Another attempt waits for what the failure's advice names; nothing is charged.
    Park {
        /// When a last attempt is made although it has not come true.
        force_at: Option<Timestamp>,
    },
    /// No retry or no time is left.
    Exhausted,
    /// Another attempt would fail in the same way.
    NotRetryable,
}

/// How the delay before a retry came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DelayParts {
    /// What the curve gives, in milliseconds.
    pub curve_ms: u64,
    /// The factor that the failure or its class puts on it.
    pub stretch: u32,
    /// The longest delay of the policy, in milliseconds.
    pub cap_ms: u64,
    /// The jitter's draw from run, step and attempt, in millionths.
    pub draw_millionths: u32,
    /// What jitter leaves of the capped delay, in milliseconds.
    pub spread_ms: u64,
    /// What the server asked for, in milliseconds.
    pub server_ms: Option<u64>,
    /// What is granted to the server at most, in milliseconds.
    pub server_max_ms: u64,
    /// How long the retry budget makes it wait, in milliseconds.
    pub budget_ms: u64,
    /// Whether it goes on at once because the attempt got somewhere.
    pub at_once: bool,
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
        /// Another attempt waits for something to change.
        Park = 4 "park",
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
            Self::Park { .. } => VerdictKind::Park,
            Self::Exhausted => VerdictKind::Exhausted,
            Self::NotRetryable => VerdictKind::NotRetryable,
        }
    }
}

/// The verdict as it stands in a record: no variant is written by its position.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Verdict")]
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
            Verdict::Park { force_at } => (None, force_at),
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
            (VerdictKind::Park, None, force_at) => Ok(Self::Park { force_at }),
            (VerdictKind::Exhausted, None, None) => Ok(Self::Exhausted),
            (VerdictKind::NotRetryable, None, None) => Ok(Self::NotRetryable),
            _ => Err("a verdict has a delay if and only if it is `retry`, and a time if it waits"),
        }
    }
}
