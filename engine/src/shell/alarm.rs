//! Wakes the driver after short delays, more exactly than the timers of the runtime.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ambient::{real_now, spawn_thread};

/// Wakes one task after short delays, by a thread that does nothing else.
///
/// The timers of the runtime count in whole milliseconds and come up to two of them late, which is
/// more than a short delay is long. The thread begins with the first wait and sleeps between waits.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    shared: Arc<Shared>,
    /// Whether the thread could be started, once that was tried.
    has_thread: OnceLock<bool>,
}

#[derive(Debug, Default)]
struct Shared {
    set: Mutex<Set>,
    changed: Condvar,
    rang: Notify,
}

#[derive(Debug, Default)]
struct Set {
    /// When it rings next.
    at: Option<Instant>,
    is_over: bool,
}

impl Alarm {
    /// Whether it rings at all; it does not where no thread is to be had.
    pub(super) fn works(&self) -> bool {
        let start = || {
            let shared = Arc::clone(&self.shared);
            spawn_thread("resurge-alarm", move || shared.ring()).is_ok()
        };
        *self.has_thread.get_or_init(start)
    }

    /// Waits this long, never shorter; for one task at a time.
    ///
    /// # Cancel safety
    /// Safe: a wait that is dropped costs at most one ring that nobody hears.
    pub(super) async fn wait(&self, delay: Duration) {
        let at = real_now() + delay;
        loop {
            // Before the look at the clock, so that no ring is missed between the two.
            let rang = self.shared.rang.notified();
            if real_now() >= at {
                return;
            }
            self.shared.set_for(at);
            rang.await;
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.set().is_over = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// Rings at this time as well, or before it.
    fn set_for(&self, at: Instant) {
        let mut set = self.set();
        if set.at.is_none_or(|earlier| at < earlier) {
            set.at = Some(at);
            self.changed.notify_one();
        }
    }

    /// Rings whenever it is time, until the alarm is dropped.
    fn ring(&self) {
        let mut set = self.set();
        while !set.is_over {
            let left = set.at.map(|at| at.saturating_duration_since(real_now()));
            set = match left {
                None => self.changed.wait(set).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    set.at = None;
                    self.rang.notify_waiters();
                    set
                }
                Some(left) => {
                    let waited = self.changed.wait_timeout(set, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        // Nothing panics while it is held; a poisoned value is still a valid one.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_never_rings_too_early_and_can_be_set_again() {
        let alarm = Alarm::default();
        assert!(alarm.works());
        for delay in [MS, MS * 3, MS, Duration::ZERO] {
            let began = real_now();
            alarm.wait(delay).await;
            assert!(began.elapsed() >= delay);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_later_wait_does_not_push_an_earlier_one_out() {
        let alarm = Alarm::default();
        assert!(alarm.works());
        let (began, soon) = (real_now(), MS * 2);
        tokio::select! {
            biased;
            () = alarm.wait(Duration::from_secs(3_600)) => unreachable!("it rang an hour early"),
            () = alarm.wait(soon) => {}
        }
        assert!(began.elapsed() >= soon);
        // What is set for later still rings when its time has come, and is no bar to other waits.
        alarm.wait(soon).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn its_thread_ends_with_it() {
        let alarm = Alarm::default();
        assert!(alarm.works());
        alarm.wait(MS).await;
        let thread = Arc::downgrade(&alarm.shared);
        drop(alarm);
        while thread.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
