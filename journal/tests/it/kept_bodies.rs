//! Bodies that do not fit into a frame, of records that outlive a trimming.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::event::{Event, JournalRecovered, RecoveryMethod};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Archive, DiskStore, ReadError, Snapshot, Store, export, import, repair,
};
use resurge_journal::{Record, Seq};

use crate::disk::reopen;
use crate::fixture::{create, edit, home, remove, segment};

const LARGE: usize = 100_000;
const KEPT: [u64; 2] = [5, 9];

/// Records of which the first few are large.
fn nth(seq: u64) -> Record {
    record(seq, if seq < 10 { LARGE } else { 3_000 })
}

fn append(store: &DiskStore) {
    let head = store.head();
    store.append(head, &[nth(head.get() + 1)]).expect("appended");
}

/// A journal whose first records were dropped, but for two large ones.
fn trimmed(dir: &Path) -> DiskStore {
    let store = create(dir);
    while store.cuts().len() < 2 {
        append(&store);
    }
    let cut = store.cuts().first().expect("one").first;
    store.trim(cut, b"rest", &KEPT.map(Seq::new)).expect("trimmed");
    store
}

fn bodies(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("payloads")).expect("there");
    entries.map(|entry| entry.expect("readable").path()).collect()
}

/// Waits for what happens in the background, while records are appended.
fn append_until(store: &DiskStore, is_so: impl Fn() -> bool) {
    while !is_so() {
        append(store);
        std::thread::yield_now();
    }
}

fn expect_kept(found: impl Iterator<Item = Result<Record, ReadError>>) {
    let found: Vec<Record> = found.map(|found| found.expect("whole")).collect();
    assert_eq!(found, KEPT.map(nth));
}

#[test]
fn bodies_stay_as_long_as_a_record_that_was_kept_needs_them() {
    let (_home, dir) = home();
    let store = trimmed(&dir);
    append_until(&store, || bodies(&dir).len() == KEPT.len());
    expect_kept(store.scan_kept());
    expect_kept(Snapshot::take(&dir).expect("there").scan_kept());
    assert_eq!(store.read(Seq::new(5)).expect("kept"), Some(nth(5)));
    drop(store);

    let store = reopen(&dir).expect("opened");
    append(&store);
    assert_eq!(store.mended(), None);
    expect_kept(store.scan_kept());
    append_until(&store, || !store.cuts().is_empty());
    let cut = store.cuts().last().expect("one").first;
    let (snapshot, scan) = (Snapshot::take(&dir).expect("there"), store.scan_kept());
    store.trim(cut, b"rest", &[Seq::new(9)]).expect("trimmed");
    append_until(&store, || bodies(&dir).len() == 1);
    // Who reads what was kept before is told why a body is gone.
    for mut found in [scan, snapshot.scan_kept()] {
        let dropped = found.next().expect("the first");
        let is_told = |seq: Seq, first| (seq, first) == (Seq::new(5), cut);
        let is_told =
            matches!(dropped, Err(ReadError::Trimmed { seq, first }) if is_told(seq, first));
        assert!(is_told, "{dropped:?}");
        assert_eq!(found.next().expect("the second").expect("kept"), nth(9));
    }
    assert_eq!(store.read(Seq::new(9)).expect("kept"), Some(nth(9)));
}

#[test]
fn bodies_stay_as_long_as_a_file_in_quarantine_refers_to_them() {
    for (name, spared) in [("segment-1", 8), ("BASE-1", 2), ("BASE.copy-2", 2)] {
        let (_home, dir) = home();
        let aside = dir.join("quarantine").join(name);
        let store = create(&dir);
        append_until(&store, || store.cuts().len() == 2);
        fs::create_dir(dir.join("quarantine")).expect("made");
        fs::copy(segment(&dir), &aside).expect("copied");
        let cut = store.cuts().first().expect("one").first;
        store.trim(cut, b"rest", &KEPT.map(Seq::new)).expect("trimmed");
        if name != "segment-1" {
            fs::copy(dir.join("BASE"), &aside).expect("copied");
            edit(&aside, |bytes| *bytes.get_mut(80).expect("the residue") ^= 1);
        }

        // One more, which nothing refers to in the end, shows that the others were spared.
        let before = bodies(&dir);
        let head = store.head();
        store.append(head, &[record(head.get() + 1, LARGE)]).expect("appended");
        let mut bodies_now = bodies(&dir).into_iter();
        let one_more = bodies_now.find(|body| !before.contains(body)).expect("there");
        append_until(&store, || store.cuts().last().is_some_and(|cut| cut.first > head.next()));
        let cut = store.cuts().last().expect("one").first;
        store.trim(cut, b"rest", &[]).expect("trimmed");
        append_until(&store, || !one_more.exists() && bodies(&dir).len() <= spared);
        store.close();
        assert_eq!(bodies(&dir).len(), spared, "{name}");
    }
}

