//! The past of one operation.

use resurge::journal::Record;
use resurge::journal::event::Event;
use resurge::journal::graph::{Layout, layout};
use resurge::journal::timeline::Timeline;
use resurge::{Engine, EventStream, EventsError, RunId, Seq};

/// The past of one operation, up to a record.
#[derive(Debug)]
pub(crate) struct Story {
    run: RunId,
    seq: Seq,
    pub(crate) timeline: Timeline,
    pub(crate) graph: Option<Layout>,
}

impl Story {
    /// Reads the past from the journal.
    pub(crate) async fn read(engine: &Engine, run: RunId) -> Result<Self, EventsError> {
        let empty = Self { run, seq: Seq::ZERO, timeline: Timeline::default(), graph: None };
        let (mut story, seq) = engine.history(run, empty, Self::apply).await?;
        story.seq = seq;
        Ok(story)
    }

    /// Every record up to this one is in it.
    pub(super) const fn seq(&self) -> Seq {
        self.seq
    }

    /// Where its future begins.
    pub(super) const fn next(&self) -> Seq {
        self.seq.next()
    }

    /// Takes in what has happened up to a record; sets the mark if that was about this operation.
    pub(super) async fn catch_up(
        &mut self,
        events: &mut EventStream,
        to: Seq,
        is_touched: &mut bool,
    ) -> Result<(), EventsError> {
        while self.seq < to {
            let Some(record) = events.next().await? else { break };
            self.seq = record.seq;
            *is_touched |= record.run == Some(self.run);
            self.apply(&record);
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record) {
        if record.run != Some(self.run) {
            return;
        }
        if let Event::RunStarted(started) = &record.event {
            self.graph = Some(layout(&started.manifest));
        }
        self.timeline.apply(record);
    }
}
