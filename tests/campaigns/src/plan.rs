//! Which record stands at which position.

use resurge_journal::event::{Event, RunParked};
use resurge_journal::{Record, RunId, Seq, Timestamp};
use uuid::Uuid;

use crate::luck::Luck;

/// Positions that share a size of their records.
const BLOCK: u64 = 64;
/// One block in so many has large records.
const LARGE: u64 = 8;
const PADDING_HUGE: u64 = 40_000;
const PADDING_LARGE: u64 = 7_000;
const PADDING_SMALL: u64 = 300;
const PADDING_TINY: u64 = 100;

/// What is written under a seed: every record follows from it and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    seed: u64,
}

/// Set in the seeds of plans of which all records are large.
const ALL_LARGE: u64 = 1 << 63;
/// Set in the seeds of plans of which all records are tiny.
const ALL_TINY: u64 = 1 << 62;

/// Set in the seeds of plans of which most records are larger than a frame.
const ALL_HUGE: u64 = 1 << 61;

impl Plan {
    /// A plan of its own for each seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed: seed & !(ALL_LARGE | ALL_TINY | ALL_HUGE) }
    }

    /// The plan with this [`seed`](Self::seed).
    pub const fn of(seed: u64) -> Self {
        Self { seed }
    }

    /// A plan of which all records are large, so that few of them fill a segment.
    pub const fn large(seed: u64) -> Self {
        Self { seed: Self::new(seed).seed | ALL_LARGE }
    }

    /// A plan of which most records have a body that is kept beside the segments.
    pub const fn huge(seed: u64) -> Self {
        Self { seed: Self::new(seed).seed | ALL_LARGE | ALL_HUGE }
    }

    /// A plan of which all records are tiny, so that many of them fit into little space.
    pub const fn tiny(seed: u64) -> Self {
        Self { seed: Self::new(seed).seed | ALL_TINY }
    }

    /// The number that the plan follows from.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The record at a position.
    pub fn record(self, seq: u64) -> Record {
        let is_tiny = self.seed & ALL_TINY != 0;
        let is_large =
            self.seed >= ALL_LARGE || !is_tiny && self.luck(seq / BLOCK, 1).below(LARGE) == 0;
        let padding = match (is_large, is_tiny) {
            _ if self.seed & ALL_HUGE != 0 => PADDING_HUGE,
            (true, _) => PADDING_LARGE,
            (_, true) => PADDING_TINY,
            _ => PADDING_SMALL,
        };
        let mut luck = self.luck(seq, 2);
        let length = luck.index(usize::try_from(padding).unwrap_or(0));
        // Half of the records can be packed, half of them hardly.
        let unit = format!("{:016x}", luck.next());
        let mut reason = format!("{seq} ");
        while reason.len() < length {
            let more = if seq.is_multiple_of(2) { unit.clone() } else { hex(&mut luck) };
            reason.push_str(&more);
        }
        Record {
            seq: Seq::new(seq),
            at: Timestamp::from_millis(i64::try_from(seq).unwrap_or(i64::MAX)),
            run: Some(RunId::new(Uuid::from_u128(u128::from(seq) << 64 | u128::from(self.seed)))),
            event: RunParked { reason }.into(),
        }
    }

    /// How many records are appended as one behind a head: 1 to 9.
    pub fn batch_length(self, head: u64) -> u64 {
        1 + self.luck(head, 3).below(9)
    }

    /// The records that are appended as one behind a head.
    pub fn batch(self, head: u64) -> Vec<Record> {
        (head + 1..=head + self.batch_length(head)).map(|seq| self.record(seq)).collect()
    }

    /// Whether a record is kept when those around it are dropped.
    pub fn keeps(self, seq: u64) -> bool {
        self.luck(seq, 8).below(6) == 0
    }

    /// What a checkpoint at a position holds, or stands for the records in front of it.
    pub fn image(self, seq: u64) -> Vec<u8> {
        let mut luck = self.luck(seq, 4);
        let length = 16 + luck.below(2_000);
        (0..length).map(|_| luck.next().to_be_bytes()[0]).collect()
    }

    /// What the cache holds under a key that is named after a position.
    pub fn value(self, seq: u64) -> Vec<u8> {
        self.luck(seq, 5).next().to_be_bytes().repeat(8)
    }

    /// Luck that belongs to a position and a purpose.
    pub fn luck(self, seq: u64, purpose: u64) -> Luck {
        let mut luck = Luck::new(self.seed);
        let mut luck = Luck::new(luck.next() ^ seq.rotate_left(20));
        Luck::new(luck.next() ^ purpose)
    }
}

/// Whether a record is one that a journal writes by itself.
pub const fn is_own(event: &Event) -> bool {
    matches!(event, Event::JournalCreated(_) | Event::TailCut(_) | Event::JournalRecovered(_))
}

fn hex(luck: &mut Luck) -> String {
    format!("{:016x}", luck.next())
}