#[test]
fn bodies_of_kept_records_are_carried_with_them() {
    let (home, dir) = home();
    drop(trimmed(&dir));
    let (file, again) = (home.path().join("a.rjar"), home.path().join("b.rjar"));
    let (imported, repaired) = (home.path().join("imported"), home.path().join("repaired"));
    export(&dir, &file, None).expect("exported");
    let archive = Archive::open(&file).expect("whole");
    expect_kept(archive.scan_kept());
    assert!(archive.scan().all(|found| found.is_ok()));
    import(&file, &imported).expect("imported");
    repair(&dir, &repaired).expect("repaired");
    for to in [&imported, &repaired] {
        let store = reopen(to).expect("opened");
        expect_kept(store.scan_kept());
    }
    export(&imported, &again, None).expect("exported");
    assert!(fs::read(&again).expect("read") == fs::read(&file).expect("read"), "bit for bit");

    // One run of it.
    let one = home.path().join("one.rjar");
    export(&dir, &one, nth(5).run).expect("exported");
    let shown: Vec<Record> = Archive::open(&one).expect("whole").scan().flatten().collect();
    assert!(shown.contains(&nth(5)), "{} records", shown.len());
}

#[test]
fn a_spoilt_body_of_a_kept_record_is_found_in_an_archive() {
    let (home, dir) = home();
    drop(trimmed(&dir));
    let file = home.path().join("a.rjar");
    export(&dir, &file, None).expect("exported");
    let whole = fs::read(&file).expect("read");
    let body = b"5xxxxxxxx";
    let at = whole.windows(body.len()).position(|found| found == body).expect("there");
    let mut spoilt = whole;
    if let Some(byte) = spoilt.get_mut(at + 50_000) {
        *byte ^= 1;
    }
    fs::write(&file, spoilt).expect("written");
    let refused = Archive::open(&file).expect_err("spoilt");
    assert!(refused.to_string().contains("payload of record 5"), "{refused}");
}

/// The file with the body of a record.
fn body_of(dir: &Path, seq: u64) -> PathBuf {
    let begin = format!("{seq}xxxxxxxx");
    let holds = |file: &PathBuf| {
        let bytes = fs::read(file).expect("readable");
        bytes.windows(begin.len()).any(|found| found == begin.as_bytes())
    };
    bodies(dir).into_iter().find(holds).expect("there")
}

fn spoil(file: &Path) {
    edit(file, |body| *body.get_mut(LARGE / 2).expect("within") ^= 1);
}

/// What is said of the loss of a kept record, and of what its run did behind it.
#[track_caller]
fn expect_told(mended: Option<&Event>, from: u64, to: u64) {
    let Some(Event::JournalRecovered(told)) = mended else { panic!("{mended:?}") };
    let JournalRecovered { lost_from, lost_to, method, problem } = told;
    assert_eq!((*lost_from, *lost_to), (Some(Seq::new(from)), Some(Seq::new(to))));
    assert_eq!(*method, RecoveryMethod::Prefix);
    assert!(problem.contains(&format!("record {from}, which was kept: its payload")), "{problem}");
}

fn shown(found: impl Iterator<Item = Result<Record, ReadError>>) -> Vec<u64> {
    found.map(|found| found.expect("whole").seq.get()).collect()
}

#[test]
fn a_kept_record_whose_body_is_lost_is_told_once_and_left_out() {
    for damage in [spoil, remove] {
        let (_home, dir) = home();
        let store = trimmed(&dir);
        append_until(&store, || bodies(&dir).len() == KEPT.len());
        let (first, head) = (store.first(), store.head());
        drop(store);
        let file = body_of(&dir, 5);
        damage(&file);
        let (damaged, base) = (fs::read(&file).ok(), fs::read(dir.join("BASE")).expect("there"));

        let store = reopen(&dir).expect("opened");
        expect_told(store.mended(), 5, 5);
        assert_eq!((store.first(), store.head()), (first, head.next()));
        assert_eq!(shown(store.scan_kept()), [9]);
        assert_eq!(store.residue().expect("there").as_deref(), Some(&b"rest"[..]));
        assert!(matches!(store.read(Seq::new(5)), Err(ReadError::Trimmed { .. })));
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let moved = fs::read(dir.join(format!("quarantine/payload-{name}-1"))).ok();
        assert_eq!(moved, damaged, "what was damaged is kept");
        assert_eq!(fs::read(dir.join("quarantine/BASE-1")).expect("kept"), base);
        drop(store);
        let store = reopen(&dir).expect("opened");
        assert_eq!(store.mended(), None, "told once");
        assert_eq!(shown(store.scan_kept()), [9]);
        append_until(&store, || store.cuts().len() > 1);
        let cut = store.cuts().last().expect("one").first;
        store.trim(cut, b"rest", &[Seq::new(9)]).expect("trimmed again");
        assert_eq!(shown(store.scan_kept()), [9]);
    }
}

