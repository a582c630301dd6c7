//! What every back-end must do, as a suite that each of them runs.

use super::{
    AppendError, BODY_BYTES_MAX, CACHE_VALUE_BYTES_MAX, COMMIT_BYTES_MAX, CacheError, Change,
    EncodeError, FRAME_BYTES_MAX, ReadError, Store, TrimError,
};
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
    let checks: [fn(&S); 18] = [
        begins_with_its_creation,
        gives_back_what_it_took,
        appends_nothing_of_nothing,
        refuses_a_stale_writer,
        refuses_gaps_in_a_batch,
        refuses_a_large_record_whole,
        keeps_records_of_every_size,
        takes_equal_bodies_again_and_again,
        takes_batches_larger_than_a_commit,
        scans_up_to_the_head_of_the_call,
        keeps_the_last_checkpoint,
        keeps_what_is_derived_in_the_order_of_its_keys,
        refuses_large_values_whole,
        is_trimmed_at_its_cuts,
        weighs_what_is_kept_aside,
        keeps_what_it_is_told_to_when_it_is_trimmed_again,
        refuses_to_be_trimmed_elsewhere,
        refuses_everything_once_closed,
    ];
    for check in checks {
        check(&make());
    }
}

/// Checks what becomes of a batch for which a back-end has no room, until it has.
///
/// The batch must come next. `fill` takes the room away, before each time that it is asked for.
///
/// # Panics
/// Where the back-end breaks a promise of [`Store`].
pub fn run_without_room<S: Store>(
    store: &S,
    batch: &[Record],
    mut fill: impl FnMut(),
    free: impl FnOnce(),
) {
    let (head, before) = (store.head(), all(store, 0));
    for _ in 0..2 {
        fill();
        let refused = store.append(head, batch);
        assert!(matches!(refused, Err(AppendError::NoRoom { .. })), "{refused:?}");
        assert!(!store.has_room(), "it knows");
        assert_eq!((store.head(), all(store, 0)), (head, before.clone()), "nothing was changed");
        fill();
        assert!(!store.seek_room() && !store.has_room(), "there is none yet");
    }
    free();
    assert!(!store.has_room(), "nobody has looked");
    assert!(store.seek_room() && store.has_room(), "there is some");
    let stale = store.append(head.next(), batch);
    assert!(matches!(stale, Err(AppendError::Conflict { .. })), "{stale:?}");
    let end = store.append(head, batch).expect("the same batch fits now");
    assert_eq!(all(store, 0), [&before[..], batch].concat());
    let next = record(end.get() + 1, 10);
    store.append(end, std::slice::from_ref(&next)).expect("and others behind it");
    assert_eq!(all(store, next.seq.get()), [next]);
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
    let batch = [record(2, 0), record(3, BODY_BYTES_MAX)];
    let refused = store.append(Seq::new(1), &batch);
    let Err(AppendError::Record(EncodeError::RecordTooLarge { seq, bytes, bytes_max, .. })) =
        refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((seq, bytes_max), (Seq::new(3), BODY_BYTES_MAX));
    assert!(bytes > BODY_BYTES_MAX, "{bytes}");
    assert_eq!(store.head(), Seq::new(1));
    store.append(Seq::new(1), &[record(2, 0)]).expect("a refusal changes nothing");
}

/// Below, at and above what a frame takes, up to what a body may have.
fn keeps_records_of_every_size<S: Store>(store: &S) {
    let around = (FRAME_BYTES_MAX - 70..FRAME_BYTES_MAX - 50).chain([BODY_BYTES_MAX - 100]);
    let sizes = around.chain([10, 100_000, 1_000_000]);
    let records: Vec<Record> = (2..).zip(sizes).map(|(seq, size)| record(seq, size)).collect();
    let (first, rest) = records.split_first().expect("several");
    store.append(Seq::new(1), std::slice::from_ref(first)).expect("appended");
    store.append(Seq::new(2), rest).expect("appended as one");
    assert_eq!(all(store, 2), records);
    for record in &records {
        assert_eq!(store.read(record.seq).expect("readable").as_ref(), Some(record));
    }
}

