//! The one file that reads clocks, draws luck, sleeps and spawns.
#![expect(clippy::disallowed_methods, reason = "everything impure that the engine needs is here")]

use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::{Thread, ThreadId};
use std::time::Duration;

use resurge_journal::Timestamp;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::alarm::Alarm;
use crate::core::{Ambient, Command};

/// Tells the time of day.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;
}

const _: fn(&dyn Clock) = |_| {};

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall_now()
    }
}

/// The time of day, for progress meters.
pub(super) fn wall_now() -> Timestamp {
    chrono::Utc::now().into()
}

/// Time and luck as the engine sees them.
#[derive(Debug)]
pub(crate) struct World {
    clock: Arc<dyn Clock>,
    /// The last time that the clock was ahead, and when that was.
    anchor: Mutex<(Timestamp, Instant)>,
    alarm: Alarm,
}

impl World {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let anchor = Mutex::new((clock.now(), Instant::now()));
        Self { clock, anchor, alarm: Alarm::default() }
    }

    /// The time of day, except that it goes on when the machine's clock is set back.
    ///
    /// It follows the machine's clock forward, so that what fell due during a suspend is due.
    pub(crate) fn now(&self) -> Timestamp {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, at) = *anchor;
        let (wall, steady) = (self.clock.now(), then.after(at.elapsed()));
        if wall > steady {
            *anchor = (wall, Instant::now());
        }
        wall.max(steady)
    }

    /// Goes on from a point that was reached before, if the machine's clock lies behind it.
    pub(super) fn not_before(&self, at: Timestamp) {
        if self.now() < at {
            *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = (at, Instant::now());
        }
    }

    /// What a decision may know of the world beside the state.
    pub(super) fn ambient(&self, command: &Command) -> Ambient {
        // Luck is asked of the system, so only what needs it pays for it.
        let needs_luck = matches!(command, Command::Start(_));
        let entropy = if needs_luck { Uuid::new_v4().as_u128() } else { 0 };
        Ambient { now: self.now(), entropy }
    }

    /// Sleeps until a time of day; may wake early, since it looks at the clock again and again.
    pub(super) async fn sleep_until(&self, at: Timestamp) {
        let delay = at.since(self.now()).min(RECHECK);
        // Of a runtime with one thread the time may be virtual, which only its own timers know.
        if delay <= SHORT && has_threads_to_spare() && self.alarm.works() {
            self.alarm.wait(delay).await;
        } else {
            tokio::time::sleep(delay).await;
        }
    }
}

/// A name that nobody else has or can guess.
pub(crate) fn unique_name() -> String {
    Uuid::new_v4().to_string()
}

/// How often a sleeper looks at the time of day again: timers stand still while a laptop sleeps.
const RECHECK: Duration = Duration::from_secs(5);

/// Delays for which the timers of the runtime are too coarse.
const SHORT: Duration = Duration::from_millis(20);

pub(crate) async fn sleep(delay: Duration) {
    tokio::time::sleep(delay).await;
}

/// Waits for this long at most.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Holds this thread; for callers without a runtime.
pub(crate) fn block_for(delay: Duration) {
    std::thread::sleep(delay);
}

/// Holds this thread until a future has come true; for callers without a runtime.
///
/// Other tasks of a runtime with several threads go on meanwhile.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| park_until(work)),
        _ => park_until(work),
    }
}

fn park_until<F: Future>(work: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Where an engine runs.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) runtime: Handle,
    thread: ThreadId,
}

impl Home {
    /// The runtime and the thread that this runs in.
    pub(crate) fn here() -> Self {
        Self { runtime: Handle::current(), thread: std::thread::current().id() }
    }

    /// Whether nothing goes on here while this thread is held.
    pub(crate) fn is_this_thread_only(&self) -> bool {
        self.runtime.runtime_flavor() == RuntimeFlavor::CurrentThread
            && self.thread == std::thread::current().id()
            && Handle::try_current().is_ok()
    }
}

/// A clock that only goes forward, as tokio's timers see it.
pub(crate) fn steady_now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A clock that only goes forward, as threads that wait see it.
pub(crate) fn real_now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A number that nobody else has or can guess.
pub(crate) fn luck() -> u128 {
    Uuid::new_v4().as_u128()
}

pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(task)
}

pub(crate) fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// Begins a thread that ends by itself.
pub(super) fn spawn_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Whether the runtime goes on while one of its threads waits for a disk.
pub(super) fn has_threads_to_spare() -> bool {
    let runtime = Handle::current();
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
}

/// Lets every task that can go on do so first.
pub(super) async fn let_others_go_first() {
    tokio::task::yield_now().await;
}

/// Identity of this boot of the machine, where the system tells it.
pub(super) fn boot_id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }
    // Without it an attempt after a crash trusts only what was synced before its checkpoint.
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_follows_the_clock_forward_and_goes_on_when_it_is_set_back() {
        let clock = Arc::new(SetClock::default());
        clock.0.store(1_000_000, Ordering::SeqCst);
        let world = World::new(clock.clone());
        clock.0.store(5_000_000, Ordering::SeqCst);
        assert_eq!(world.now().as_millis(), 5_000_000);
        clock.0.store(0, Ordering::SeqCst);
        // However often somebody looks, no fraction of a millisecond is lost.
        for _ in 0..1_000 {
            tokio::time::advance(Duration::from_micros(900)).await;
            world.now();
        }
        assert_eq!(world.now().as_millis(), 5_000_900);
    }
}
