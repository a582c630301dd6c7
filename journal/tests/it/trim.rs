//! Journals that were trimmed: crashes on the way, damage of what stands for the dropped records.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::event::{Event, RecoveryMethod};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Archive, Change, Condition, DiskStore, ExportError, Follow, News, ReadError, Scan, Snapshot,
    Store, export, import, repair,
};
use tempfile::TempDir;

use crate::disk::reopen;
use crate::fixture::{contents, create, edit, frames, home, remove};
use crate::mending::{copy_of, mended};

const PAD: usize = 3_000;
const BASE: &str = "BASE";
const COPY: &str = "BASE.copy";

fn fill(store: &DiskStore, cuts: usize) {
    while store.cuts().len() < cuts {
        let head = store.head();
        store.append(head, &[record(head.get() + 1, PAD)]).expect("appended");
    }
}

/// Record 1 is of the store's own making.
const KEPT: [u64; 4] = [1, 2, 7, 50];

fn kept() -> Vec<Seq> {
    KEPT.map(Seq::new).to_vec()
}

/// A journal that was trimmed at its second cut, as it was before that and after it.
struct Trimmed {
    _homes: (TempDir, TempDir),
    before: PathBuf,
    after: PathBuf,
    first: u64,
    head: u64,
}

fn trimmed() -> Trimmed {
    let (home, after) = home();
    let store = create(&after);
    fill(&store, 3);
    drop(store);
    let (before_home, before) = copy_of(&after);
    let store = reopen(&after).expect("opened");
    let first = store.cuts().get(1).expect("a second").first;
    store.trim(first, b"what there was", &kept()).expect("trimmed");
    let head = store.head().get();
    drop(store);
    Trimmed { _homes: (home, before_home), before, after, first: first.get(), head }
}

fn seqs(scan: Scan<'_>) -> Vec<u64> {
    scan.map(|found| found.expect("readable").seq.get()).collect()
}

fn segments(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("segments")).expect("there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn bytes_of(dir: &Path) -> usize {
    contents(&dir.join("segments")).iter().map(|(_, bytes, _)| bytes.len()).sum()
}

/// A journal that was trimmed at `first`, with every record that it should have.
#[track_caller]
fn expect_trimmed(store: &DiskStore, first: u64, head: u64) {
    assert_eq!(store.first().get(), first);
    assert_eq!(store.residue().expect("there").as_deref(), Some(&b"what there was"[..]));
    assert_eq!(seqs(store.scan_kept()), KEPT);
    for found in store.scan_kept().skip(1) {
        let found = found.expect("readable");
        assert_eq!(found, record(found.seq.get(), PAD));
    }
    let there: Vec<_> = store.scan(Seq::ZERO).map(|found| found.expect("whole")).collect();
    let there: Vec<_> = there.into_iter().take_while(|found| found.seq.get() <= head).collect();
    assert_eq!(there, (first..=head).map(|seq| record(seq, PAD)).collect::<Vec<_>>());
}

#[test]
fn what_was_dropped_gives_its_space_back_and_what_stays_is_there_again() {
    let journal = trimmed();
    let Trimmed { before, after, first, head, .. } = &journal;
    let gone = bytes_of(before) - bytes_of(after);
    assert!(gone > 700_000, "{gone} of {}", bytes_of(before));
    assert!(after.join(BASE).exists());
    assert_eq!(
        fs::read(after.join(BASE)).expect("read"),
        fs::read(after.join(COPY)).expect("read")
    );
    for more in 0..3 {
        let store = reopen(after).expect("opened");
        assert_eq!(store.mended(), None);
        expect_trimmed(&store, *first, *head);
        let last = store.head().get();
        assert_eq!(last, head + more);
        store.append(Seq::new(last), &[record(last + 1, PAD)]).expect("appended");
        assert_eq!(store.read(Seq::new(7)).expect("kept"), Some(record(7, PAD)));
        let dropped = store.read(Seq::new(8));
        assert!(matches!(dropped, Err(ReadError::Trimmed { .. })), "{dropped:?}");
    }
}

