//! What one subscriber is sent: a snapshot, then what has changed since.

use std::sync::Arc;
use std::time::Duration;

use resurge::{EventStream, EventsError, RunId, SeenRun};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::follow::GAP;
use super::held::{Board, Watcher};
use super::open::RUNNING;
use super::story::Story;
use crate::view::{Detail, Row, Scene, Still, Subscription, View, diff};

/// What one subscriber is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ViewMessage {
    /// The whole [`View`].
    Snapshot {
        /// Every record up to this one is in it.
        seq: u64,
        /// The view.
        data: Value,
    },
    /// A JSON merge patch of the view that was sent before.
    Patch {
        /// Every record up to this one is in it.
        seq: u64,
        /// The patch.
        data: Value,
    },
}

/// The view of one subscription as it changes.
#[derive(Debug)]
pub struct Live {
    board: Arc<Board>,
    wanted: Subscription,
    moved: watch::Receiver<u64>,
    sent: Option<Value>,
    open: Option<Open>,
    /// Whether it has moved and nobody has looked since.
    is_due: bool,
    is_over: bool,
    /// Not looked again before.
    next_look: Instant,
    _watcher: Watcher,
}

/// The operation that is shown in full.
#[derive(Debug)]
struct Open {
    run: RunId,
    shown: Option<Known>,
}

#[derive(Debug)]
struct Known {
    seen: SeenRun,
    still: Still,
    story: Story,
    events: EventStream,
    /// The line that the list showed when it was seen.
    row: Option<Arc<Row>>,
    /// Whether something has happened since it was seen.
    is_stale: bool,
}

impl Live {
    pub(crate) fn new(board: &Arc<Board>, wanted: Subscription) -> Self {
        let (mut moved, watcher) = board.watch();
        moved.mark_changed();
        let open = wanted.operation.map(|run| Open { run, shown: None });
        Self {
            board: Arc::clone(board),
            wanted,
            moved,
            sent: None,
            open,
            is_due: false,
            is_over: false,
            next_look: Instant::now(),
            _watcher: watcher,
        }
    }

    /// What to send next; none when the engine has stopped and that was sent.
    ///
    /// # Errors
    /// [`EventsError`] if the journal cannot be read.
    ///
    /// # Cancel safety
    /// Safe: what was not returned is in the next message.
    pub async fn next(&mut self) -> Result<Option<ViewMessage>, EventsError> {
        loop {
            if self.is_over {
                return Ok(None);
            }
            if !self.is_due && self.moved.changed().await.is_err() {
                return Ok(None);
            }
            self.is_due = true;
            tokio::time::sleep_until(self.next_look).await;
            if self.sent.is_none() {
                // Whoever has changed something sees it. Of an engine that has stopped, what was
                // known last is shown.
                let head = self.board.engine().head();
                let _ = tokio::time::timeout(PATIENCE, self.board.reach(head)).await;
            }
            // What comes from here on is seen by the next look.
            self.moved.mark_unchanged();
            let message = self.look().await?;
            (self.is_due, self.next_look) = (false, Instant::now() + GAP);
            if let Some(message) = message {
                return Ok(Some(message));
            }
        }
    }

    /// What is to be said of the view as it is now; none if nothing new is to be seen.
    async fn look(&mut self) -> Result<Option<ViewMessage>, EventsError> {
        let board = Arc::clone(&self.board);
        let mut tries = TRIES;
        loop {
            let detail = self.detail().await?;
            let now = board.engine().now().await;
            tries -= 1;
            let compute = || {
                let scene = board.scene();
                if tries > 0 && self.is_behind(&scene, detail.as_ref()) {
                    return None;
                }
                let mut view = scene.view(&self.wanted, detail);
                drop(scene);
                bring_up(&mut view);
                // The last thing that happened may be long ago.
                if let Ok(now) = now {
                    view.now = now.to_string();
                }
                self.is_over = view.engine.state != RUNNING;
                Some(self.message(&view))
            };
            if let Some(message) = board.turns.take(compute).await {
                return Ok(message);
            }
        }
    }

