//! The board: what is known of all operations, and who looks at it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use resurge::{Engine, EventsError, RunId, SeenRun, Seq, Unavailable};
use tokio::sync::{Mutex, Notify, watch};

use super::open::RUNNING;
use super::sample::{Meters, SAMPLE};
use super::story::Story;
use crate::turns::Turns;
use crate::view::{Detail, Entry, Scene, Still, WhyCard, detail};

/// What is known of all operations, and who looks at it.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) engine: Engine,
    scene: RwLock<Scene>,
    /// How often the scene has changed.
    moved: watch::Sender<u64>,
    watchers: AtomicUsize,
    /// Told when the first watcher comes.
    pub(super) watched: Arc<Notify>,
    /// Turns of those who make views of it.
    pub(super) turns: Arc<Turns>,
    /// How far attempts are; held while somebody looks.
    pub(super) meters: Mutex<Meters>,
}

impl Board {
    pub(super) fn new(engine: Engine, scene: Scene, turns: Arc<Turns>) -> Self {
        Self {
            engine,
            scene: RwLock::new(scene),
            moved: watch::Sender::new(0),
            watchers: AtomicUsize::new(0),
            watched: Arc::default(),
            turns,
            meters: Mutex::default(),
        }
    }

    /// What is known now.
    pub(crate) fn scene(&self) -> RwLockReadGuard<'_, Scene> {
        self.scene.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything up to a record is known, and how far attempts are.
    ///
    /// Of an engine that has stopped, what was known last stays.
    pub(crate) async fn reach(&self, seq: Seq) {
        self.catch_up(seq).await;
        let _ = self.sample(SAMPLE).await;
    }

    async fn catch_up(&self, seq: Seq) {
        let mut moved = self.moved.subscribe();
        loop {
            let is_there = {
                let scene = self.scene();
                scene.seq >= seq || scene.engine.state != RUNNING
            };
            if is_there || moved.changed().await.is_err() {
                return;
            }
        }
    }

    /// Changes what is known and says so to whoever looks.
    pub(super) fn change(&self, change: impl FnOnce(&mut Scene)) {
        change(&mut self.scene.write().unwrap_or_else(PoisonError::into_inner));
        self.moved.send_modify(|moved| *moved += 1);
    }

    /// The engine that is shown.
    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether somebody looks.
    pub(super) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }

    /// Begins to look.
    pub(super) fn watch(self: &Arc<Self>) -> (watch::Receiver<u64>, Watcher) {
        if self.watchers.fetch_add(1, Ordering::Relaxed) == 0 {
            self.watched.notify_one();
        }
        (self.moved.subscribe(), Watcher(Arc::clone(self)))
    }

    /// One operation in full, without subscribing to it; none if there is none.
    ///
    /// Of an engine that has stopped, no more than the line that was known last.
    pub(crate) async fn detail(&self, run: RunId) -> Result<Option<Detail>, EventsError> {
        let Ok(seen) = self.seen(run).await else { return Ok(self.known_last(run)) };
        let Some(seen) = seen else { return Ok(None) };
        let story = Story::read(&self.engine, run).await?;
        Ok(Some(self.detail_of(&Still::new(&seen), &seen, &story)))
    }

    /// Operations as they stand now, a few at a time; those that there are not are left out.
    pub(crate) async fn look(
        &self,
        runs: impl IntoIterator<Item = RunId>,
    ) -> Result<Vec<SeenRun>, Unavailable> {
        let runs: Vec<RunId> = runs.into_iter().collect();
        let mut seen = Vec::with_capacity(runs.len());
        for runs in runs.chunks(LOOK) {
            seen.extend(self.engine.views(runs.to_vec()).await?.runs);
        }
        Ok(seen)
    }

    /// An operation as the engine sees it now.
    pub(super) async fn seen(&self, run: RunId) -> Result<Option<SeenRun>, Unavailable> {
        let mut sighting = self.engine.views(vec![run]).await?;
        Ok(sighting.runs.pop())
    }

    /// Whether that went wrong because the engine has stopped, and its journal may be closed.
    pub(super) fn is_gone(&self, error: &EventsError) -> bool {
        matches!(error, EventsError::Unavailable(_)) || self.scene().engine.state != RUNNING
    }

    /// An operation whose past cannot be read.
    pub(super) fn bereft(&self, run: RunId, error: &EventsError) -> Detail {
        let text = format!("the past of this operation cannot be read: {error}");
        let no_row = || Detail { id: run.to_string(), ..Detail::default() };
        let why = WhyCard { text, arithmetic: Vec::new(), notes: Vec::new() };
        Detail { why: Some(why), ..self.known_last(run).unwrap_or_else(no_row) }
    }

    /// An operation of which nothing but its line is known any more; none if there was none.
    pub(super) fn known_last(&self, run: RunId) -> Option<Detail> {
        let scene = self.scene();
        let row = Some(scene.row(scene.entries.get(&run)?));
        let text = "the engine has stopped; this is what was known last".to_owned();
        let why = Some(WhyCard { text, arithmetic: Vec::new(), notes: Vec::new() });
        Some(Detail { id: run.to_string(), row, why, ..Detail::default() })
    }

    pub(super) fn detail_of(&self, still: &Still, seen: &SeenRun, story: &Story) -> Detail {
        let scene = self.scene();
        let readings = scene.readings.get(&seen.view.id);
        let row = match scene.entries.get(&seen.view.id) {
            // Its end may have come when nobody could be asked any more.
            Some(known) if scene.engine.state != RUNNING => known.shown(readings),
            _ => Entry::new(seen).shown(readings),
        };
        detail(still, seen, row, &story.timeline, story.graph.as_ref(), readings)
    }
}

impl Drop for Board {
    /// Its task sees that nobody has it any more.
    fn drop(&mut self) {
        self.watched.notify_one();
    }
}

/// Somebody who looks, until it is dropped.
#[derive(Debug)]
pub(super) struct Watcher(Arc<Board>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs that are looked at in one go, so that the engine is not held up for long.
const LOOK: usize = 64;