/// Every order in which the files can be after a crash.
#[test]
fn a_crash_on_the_way_leaves_the_journal_as_it_was_or_trimmed() {
    let Trimmed { before, after, first, head, .. } = &trimmed();
    let copy = |name: &str, to: &Path, as_name: &str| {
        fs::copy(after.join(name), to.join(as_name)).expect("copied");
    };
    // The new file is being written.
    for (length, has_copy) in [(0, false), (200, false), (usize::MAX, false), (usize::MAX, true)] {
        let (_home, dir) = copy_of(before);
        copy(BASE, &dir, "BASE.new");
        edit(&dir.join("BASE.new"), |bytes| bytes.truncate(length));
        if has_copy {
            copy(BASE, &dir, "BASE.copy.new");
        }
        assert_eq!(*Snapshot::take(&dir).expect("looked at").condition(), Condition::Whole);
        let store = reopen(&dir).expect("opened");
        assert_eq!((store.first(), store.mended()), (Seq::new(1), None));
        assert_eq!(seqs(store.scan(Seq::ZERO)), (1..=*head).collect::<Vec<_>>());
        assert!(!dir.join("BASE.new").exists() && !dir.join("BASE.copy.new").exists());
        assert!(
            store.cuts().iter().any(|cut| cut.first.get() == *first),
            "it can be trimmed again"
        );
    }
    // It has its name, and some of the segments may be gone.
    let dropped = segments(before).into_iter().filter(|name| !segments(after).contains(name));
    let dropped: Vec<String> = dropped.collect();
    assert!(dropped.len() >= 2);
    for gone in 0..=dropped.len() {
        for has_copy in [false, true] {
            let (_home, dir) = copy_of(before);
            copy(BASE, &dir, BASE);
            copy(COPY, &dir, if has_copy { COPY } else { "BASE.copy.new" });
            for name in dropped.iter().take(gone) {
                remove(&dir.join("segments").join(name));
            }
            let snapshot = Snapshot::take(&dir).expect("looked at");
            assert_eq!((snapshot.condition(), snapshot.first().get()), (&Condition::Whole, *first));
            assert_eq!(seqs(snapshot.scan()), (*first..=*head).collect::<Vec<_>>());
            let store = reopen(&dir).expect("opened");
            assert_eq!(store.mended(), None);
            expect_trimmed(&store, *first, *head);
            assert_eq!(segments(&dir), segments(after));
            assert!(dir.join(COPY).exists() && !dir.join("BASE.copy.new").exists());
            assert!(!dir.join("quarantine").exists(), "what was dropped on purpose is not kept");
        }
    }
}

/// The second trimming got its name, and its copy did not: the later one counts.
#[test]
fn of_two_copies_the_later_one_counts() {
    let Trimmed { after, .. } = &trimmed();
    let store = reopen(after).expect("opened");
    fill(&store, 2);
    drop(store);
    let (_home, dir) = copy_of(after);
    let store = reopen(&dir).expect("opened");
    let again = store.cuts().first().expect("a cut").first;
    store.trim(again, b"what there was", &kept()).expect("trimmed again");
    let head = store.head().get();
    drop(store);
    for name in [BASE, COPY] {
        let (_home, mixed) = copy_of(&dir);
        fs::copy(after.join(name), mixed.join(name)).expect("copied");
        let store = reopen(&mixed).expect("opened");
        expect_trimmed(&store, again.get(), head);
        drop(store);
        let files = [BASE, COPY].map(|name| fs::read(mixed.join(name)).expect("there"));
        assert_eq!(files[0], files[1], "both are the later one again");
    }
}

#[test]
fn what_one_copy_has_lost_is_mended_from_the_other() {
    let Trimmed { after, first, head, .. } = &trimmed();
    let length = fs::read(after.join(BASE)).expect("read").len();
    for name in [BASE, COPY] {
        let flips = (0..80).step_by(3).chain((80..length).step_by(397)).chain([length - 1]);
        for at in flips {
            let (_home, dir) = copy_of(after);
            edit(&dir.join(name), |bytes| *bytes.get_mut(at).expect("within") ^= 1 << (at % 8));
            let snapshot = Snapshot::take(&dir).expect("looked at");
            assert_eq!(*snapshot.condition(), Condition::Whole, "byte {at}");
            assert_eq!(snapshot.flaws_of_base().count(), 1, "byte {at}");
            assert_eq!(seqs(snapshot.scan_kept()), KEPT);
            let store = reopen(&dir).expect("opened");
            assert_eq!(store.mended(), None, "no record is lost");
            expect_trimmed(&store, *first, *head);
            drop(store);
            assert!(dir.join("quarantine").join(format!("{name}-1")).exists());
            assert_eq!(Snapshot::take(&dir).expect("looked at").flaws_of_base().count(), 0);
        }
        let (_home, dir) = copy_of(after);
        remove(&dir.join(name));
        assert_eq!(*Snapshot::take(&dir).expect("looked at").condition(), Condition::Whole);
        expect_trimmed(&reopen(&dir).expect("opened"), *first, *head);
        assert!(dir.join(name).exists(), "made again");
    }
}

