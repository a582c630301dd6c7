//! A database that holds far less than it takes up makes room, and loses nothing of its cache.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use resurge_journal::Seq;
use resurge_journal::event::RecoveryMethod;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{Change, DiskStore, Store};

use crate::disk::{filled, reopen};
use crate::fixture::{contents, create, frames, home, remove, segment};
use crate::mending::{copy_of, expect_all, mended};

const VALUE_BYTES: usize = 8 * 1024;
/// Longer than anything takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(300);

fn index_bytes(dir: &Path) -> u64 {
    let files = fs::read_dir(dir.join("index")).into_iter().flatten();
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

fn put(key: u64, value: u64) -> Change {
    // Nothing that could be packed.
    let mut luck = value.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let bytes = std::iter::repeat_with(|| {
        luck ^= luck << 13;
        luck ^= luck >> 7;
        luck ^= luck << 17;
        luck.to_be_bytes().first().copied().unwrap_or(0)
    });
    Change::Put { key: key.to_be_bytes().to_vec(), value: bytes.take(VALUE_BYTES).collect() }
}

fn append(store: &DiskStore, pad: usize) {
    let head = store.head();
    store.append(head, &[record(head.get() + 1, pad)]).expect("appended");
}

/// Flips a bit of a file that others may have open.
fn flip(path: &Path, at: usize) {
    let mut file = File::options().read(true).write(true).open(path).expect("opened");
    let at = SeekFrom::Start(at as u64);
    let mut byte = [0];
    file.seek(at).and_then(|_| file.read_exact(&mut byte)).expect("read");
    file.seek(at).and_then(|_| file.write_all(&byte.map(|byte| byte ^ 1))).expect("written");
}

/// What the cache should hold.
#[derive(Default)]
struct Expected(BTreeMap<Vec<u8>, Vec<u8>>);

impl Expected {
    fn change(&mut self, store: &DiskStore, changes: Vec<Change>) {
        for change in &changes {
            match change.clone() {
                Change::Put { key, value } => self.0.insert(key, value),
                Change::Remove { key } => self.0.remove(&key),
            };
        }
        store.cache().expect("one").apply(changes).expect("changed");
    }

    #[track_caller]
    fn expect(&self, store: &DiskStore) {
        let pairs = store.cache().expect("one").range(&[], &[0xFF; 9], usize::MAX);
        let found: BTreeMap<_, _> = pairs.expect("readable").into_iter().collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), self.0.keys().collect::<Vec<_>>());
        assert!(found == self.0, "a value is another one");
    }
}

/// A journal whose database has held much more than it holds.
fn bloated(dir: &Path) -> (DiskStore, Expected) {
    let (store, mut expected) = (create(dir), Expected::default());
    for key in 0..1_500 {
        expected.change(&store, vec![put(key, key)]);
    }
    let remove = |key: u64| Change::Remove { key: key.to_be_bytes().to_vec() };
    expected.change(&store, (100..1_500).map(remove).collect());
    store.cache().expect("one").sync().expect("synced");
    assert!(index_bytes(dir) > 8 * 1024 * 1024, "{}", index_bytes(dir));
    (store, expected)
}

/// Changes the cache and the journal until the database has become small.
#[expect(clippy::disallowed_methods, reason = "a thread that never comes fails its test")]
fn change_until_it_is_small(dir: &Path, store: &DiskStore, expected: &mut Expected) {
    let mut turn = 0;
    let began = Instant::now();
    while index_bytes(dir) > 4 * 1024 * 1024 || !dir.join("index/db").exists() {
        assert!(began.elapsed() < PATIENCE, "{} bytes after {turn} turns", index_bytes(dir));
        turn += 1;
        expected.change(store, vec![put(turn % 150, turn)]);
        let gone = (turn % 70 + 20).to_be_bytes().to_vec();
        expected.change(store, vec![Change::Remove { key: gone }]);
        if turn % 16 == 0 {
            append(store, 10);
        }
        // Waits for the disk, so that the other thread has its turn.
        store.cache().expect("one").sync().expect("synced");
    }
}

