//! The newest records in words, made once for all streams that tell them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use resurge::Seq;
use resurge::journal::Record;
use resurge::journal::dump::JsonLine;

use crate::view::redact;

/// The newest records as lines of JSON, without secrets.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// In the order of their positions.
    newest: Mutex<VecDeque<(Seq, Arc<str>)>>,
}

impl Lines {
    /// The line of a record.
    pub(super) fn line(&self, record: &Record) -> Arc<str> {
        if let Some(line) = self.known(record.seq) {
            return line;
        }
        // Two may make the same one meanwhile; nobody waits for another one's large record.
        let line: Arc<str> = redact::json(&JsonLine(record).to_string()).into();
        if line.len() <= LENGTH_MAX {
            self.keep(record.seq, &line);
        }
        line
    }

    fn known(&self, seq: Seq) -> Option<Arc<str>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let place = newest.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        newest.get(place).map(|(_, line)| Arc::clone(line))
    }

    /// Keeps what is newer than all others; who reads the past is alone with it.
    fn keep(&self, seq: Seq, line: &Arc<str>) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.back().is_none_or(|(last, _)| *last < seq) {
            newest.push_back((seq, Arc::clone(line)));
        }
        while newest.len() > COUNT_MAX {
            newest.pop_front();
        }
    }
}

/// Bytes of the longest line that is kept.
const LENGTH_MAX: usize = 8 * 1024;
/// Lines that are kept: a few batches, for those who do not read at the same time.
const COUNT_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use resurge::Engine;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_is_made_once_and_the_past_is_not_kept() {
        let engine = Engine::in_memory().start().await.unwrap();
        engine.tune("max_retries", Some(3), "ann", "test").await.unwrap();
        let mut events = engine.events(Seq::new(1));
        let old = events.next().await.unwrap().unwrap();
        let new = events.next().await.unwrap().unwrap();
        let lines = Lines::default();
        let line = lines.line(&new);
        assert_eq!(&*line, redact::json(&JsonLine(&new).to_string()));
        assert!(Arc::ptr_eq(&line, &lines.line(&new)), "it is the same one");
        assert!(!Arc::ptr_eq(&lines.line(&old), &lines.line(&old)), "who reads the past is alone");
        assert!(Arc::ptr_eq(&line, &lines.line(&new)));
    }
}
