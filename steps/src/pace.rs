//! A limit on bandwidth that all transfers share, and what each of them owes to it.
//!
//! Bytes are counted when they have arrived: a transfer that is ahead of the limit reads nothing
//! until it has made up for it, and the network slows the sender down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::reports::Reports;

/// A limit on the bytes a second of all transfers together. Cheap to clone; all clones are one.
///
/// The default is no limit.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Shared>);

/// What one transfer has received ahead of the limit; see [`StepContext::toll`](crate::StepContext::toll).
///
/// What a transfer that is dropped owes is forgiven.
#[derive(Debug)]
pub struct Toll {
    pace: Pace,
    reports: Reports,
    owed: u64,
    /// The part of it that stands in the line.
    slice: Option<Slice>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Bytes a second; 0 is no limit. What is looked at for every chunk, without the lock.
    limit: AtomicU64,
    line: Mutex<Line>,
    changed: Notify,
}

/// The line in which transfers wait for their turn, measured in billionths of a byte.
///
/// So fine, that no fraction is lost however often somebody looks.
#[derive(Debug, Default)]
struct Line {
    per_second: u64,
    /// When `passed` was true.
    at: Option<Instant>,
    /// How much of the line the limit has let through.
    passed: u128,
    /// Where the line ends.
    end: u128,
    /// Changes with the limit, at which everybody lines up anew.
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slice {
    bytes: u64,
    end: u128,
    number: u64,
}

enum Turn {
    Through(u64),
    Wait(Duration),
}

const BILLION: u128 = 1_000_000_000;
/// What is not used up now can be used up within this part of a second.
const BURST_PARTS: u128 = 4;
/// A transfer lines up for this part of a second at a time, so that others get their turn.
const SLICE_PARTS: u64 = 16;
/// And for no more than a small read brings, so that those who read more get no larger share.
const SLICE_BYTES_MAX: u64 = 16 * 1024;

impl Pace {
    /// A limit in bytes a second; 0 is no limit.
    pub fn new(bytes_per_second: u64) -> Self {
        let pace = Self::default();
        pace.set(bytes_per_second);
        pace
    }

    /// Changes the limit for all transfers at once; 0 lifts it.
    pub fn set(&self, bytes_per_second: u64) {
        let mut line = self.line();
        if line.per_second == bytes_per_second {
            return;
        }
        *line = Line {
            per_second: bytes_per_second,
            number: line.number.wrapping_add(1),
            ..Line::default()
        };
        self.0.limit.store(bytes_per_second, Ordering::Relaxed);
        drop(line);
        self.0.changed.notify_waiters();
    }

    /// Bytes a second; 0 is no limit.
    pub fn limit(&self) -> u64 {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Whether a part of what is owed is through by now, and how long that takes otherwise.
    fn turn(&self, owed: u64, slice: &mut Option<Slice>) -> Turn {
        let mut line = self.line();
        let Some(slice_max) = line.settle(Instant::now()) else { return Turn::Through(owed) };
        let slice = match slice {
            Some(slice) if slice.number == line.number => *slice,
            _ => *slice.insert(line.join(owed.min(slice_max))),
        };
        if line.passed >= slice.end {
            return Turn::Through(slice.bytes);
        }
        let nanos = (slice.end - line.passed).div_ceil(u128::from(line.per_second.max(1)));
        Turn::Wait(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while it is held; a poisoned value is still a valid one.
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Lets through what time has paid for; gives the most that one may line up for.
    ///
    /// None if there is no limit.
    fn settle(&mut self, now: Instant) -> Option<u64> {
        if self.per_second == 0 {
            return None;
        }
        let since = self.at.replace(now).unwrap_or(now);
        let rate = u128::from(self.per_second);
        let paid = rate.saturating_mul(now.saturating_duration_since(since).as_nanos());
        let furthest = self.end.saturating_add(rate * BILLION / BURST_PARTS);
        self.passed = self.passed.saturating_add(paid).min(furthest);
        Some((self.per_second / SLICE_PARTS).clamp(1, SLICE_BYTES_MAX))
    }

    fn join(&mut self, bytes: u64) -> Slice {
        self.end = self.end.saturating_add(u128::from(bytes) * BILLION);
        Slice { bytes, end: self.end, number: self.number }
    }
}

impl Toll {
    pub(crate) const fn new(pace: Pace, reports: Reports) -> Self {
        Self { pace, reports, owed: 0, slice: None }
    }

    /// Says that so many bytes have arrived. Costs next to nothing while there is no limit.
    pub fn owe(&mut self, bytes: u64) {
        if self.pace.limit() > 0 {
            self.owed = self.owed.saturating_add(bytes);
        }
    }

    /// Bytes that have arrived ahead of the limit.
    pub const fn owed(&self) -> u64 {
        self.owed
    }

    /// Waits until a part of what is owed is through: 16 KiB, or a sixteenth of a second if less.
    ///
    /// Returns at once if nothing is owed. Transfers take turns, so that each gets its share. The
    /// time that this takes does not count as idle.
    ///
    /// # Cancel safety
    /// Safe: the transfer keeps its place in the line.
    pub async fn pay(&mut self) {
        while self.owed > 0 {
            // Before the look, so that no change is missed between the two.
            let changed = self.pace.0.changed.notified();
            match self.pace.turn(self.owed, &mut self.slice) {
                Turn::Through(bytes) => {
                    self.slice = None;
                    self.owed = self.owed.saturating_sub(bytes);
                    return;
                }
                Turn::Wait(delay) => {
                    let _waiting = self.reports.holds_back();
                    tokio::select! {
                        () = changed => {}
                        () = sleep(delay) => {}
                    }
                }
            }
        }
    }
}
