//! Whether a journal is what it should be.

use std::fmt;

use crate::dump::with_causes;
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::retention::{BaseError, ResidueError, base};
use crate::state::State;
use crate::store::{ReadError, Store};

/// Largest number of findings that a report keeps; all are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditReport {
    /// Records that were readable.
    pub records: u64,
    /// Runs among the records that were folded.
    pub runs: usize,
    /// The last record that was folded: everything up to here is provable.
    pub provable: Seq,
    /// The first findings, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_count: u64,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first record that is in doubt.
    pub seq: Seq,
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// What is wrong, for people.
    pub message: String,
}

/// What kind of thing is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// Records are missing.
    Gap,
    /// A record fails its checksum, or is not readable in another way.
    Unreadable,
    /// A record is there, and what it keeps aside is missing or not what was written.
    Payload,
    /// A record does not continue the one before it, or is not the one that was acknowledged.
    Chain,
    /// A record stands a second time.
    Duplicate,
    /// A segment belongs to another journal, or to another place in this one.
    Foreign,
    /// The end of a batch that was never acknowledged; the next opening cuts it off.
    TornTail,
    /// Something was written by a newer release.
    Newer,
    /// A record is not legal after those before it.
    Illegal,
    /// One of the two copies of what stands for dropped records is not what it should be.
    Base,
}

