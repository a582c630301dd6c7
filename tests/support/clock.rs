//! Virtual time of day.

use std::cell::OnceCell;
use std::sync::Arc;

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