#[test]
fn without_both_copies_what_is_lost_is_told() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        |dir| [BASE, COPY].iter().for_each(|name| remove(&dir.join(name))),
        |dir| [BASE, COPY].iter().for_each(|name| edit(&dir.join(name), Vec::clear)),
        |dir| {
            for name in [BASE, COPY] {
                edit(&dir.join(name), |bytes| *bytes.last_mut().expect("some") ^= 1);
            }
        },
    ];
    let Trimmed { after, first, head, .. } = &trimmed();
    for damage in damages {
        let (_home, dir) = copy_of(after);
        damage(&dir);
        let snapshot = Snapshot::take(&dir).expect("looked at");
        let Condition::Damaged { from, .. } = snapshot.condition() else {
            panic!("{:?}", snapshot.condition())
        };
        assert_eq!(from.get(), 1);
        assert!(matches!(snapshot.scan().next(), Some(Err(ReadError::Gap { .. }))));
        let to = dir.with_file_name("repaired");
        let repaired = repair(&dir, &to).expect("put together");
        let Some(Event::JournalRecovered(event)) = repaired.mended else { panic!("{repaired:?}") };
        let lost = Some(Seq::new(1)).zip(Some(Seq::new(first - 1)));
        assert_eq!(event.lost_from.zip(event.lost_to), lost);
        assert_eq!(reopen(&to).expect("opened").mended(), None);

        let (store, event) = mended(&dir);
        assert_eq!(event.lost_from.zip(event.lost_to), lost);
        assert_eq!(event.method, RecoveryMethod::Prefix);
        assert_eq!((store.first().get(), store.head().get()), (*first, head + 1));
        assert!(matches!(store.residue(), Err(ReadError::Gap { .. })));
        assert_eq!(seqs(store.scan_kept()), [0; 0]);
        assert_eq!(seqs(store.scan(Seq::ZERO)), (*first..=head + 1).collect::<Vec<_>>());
        drop(store);
        let (_home, untold) = copy_of(&dir);
        let store = reopen(&dir).expect("opened again");
        assert_eq!(store.mended(), None, "mended once");
        // A crash in front of the record that tells it.
        for name in [BASE, COPY] {
            edit(&untold.join(name), |bytes| {
                *bytes.get_mut(7).expect("within") |= 2;
                let crc = crc32c::crc32c(bytes.get(..76).expect("within"));
                bytes.get_mut(76..80).expect("within").copy_from_slice(&crc.to_be_bytes());
            });
        }
        let (told, event) = mended(&untold);
        assert_eq!(event.lost_from.zip(event.lost_to), lost);
        drop(told);
        assert_eq!(reopen(&untold).expect("opened again").mended(), None);
        assert!(matches!(store.residue(), Err(ReadError::Gap { .. })));
        assert_eq!(
            seqs(Snapshot::take(&to).expect("looked at").scan()),
            seqs(store.scan(Seq::ZERO))
        );
    }
}

/// Two faults: what stood for the first records is gone, and a later segment is damaged.
#[test]
fn two_losses_are_told_as_one() {
    let Trimmed { after, first, head, .. } = &trimmed();
    for name in [BASE, COPY, "index"] {
        remove(&after.join(name));
    }
    let of = segments(after).first().cloned().expect("some");
    edit(&after.join("segments").join(of), |bytes| {
        let places = frames(bytes);
        let at = *places.get(places.len() - 3).expect("two more");
        *bytes.get_mut(at + 70).expect("within") ^= 1;
    });
    let to = after.with_file_name("repaired");
    let repaired = repair(after, &to).expect("put together");
    let Some(Event::JournalRecovered(by_hand)) = repaired.mended else { panic!("{repaired:?}") };
    let (store, event) = mended(after);
    assert_eq!((event.lost_from, event.lost_to), (Some(Seq::new(1)), Some(Seq::new(*head))));
    assert_eq!((by_hand.lost_from, by_hand.lost_to), (event.lost_from, event.lost_to));
    assert_eq!((store.first().get(), store.head().get()), (*first, head - 2));
    drop(store);
    assert_eq!(reopen(after).expect("opened again").mended(), None);
}

