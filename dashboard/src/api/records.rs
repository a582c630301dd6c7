//! The records of the journal as clients get them: contiguous, or with a gap that is told.

use std::sync::Arc;

use futures_util::Stream;
use resurge::journal::Record;
use resurge::journal::dump::{JsonLine, with_causes};
use resurge::{Engine, EventStream, Seq};

use super::problem::{Problem, code};
use crate::guard::Slot;
use crate::view::redact;

/// One thing that a stream of records says.
#[derive(Debug)]
pub(super) enum Told {
    /// A record, as its line of JSON.
    Record { seq: Seq, line: String },
    /// Records that were asked for and are no more.
    Gap { from: Seq, to: Seq },
    /// No record follows.
    End { reason: String },
}

/// Every record after a position, then those to come. Nothing is queued: what is not asked for is
/// not read.
pub(super) fn follow(
    engine: &Engine,
    after: Option<Seq>,
    slot: Slot,
) -> Result<impl Stream<Item = Told> + use<>, Problem> {
    let head = engine.head();
    let after = after.unwrap_or(head);
    if after > head {
        let detail = format!("the journal ends at {head}");
        return Err(Problem::new(&code::AHEAD_OF_JOURNAL, detail)
            .at(head)
            .remedy("this is another journal; begin anew without a position"));
    }
    let follower = Follower {
        events: engine.events(after.next()),
        next: after.next(),
        held: None,
        failed: false,
        ended: false,
        slot,
    };
    Ok(futures_util::stream::unfold(follower, |mut follower| async move {
        follower.next().await.map(|told| (told, follower))
    }))
}

struct Follower {
    events: EventStream,
    /// The record that comes next if none is missing.
    next: Seq,
    /// A record that comes after a gap.
    held: Option<(Seq, String)>,
    /// Whether the last look at the journal failed.
    failed: bool,
    ended: bool,
    slot: Slot,
}

impl Follower {
    async fn next(&mut self) -> Option<Told> {
        if self.ended {
            return None;
        }
        if let Some((seq, line)) = self.held.take() {
            return Some(self.record(seq, line));
        }
        let record = match self.look().await {
            Ok(Some(record)) => record,
            Ok(None) => return Some(self.end("the engine has stopped")),
            Err(reason) => return Some(self.end(&reason)),
        };
        let (seq, line) = (record.seq, redact::json(&JsonLine(&record).to_string()));
        if seq > self.next {
            let from = std::mem::replace(&mut self.next, seq);
            self.held = Some((seq, line));
            return Some(Told::Gap { from, to: Seq::new(seq.get() - 1) });
        }
        Some(self.record(seq, line))
    }

    /// The next record; fails when the dashboard shuts down, or the journal cannot be read.
    async fn look(&mut self) -> Result<Option<Arc<Record>>, String> {
        loop {
            let event = tokio::select! {
                biased;
                () = self.slot.closed() => return Err("the dashboard shuts down".to_owned()),
                event = self.events.next() => event,
            };
            // What is dropped while it is read looks like a hole; a second look passes it over.
            let failed_before = std::mem::replace(&mut self.failed, event.is_err());
            match event {
                Err(error) if failed_before => return Err(with_causes(&error)),
                Err(_) => {}
                Ok(record) => return Ok(record),
            }
        }
    }

    const fn record(&mut self, seq: Seq, line: String) -> Told {
        self.next = seq.next();
        Told::Record { seq, line }
    }

    fn end(&mut self, reason: &str) -> Told {
        self.ended = true;
        Told::End { reason: redact::text(reason).into_owned() }
    }
}
