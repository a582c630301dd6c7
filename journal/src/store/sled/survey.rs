//! How much of a journal is whole, found out by reading all of it.

use std::io;

use super::db::Db;
use crate::codec::{self, DecodeError};
use crate::id::Seq;
use crate::store::tail::Tail;

/// What a journal is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Worth {
    /// All that was ever durable is there.
    Whole,
    /// A commit that was never acknowledged is there in part.
    Torn { from: Seq, to: Seq, problem: String },
    /// Something that was durable once is gone.
    Damaged {
        from: Seq,
        /// None if it cannot be told.
        to: Option<Seq>,
        problem: String,
    },
    /// Intact, but written by a newer release.
    Newer { problem: String },
}

/// A journal, read from end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Survey {
    /// The end of the part that is whole from record 1 on.
    pub(super) whole: Tail,
    /// The last position under which anything stands.
    pub(super) last: Seq,
    pub(super) worth: Worth,
}

impl Survey {
    /// Of a database that cannot be read at all.
    pub(super) fn nothing(worth: Worth) -> Self {
        Self { whole: Tail::default(), last: Seq::ZERO, worth }
    }
}

/// Reads all frames and weighs them against the anchor.
pub(super) fn survey(db: &Db, anchor: Option<Tail>) -> Survey {
    let anchored = anchor.map_or(Seq::ZERO, |tail| tail.head);
    // Without a last key, the anchor says how far to look for what is left.
    let (last, unreadable) = match db.last() {
        Ok(last) => (last.unwrap_or(Seq::ZERO), None),
        Err(error) => (anchored, Some(error)),
    };
    let mut pass = Pass::new(anchor);
    for (key, frame) in db.frames(Seq::ZERO, last.max(anchored)) {
        pass.take(key, frame.as_ref().map(AsRef::as_ref));
    }
    let next = pass.whole.head.next();
    match unreadable {
        Some(error) => pass.note(next, || error.to_string()),
        None if last >= next => pass.note(next, || "it is missing".to_owned()),
        None => {}
    }
    let (whole, last) = (pass.whole, last.max(pass.whole.head));
    Survey { whole, last, worth: pass.worth(last) }
}

struct Pass {
    anchor: Option<Tail>,
    whole: Tail,
    /// The first record that is not what it should be.
    bad: Option<(Seq, String)>,
    /// The last record that some intact frame, or the anchor, knows to have been durable.
    durable: Seq,
    newer: Option<String>,
}

impl Pass {
    fn new(anchor: Option<Tail>) -> Self {
        let durable = anchor.map_or(Seq::ZERO, |tail| tail.head);
        Self { anchor, whole: Tail::default(), bad: None, durable, newer: None }
    }

    fn note(&mut self, seq: Seq, problem: impl FnOnce() -> String) {
        self.bad.get_or_insert_with(|| (seq, problem()));
    }

    fn take(&mut self, key: Seq, frame: Result<&[u8], &io::Error>) {
        let expected = self.whole.head.next();
        if key > expected {
            self.note(expected, || "it is missing".to_owned());
        }
        let checked = match frame {
            Ok(frame) => codec::check(key, frame),
            Err(error) => return self.note(key, || error.to_string()),
        };
        match checked {
            Ok((link, crc)) => {
                self.durable = self.durable.max(link.durable);
                self.follow(Tail { head: key, chain: crc }, link.chain);
            }
            Err(error) => {
                self.note_newer(key, &error);
                self.note(key, || error.to_string());
            }
        }
    }

    /// Extends the whole part by a frame that is intact, if it continues it.
    fn follow(&mut self, next: Tail, chain: u32) {
        if self.bad.is_some() {
            return;
        }
        if chain != self.whole.chain {
            return self.note(next.head, || "it does not continue the record before it".to_owned());
        }
        if self.anchor.is_some_and(|anchor| anchor.head == next.head && anchor != next) {
            return self.note(next.head, || "it is not the record that was written".to_owned());
        }
        self.whole = next;
    }

    fn note_newer(&mut self, key: Seq, error: &DecodeError) {
        if error.is_newer() {
            self.newer.get_or_insert_with(|| format!("record {key}: {error}"));
        }
    }

    fn worth(self, last: Seq) -> Worth {
        let next = self.whole.head.next();
        match (self.newer, self.bad, self.anchor) {
            (Some(problem), _, _) => Worth::Newer { problem },
            (_, Some((_, problem)), None) => Worth::Damaged { from: next, to: None, problem },
            (_, Some((from, problem)), Some(_)) if from <= self.durable => {
                Worth::Damaged { from, to: Some(self.durable), problem }
            }
            (_, Some((from, problem)), Some(_)) => Worth::Torn { from, to: last, problem },
            (_, None, None) => Worth::Damaged {
                from: next,
                to: None,
                problem: "nothing says how far it went".to_owned(),
            },
            (_, None, Some(anchor)) if anchor.head > self.whole.head => Worth::Damaged {
                from: next,
                to: Some(anchor.head),
                problem: "it ends too early".to_owned(),
            },
            (_, None, Some(_)) => Worth::Whole,
        }
    }
}