/// A trimming of which only a spoilt file is left is none, and no reason to try again.
#[test]
fn a_damaged_base_excuses_no_missing_body_in_an_export() {
    let (home, dir) = home();
    let store = create(&dir);
    store.append(Seq::new(1), &[record(2, 20_000)]).expect("appended");
    fill(&store, 2);
    drop(store);
    let (_trimmed_home, trimmed) = copy_of(&dir);
    let store = reopen(&trimmed).expect("opened");
    let cut = store.cuts().first().expect("one").first;
    store.trim(cut, b"rest", &[]).expect("trimmed");
    drop(store);
    fs::copy(trimmed.join(BASE), dir.join(BASE)).expect("copied");
    edit(&dir.join(BASE), |bytes| *bytes.get_mut(80).expect("the residue") ^= 1);
    for body in fs::read_dir(dir.join("payloads")).expect("there") {
        remove(&body.expect("readable").path());
    }
    let refused = export(&dir, &home.path().join("a.rjar"), None).expect_err("a body is gone");
    assert!(matches!(refused, ExportError::Damaged { .. }), "{refused:?}");
}

#[test]
fn a_base_of_another_journal_is_none_of_this_one() {
    let (Trimmed { after, first, head, .. }, other) = (&trimmed(), trimmed());
    let (_home, dir) = copy_of(after);
    fs::copy(other.after.join(BASE), dir.join(BASE)).expect("copied");
    expect_trimmed(&reopen(&dir).expect("opened"), *first, *head);
    assert!(dir.join("quarantine/BASE-1").exists());
    let (_home, dir) = copy_of(&other.before);
    fs::copy(after.join(BASE), dir.join(BASE)).expect("copied");
    let store = reopen(&dir).expect("opened");
    assert_eq!((store.first().get(), store.mended()), (1, None));
    assert!(dir.join("quarantine/BASE-1").exists());
}

#[test]
fn a_trimmed_journal_is_mended_from_its_index_and_loses_nothing() {
    let Trimmed { after, first, head, .. } = &trimmed();
    // Until the index was brought up to the segments, which the end of the session waited for.
    for name in segments(after) {
        let (_home, dir) = copy_of(after);
        edit(&dir.join("segments").join(&name), |bytes| {
            let middle = bytes.len() / 2;
            *bytes.get_mut(middle).expect("within") ^= 1;
        });
        assert!(repair(&dir, &dir.with_file_name("repaired")).is_ok());
        expect_trimmed(&reopen(&dir.with_file_name("repaired")).expect("opened"), *first, *head);
        let (store, event) = mended(&dir);
        assert_eq!((event.lost_from, event.method), (None, RecoveryMethod::Index), "{name}");
        expect_trimmed(&store, *first, *head);
        drop(store);
        expect_trimmed(&reopen(&dir).expect("opened"), *first, *head);
    }
}

#[test]
fn the_index_is_made_again_from_what_is_left_and_keeps_its_cache_when_it_is_not() {
    let Trimmed { after, first, head, .. } = &trimmed();
    let store = reopen(after).expect("opened");
    let cache = store.cache().expect("one");
    let generation = cache.generation().expect("known");
    let put = Change::Put { key: b"key".to_vec(), value: b"value".to_vec() };
    cache.apply(vec![put]).and_then(|()| cache.sync()).expect("changed");
    fill(&store, 2);
    let again = store.cuts().first().expect("a cut").first;
    store.trim(again, b"", &[]).expect("trimmed again");
    drop(store);
    let store = reopen(after).expect("opened");
    let cache = store.cache().expect("one");
    assert_eq!(cache.generation().expect("known"), generation);
    assert_eq!(cache.get(b"key").expect("readable"), Some(b"value".to_vec()));
    let last = store.head().get();
    drop(store);
    assert!(last > *head && again.get() > *first);

    remove(&after.join("index"));
    drop(reopen(after).expect("opened"));
    remove(&after.join("segments"));
    let (store, event) = mended(after);
    assert_eq!((event.lost_from, store.head().get()), (None, last + 1));
    assert_eq!(seqs(store.scan(Seq::ZERO)), (again.get()..=last + 1).collect::<Vec<_>>());
}

