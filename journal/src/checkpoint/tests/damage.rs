//! Checkpoints that are damaged, of another fold, or of another journal.

use std::time::Duration;

use super::lives::Life;
use super::recover;
use super::store::Flaky;
use crate::checkpoint::pack::seal;
use crate::checkpoint::{Cold, replay};
use crate::event::{RunCancelled, Verdict};
use crate::id::{AttemptNo, Seq};
use crate::state::tests::world::{World, failed, key, run_id, run_started};
use crate::state::{State, StepMove};
use crate::store::{Change, Store};
use crate::time::Timestamp;

/// A journal with a run that rests and one that has ended, and a checkpoint of it.
fn kept() -> Flaky {
    let mut world = World::empty();
    world.apply(Some(run_id(0)), run_started(Some("key"), Some(1_000_000))).expect("new");
    world.step("a", StepMove::Start).expect("legal");
    let due_at = Timestamp::from_millis(500_000);
    let verdict = Verdict::Retry { delay: Duration::from_secs(500), due_at };
    world.run(failed(key("a"), AttemptNo::new(1), verdict)).expect("legal");
    world.apply(Some(run_id(1)), run_started(None, None)).expect("new");
    let (actor, reason) = ("test".to_owned(), "because".to_owned());
    let cancelled = RunCancelled { actor, reason };
    world.apply(Some(run_id(1)), cancelled.into()).expect("legal");
    world.apply(Some(run_id(2)), run_started(None, None)).expect("new");
    let mut life = Life::new();
    for record in world.records.iter().skip(1) {
        life.record(record);
    }
    life.checkpoint(0);
    life.store
}

/// Takes everything back into memory.
fn together(store: &Flaky, state: &State, cold: &Cold) -> State {
    let mut listing = cold.listing();
    let mut runs: Vec<_> = state.shared_runs().cloned().collect();
    while let Some(page) = listing.next_page(store).expect("nothing is lost") {
        runs.extend(page);
    }
    state.with_only(runs)
}

fn check(store: &Flaky) {
    let (state, cold) = recover(store);
    assert_eq!(together(store, &state, &cold), replay(store).expect("sound"));
}

/// Whether the checkpoint is made use of.
fn is_used(store: &Flaky) -> bool {
    recover(store).1.at() > Seq::ZERO
}

#[test]
fn a_checkpoint_is_used() {
    let store = kept();
    assert!(is_used(&store));
    let (state, cold) = recover(&store);
    assert_eq!((state.runs().count(), cold.open_runs()), (1, 1));
    check(&store);
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_checkpoint_is_noticed() {
    let store = kept();
    let (at, image) = store.load_checkpoint().expect("saved");
    for place in 0..image.len() {
        let mut damaged = image.clone();
        if let Some(byte) = damaged.get_mut(place) {
            *byte ^= 1 << (place % 8);
        }
        store.save_checkpoint(at, &damaged).expect("saved");
        assert!(!is_used(&store), "byte {place}");
        store.save_checkpoint(at, image.get(..place).expect("shorter")).expect("saved");
        assert!(!is_used(&store), "cut at {place}");
    }
    check(&store);
}

#[test]
fn a_checkpoint_of_another_fold_is_ignored() {
    let store = kept();
    let (at, mut image) = store.load_checkpoint().expect("saved");
    // The fingerprint stands behind the checksum, the name and the version.
    if let Some(byte) = image.get_mut(10) {
        *byte ^= 1;
    }
    seal(&mut image);
    store.save_checkpoint(at, &image).expect("saved");
    assert!(!is_used(&store));
    check(&store);
}

#[test]
fn a_checkpoint_of_another_position_is_ignored() {
    let store = kept();
    let (at, image) = store.load_checkpoint().expect("saved");
    for other in [Seq::new(at.get() - 1), at.next()] {
        store.save_checkpoint(other, &image).expect("saved");
        assert!(!is_used(&store));
    }
    check(&store);
}

#[test]
fn a_lost_cache_is_noticed_by_whoever_wants_it() {
    let store = kept().with_lost_cache();
    let (mut state, mut cold) = recover(&store);
    assert!(cold.bring(&mut state, &store, run_id(0)).is_err());
    let whole = replay(&store).expect("sound");
    cold.give_up(&mut state, &whole);
    assert_eq!(state, whole);
}

#[test]
fn every_damaged_value_is_noticed_by_whoever_wants_it() {
    let store = kept();
    let cache = store.inner.cache().expect("there");
    for (key, value) in store.pairs() {
        let Some(first) = key.first() else { continue };
        for place in 0..value.len() {
            let mut damaged = value.clone();
            if let Some(byte) = damaged.get_mut(place) {
                *byte ^= 1 << (place % 8);
            }
            let put = |value| Change::Put { key: key.clone(), value };
            cache.apply(vec![put(damaged)]).expect("fine");
            let (mut state, mut cold) = recover(&store);
            let noticed = match first {
                b'o' => cold.bring(&mut state, &store, run_id(0)).is_err(),
                b'e' => cold.bring(&mut state, &store, run_id(1)).is_err(),
                _ => {
                    let name = "key".parse().expect("a key");
                    cold.bring_key(&mut state, &store, &name).is_err()
                }
            };
            assert!(noticed, "byte {place} of {key:?}");
            cache.apply(vec![put(value.clone())]).expect("fine");
        }
    }
    check(&store);
}
