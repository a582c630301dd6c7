//! What every back-end must do, as a suite that each of them runs.

use super::{AppendError, COMMIT_BYTES_MAX, EncodeError, FRAME_BYTES_MAX, ReadError, Store};
use crate::event::{Event, RunParked};
use crate::id::{RunId, Seq};
use crate::record::Record;
use crate::time::Timestamp;
use uuid::Uuid;

/// Runs the whole suite; every check gets a new store from `make`.
///
/// # Panics
/// Where the back-end breaks a promise of [`Store`].
pub fn run<S: Store>(mut make: impl FnMut() -> S) {
    let checks: [fn(&S); 9] = [
        begins_with_its_creation,
        gives_back_what_it_took,
        appends_nothing_of_nothing,
        refuses_a_stale_writer,
        refuses_gaps_in_a_batch,
        refuses_a_large_record_whole,
        takes_batches_larger_than_a_commit,
        scans_up_to_the_head_of_the_call,
        refuses_everything_once_closed,
    ];
    for check in checks {
        check(&make());
    }
}

/// A record whose frame grows with `padding`, for tests that need no meaning.
///
/// # Panics
/// Never with the numbers that a test can reach.
pub fn record(seq: u64, padding: usize) -> Record {
    let reason = format!("{seq}{}", "x".repeat(padding));
    Record {
        seq: Seq::new(seq),
        at: Timestamp::from_millis(i64::try_from(seq).unwrap_or(i64::MAX)),
        run: Some(RunId::new(Uuid::from_u128(u128::from(seq)))),
        event: RunParked { reason }.into(),
    }
}

fn batch(seqs: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    seqs.map(|seq| record(seq, 10)).collect()
}

fn all<S: Store>(store: &S, from: u64) -> Vec<Record> {
    store.scan(Seq::new(from)).collect::<Result<_, _>>().expect("every record is readable")
}

fn begins_with_its_creation<S: Store>(store: &S) {
    assert_eq!(store.head(), Seq::new(1));
    let records = all(store, 0);
    assert!(matches!(records.as_slice(), [Record { event: Event::JournalCreated(_), .. }]));
}

fn gives_back_what_it_took<S: Store>(store: &S) {
    let records = batch(2..=20);
    let head = store.append(Seq::new(1), &records).expect("appended");
    assert_eq!((head, store.head()), (Seq::new(20), Seq::new(20)));
    assert_eq!(all(store, 2), records);
    assert_eq!(Some(all(store, 11).as_slice()), records.get(9..));
    assert_eq!(all(store, 21), []);
    for record in &records {
        assert_eq!(store.read(record.seq).expect("readable").as_ref(), Some(record));
    }
    for nowhere in [0, 21, u64::MAX] {
        assert_eq!(store.read(Seq::new(nowhere)).expect("no error"), None, "{nowhere}");
    }
}

fn appends_nothing_of_nothing<S: Store>(store: &S) {
    assert_eq!(store.append(Seq::new(1), &[]).expect("no change"), Seq::new(1));
    let stale = store.append(Seq::new(5), &[]);
    assert!(matches!(stale, Err(AppendError::Conflict { .. })), "{stale:?}");
}

fn refuses_a_stale_writer<S: Store>(store: &S) {
    store.append(Seq::new(1), &batch(2..=3)).expect("appended");
    for (expected, batch) in [(1, batch(2..=2)), (2, batch(3..=3)), (4, batch(5..=5))] {
        let refused = store.append(Seq::new(expected), &batch);
        let Err(AppendError::Conflict { expected: told, head }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((told, head), (Seq::new(expected), Seq::new(3)));
    }
    store.append(Seq::new(3), &batch(4..=4)).expect("a conflict changes nothing");
}

fn refuses_gaps_in_a_batch<S: Store>(store: &S) {
    for numbers in [[3, 4], [2, 4], [2, 2]] {
        let batch = numbers.map(|seq| record(seq, 0));
        let refused = store.append(Seq::new(1), &batch);
        assert!(matches!(refused, Err(AppendError::Misnumbered { .. })), "{refused:?}");
    }
    assert_eq!(store.head(), Seq::new(1));
    assert_eq!(all(store, 2), []);
}

fn refuses_a_large_record_whole<S: Store>(store: &S) {
    let batch = [record(2, 0), record(3, FRAME_BYTES_MAX)];
    let refused = store.append(Seq::new(1), &batch);
    let Err(AppendError::Record(EncodeError::RecordTooLarge { seq, bytes, bytes_max, .. })) =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((seq, bytes_max), (Seq::new(3), FRAME_BYTES_MAX));
    assert!(bytes > FRAME_BYTES_MAX, "{bytes}");
    assert_eq!(store.head(), Seq::new(1));
    store.append(Seq::new(1), &[record(2, 0)]).expect("a refusal changes nothing");
}

fn takes_batches_larger_than_a_commit<S: Store>(store: &S) {
    let padding = FRAME_BYTES_MAX - 100;
    let last = 3 * COMMIT_BYTES_MAX as u64 / FRAME_BYTES_MAX as u64;
    let records: Vec<Record> = (2..=last).map(|seq| record(seq, padding)).collect();
    let head = store.append(Seq::new(1), &records).expect("appended");
    assert_eq!(head, Seq::new(last));
    assert_eq!(all(store, 2), records);
}

fn scans_up_to_the_head_of_the_call<S: Store>(store: &S) {
    store.append(Seq::new(1), &batch(2..=3)).expect("appended");
    let scan = store.scan(Seq::ZERO);
    store.append(Seq::new(3), &batch(4..=5)).expect("appended");
    assert_eq!(scan.count(), 3);
}

fn refuses_everything_once_closed<S: Store>(store: &S) {
    store.append(Seq::new(1), &batch(2..=2)).expect("appended");
    store.close();
    store.close();
    let refused = store.append(Seq::new(2), &batch(3..=3));
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    assert!(matches!(store.read(Seq::new(1)), Err(ReadError::Closed)));
    assert!(matches!(store.scan(Seq::ZERO).next(), Some(Err(ReadError::Closed))));
}
