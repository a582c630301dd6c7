//! The breakers of this process, by resource, and waiting for one of them.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use resurge_journal::ResourceKey;
use tokio::sync::Notify;

use super::breaker::{Breaker, BreakerSettings, Outcome, Permit, Refusal};
use crate::shell::{real_now, steady_now, within};

/// Most resources whose breakers are remembered; the trouble-free ones make room.
const GATES_MAX: usize = 4096;

static GATES: LazyLock<Mutex<HashMap<ResourceKey, Arc<Gate>>>> = LazyLock::new(Mutex::default);

/// The breaker of one resource, and those who wait for it.
#[derive(Debug)]
pub(super) struct Gate {
    key: ResourceKey,
    breaker: Mutex<Breaker>,
    changed: Notify,
    changed_blocking: Condvar,
}

/// Leave for one attempt; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    gate: Arc<Gate>,
    permit: Option<Permit>,
}

/// The gate of a resource; none if too many others are in trouble to watch one more.
pub(super) fn gate(key: &ResourceKey, settings: BreakerSettings) -> Option<Arc<Gate>> {
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(gate) = gates.get(key) {
        gate.lock().adjust(settings);
        return Some(gate.clone());
    }
    if gates.len() >= GATES_MAX {
        gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.lock().is_fresh());
    }
    if gates.len() >= GATES_MAX {
        tracing::warn!(%key, "no breaker: {GATES_MAX} other resources are in use or in trouble");
        return None;
    }
    let gate = Arc::new(Gate {
        key: key.clone(),
        breaker: Mutex::new(Breaker::new(settings)),
        changed: Notify::new(),
        changed_blocking: Condvar::new(),
    });
    gates.insert(key.clone(), gate.clone());
    Some(gate)
}

impl Gate {
    pub(super) const fn key(&self) -> &ResourceKey {
        &self.key
    }

    /// Leave for an attempt, or how long there is none.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Result<Held, Refusal> {
        let permit = self.lock().admit(now)?;
        Ok(self.held(permit))
    }

    /// How long nothing passes, if the breaker is not closed.
    pub(super) fn blocked(&self, now: Instant) -> Option<Duration> {
        self.lock().blocked(now)
    }

    /// Waits for leave; none if the deadline comes first.
    pub(super) async fn admitted(self: &Arc<Self>, ends: Option<Instant>) -> Option<Held> {
        loop {
            // Listens before it looks, so that no change falls between the two.
            let changed = self.changed.notified();
            let now = steady_now();
            match self.admit(now) {
                Ok(held) => return Some(held),
                Err(refusal) => within(patience(refusal, ends, now)?, changed).await,
            };
        }
    }

    /// Waits for leave on this thread; none if the deadline comes first.
    pub(super) fn admitted_blocking(self: &Arc<Self>, ends: Option<Instant>) -> Option<Held> {
        let mut breaker = self.lock();
        loop {
            let now = real_now();
            match breaker.admit(now) {
                Ok(permit) => return Some(self.held(permit)),
                Err(refusal) => {
                    let wait = patience(refusal, ends, now)?;
                    let waited = self.changed_blocking.wait_timeout(breaker, wait);
                    breaker = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn held(self: &Arc<Self>, permit: Permit) -> Held {
        Held { gate: self.clone(), permit: Some(permit) }
    }

    fn record(&self, permit: &Permit, outcome: Outcome, now: Instant) {
        let mut breaker = self.lock();
        if !breaker.record(permit, outcome, now) {
            return;
        }
        let opened = breaker.is_open();
        drop(breaker);
        self.changed.notify_waiters();
        self.changed_blocking.notify_all();
        if opened && outcome == Outcome::Failure {
            tracing::warn!(key = %self.key, "circuit breaker opened");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before asking again; none if the deadline has passed.
fn patience(refusal: Refusal, ends: Option<Instant>, now: Instant) -> Option<Duration> {
    let left = ends.map_or(Duration::MAX, |ends| ends.saturating_duration_since(now));
    (!left.is_zero()).then(|| refusal.again.min(left))
}

impl Held {
    pub(super) fn is_probe(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// Hands the outcome to the breaker.
    pub(super) fn settle(mut self, outcome: Outcome, now: Instant) {
        if let Some(permit) = self.permit.take() {
            self.gate.record(&permit, outcome, now);
        }
    }
}

impl Drop for Held {
    /// An attempt that was dropped, or that panicked, says nothing about the resource.
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.gate.record(&permit, Outcome::Ignored, real_now());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn trouble_free_breakers_make_room() {
        let settings =
            BreakerSettings { threshold: NonZeroU32::MIN, rest: Duration::from_secs(60) };
        let key = |n: usize| ResourceKey::new(format!("room:{n}")).unwrap();
        let broken = gate(&key(0), settings).unwrap();
        broken.admit(real_now()).unwrap().settle(Outcome::Failure, real_now());
        drop(broken);
        for n in 1..=GATES_MAX * 2 {
            assert!(gate(&key(n), settings).is_some());
        }
        assert!(GATES.lock().unwrap().len() <= GATES_MAX);
        assert!(gate(&key(0), settings).unwrap().blocked(real_now()).is_some());
    }
}
