//! What a failure says about another attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;

/// What a failure says about another attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[non_exhaustive]
pub enum Advice {
    /// Another attempt would fail in the same way.
    Never,
    /// At once if this attempt got somewhere, by the policy otherwise.
    Now,
    /// After the delay of the policy, times a factor.
    Backoff {
        /// Factor on the delay of the policy; 1 leaves it as it is.
        stretch: u32,
    },
    /// Not before the server wants it.
    After {
        /// How long the server asked us to wait.
        delay: Duration,
        /// Whether it speaks of a limit that all requests to it share.
        shared: bool,
    },
    /// As soon as something has changed; waiting for it costs no retry.
    WhenReady(Condition),
}

/// Something that has to change before another attempt is worth it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// There is room on a drive again.
    DiskSpace {
        /// A folder or file on that drive.
        path: String,
        /// Bytes that must be free.
        bytes: u64,
    },
}

impl Advice {
    /// The delay of the policy as it is.
    pub const BACKOFF: Self = Self::Backoff { stretch: 1 };

    /// Name of the advice in JSON.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// How long the server asked us to wait.
    pub const fn server_delay(&self) -> Option<Duration> {
        match self {
            Self::After { delay, .. } => Some(*delay),
            _ => None,
        }
    }

    /// The advice without what it carries.
    pub const fn kind(&self) -> AdviceKind {
        match self {
            Self::Never => AdviceKind::Never,
            Self::Now => AdviceKind::Now,
            Self::Backoff { .. } => AdviceKind::Backoff,
            Self::After { .. } => AdviceKind::After,
            Self::WhenReady(_) => AdviceKind::WhenReady,
        }
    }
}

coded_enum! {
    /// The advice's number on disk and name in JSON.
    pub enum AdviceKind {
        /// See [`Advice::Never`].
        Never = 1 "never",
        /// See [`Advice::Now`].
        Now = 2 "now",
        /// See [`Advice::Backoff`].
        Backoff = 3 "backoff",
        /// See [`Advice::After`].
        After = 4 "after",
        /// See [`Advice::WhenReady`]; the only condition so far is space on a drive.
        WhenReady = 5 "when_ready",
    }
}

/// The advice as it stands in a record: no variant is written by its position.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Advice")]
struct Wire {
    kind: AdviceKind,
    number: u64,
    shared: bool,
    path: Option<String>,
}

impl From<Advice> for Wire {
    fn from(advice: Advice) -> Self {
        let kind = advice.kind();
        let plain = Self { kind, number: 0, shared: false, path: None };
        match advice {
            Advice::Never | Advice::Now => plain,
            Advice::Backoff { stretch } => Self { number: stretch.into(), ..plain },
            Advice::After { delay, shared } => {
                let number = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                Self { number, shared, ..plain }
            }
            Advice::WhenReady(Condition::DiskSpace { path, bytes }) => {
                Self { number: bytes, path: Some(path), ..plain }
            }
        }
    }
}

impl TryFrom<Wire> for Advice {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        match (wire.kind, wire.path) {
            (AdviceKind::Never, None) => Ok(Self::Never),
            (AdviceKind::Now, None) => Ok(Self::Now),
            (AdviceKind::Backoff, None) => {
                let stretch = u32::try_from(wire.number).map_err(|_| "a factor has 32 bits")?;
                Ok(Self::Backoff { stretch })
            }
            (AdviceKind::After, None) => {
                Ok(Self::After { delay: Duration::from_millis(wire.number), shared: wire.shared })
            }
            (AdviceKind::WhenReady, Some(path)) => {
                Ok(Self::WhenReady(Condition::DiskSpace { path, bytes: wire.number }))
            }
            _ => Err("advice has a path if and only if it waits for space on a drive"),
        }
    }
}