#[test]
fn readers_that_are_under_way_are_told_and_never_see_damage() {
    let (_home, dir) = home();
    let store = create(&dir);
    fill(&store, 4);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    let mut early = Follow::open(&dir, Seq::ZERO).expect("there");
    let seen = early.poll().expect("readable").len() as u64;
    let snapshot = Snapshot::take(&dir).expect("looked at");
    let mut scan = snapshot.scan();
    let mut live = store.scan(Seq::ZERO);
    for seq in 1..=3 {
        let next = [scan.next(), live.next()].map(|found| found.expect("some").expect("whole"));
        assert_eq!(next.map(|found| found.seq.get()), [seq; 2]);
    }
    let cut = store.cuts().get(3).expect("four").first;
    let head = store.head();
    store.trim(cut, b"", &[Seq::new(2)]).expect("trimmed");

    for rest in [scan.collect::<Vec<_>>(), live.collect::<Vec<_>>()] {
        let (whole, errors): (Vec<_>, Vec<_>) = rest.into_iter().partition(Result::is_ok);
        let errors: Vec<_> = errors.into_iter().filter_map(Result::err).collect();
        assert!(matches!(errors.as_slice(), [ReadError::Trimmed { .. }]), "{errors:?}");
        let last = whole.last().and_then(|found| found.as_ref().ok());
        assert_eq!(last.map(|found| found.seq), Some(head));
    }
    for (follow, next) in [(&mut follow, 1), (&mut early, seen + 1)] {
        let mut news = Vec::new();
        loop {
            let more = follow.poll().expect("readable");
            if more.is_empty() {
                break;
            }
            news.extend(more);
        }
        let is_told = matches!(news.first(), Some(News::Trimmed { first }) if *first == cut);
        assert!(is_told && next < cut.get(), "{:?}", news.first());
        let shown = news.iter().skip(1).map(|news| match news {
            News::Record(record) => record.seq.get(),
            other => panic!("{other:?}"),
        });
        assert!(shown.eq(cut.get()..=head.get()));
    }
    assert_eq!(*Snapshot::take(&dir).expect("looked at").condition(), Condition::Whole);
    assert!(!store.cuts().iter().any(|left| left.first <= cut));
    store.save_checkpoint(head, b"image").expect("nothing was taken for damage");
}

#[test]
fn a_trimmed_journal_is_carried_bit_for_bit() {
    let Trimmed { after, first, head, .. } = &trimmed();
    let (file, to) = (after.with_file_name("a.rjar"), after.with_file_name("new"));
    let exported = export(after, &file, None).expect("exported");
    assert_eq!((exported.records, exported.last.get()), (head + 1 - first, *head));
    let archive = Archive::open(&file).expect("whole");
    assert_eq!((archive.first().get(), archive.kept()), (*first, KEPT.len() as u64));
    assert_eq!(seqs(archive.scan_kept()), KEPT);
    assert_eq!(seqs(archive.scan()), (*first..=*head).collect::<Vec<_>>());
    assert_eq!(import(&file, &to).expect("imported").get(), *head);
    assert_eq!(fs::read(to.join(BASE)).expect("there"), fs::read(after.join(BASE)).expect("there"));
    expect_trimmed(&reopen(&to).expect("opened"), *first, *head);
    drop(reopen(&to));
    let again = after.with_file_name("b.rjar");
    export(&to, &again, None).expect("exported");
    assert_eq!(fs::read(&file).expect("read"), fs::read(&again).expect("read"));

    let bytes = fs::read(&file).expect("read");
    let base = fs::read(after.join(BASE)).expect("read").len();
    for at in (64..144).chain((144..64 + base).step_by(61)).chain([64 + base]) {
        let mut flipped = bytes.clone();
        *flipped.get_mut(at).expect("within") ^= 1;
        fs::write(&file, flipped).expect("written");
        assert!(Archive::open(&file).is_err(), "byte {at}");
    }
    let run = record(7, PAD).run;
    let one = after.with_file_name("one.rjar");
    export(after, &one, run).expect("exported");
    assert_eq!(seqs(Archive::open(&one).expect("whole").scan()), [7]);
}

#[test]
fn a_record_that_the_segments_have_lost_is_kept_from_the_index() {
    let Trimmed { before, first, .. } = &trimmed();
    let store = reopen(before).expect("opened");
    let path = before.join("segments/00000001.seg");
    edit(&path, |bytes| {
        let at = *frames(bytes).get(6).expect("seven frames");
        *bytes.get_mut(at + 99).expect("within") ^= 1;
    });
    store.trim(Seq::new(*first), b"", &[Seq::new(6), Seq::new(7)]).expect("trimmed");
    assert_eq!(store.read(Seq::new(7)).expect("kept"), Some(record(7, PAD)));
    assert_eq!(seqs(store.scan_kept()), [6, 7]);
}
