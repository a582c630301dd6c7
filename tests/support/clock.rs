//! Virtual time of day.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use resurge::{Clock, Timestamp};
use tokio::time::Instant;

thread_local! {
    static ORIGIN: OnceCell<Instant> = const { OnceCell::new() };
}

/// A time of day that goes with tokio's paused clock.
#[derive(Debug)]
pub struct VirtualClock {
    origin: Instant,
}

impl VirtualClock {
    /// Begins at a fixed day; call it within a runtime whose time is paused.
    pub fn start() -> Arc<Self> {
        // One origin for all engines of a test, so that time goes on from life to life.
        let origin = ORIGIN.with(|origin| *origin.get_or_init(Instant::now));
        Arc::new(Self { origin })
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_719_200_000).after(self.origin.elapsed())
    }
}

/// Virtual time of day that can be set, as the clock of a machine can.
#[derive(Debug)]
pub struct SetClock {
    steady: Arc<VirtualClock>,
    /// How far it was set ahead, in milliseconds.
    ahead: AtomicI64,
}

impl SetClock {
    /// Begins as [`VirtualClock`] does.
    pub fn start() -> Arc<Self> {
        Arc::new(Self { steady: VirtualClock::start(), ahead: AtomicI64::new(0) })
    }

    /// Sets it forward.
    ///
    /// # Panics
    /// If that is beyond all times.
    pub fn forward(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("a sensible time");
        self.ahead.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets it back.
    ///
    /// # Panics
    /// If that is before all times.
    pub fn back(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).expect("a sensible time");
        self.ahead.fetch_sub(by, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::SeqCst);
        Timestamp::from_millis(self.steady.now().as_millis() + ahead)
    }
}