    /// Whether the list knows more of the operation in full than that says.
    fn is_behind(&self, scene: &Scene, detail: Option<&Detail>) -> bool {
        let (Some(open), Some(detail)) = (&self.open, detail) else { return false };
        let listed = scene.entries.get(&open.run).map(|entry| entry.row.version);
        let untold = open.shown.as_ref().is_some_and(|shown| shown.story.seq() < scene.seq);
        let is_older = listed > detail.row.as_ref().map(|row| row.version);
        (is_older || untold) && scene.engine.state == RUNNING
    }

    /// The operation in full, if one is wanted.
    async fn detail(&mut self) -> Result<Option<Detail>, EventsError> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let run = open.run;
        let missing = || Detail { id: run.to_string(), missing: true, ..Detail::default() };
        let detail = match open.refresh(&self.board).await {
            Ok(Some(shown)) => self.board.detail_of(&shown.still, &shown.seen, &shown.story),
            // It may have been dropped by retention while it was looked at.
            Ok(None) => missing(),
            Err(error) if self.board.is_gone(&error) => match &open.shown {
                // What was seen last is still true.
                Some(shown) => self.board.detail_of(&shown.still, &shown.seen, &shown.story),
                None => self.board.known_last(run).unwrap_or_else(missing),
            },
            // The list and all else can be shown.
            Err(error) => self.board.bereft(run, &error),
        };
        Ok(Some(detail))
    }

    /// What has changed since the last message; none if nothing is to be seen of it.
    fn message(&mut self, view: &View) -> Option<ViewMessage> {
        let seq = view.seq;
        let data = serde_json::to_value(view).unwrap_or_default();
        let Some(sent) = self.sent.replace(data.clone()) else {
            return Some(ViewMessage::Snapshot { seq, data });
        };
        let patch = diff(&sent, &data)?;
        let is_seen = |field: &String| field != "seq" && field != "now";
        if patch.as_object().is_some_and(|fields| fields.keys().any(is_seen)) {
            return Some(ViewMessage::Patch { seq, data: patch });
        }
        self.sent = Some(sent);
        None
    }
}

/// Has the list show of the operation in full what that says, which may be newer.
fn bring_up(view: &mut View) {
    let Some(Detail { id, row: Some(row), .. }) = &view.detail else { return };
    if let Some(listed) = view.list.rows.get_mut(id).filter(|listed| listed.version < row.version) {
        *listed = Arc::clone(row);
    }
}

/// Looks for an operation in full that is as new as the list, while it moves.
const TRIES: u32 = 8;
/// How long it waits for a board that does not come up; what is known is shown then.
const PATIENCE: Duration = Duration::from_secs(1);

impl Open {
    /// The operation as it is now; none if there is none.
    async fn refresh(&mut self, board: &Arc<Board>) -> Result<Option<&Known>, EventsError> {
        let (seq, row) = {
            let scene = board.scene();
            (scene.seq, scene.entries.get(&self.run).map(|entry| Arc::clone(&entry.row)))
        };
        if let Some(shown) = &mut self.shown {
            let Known { story, events, is_stale, .. } = shown;
            story.catch_up(events, seq, is_stale).await?;
            let is_same = match (&shown.row, &row) {
                (Some(known), Some(now)) => Arc::ptr_eq(known, now),
                (None, None) => true,
                _ => false,
            };
            if shown.is_stale || !is_same {
                match board.seen(self.run).await? {
                    Some(seen) => {
                        let Known { story, events, is_stale, .. } = shown;
                        // Its past is not to be older than itself.
                        story.catch_up(events, seen.view.version, is_stale).await?;
                        shown.still = Still::new(&seen);
                        (shown.seen, shown.row, shown.is_stale) = (seen, row, false);
                    }
                    None => self.shown = None,
                }
            }
            return Ok(self.shown.as_ref());
        }
        let Some(seen) = board.seen(self.run).await? else { return Ok(None) };
        let story = Story::read(board.engine(), self.run).await?;
        let events = board.engine().events(story.next());
        self.shown =
            Some(Known { still: Still::new(&seen), seen, story, events, row, is_stale: false });
        Ok(self.shown.as_ref())
    }
}
