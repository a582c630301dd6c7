//! The task that keeps the board up to date.

use std::sync::{Arc, Weak};
use std::time::Duration;

use resurge::journal::Record;
use resurge::{EventStream, EventsError, Unavailable};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::held::Board;
use super::intake::{renew, take_in, take_in_last};
use super::open::STOPPED;
use super::sample::SAMPLE;

/// Shortest time between two changes of the board: more often than so nobody can see.
pub(super) const GAP: Duration = Duration::from_millis(80);
/// Records that are taken in at most before the board is changed.
const BATCH: usize = 4_096;
/// How long it waits after a journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the engine until it stops or nobody has the board any more.
pub(super) async fn follow(board: Weak<Board>, watched: Arc<Notify>, mut events: EventStream) {
    let mut last = Instant::now();
    // At once, to see when something changes by itself.
    let mut look_at = Some(last);
    let untold = loop {
        let woken = tokio::select! {
            biased;
            record = events.next() => Woken::from(record),
            () = until(look_at) => Woken::Look,
            () = watched.notified() => Woken::Look,
        };
        let batch = match woken {
            Woken::Record(first) => {
                gather(first, &mut events, (last + GAP).max(Instant::now())).await
            }
            Woken::Look => Vec::new(),
            Woken::Ended => break Vec::new(),
            Woken::Unreadable(error) => {
                tracing::error!(%error, "the events of the engine cannot be read; looking at all operations anew");
                tokio::time::sleep(PAUSE).await;
                let Some(board) = board.upgrade() else { return };
                let Ok(from) = renew(&board).await else { break Vec::new() };
                board.change(|scene| scene.tally.lose_track());
                events = board.engine.events(from);
                continue;
            }
        };
        let Some(board) = board.upgrade() else { return };
        if take_in(&board, &batch).await.is_err() {
            break batch;
        }
        match next_look(&board).await {
            Ok(next) => look_at = next,
            Err(_) => break Vec::new(),
        }
        last = Instant::now();
    };
    rest(board, untold, &mut events).await;
}

/// Takes in what the engine wrote last; then nothing moves any more.
async fn rest(board: Weak<Board>, mut untold: Vec<Arc<Record>>, events: &mut EventStream) {
    loop {
        let Some(board) = board.upgrade() else { return };
        board.change(|scene| untold.iter().for_each(|record| take_in_last(scene, record)));
        // An engine that has failed may not say that nothing follows.
        let Ok(Ok(Some(record))) = tokio::time::timeout(PAUSE, events.next()).await else { break };
        untold = gather(record, events, Instant::now()).await;
    }
    if let Some(board) = board.upgrade() {
        board.change(|scene| {
            STOPPED.clone_into(&mut scene.engine.state);
            scene.rest();
        });
    }
}

/// Looks how far attempts are; tells when to look again by itself.
async fn next_look(board: &Board) -> Result<Option<Instant>, Unavailable> {
    // Seldom enough that what has happened and how far attempts are is mostly one change.
    let is_moving = board.is_watched() && board.sample(SAMPLE).await?;
    let turn = board.scene().next_turn().map(|wait| Instant::now() + wait);
    let sample = is_moving.then(|| Instant::now() + SAMPLE);
    Ok(turn.into_iter().chain(sample).min())
}

enum Woken {
    Record(Arc<Record>),
    Look,
    Ended,
    Unreadable(EventsError),
}

impl From<Result<Option<Arc<Record>>, EventsError>> for Woken {
    fn from(next: Result<Option<Arc<Record>>, EventsError>) -> Self {
        match next {
            Ok(Some(record)) => Self::Record(record),
            Ok(None) | Err(EventsError::Unavailable(_)) => Self::Ended,
            Err(error) => Self::Unreadable(error),
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What comes until the next change of the board is due; what goes wrong comes up again.
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
