//! What happens to the operations.

use std::ops::RangeInclusive;
use std::time::Duration;

use resurge_journal::ResourceKey;

use super::luck::Luck;

/// A course of events: who needs what, and when that is down. Times count from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What is to be done.
    pub operations: Vec<Operation>,
    /// When something is down. Outages of one resource do not overlap.
    pub outages: Vec<Outage>,
    /// How long an attempt takes to fail after it met an outage.
    pub fails_after: Duration,
    /// Whether an attempt that is cut off has moved bytes, and the next one goes on from there.
    pub moves_bytes: bool,
    /// Decides on the jitter.
    pub seed: u64,
}

/// Something to be done, such as a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What must be up all the while.
    pub needs: ResourceKey,
    /// When it begins.
    pub arrives: Duration,
    /// How long an attempt takes that is not cut off.
    pub takes: Duration,
}

/// A while in which something is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// What is down.
    pub of: ResourceKey,
    /// Since when.
    pub from: Duration,
    /// When it is up again.
    pub to: Duration,
}

/// Scenarios of a kind: operations that begin together and lose their hosts in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// Operations that begin at once.
    pub operations: u32,
    /// Hosts that they are spread over, all of them down at the same time. Default 1.
    pub hosts: u32,
    /// How long the hosts are down.
    pub outage: RangeInclusive<Duration>,
    /// How long an undisturbed attempt takes; the outage begins within it. Default 60 s.
    pub takes: Duration,
    /// How long an attempt takes to fail. Default 5 s.
    pub fails_after: Duration,
    /// See [`Scenario::moves_bytes`]. Default: no.
    pub moves_bytes: bool,
}

impl Storm {
    /// Operations at one host that is down for a while.
    pub const fn new(operations: u32, outage: RangeInclusive<Duration>) -> Self {
        let (takes, fails_after) = (Duration::from_secs(60), Duration::from_secs(5));
        Self { operations, hosts: 1, outage, takes, fails_after, moves_bytes: false }
    }

    /// The scenario with this seed.
    pub fn scenario(&self, seed: u64) -> Scenario {
        let mut luck = Luck::new(seed);
        let last_moment = self.takes.saturating_sub(Duration::from_millis(1));
        let from = luck.between(Duration::ZERO, last_moment);
        let to = from + luck.between(*self.outage.start(), *self.outage.end());
        let hosts: Vec<ResourceKey> = (1..=self.hosts.max(1)).filter_map(host).collect();
        let operation = |needs: &ResourceKey| Operation {
            needs: needs.clone(),
            arrives: Duration::ZERO,
            takes: self.takes,
        };
        let operations = hosts.iter().cycle().take(self.operations as usize).map(operation);
        Scenario {
            operations: operations.collect(),
            outages: hosts.iter().map(|of| Outage { of: of.clone(), from, to }).collect(),
            fails_after: self.fails_after,
            moves_bytes: self.moves_bytes,
            seed: luck.next(),
        }
    }
}

/// The host with a number.
pub(super) fn host(number: u32) -> Option<ResourceKey> {
    ResourceKey::host("https", &format!("{number}.example"), 443).ok()
}

/// The storms that a policy must stand.
pub fn storms() -> Vec<(&'static str, Storm)> {
    let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
    vec![
        ("1 op, 10-90 s", Storm::new(1, seconds(10, 90))),
        ("3 ops, 10-90 s", Storm::new(3, seconds(10, 90))),
        ("3 ops, 2-10 min", Storm::new(3, seconds(120, 600))),
        ("3 ops, 0.5-2 h", Storm::new(3, seconds(1_800, 7_200))),
        ("20 ops, 2-10 min", Storm::new(20, seconds(120, 600))),
    ]
}
