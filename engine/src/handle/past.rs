//! The records of one run, read from a store that may be trimmed meanwhile.

use std::sync::Arc;
use std::time::Duration;

use resurge_journal::store::{ReadError, Scan, Store};
use resurge_journal::{Record, RunId, Seq, Timestamp};

/// The records of a run in a store.
pub(super) struct Past {
    pub(super) store: Arc<dyn Store>,
    pub(super) run: RunId,
    pub(super) began_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    /// How long an attempt may take to stop.
    pub(super) grace: Duration,
    pub(super) head: Seq,
}

/// What came of a look at some records.
enum Looked {
    /// There are no more of them.
    AtAll,
    /// None of the run can come any more.
    AtEnough,
    /// The next ones were dropped meanwhile; some of them may have been kept.
    UpToTrim,
}

impl Past {
    /// Folds them, the oldest first.
    pub(super) fn fold<T>(
        &self,
        mut folded: T,
        mut fold: impl FnMut(&mut T, &Record),
    ) -> Result<T, ReadError> {
        let mut take = |record: &Record| fold(&mut folded, record);
        let begin = self.begin()?;
        let mut next = Seq::ZERO;
        loop {
            // Before the kept ones are read: those that a later trim keeps are looked for again.
            let first = self.store.first();
            if let Looked::AtEnough =
                self.look(self.store.scan_kept(), false, &mut next, &mut take)?
            {
                break;
            }
            next = next.max(first).max(begin);
            match self.look(self.store.scan(next), true, &mut next, &mut take)? {
                Looked::AtAll | Looked::AtEnough => break,
                Looked::UpToTrim => {}
            }
        }
        Ok(folded)
    }

    /// Looks at records that were not looked at before; `is_dense` if they follow each other.
    fn look(
        &self,
        records: Scan<'_>,
        is_dense: bool,
        next: &mut Seq,
        take: &mut impl FnMut(&Record),
    ) -> Result<Looked, ReadError> {
        for found in records {
            let is_jump = match &found {
                Err(ReadError::Trimmed { .. }) => true,
                Ok(record) => record.seq > *next,
                Err(_) => false,
            };
            if is_dense && is_jump && self.store.first() > *next {
                return Ok(Looked::UpToTrim);
            }
            let record = match found {
                Ok(record) => record,
                Err(error) if is_passed_over(&error) => continue,
                Err(error) => return Err(error),
            };
            if record.seq > self.head || self.is_late(record.at) {
                return Ok(Looked::AtEnough);
            }
            if record.seq < *next {
                continue;
            }
            *next = record.seq.next();
            if record.run == Some(self.run) {
                take(&record);
            }
        }
        Ok(Looked::AtAll)
    }

    /// The first record that is not older than the run, or one before it; none that was dropped.
    ///
    /// Times in a journal never go back.
    fn begin(&self) -> Result<Seq, ReadError> {
        let (mut low, mut high) = (self.store.first().get(), self.head.get());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.time_of(middle, high)? {
                Time::Of(seq, at) if at < self.began_at => low = seq + 1,
                Time::Trimmed => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(Seq::new(low))
    }

    /// When the first record between two positions was recorded that can be read.
    fn time_of(&self, from: u64, to: u64) -> Result<Time, ReadError> {
        for seq in from..to {
            match self.store.read(Seq::new(seq)) {
                Ok(Some(record)) => return Ok(Time::Of(seq, record.at)),
                Err(ReadError::Trimmed { .. }) => return Ok(Time::Trimmed),
                Err(error) if !is_passed_over(&error) => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(Time::Unknown)
    }

    /// Whether nothing about the run can be so late: attempts may wind down for a while after its end.
    ///
    /// After a machine was asleep the rest of that comes later still, and is not told.
    fn is_late(&self, at: Timestamp) -> bool {
        let longest = self.grace.saturating_add(MARGIN);
        self.ended_at.is_some_and(|ended| at.since(ended) > longest)
    }
}

/// When a record was recorded.
enum Time {
    Of(u64, Timestamp),
    Trimmed,
    Unknown,
}

/// Whether what cannot be read may be of other runs, and is no reason to tell nothing of this one.
const fn is_passed_over(error: &ReadError) -> bool {
    matches!(error, ReadError::Trimmed { .. } | ReadError::Gap { .. }) || error.is_of_payload()
}

/// Time between the end of the grace of an attempt and the record of its end, at the most.
const MARGIN: Duration = Duration::from_secs(10 * 60);
