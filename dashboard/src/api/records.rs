//! The records of the journal as clients get them: contiguous, or with a gap that is told.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use resurge::journal::Record;
use resurge::journal::dump::with_causes;
use resurge::{EventStream, Seq};
use tokio::time::Instant;

use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::guard::Slot;
use crate::view::redact;

/// One thing that a stream of records says.
#[derive(Debug)]
pub(super) enum Told {
    /// A record, as its line of JSON.
    Record { seq: Seq, line: Arc<str> },
    /// Records that were asked for and are no more.
    Gap { from: Seq, to: Seq },
    /// No record follows.
    End { reason: String },
}

/// Every record after a position, then those to come. Hardly anything is queued: what is not asked
/// for is not read, but for the rest of a batch.
pub(super) fn follow(
    app: &Arc<App>,
    after: Option<Seq>,
    slot: Slot,
) -> Result<impl Stream<Item = Told> + use<>, Problem> {
    let head = app.engine.head();
    let after = after.unwrap_or(head);
    if after > head {
        let detail = format!("the journal ends at {head}");
        return Err(Problem::new(&code::AHEAD_OF_JOURNAL, detail)
            .at(head)
            .remedy("this is another journal; begin anew without a position"));
    }
    let follower = Follower {
        app: Arc::clone(app),
        events: app.engine.events(after.next()),
        next: after.next(),
        told: VecDeque::new(),
        rested_at: Instant::now(),
        failed: false,
        ended: false,
        slot,
    };
    Ok(futures_util::stream::unfold(follower, |mut follower| async move {
        follower.next().await.map(|told| (told, follower))
    }))
}

struct Follower {
    app: Arc<App>,
    events: EventStream,
    /// The record that comes next if none is missing.
    next: Seq,
    /// What is told next: a batch at most.
    told: VecDeque<Told>,
    /// When it may look again.
    rested_at: Instant,
    /// Whether the last look at the journal failed.
    failed: bool,
    ended: bool,
    slot: Slot,
}

impl Follower {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            if self.ended {
                return None;
            }
            tokio::time::sleep_until(self.rested_at).await;
            match self.look().await {
                Ok(records) if records.is_empty() => self.end("the engine has stopped"),
                Ok(records) => self.tell(records).await,
                Err(reason) => self.end(&reason),
            }
        }
    }

    async fn tell(&mut self, records: Vec<Arc<Record>>) {
        // Who is far behind goes on at once; at the head, records that come close together are
        // told together.
        if records.len() < BATCH.get() {
            self.rested_at = Instant::now() + GAP;
        }
        let told = self.app.turns.take(|| {
            let lines = records.iter().map(|record| (record.seq, self.app.lines.line(record)));
            lines.collect::<Vec<_>>()
        });
        for (seq, line) in told.await {
            if seq > self.next {
                self.told.push_back(Told::Gap { from: self.next, to: Seq::new(seq.get() - 1) });
            }
            self.next = seq.next();
            self.told.push_back(Told::Record { seq, line });
        }
    }

    /// The next records; fails when the dashboard shuts down, or the journal cannot be read.
    async fn look(&mut self) -> Result<Vec<Arc<Record>>, String> {
        loop {
            let event = tokio::select! {
                biased;
                () = self.slot.closed() => return Err("the dashboard shuts down".to_owned()),
                event = self.events.next_many(BATCH) => event,
            };
            // What is dropped while it is read looks like a hole; a second look passes it over.
            let failed_before = std::mem::replace(&mut self.failed, event.is_err());
            match event {
                Err(error) if failed_before => return Err(with_causes(&error)),
                Err(_) => {}
                Ok(records) => return Ok(records),
            }
        }
    }

    fn end(&mut self, reason: &str) {
        self.ended = true;
        self.told.push_back(Told::End { reason: redact::text(reason).into_owned() });
    }
}

/// Records that are made ready at once.
const BATCH: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Shortest time between two looks of one who is not behind.
const GAP: Duration = Duration::from_millis(20);
