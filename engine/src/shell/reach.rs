//! Whether the runs that have left memory can be read: waits for the cache that holds them, asks
//! it again where it fails, and reads the journal at last.

use std::sync::Arc;
use std::time::Duration;

use resurge_journal::checkpoint::{Lost, RecoverError, replay_to};
use resurge_journal::store::{Cache, CacheError, Store};
use resurge_journal::{Seq, State};
use tokio::task::{JoinError, JoinHandle};

use super::ambient::{real_now, sleep, spawn, spawn_blocking};

/// Whether the runs that have left memory can be read.
#[derive(Debug)]
pub(super) struct Reach {
    store: Arc<dyn Store>,
    cache: Readiness,
    trouble: Trouble,
}

#[derive(Debug)]
enum Readiness {
    /// Nobody has asked for it.
    Unknown,
    /// It is being made ready, or is asked again after a while.
    Awaited(JoinHandle<Answer>),
    Ready,
    /// This store has none, so that everything stays in memory.
    Absent,
    /// What it held is lost, and is read from the journal.
    Replaying(JoinHandle<Replayed>),
}

/// What the cache has said, if there is one.
type Answer = Option<Result<(), CacheError>>;

/// What the journal adds up to, and how long it took to read.
type Replayed = Result<(Box<State>, Duration), RecoverError>;

/// Failures since the cache was of use.
#[derive(Debug, Default)]
struct Trouble {
    /// How long it was left alone after the last one.
    delay: Duration,
    /// The same over all of them.
    spent: Duration,
}

/// Something that was waited for.
#[derive(Debug)]
pub(super) enum Reached {
    Asked(Result<Answer, JoinError>),
    Replayed(Result<Replayed, JoinError>),
}

/// Where that leads.
#[derive(Debug)]
pub(super) enum News {
    /// Whoever waits can be served.
    Ready,
    /// What the cache held is lost.
    Lost(Lost),
    /// All of that was read from the journal.
    Replayed(Box<State>),
}

/// Why runs that have left memory are nowhere to be found.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Records(#[from] RecoverError),
    #[error("replay panicked; please report this with the journal")]
    Panicked,
}

impl Reach {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, cache: Readiness::Unknown, trouble: Trouble::default() }
    }

    /// Has the cache made ready in the background, unless it was.
    pub(super) fn begin(&mut self) {
        if matches!(self.cache, Readiness::Unknown) {
            self.ask_in(Duration::ZERO);
        }
    }

    fn ask_in(&mut self, delay: Duration) {
        let store = Arc::clone(&self.store);
        let ask = move || store.cache().map(|cache| cache.generation().map(|_| ()));
        self.cache = Readiness::Awaited(if delay.is_zero() {
            spawn_blocking(ask)
        } else {
            spawn(async move {
                sleep(delay).await;
                // One that panics is as good as none.
                spawn_blocking(ask).await.unwrap_or(None)
            })
        });
    }

    /// Whether the cache can be asked without waiting for it; if not, it is waited for from now on.
    pub(super) fn is_ready(&mut self) -> bool {
        self.begin();
        // One that is opened anew is waited for elsewhere.
        if self.is_steady() && !self.store.cache().is_some_and(Cache::is_ready) {
            self.ask_in(Duration::ZERO);
        }
        self.is_steady()
    }

    /// Whether nobody waits for the cache, as far as is known.
    pub(super) const fn is_steady(&self) -> bool {
        matches!(self.cache, Readiness::Ready)
    }

    pub(super) const fn is_awaited(&self) -> bool {
        matches!(self.cache, Readiness::Awaited(_))
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.cache, Readiness::Absent)
    }

    /// Whether a snapshot may be begun, as soon as the cache was asked for.
    pub(super) const fn may_keep(&self) -> bool {
        matches!(self.cache, Readiness::Unknown | Readiness::Ready)
    }

    /// The cache was of use.
    pub(super) fn worked(&mut self) {
        self.trouble = Trouble::default();
    }

    /// Takes note that the cache was of no use: it is asked again after a while, or what it held is
    /// read from the journal. True if it comes to that.
    pub(super) fn failed(&mut self, lost: &Lost, at: Seq) -> bool {
        if matches!(self.cache, Readiness::Awaited(_) | Readiness::Replaying(_)) {
            return false;
        }
        let error = lost as &dyn std::error::Error;
        if let Some(delay) = self.trouble.next_delay().filter(|_| lost.is_passing()) {
            tracing::warn!(error, "runs at rest cannot be read for now; who wants one waits");
            self.ask_in(delay);
            return false;
        }
        tracing::warn!(error, "runs at rest are read from the journal again");
        self.replay(at);
        true
    }

    fn replay(&mut self, at: Seq) {
        let store = Arc::clone(&self.store);
        self.cache = Readiness::Replaying(spawn_blocking(move || {
            let began = real_now();
            replay_to(store.as_ref(), at).map(|whole| (Box::new(whole), began.elapsed()))
        }));
    }

    /// Waits for whatever is under way, for ever if nothing is.
    ///
    /// # Cancel safety
    /// Safe: the work goes on, and the next call waits for it again.
    pub(super) async fn reached(&mut self) -> Reached {
        match &mut self.cache {
            Readiness::Awaited(job) => Reached::Asked(job.await),
            Readiness::Replaying(job) => Reached::Replayed(job.await),
            Readiness::Unknown | Readiness::Ready | Readiness::Absent => {
                std::future::pending().await
            }
        }
    }

    /// Takes note of what was waited for; `is_needed` if runs have left memory.
    ///
    /// # Errors
    /// [`Unreadable`] if the journal, which says the same as the cache, is damaged.
    pub(super) fn note(&mut self, reached: Reached, is_needed: bool) -> Result<News, Unreadable> {
        self.cache = Readiness::Ready;
        match reached {
            Reached::Asked(Ok(Some(Err(error)))) if is_needed => Ok(News::Lost(error.into())),
            // Whoever writes to it finds out what is wrong with it.
            Reached::Asked(Ok(Some(_))) => Ok(News::Ready),
            Reached::Asked(_) if is_needed => Ok(News::Lost(Lost::Gone)),
            Reached::Asked(_) => {
                self.cache = Readiness::Absent;
                Ok(News::Ready)
            }
            Reached::Replayed(replayed) => {
                let (whole, took) = replayed.map_err(|_| Unreadable::Panicked)??;
                let took_ms = took.as_millis();
                tracing::warn!(took_ms, "runs at rest were read from the journal");
                self.cache = Readiness::Unknown;
                self.trouble = Trouble::default();
                Ok(News::Replayed(whole))
            }
        }
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        if let Readiness::Awaited(job) = &self.cache {
            job.abort();
        }
    }
}

impl Trouble {
    /// How long the cache is left alone; none if that was done long enough.
    fn next_delay(&mut self) -> Option<Duration> {
        let left = PATIENCE.saturating_sub(self.spent);
        self.delay = (self.delay * 2).clamp(DELAY_MIN, DELAY_MAX).min(left);
        self.spent += self.delay;
        (!left.is_zero()).then_some(self.delay)
    }
}

const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(5);
/// How long a cache that fails is left alone, all in all, before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