fn takes_equal_bodies_again_and_again<S: Store>(store: &S) {
    let equal = |seq: u64| Record { seq: Seq::new(seq), ..record(2, 50_000) };
    let batch = [equal(2), equal(3), record(4, 0), equal(5)];
    store.append(Seq::new(1), &batch).expect("appended");
    store.append(Seq::new(5), &[equal(6)]).expect("appended");
    assert_eq!(all(store, 2), [&batch[..], &[equal(6)]].concat());
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

/// A back-end may keep no checkpoints at all, but never others than it was given.
fn keeps_the_last_checkpoint<S: Store>(store: &S) {
    assert_eq!(store.load_checkpoint(), None);
    store.append(Seq::new(1), &batch(2..=9)).expect("appended");
    for (at, image) in [(4, vec![4; 100]), (9, vec![9; 100_000]), (9, vec![])] {
        store.save_checkpoint(Seq::new(at), &image).expect("saved");
        let loaded = store.load_checkpoint();
        assert!(loaded.is_none() || loaded == Some((Seq::new(at), image)), "{at}");
    }
    assert_eq!(all(store, 2), batch(2..=9), "the records are as they were");
}

fn keeps_what_is_derived_in_the_order_of_its_keys<S: Store>(store: &S) {
    let Some(cache) = store.cache() else { return };
    let generation = cache.generation().expect("known");
    let put = |key: &[u8], value: &[u8]| Change::Put { key: key.into(), value: value.into() };
    let changes = vec![put(b"b", b"2"), put(b"a", b"1"), put(b"b", b"3"), put(b"ab", b"")];
    cache.apply(changes).expect("changed");
    cache.apply(vec![Change::Remove { key: b"a".to_vec() }]).expect("changed");
    cache.apply(vec![Change::Remove { key: b"nothing".to_vec() }]).expect("no error");
    cache.sync().expect("synced");
    assert_eq!(cache.get(b"b").expect("readable"), Some(b"3".to_vec()), "the later one counts");
    assert_eq!(cache.get(b"a").expect("readable"), None);
    let pair = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
    let found = |from: &[u8], to: &[u8], limit| cache.range(from, to, limit).expect("readable");
    assert_eq!(found(b"a", b"c", 9), [pair(b"ab", b""), pair(b"b", b"3")]);
    assert_eq!(found(b"ab", b"b", 9), [pair(b"ab", b"")], "the end does not belong to it");
    assert_eq!(found(b"a", b"c", 1), [pair(b"ab", b"")]);
    assert_eq!(found(b"c", b"a", 9), []);
    assert_eq!(cache.generation().expect("known"), generation);
}

fn refuses_large_values_whole<S: Store>(store: &S) {
    let Some(cache) = store.cache() else { return };
    let put = |key: &[u8], bytes| Change::Put { key: key.into(), value: vec![7; bytes] };
    let changes = vec![put(b"a", 1), put(b"b", CACHE_VALUE_BYTES_MAX + 1)];
    let refused = cache.apply(changes);
    assert!(matches!(refused, Err(CacheError::TooLarge { .. })), "{refused:?}");
    assert_eq!(cache.get(b"a").expect("readable"), None);
    cache.apply(vec![put(b"a", CACHE_VALUE_BYTES_MAX)]).expect("fits");
}

/// Adds records until there are so many cuts; gives the first record of each.
fn with_cuts<S: Store>(store: &S, count: usize) -> Vec<Seq> {
    loop {
        let cuts: Vec<Seq> = store.cuts().iter().map(|cut| cut.first).collect();
        if cuts.len() >= count {
            return cuts;
        }
        let head = store.head();
        assert!(head < Seq::new(2_000), "{head} records, and no {count} cuts");
        let next = head.get() + 1;
        store.append(head, &[record(next, 7_000)]).expect("appended");
    }
}

fn seqs(scan: super::Scan<'_>) -> Vec<u64> {
    scan.map(|found| found.expect("readable").seq.get()).collect()
}

fn is_trimmed_at_its_cuts<S: Store>(store: &S) {
    assert_eq!((store.first(), store.cuts()), (Seq::new(1), vec![]));
    assert_eq!(store.residue().expect("nothing"), None);
    let cuts = with_cuts(store, 2);
    let all_cuts = store.cuts();
    assert!(all_cuts.is_sorted_by(|a, b| a.first < b.first && a.bytes_behind > b.bytes_behind));
    let (first, head) = (cuts.get(1).copied().expect("two"), store.head());
    let kept = [Seq::new(1), Seq::new(3), Seq::new(first.get() - 1)];
    store.trim(first, b"residue", &kept).expect("trimmed");

    assert_eq!((store.first(), store.head()), (first, head));
    assert!(store.cuts().iter().all(|cut| cut.first > first));
    assert_eq!(store.residue().expect("there").as_deref(), Some(&b"residue"[..]));
    assert_eq!(seqs(store.scan_kept()), kept.map(Seq::get));
    for from in [0, 1, 5, first.get()] {
        let left: Vec<u64> = (first.get()..=head.get()).collect();
        assert_eq!(seqs(store.scan(Seq::new(from))), left, "from {from}");
    }
    let read = store.read(Seq::new(3)).expect("kept");
    assert_eq!(read, Some(record(3, 7_000)));
    let dropped = store.read(Seq::new(2));
    let Err(ReadError::Trimmed { seq, first: told }) = dropped else { panic!("{dropped:?}") };
    assert_eq!((seq, told), (Seq::new(2), first));
    assert_eq!(store.read(Seq::ZERO).expect("nothing"), None);
    store.append(head, &[record(head.get() + 1, 10)]).expect("it goes on");
    assert_eq!(store.read(first).expect("there").map(|record| record.seq), Some(first));
}

fn weighs_what_is_kept_aside<S: Store>(store: &S) {
    let (bytes, count) = (100_000, 8);
    let before = with_cuts(store, 1);
    let next = store.head().get() + 1;
    let large: Vec<Record> = (next..next + count).map(|seq| record(seq, bytes)).collect();
    store.append(store.head(), &large).expect("appended");
    assert_eq!(store.cuts().first().map(|cut| cut.first), before.first().copied());
    let behind = store.cuts().first().map_or(0, |cut| cut.bytes_behind);
    assert!(behind >= bytes as u64 * count, "{behind} bytes");
}

fn keeps_what_it_is_told_to_when_it_is_trimmed_again<S: Store>(store: &S) {
    let cuts = with_cuts(store, 1);
    let first = cuts.first().copied().expect("one");
    let older = [Seq::new(2), Seq::new(4), Seq::new(5)];
    store.trim(first, &[1; 100], &older).expect("trimmed");
    let gone = store.trim(with_cuts(store, 1).first().copied().expect("one"), b"", &[Seq::new(3)]);
    assert!(matches!(gone, Err(TrimError::Kept(ReadError::Trimmed { .. }))), "{gone:?}");
    assert_eq!(store.first(), first, "a refusal changes nothing");

    let again = with_cuts(store, 1).first().copied().expect("one");
    let kept = [Seq::new(2), Seq::new(5), first, first.next()];
    store.trim(again, &vec![2; 100_000], &kept).expect("trimmed again");
    assert_eq!(seqs(store.scan_kept()), kept.map(Seq::get));
    assert_eq!(store.residue().expect("there"), Some(vec![2; 100_000]));
    assert!(matches!(store.read(Seq::new(4)), Err(ReadError::Trimmed { .. })));
    let last = with_cuts(store, 1).first().copied().expect("one");
    store.trim(last, &[], &[]).expect("trimmed to the bones");
    assert_eq!((seqs(store.scan_kept()), store.residue().expect("there")), (vec![], Some(vec![])));
}

fn refuses_to_be_trimmed_elsewhere<S: Store>(store: &S) {
    let first = with_cuts(store, 1).first().copied().expect("one");
    for elsewhere in [Seq::ZERO, Seq::new(1), Seq::new(first.get() - 1), first.next()] {
        let refused = store.trim(elsewhere, b"", &[]);
        assert!(matches!(refused, Err(TrimError::NoCut { .. })), "{elsewhere}: {refused:?}");
    }
    for kept in [Seq::ZERO, first, Seq::new(u64::MAX)] {
        let refused = store.trim(first, b"", &[Seq::new(2), kept]);
        assert!(matches!(refused, Err(TrimError::Kept(_))), "{kept}: {refused:?}");
    }
    assert_eq!((store.first(), store.residue().expect("nothing")), (Seq::new(1), None));
    assert_eq!(seqs(store.scan(Seq::ZERO)).len() as u64, store.head().get());
    store.close();
    assert!(matches!(store.trim(first, b"", &[]), Err(TrimError::Closed)));
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