#[test]
fn a_wasteful_index_is_made_anew_while_its_cache_is_used() {
    let (_home, dir) = home();
    let (store, mut expected) = bloated(&dir);
    let generation = store.cache().expect("one").generation().expect("known");
    append(&store, 10);
    change_until_it_is_small(&dir, &store, &mut expected);
    expected.expect(&store);
    expected.change(&store, vec![put(7, 7)]);
    assert_eq!(store.cache().expect("one").generation().expect("known"), generation);
    store.cache().expect("one").sync().expect("synced");
    append(&store, 10);
    let head = store.head();
    drop(store);
    assert!(!dir.join("index.new").exists() && !dir.join("index.old").exists());
    assert!(!dir.join("quarantine").exists());

    let store = reopen(&dir).expect("opened");
    assert_eq!(store.cache().expect("one").generation().expect("known"), generation);
    expected.expect(&store);
    drop(store);
    remove(&dir.join("segments"));
    let (store, event) = mended(&dir);
    assert_eq!((event.lost_from, store.head()), (None, head.next()), "every record is in it");
}

/// A record that only the database still has is not given up for the smaller one.
#[test]
fn what_the_segments_have_lost_is_kept_when_the_index_is_made_anew() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let (store, mut expected) = bloated(&dir);
    let places = frames(&fs::read(segment(&dir)).expect("read"));
    let begins = |seq: usize| *places.get(seq - 1).expect("known");
    // A body, several frames, and the very last one.
    flip(&segment(&dir), begins(11) - 9);
    (begins(20)..begins(24)).step_by(8).for_each(|at| flip(&segment(&dir), at));
    flip(&segment(&dir), begins(41) - 9);
    append(&store, 100);
    change_until_it_is_small(&dir, &store, &mut expected);
    expect_all(&store, 41);
    let head = store.head();
    drop(store);

    let (store, event) = mended(&dir);
    assert_eq!((event.method, event.lost_from), (RecoveryMethod::Index, None));
    assert_eq!(store.head(), head.next());
    expect_all(&store, 41);
}

#[test]
fn a_crash_while_it_is_made_anew_leaves_one_of_the_two() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut expected = Expected::default();
    expected.change(&store, (0..20).map(|key| put(key, key)).collect());
    append(&store, 10);
    drop(store);
    let rename = |dir: &Path, from: &str, to: &str| {
        fs::rename(dir.join(from), dir.join(to)).expect("renamed");
    };
    // What is there at each step: index.new half made, both renames on their way, the old one left.
    let crashes: [&dyn Fn(&Path); 3] = [
        &|dir| {
            fs::create_dir(dir.join("index.new")).expect("made");
            fs::write(dir.join("index.new/db"), [7; 5_000]).expect("written");
        },
        &|dir| {
            rename(dir, "index", "index.old");
            fs::create_dir(dir.join("index.new")).expect("made");
        },
        &|dir| {
            fs::create_dir(dir.join("index.old")).expect("made");
            fs::write(dir.join("index.old/db"), [7; 5_000]).expect("written");
        },
    ];
    for crash in crashes {
        let (_home, copy) = copy_of(&dir);
        crash(&copy);
        let store = reopen(&copy).expect("opened");
        expected.expect(&store);
        drop(store);
        assert!(!copy.join("index.new").exists() && !copy.join("index.old").exists());
        assert!(!copy.join("quarantine").exists());
        // A repair of segments looks into the one that counts.
        crash(&copy);
        remove(&copy.join("segments"));
        assert_eq!(mended(&copy).1.lost_from, None);
        assert_eq!(contents(&copy).iter().filter(|file| file.0.ends_with("index.old")).count(), 0);
    }
}

#[test]
fn an_index_gives_the_space_of_dropped_records_back() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut luck = 1_u64;
    let mut reason = move || {
        let digits = std::iter::repeat_with(|| {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(33 + ((luck >> 33) % 90) as u8)
        });
        digits.take(7_900).collect::<String>()
    };
    while store.head() < Seq::new(1_900) {
        let head = store.head();
        let batch: Vec<_> = (1..=8)
            .map(|more| {
                let mut record = record(head.get() + more, 0);
                record.event = resurge_journal::event::RunParked { reason: reason() }.into();
                record
            })
            .collect();
        store.append(head, &batch).expect("appended");
    }
    drop(store);
    let store = reopen(&dir).expect("opened");
    let before = index_bytes(&dir);
    assert!(before > 10 * 1024 * 1024, "{before}");
    let cut = *store.cuts().last().expect("a cut");
    store.trim(cut.first, b"", &[]).expect("trimmed");
    while index_bytes(&dir) * 3 > before * 2 || !dir.join("index/db").exists() {
        store.cache().expect("one").sync().expect("synced");
    }
    assert_eq!(store.scan(Seq::ZERO).count() as u64, store.head().get() - cut.first.get() + 1);
}
