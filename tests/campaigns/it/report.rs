//! Seeds, sizes, and what is said at the end.

use std::env;
use std::io::{self, Write};
use std::time::Instant;

/// One campaign that is under way.
pub(crate) struct Campaign {
    name: &'static str,
    pub(crate) seed: u64,
    pub(crate) count: u64,
    began: Instant,
}

impl Campaign {
    /// Begins a campaign with its size for CI; none if another one was chosen.
    pub(crate) fn begin(name: &'static str, count: u64) -> Option<Self> {
        if env::var("RESURGE_CAMPAIGN").is_ok_and(|chosen| chosen != name) {
            return None;
        }
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
        let seed = number("RESURGE_CAMPAIGN_SEED").unwrap_or(1);
        let count = number("RESURGE_CAMPAIGN_COUNT").unwrap_or(count);
        Some(Self { name, seed, count, began: Instant::now() })
    }

    /// Says that nothing was found.
    pub(crate) fn pass(&self, did: &str) {
        let Self { name, seed, began, .. } = self;
        say(&format!("PASS {name} seed {seed}: {did} ({:.1} s)", began.elapsed().as_secs_f64()));
    }

    /// Says that something could not be tried.
    pub(crate) fn skip(&self, why: &str) {
        say(&format!("\n!!! SKIPPED {}: {why} !!!\n", self.name));
    }

    /// How to see a failure again.
    pub(crate) fn again(&self) -> String {
        format!("again: just campaign {} {} {}", self.name, self.seed, self.count)
    }
}

/// Past the harness, which keeps what tests print to itself.
fn say(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}
