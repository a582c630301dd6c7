//! How much of its past a journal keeps.

use std::time::Duration;

/// How much of its past a journal keeps; each limit can be off.
///
/// What one of them does not allow any more can be dropped, even if the others would allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How long a run is kept after it has ended.
    pub age: Option<Duration>,
    /// Ended runs that are kept.
    pub runs: Option<u64>,
    /// Bytes of records that are kept.
    pub bytes: Option<u64>,
}

impl Limits {
    /// Whether nothing is ever dropped.
    pub const fn is_off(&self) -> bool {
        self.age.is_none() && self.runs.is_none() && self.bytes.is_none()
    }

    /// Ended runs, counted from the first ever, that may be dropped while `ended` have ended.
    pub(super) fn droppable(&self, ended: u64) -> u64 {
        self.runs.map_or(0, |kept| ended.saturating_sub(kept))
    }
}

/// Whether a trim is worth it: it moves no more than half of what it drops, and gains a whole cut.
pub(super) const fn is_worth_it(front: u64, old_kept: u64, kept: u64, one_cut: u64) -> bool {
    kept <= front / 2 && (front + old_kept).saturating_sub(kept) >= one_cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_are_kept() {
        let limits = Limits { runs: Some(10), ..Limits::default() };
        assert_eq!(limits.droppable(9), 0);
        assert_eq!(limits.droppable(13), 3);
        assert_eq!(Limits::default().droppable(13), 0, "without a limit none is dropped for it");
    }

    #[test]
    fn little_is_not_trimmed_for() {
        assert!(is_worth_it(100, 0, 0, 100));
        assert!(!is_worth_it(100, 0, 1, 100), "less than a cut is gained");
        assert!(is_worth_it(200, 0, 100, 100));
        assert!(!is_worth_it(200, 0, 101, 50), "more than half would be moved");
        assert!(is_worth_it(200, 100, 100, 200), "what was kept before is no loss");
    }
}
