//! The task that keeps the board up to date.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::Event;
use resurge::{Engine, EventStream, RunId, SeenRun, Unavailable};
use tokio::time::Instant;

use super::held::Board;
use super::live::RUNNING;
use super::sample::SAMPLE;
use crate::view::{ButtonCard, EngineCard, Entry, Minutes, Notices, Scene};

/// Shortest time between two changes of the board: more often than so nobody can see.
const GAP: Duration = Duration::from_millis(80);
/// Runs that are looked at in one go, so that the engine is not held up for long.
const LOOK: usize = 64;
/// Records that are taken in at most before the board is changed.
const BATCH: usize = 4_096;

/// What a dashboard says about itself.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    pub(crate) buttons: BTreeMap<String, ButtonCard>,
}

impl Board {
    /// Looks at all operations and begins to follow the engine.
    pub(crate) async fn open(engine: Engine, shown: Shown) -> Result<Arc<Self>, Unavailable> {
        let sighting = engine.survey().await?;
        let card = EngineCard {
            name: shown.name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            read_only: shown.read_only,
            state: RUNNING.to_owned(),
            started_at: sighting.now.to_string(),
        };
        let entries = sighting.runs.iter().map(|seen| (seen.view.id, Entry::new(seen)));
        let scene = Scene {
            seq: sighting.seq,
            now: sighting.now,
            engine: card,
            buttons: shown.buttons,
            entries: entries.collect(),
            readings: HashMap::new(),
            breakers: engine.breakers().await?,
            stats: engine.stats().await?,
            tuning: engine.tuning().await?,
            settings: engine.settings().clone(),
            minutes: Minutes::default(),
            notices: Notices::default(),
        };
        let events = engine.events(sighting.seq.next());
        let board = Arc::new(Self::new(engine, scene));
        tokio::spawn(follow(Arc::downgrade(&board), events));
        Ok(board)
    }
}

/// Follows the engine until it stops or nobody has the board any more.
async fn follow(board: Weak<Board>, mut events: EventStream) {
    let mut last = Instant::now();
    let mut sample_at = None;
    loop {
        let Some(board) = board.upgrade() else { return };
        let woken = tokio::select! {
            biased;
            record = events.next() => Woken::Record(record.ok().flatten()),
            () = until(sample_at) => Woken::Sample,
            () = board.watched.notified() => Woken::Sample,
            // Looks now and then whether anybody has the board any more.
            () = tokio::time::sleep(Duration::from_secs(60)) => continue,
        };
        let updated = match woken {
            Woken::Record(None) => Err(()),
            Woken::Record(Some(first)) => {
                let deadline = (last + GAP).max(Instant::now());
                let batch = gather(first, &mut events, deadline).await;
                take_in(&board, &batch).await.map_err(|_| ())
            }
            Woken::Sample => Ok(()),
        };
        let sampled = match updated {
            Ok(()) if board.is_watched() => board.sample(Duration::ZERO).await.map_err(|_| ()),
            Ok(()) => Ok(false),
            Err(()) => Err(()),
        };
        let Ok(is_moving) = sampled else {
            board.change(|scene| "stopped".clone_into(&mut scene.engine.state));
            return;
        };
        last = Instant::now();
        sample_at = is_moving.then(|| last + SAMPLE);
    }
}

enum Woken {
    Record(Option<Arc<Record>>),
    Sample,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What comes until the next change of the board is due.
async fn gather(
    first: Arc<Record>,
    events: &mut EventStream,
    deadline: Instant,
) -> Vec<Arc<Record>> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        let next = tokio::select! {
            biased;
            record = events.next() => record.ok().flatten(),
            () = tokio::time::sleep_until(deadline) => None,
        };
        let Some(record) = next else { break };
        batch.push(record);
    }
    batch
}

/// Takes in what has happened: looks again at every run that it touches.
async fn take_in(board: &Board, batch: &[Arc<Record>]) -> Result<(), Unavailable> {
    let engine = &board.engine;
    let is_for_all =
        |event: &Event| matches!(event, Event::SettingsChanged(_) | Event::JournalTrimmed(_));
    let is_renewed = batch.iter().any(|record| is_for_all(&record.event));
    let seen = if is_renewed { engine.survey().await?.runs } else { look(board, batch).await? };
    let (breakers, stats) = (engine.breakers().await?, engine.stats().await?);
    let (tuning, now) = (engine.tuning().await?, engine.now().await?);
    let seen: BTreeMap<RunId, SeenRun> =
        seen.into_iter().map(|seen| (seen.view.id, seen)).collect();
    board.change(|scene| {
        if is_renewed {
            scene.entries.clear();
        }
        scene.entries.extend(seen.iter().map(|(id, seen)| (*id, Entry::new(seen))));
        for record in batch {
            scene.minutes.apply(record);
            if let Some(seen) = record.run.and_then(|run| seen.get(&run)) {
                scene.notices.apply(record, seen);
            }
            came_to(scene, record);
            scene.seq = record.seq;
        }
        scene.now = now;
        (scene.breakers, scene.stats, scene.tuning) = (breakers, stats, tuning);
    });
    Ok(())
}

/// An attempt that broke off has come further than it was last seen.
fn came_to(scene: &mut Scene, record: &Record) {
    let (Event::AttemptFailed(failed), Some(run)) = (&record.event, record.run) else { return };
    let readings = scene.readings.get_mut(&run);
    if let Some(reading) = readings.and_then(|readings| readings.get_mut(&failed.step)) {
        *reading = reading.came_to(failed.reached);
    }
}

/// The runs that a batch touches, as they stand now.
async fn look(board: &Board, batch: &[Arc<Record>]) -> Result<Vec<SeenRun>, Unavailable> {
    let mut touched: BTreeSet<RunId> = batch.iter().filter_map(|record| record.run).collect();
    let turned = batch.iter().filter_map(|record| record.event.breaker());
    let turned: BTreeSet<String> = turned.map(ToString::to_string).collect();
    if !turned.is_empty() {
        // What waits behind a breaker waits for something else once it has turned.
        let scene = board.scene();
        let waits = |entry: &&Entry| {
            let wait = entry.row.wait.as_ref();
            wait.and_then(|wait| wait.host.as_ref()).is_some_and(|host| turned.contains(host))
        };
        touched.extend(scene.entries.values().filter(waits).map(|entry| entry.id));
    }
    let touched: Vec<RunId> = touched.into_iter().collect();
    let mut seen = Vec::with_capacity(touched.len());
    for runs in touched.chunks(LOOK) {
        seen.extend(board.engine.views(runs.to_vec()).await?.runs);
    }
    Ok(seen)
}
