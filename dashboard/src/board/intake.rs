//! What has happened is taken in: every operation that it touches is looked at again.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use resurge::journal::Record;
use resurge::journal::event::{Ease, Event};
use resurge::{ResourceKey, RunId, RunKey, SeenRun, Seq, Timestamp, Unavailable};

use super::held::Board;
use super::open::entries;
use crate::view::{Entry, Scene};

/// Takes in what has happened; nothing has, when it is only time to look again.
pub(super) async fn take_in(board: &Board, batch: &[Arc<Record>]) -> Result<(), Unavailable> {
    if batch.iter().any(|record| is_for_all(&record.event)) {
        renew(board).await?;
    }
    let engine = &board.engine;
    let (breakers, stats) = (engine.breakers().await?, engine.stats().await?);
    let (tuning, now) = (engine.tuning().await?, engine.now().await?);
    let seen = board.look(touched(board, batch, now)).await?;
    let heirs = board.look(heirs(board, &seen)).await?;
    let fresh: Vec<Entry> = seen.iter().chain(&heirs).map(Entry::new).collect();
    board.change(|scene| {
        scene.entries.extend(fresh.into_iter().map(|entry| (entry.id, entry)));
        for record in batch {
            tell(scene, record);
        }
        scene.now = now;
        (scene.breakers, scene.stats, scene.tuning) = (breakers, stats, tuning);
    });
    Ok(())
}

/// Takes in a record that the engine has stopped behind: nobody can be asked what it touches.
pub(super) fn take_in_last(scene: &mut Scene, record: &Record) {
    if let Some(entry) = record.run.and_then(|run| scene.entries.get_mut(&run)) {
        entry.end(record);
    }
    tell(scene, record);
    scene.now = record.at.max(scene.now);
}

/// What a record says beside what it does to its operation.
fn tell(scene: &mut Scene, record: &Record) {
    scene.minutes.apply(record);
    if let Some(entry) = record.run.and_then(|run| scene.entries.get(&run)) {
        scene.notices.apply(record, entry);
        scene.tally.apply(record, entry);
    }
    came_to(scene, record);
    scene.seq = record.seq.max(scene.seq);
}

/// Whether every operation may look different after an event.
fn is_for_all(event: &Event) -> bool {
    match event {
        Event::JournalTrimmed(_) => true,
        // The delays of a wait are facts; what others change of an operation has records of its own.
        // This one costs a third of a second for 10,000 operations in a debug build, beside the engine;
        // changes that come meanwhile share the next look.
        Event::SettingsChanged(changed) => changed.name == "max_retries",
        _ => false,
    }
}

/// Looks at all operations anew; gives the first record that is not in it.
pub(super) async fn renew(board: &Board) -> Result<Seq, Unavailable> {
    let sighting = board.engine.survey().await?;
    let entries = entries(&sighting.runs);
    board.change(|scene| {
        scene.entries = entries;
        scene.seq = sighting.seq.max(scene.seq);
    });
    Ok(sighting.seq.next())
}

/// The runs that a batch touches, and those that wait for what it is about.
fn touched(board: &Board, batch: &[Arc<Record>], now: Timestamp) -> BTreeSet<RunId> {
    let mut touched: BTreeSet<RunId> = batch.iter().filter_map(|record| record.run).collect();
    let turned = batch.iter().filter_map(|record| turned(&record.event));
    let mut turned: BTreeSet<String> = turned.map(ToString::to_string).collect();
    let scene = board.scene();
    turned.extend(scene.overdue_breakers(now));
    if !turned.is_empty() {
        let waits = |entry: &&Entry| entry.resources.iter().any(|key| turned.contains(key));
        touched.extend(scene.entries.values().filter(waits).map(|entry| entry.id));
    }
    let limit = batch.iter().rev().find_map(|record| limited(&record.event));
    let queues = |entry: &&Entry| {
        limit.is_some_and(|limit| entry.queues_otherwise(limit))
            || entry.queue_turns_at().is_some_and(|at| at <= now)
    };
    touched.extend(scene.entries.values().filter(queues).map(|entry| entry.id));
    touched
}

/// The limit that a failure puts on everybody for a while.
const fn limited(event: &Event) -> Option<&Ease> {
    match event {
        Event::AttemptFailed(failed) => failed.ease.as_ref(),
        _ => None,
    }
}

/// The breaker that an event moves, or whose steps it lets go.
fn turned(event: &Event) -> Option<&ResourceKey> {
    match event {
        Event::StepReleased(released) => released.wave.as_ref().map(|wave| &wave.key),
        event => event.breaker(),
    }
}

/// Ended runs whose key somebody else takes or gives up: whether they can go on depends on it.
fn heirs(board: &Board, seen: &[SeenRun]) -> BTreeSet<RunId> {
    let names: HashSet<&str> =
        seen.iter().filter_map(|seen| seen.view.key.as_ref()).map(RunKey::as_str).collect();
    let known: HashSet<RunId> = seen.iter().map(|seen| seen.view.id).collect();
    if names.is_empty() {
        return BTreeSet::new();
    }
    let scene = board.scene();
    let waits = |entry: &&Entry| {
        entry.is_final
            && entry.key.as_deref().is_some_and(|key| names.contains(key))
            && !known.contains(&entry.id)
    };
    scene.entries.values().filter(waits).map(|entry| entry.id).collect()
}

/// An attempt that broke off has come further than it was last seen.
fn came_to(scene: &mut Scene, record: &Record) {
    let (Event::AttemptFailed(failed), Some(run)) = (&record.event, record.run) else { return };
    let readings = scene.readings.get_mut(&run);
    if let Some(reading) = readings.and_then(|readings| readings.get_mut(&failed.step)) {
        *reading = reading.came_to(failed.reached);
    }
}