impl FindingKind {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Unreadable => "unreadable",
            Self::Payload => "payload",
            Self::Chain => "chain",
            Self::Duplicate => "duplicate",
            Self::Foreign => "foreign",
            Self::TornTail => "torn_tail",
            Self::Newer => "newer",
            Self::Illegal => "illegal",
            Self::Base => "base",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl AuditReport {
    /// Whether everything is as it should be.
    pub const fn is_clean(&self) -> bool {
        self.findings_count == 0
    }

    /// The first record that is in doubt.
    pub fn first_bad(&self) -> Option<Seq> {
        self.findings.iter().map(|finding| finding.seq).min()
    }

    /// Adds what was found by other means than reading record for record.
    pub fn add(&mut self, finding: Finding) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    fn find(&mut self, seq: Seq, kind: FindingKind, message: String) {
        self.add(Finding { seq, kind, message });
    }
}

/// Reads and folds all records of a store, from what retention has left of dropped ones on.
pub fn audit(store: &dyn Store) -> AuditReport {
    loop {
        let (first, last) = (store.first(), store.head());
        let report = match base(store) {
            Ok(state) => audit_from(state, store.scan(Seq::ZERO)),
            Err(error) => audit_without_base(store.first(), &error, store.scan(Seq::ZERO)),
        };
        // Trimmed meanwhile: what was to be read next was dropped.
        if store.first() == first || report.is_clean() && report.provable >= last {
            return report;
        }
    }
}

/// Reads and folds the records behind a state that was found in front of them.
pub fn audit_from(
    base: State,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> AuditReport {
    go_on(AuditReport::default(), base, true, records)
}

/// Reads the records of a journal of which it is not known what stood in front of them.
pub fn audit_without_base(
    first: Seq,
    error: &BaseError,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> AuditReport {
    let mut report = AuditReport::default();
    let (kind, seq) = match error {
        BaseError::Read(error) => (kind_of(error), error.seq()),
        BaseError::Illegal(error) => (FindingKind::Illegal, Some(error.seq)),
        BaseError::Residue(ResidueError::Newer { .. }) => (FindingKind::Newer, None),
        _ => (FindingKind::Unreadable, None),
    };
    report.find(seq.unwrap_or(first), kind, with_causes(error));
    go_on(report, State::new(), false, records)
}

/// Reads and folds records as a scan gives them.
///
/// Reads on after a finding. Folds up to the first record that cannot be trusted, because a state
/// that misses a record says nothing about the records behind it.
pub fn audit_records(records: impl IntoIterator<Item = Result<Record, ReadError>>) -> AuditReport {
    audit_from(State::new(), records)
}

fn go_on(
    mut report: AuditReport,
    mut state: State,
    mut is_connected: bool,
    records: impl IntoIterator<Item = Result<Record, ReadError>>,
) -> AuditReport {
    for found in records {
        match found {
            Ok(record) => {
                report.records += 1;
                if is_connected {
                    is_connected = fold(&mut report, &mut state, &record);
                }
            }
            // It is not there, and that is as it should be.
            Err(ReadError::Trimmed { .. }) => is_connected = false,
            Err(error) => {
                // What stands a second time takes nothing away.
                is_connected &= matches!(error, ReadError::Duplicate { .. });
                let seq = error.seq().unwrap_or_else(|| state.head().next());
                report.find(seq, kind_of(&error), with_causes(&error));
            }
        }
    }
    report.runs = state.runs().count();
    report.provable = state.head();
    report
}

fn fold(report: &mut AuditReport, state: &mut State, record: &Record) -> bool {
    if record.seq == Seq::new(1) && !matches!(record.event, Event::JournalCreated(_)) {
        let message = format!("the journal begins with {}", record.event.name());
        report.find(record.seq, FindingKind::Illegal, message);
    }
    match state.apply(record) {
        Ok(()) => true,
        Err(error) => {
            report.find(record.seq, FindingKind::Illegal, error.to_string());
            false
        }
    }
}

const fn kind_of(error: &ReadError) -> FindingKind {
    match error {
        ReadError::Gap { .. } => FindingKind::Gap,
        ReadError::Chain { .. } => FindingKind::Chain,
        ReadError::Duplicate { .. } => FindingKind::Duplicate,
        ReadError::Foreign { .. } => FindingKind::Foreign,
        ReadError::Undecodable { source, .. } if source.is_newer() => FindingKind::Newer,
        error if error.is_of_payload() => FindingKind::Payload,
        ReadError::Undecodable { .. }
        | ReadError::Io { .. }
        | ReadError::Trimmed { .. }
        | ReadError::Closed => FindingKind::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EngineOpened, RunUnparked};
    use crate::id::Epoch;
    use crate::store::MemoryStore;
    use crate::time::Timestamp;

    fn record(seq: u64, event: impl Into<Event>) -> Record {
        Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event: event.into() }
    }

    fn opened(epoch: u64) -> EngineOpened {
        EngineOpened { epoch: Epoch::new(epoch), boot: None, pid: 1, engine: String::new() }
    }

    #[test]
    fn a_sound_journal_has_no_findings() {
        let store = MemoryStore::new();
        store.append(Seq::new(1), &[record(2, opened(1)), record(3, opened(2))]).expect("kept");
        let report = audit(&store);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.records, report.provable), (3, Seq::new(3)));
    }

    #[test]
    fn the_first_illegal_record_is_named_and_the_rest_is_still_read() {
        let store = MemoryStore::new();
        let illegal = record(3, RunUnparked {});
        let batch = [record(2, opened(1)), illegal, record(4, opened(2))];
        store.append(Seq::new(1), &batch).expect("kept");
        let report = audit(&store);
        assert_eq!(report.first_bad(), Some(Seq::new(3)));
        assert_eq!((report.records, report.provable), (4, Seq::new(2)));
        assert_eq!(report.findings_count, 1);
    }

    #[test]
    fn a_gap_ends_the_fold_and_not_the_reading() {
        let gap = ReadError::Gap { from: Seq::new(2), to: Seq::new(3) };
        let created = MemoryStore::new().scan(Seq::ZERO).next().expect("the first record");
        let report = audit_records([created, Err(gap), Ok(record(4, opened(7)))]);
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [FindingKind::Gap]);
        assert_eq!((report.records, report.provable), (2, Seq::new(1)));
    }

    #[test]
    fn a_journal_begins_with_its_creation() {
        let report = audit_records([Ok(record(1, opened(1)))]);
        assert_eq!(report.first_bad(), Some(Seq::new(1)));
    }
}
