//! What an attempt tells about the resources that it uses, while it goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use resurge_journal::ResourceKey;

/// What an attempt found out about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// A complete answer proved that it works.
    Alive,
    /// It failed, although the attempt went on, for example with another one.
    Failing,
}

/// What an attempt tells about the resources that it uses. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Reports(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    /// Apart, because it is said for every chunk.
    transfers: AtomicBool,
    /// Apart for the same reason.
    has_received: AtomicBool,
}

#[derive(Debug, Default)]
struct Told {
    used: Option<ResourceKey>,
    health: Vec<(ResourceKey, Health)>,
    knows_scratch: bool,
    /// How many transfers the limit on bandwidth holds back now.
    waiting: u32,
    /// Whether it has held one back since somebody asked.
    was_held_back: bool,
}

/// A transfer that the limit on bandwidth holds back, until this is dropped.
pub(crate) struct HeldBack(Reports);

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.0.told(|told| {
            told.waiting = told.waiting.saturating_sub(1);
            told.was_held_back = true;
        });
    }
}

impl Reports {
    /// Most resources that are remembered; the first ones are kept.
    pub const KEYS_MAX: usize = 16;

    /// The resource in use, for which the progress of the attempt speaks.
    pub fn used(&self) -> Option<ResourceKey> {
        self.told(|told| told.used.clone())
    }

    /// The newest word about each resource, in the order in which they were first spoken of.
    pub fn health(&self) -> Vec<(ResourceKey, Health)> {
        self.told(|told| told.health.clone())
    }

    /// Whether the attempt asked for its scratch folder, and so may have left something there.
    pub fn knows_scratch(&self) -> bool {
        self.told(|told| told.knows_scratch)
    }

    /// Whether the limit on bandwidth holds the attempt back, or has since this was asked last.
    ///
    /// Such an attempt is not idle, although it may get nowhere for long. What is past is told once.
    pub fn take_held_back(&self) -> bool {
        self.told(|told| std::mem::take(&mut told.was_held_back) || told.waiting > 0)
    }

    /// Whether the attempt receives what the limit on bandwidth is for.
    pub fn is_transfer(&self) -> bool {
        self.0.transfers.load(Ordering::Relaxed)
    }

    /// Whether bytes have arrived that the attempt may not have told as progress yet.
    pub fn has_received(&self) -> bool {
        self.0.has_received.load(Ordering::Relaxed)
    }

    /// Takes note of bytes that have arrived; true for the first ones.
    pub(crate) fn receives(&self) -> bool {
        !self.has_received() && !self.0.has_received.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn transfers(&self) {
        if !self.is_transfer() {
            self.0.transfers.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn holds_back(&self) -> HeldBack {
        self.told(|told| told.waiting = told.waiting.saturating_add(1));
        HeldBack(self.clone())
    }

    pub(crate) fn tells_scratch(&self) {
        self.told(|told| told.knows_scratch = true);
    }

    pub(crate) fn uses(&self, key: &ResourceKey) {
        self.told(|told| told.used = Some(key.clone()));
    }

    pub(crate) fn say(&self, key: &ResourceKey, health: Health) {
        self.told(|told| {
            let has_room = told.health.len() < Self::KEYS_MAX;
            match told.health.iter_mut().find(|(known, _)| known == key) {
                Some((_, newest)) => *newest = health,
                None if has_room => told.health.push((key.clone(), health)),
                None => {}
            }
        });
    }

    fn told<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        // Nothing panics while it is held; a poisoned value is still a valid one.
        work(&mut self.0.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_counts_and_the_number_of_keys_is_bounded() {
        let reports = Reports::default();
        let key = |n: usize| ResourceKey::new(format!("host:http/h{n}:80")).unwrap();
        for n in 0..20 {
            reports.say(&key(n), Health::Failing);
        }
        reports.clone().say(&key(3), Health::Alive);
        let health = reports.health();
        assert_eq!(health.len(), Reports::KEYS_MAX);
        assert_eq!(health.get(3), Some(&(key(3), Health::Alive)));
        assert_eq!(health.get(4), Some(&(key(4), Health::Failing)));
        assert_eq!(reports.used(), None);
        reports.uses(&key(1));
        reports.uses(&key(2));
        assert_eq!(reports.used(), Some(key(2)));
    }

    #[test]
    fn an_attempt_is_held_back_while_one_of_its_transfers_is_and_once_after_that() {
        let reports = Reports::default();
        assert!(!reports.take_held_back());
        let (one, other) = (reports.holds_back(), reports.holds_back());
        drop(one);
        assert!(reports.take_held_back());
        assert!(reports.take_held_back(), "the other one still is");
        drop(other);
        assert!(reports.take_held_back());
        assert!(!reports.take_held_back());
    }
}