/// As in a journal that was never trimmed: nothing can be made of what follows.
#[test]
fn what_a_run_did_behind_a_lost_record_is_lost_with_it() {
    let (home, dir) = home();
    let store = create(&dir);
    while store.cuts().len() < 2 {
        let head = store.head();
        let next = nth(head.get() + 1);
        let run = nth(head.get() % 2 + 1).run;
        store.append(head, &[Record { run, ..next }]).expect("appended");
    }
    let cut = store.cuts().first().expect("one").first;
    store.trim(cut, b"rest", &[2, 3, 5, 6, 7, 8].map(Seq::new)).expect("trimmed");
    drop(store);
    let intact = body_of(&dir, 7);
    spoil(&body_of(&dir, 5));
    let repaired = home.path().join("repaired");
    let told = repair(&dir, &repaired).expect("repaired");
    expect_told(told.mended.as_ref(), 5, 7);
    let store = reopen(&dir).expect("opened");
    expect_told(store.mended(), 5, 7);
    assert_eq!(shown(store.scan_kept()), [2, 3, 6, 8]);
    assert!(intact.exists(), "the file in quarantine refers to it");
    drop(store);
    assert_eq!(shown(reopen(&repaired).expect("opened").scan_kept()), [2, 3, 6, 8]);
}

#[test]
fn an_opening_behind_a_checkpoint_looks_at_kept_bodies_once_somebody_has_missed_one() {
    let (_home, dir) = home();
    let store = trimmed(&dir);
    store.save_checkpoint(store.head(), b"image").expect("saved");
    drop(store);
    spoil(&body_of(&dir, 5));
    let store = reopen(&dir).expect("opened");
    assert_eq!(store.mended(), None, "it has read nothing in front of the checkpoint");
    assert_eq!(store.load_checkpoint().expect("there").1, b"image");
    let seqs = store.scan_kept().map(|found| found.map(|record| record.seq.get()).ok());
    assert_eq!(seqs.collect::<Vec<_>>(), [None, Some(9)]);
    store.save_checkpoint(store.head(), b"image").expect_err("there is damage in front of it");
    drop(store);
    let store = reopen(&dir).expect("opened");
    expect_told(store.mended(), 5, 5);
    assert_eq!((store.load_checkpoint(), shown(store.scan_kept())), (None, vec![9]));
}

#[test]
fn a_repair_tells_which_kept_records_are_lost_and_the_new_journal_can_be_exported() {
    let (home, dir) = home();
    drop(trimmed(&dir));
    let (file, repaired) = (home.path().join("a.rjar"), home.path().join("repaired"));
    spoil(&body_of(&dir, 9));
    let refused = export(&dir, &file, None).expect_err("it is damaged").to_string();
    assert!(refused.contains("record 9") && refused.contains("repair it"), "{refused}");
    let told = repair(&dir, &repaired).expect("repaired");
    expect_told(told.mended.as_ref(), 9, 9);
    export(&repaired, &file, None).expect("exported");
    assert_eq!(shown(Archive::open(&file).expect("whole").scan_kept()), [5]);
    let store = reopen(&repaired).expect("opened");
    assert_eq!((store.mended(), store.head()), (None, told.head));
    assert_eq!(shown(store.scan_kept()), [5]);
    let last = store.read(told.head).expect("readable").map(|record| record.event);
    assert_eq!(last, told.mended, "the loss is its last record");
}

/// What a frame refers to is known once it was read: reading it again could only fail.
#[test]
fn frames_are_read_once_to_find_bodies_that_nothing_needs() {
    let (_home, dir) = home();
    let store = create(&dir);
    append_until(&store, || store.cuts().len() == 2);
    (0..100).for_each(|_| append(&store));
    let cuts: Vec<Seq> = store.cuts().iter().map(|cut| cut.first).collect();
    let [first, second] = cuts.as_slice() else { panic!("{cuts:?}") };
    store.trim(*first, b"rest", &KEPT.map(Seq::new)).expect("trimmed");
    append_until(&store, || bodies(&dir).len() == KEPT.len());

    edit(&dir.join("segments/00000003.seg"), |bytes| {
        *bytes.get_mut(150_000).expect("a record of the first hundred") ^= 1;
    });
    store.trim(*second, b"rest", &[Seq::new(9)]).expect("trimmed again");
    append_until(&store, || bodies(&dir).len() == 1);
    assert_eq!(store.read(Seq::new(9)).expect("kept"), Some(nth(9)));
}
