//! A board is opened: a look at all operations, and at what happened just now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use resurge::journal::Record;
use resurge::{Engine, EventsError, RunId, SeenRun, Seq, Unavailable};

use super::follow::follow;
use super::held::Board;
use crate::turns::Turns;
use crate::view::{ButtonCard, EngineCard, Entry, Minutes, Notices, Scene, Tally};

/// The state of an engine that is at work.
pub(super) const RUNNING: &str = "running";
/// The state of one that has stopped.
pub(super) const STOPPED: &str = "stopped";
/// Records before the opening in which it is looked for what somebody may want to be told.
const RECENT: u64 = 4_096;

/// What a dashboard says about itself.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    pub(crate) buttons: BTreeMap<String, ButtonCard>,
}

impl Board {
    /// Looks at all operations and begins to follow the engine.
    pub(crate) async fn open(
        engine: Engine,
        identity: Identity,
        turns: Arc<Turns>,
    ) -> Result<Arc<Self>, Unavailable> {
        let sighting = engine.survey().await?;
        let card = EngineCard {
            name: identity.name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            read_only: identity.read_only,
            state: RUNNING.to_owned(),
            started_at: sighting.now.to_string(),
        };
        let entries = entries(&sighting.runs);
        let (notices, minutes) = recent(&engine, &entries, sighting.seq).await;
        let scene = Scene {
            seq: sighting.seq,
            now: sighting.now,
            engine: card,
            buttons: identity.buttons,
            entries,
            readings: HashMap::new(),
            breakers: engine.breakers().await?,
            stats: engine.stats().await?,
            tuning: engine.tuning().await?,
            settings: engine.settings().clone(),
            minutes,
            notices,
            tally: Tally::default(),
        };
        let events = engine.events(sighting.seq.next());
        let board = Arc::new(Self::new(engine, scene, turns));
        tokio::spawn(follow(Arc::downgrade(&board), Arc::clone(&board.watched), events));
        Ok(board)
    }
}

/// The operations as the board keeps them.
pub(super) fn entries(seen: &[SeenRun]) -> BTreeMap<RunId, Entry> {
    seen.iter().map(|seen| (seen.view.id, Entry::new(seen))).collect()
}

/// What happened shortly before the board was opened; an engine that was killed tells of it so.
async fn recent(engine: &Engine, entries: &BTreeMap<RunId, Entry>, to: Seq) -> (Notices, Minutes) {
    let (mut notices, mut minutes) = (Notices::default(), Minutes::default());
    let from = Seq::new(to.get().saturating_sub(RECENT).saturating_add(1));
    let told = past(engine, from, to, |record| {
        minutes.apply(record);
        if let Some(entry) = record.run.and_then(|run| entries.get(&run)) {
            notices.apply(record, entry);
        }
    });
    if let Err(error) = told.await {
        // It only says sooner what the operations say themselves.
        tracing::warn!(%error, "what happened lately could not be read");
    }
    (notices, minutes)
}

async fn past(
    engine: &Engine,
    from: Seq,
    to: Seq,
    mut take: impl FnMut(&Record),
) -> Result<(), EventsError> {
    if to == Seq::ZERO {
        return Ok(());
    }
    let mut events = engine.events(from);
    while let Some(record) = events.next().await? {
        if record.seq <= to {
            take(&record);
        }
        if record.seq >= to {
            break;
        }
    }
    Ok(())
}
