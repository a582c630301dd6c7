//! Bodies that do not fit into a frame: files of their own, never trusted, collected when nobody
//! needs them.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::event::{Event, RecoveryMethod, RunParked};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    AppendError, Archive, Condition, DecodeError, DiskStore, Durability, ExportError, Follow, News,
    PayloadProblem, ReadError, Repaired, Snapshot, Store, export, import, repair,
};
use resurge_journal::{Record, Seq};
use sha2::{Digest, Sha256};

use crate::disk::reopen;
use crate::fixture::{contents, create, edit, home, remove, segment};
use crate::mending::mended;

const LARGE: usize = 100_000;

/// A closed journal of 20 records, of which the tenth and the twelfth are large.
fn filled(dir: &Path) {
    let store = create(dir);
    for record in records().skip(1) {
        store.append(store.head(), &[record]).expect("appended");
    }
}

fn records() -> impl Iterator<Item = Record> {
    (1..=20).map(|seq| record(seq, if seq == 10 || seq == 12 { LARGE } else { 100 }))
}

/// The files of the bodies, in the order of their names.
fn payloads(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("payloads")).expect("there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| !path.ends_with("unsynced"));
    paths.sort();
    paths
}

/// The file of the body of a large record.
fn payload_of(dir: &Path, seq: u64) -> PathBuf {
    let begin = format!("{seq}xxx").into_bytes();
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        bytes.windows(begin.len()).take(20).any(|found| found == begin)
    };
    payloads(dir).into_iter().find(holds).expect("there")
}

fn all(store: &dyn Store) -> Vec<Record> {
    store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect()
}

/// Whether a record is there without its body.
fn is_lost(found: &Result<Record, ReadError>, seq: u64, why: &PayloadProblem) -> bool {
    matches!(found, Err(ReadError::Undecodable {
        seq: told,
        source: DecodeError::Payload { problem, .. },
    }) if told.get() == seq && problem == why)
}

#[test]
fn a_large_body_is_a_private_file_with_its_hash_for_a_name() {
    let (_home, dir) = home();
    filled(&dir);
    let files = payloads(&dir);
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        let body = fs::read(&file).expect("readable");
        let digits: Vec<String> =
            Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file.file_name().expect("a name").to_str(), Some(digits.concat().as_str()));
        assert!((LARGE..LARGE + 20).contains(&body.len()), "{}", body.len());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    let segment = fs::metadata(segment(&dir)).expect("there").len();
    assert!(segment < 10_000, "the bodies are not in the segment as well: {segment} bytes");
    let store = reopen(&dir).expect("opened");
    assert_eq!(store.mended(), None);
    assert_eq!(all(&store), records().skip(1).collect::<Vec<_>>());
}

#[test]
fn equal_bodies_share_a_file() {
    let (_home, dir) = home();
    for durability in [Durability::Power, Durability::Process] {
        let mode = resurge_journal::store::OpenMode::CreateIfMissing;
        let store = DiskStore::open(&dir, mode, durability).expect("opened");
        for _ in 0..3 {
            let seq = store.head().next();
            store.append(store.head(), &[Record { seq, ..record(2, LARGE) }]).expect("appended");
        }
        assert_eq!(payloads(&dir).len(), 1);
    }
}

/// A process that dies behind the files of a commit and in front of its frames leaves this.
#[test]
fn what_no_frame_refers_to_is_collected_and_nothing_else() {
    let (_home, dir) = home();
    filled(&dir);
    let kept = payloads(&dir);
    let orphan = dir.join("payloads").join("ab".repeat(32));
    fs::write(&orphan, "the body of a commit that never was").expect("written");
    fs::write(dir.join("payloads/draft"), "half of it").expect("written");
    let other = dir.join("payloads/notes.txt");
    fs::write(&other, "not ours").expect("written");

    let store = reopen(&dir).expect("opened");
    assert_eq!(store.mended(), None);
    wait_until(|| !orphan.exists());
    assert!(other.exists(), "what is no body is left alone");
    remove(&other);
    assert_eq!(payloads(&dir), kept);
    assert_eq!(all(&store), records().skip(1).collect::<Vec<_>>());
}

/// Waits for what happens in the background.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn no_frame_refers_to_a_body_that_could_not_be_written() {
    let (_home, dir) = home();
    let store = create(&dir);
    fs::write(dir.join("payloads"), "in the way").expect("written");
    let failed = store.append(Seq::new(1), &[record(2, 0), record(3, LARGE)]);
    assert!(matches!(failed, Err(AppendError::Io { .. })), "{failed:?}");
    let refused = store.append(Seq::new(1), &[record(2, 0)]);
    assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
    store.close();
    remove(&dir.join("payloads"));
    let store = reopen(&dir).expect("opened");
    assert_eq!((store.mended(), store.head()), (None, Seq::new(1)));
    store.append(Seq::new(1), &[record(2, LARGE)]).expect("it goes on");
}

/// Ways in which a body can be lost, and what is said of it.
type Damage = (fn(&Path), PayloadProblem);
const DAMAGES: [Damage; 4] = [
    (|file| remove(file), PayloadProblem::Missing),
    (|file| edit(file, |body| *body.get_mut(LARGE / 2).expect("within") ^= 1), CHANGED),
    (|file| edit(file, |body| body.truncate(LARGE / 2)), CHANGED),
    (|file| edit(file, |body| body.push(0)), CHANGED),
];
const CHANGED: PayloadProblem = PayloadProblem::Changed;

#[test]
fn a_record_whose_body_is_lost_is_lost_with_what_follows() {
    for (damage, problem) in DAMAGES {
        let (_home, dir) = home();
        filled(&dir);
        let file = payload_of(&dir, 12);
        damage(&file);
        let damaged = fs::read(&file).ok();

        let snapshot = Snapshot::take(&dir).expect("looked at");
        assert_eq!(*snapshot.condition(), Condition::Whole, "the frames are");
        let shown: Vec<_> = snapshot.scan().collect();
        assert_eq!(shown.len(), 20);
        assert!(is_lost(shown.get(11).expect("there"), 12, &problem), "{:?}", shown.get(11));
        assert_eq!(shown.iter().filter(|found| found.is_ok()).count(), 19);

        let (store, mended) = mended(&dir);
        assert_eq!(mended.method, RecoveryMethod::Prefix);
        assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(12)), Some(Seq::new(20))));
        assert!(mended.problem.contains("its payload"), "{}", mended.problem);
        let kept: Vec<_> = records().skip(1).take(10).collect();
        assert_eq!(all(&store).get(..10), Some(kept.as_slice()));
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let moved = fs::read(dir.join(format!("quarantine/payload-{name}-1"))).ok();
        assert_eq!(moved, damaged, "what was damaged is kept");
        drop(store);
        assert_eq!(reopen(&dir).expect("opened").mended(), None, "mended once");
    }
}

#[test]
fn a_damaged_body_of_several_records_is_moved_aside_once() {
    let (_home, dir) = home();
    let store = create(&dir);
    for seq in 2..=4 {
        let equal = Record { seq: Seq::new(seq), ..record(2, LARGE) };
        store.append(store.head(), &[equal]).expect("appended");
    }
    drop(store);
    edit(&payload_of(&dir, 2), |body| body.truncate(9));
    let (_store, mended) = mended(&dir);
    assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(2)), Some(Seq::new(4))));
    assert_eq!(payloads(&dir), [] as [PathBuf; 0]);
}

#[test]
fn a_body_lost_in_front_of_a_checkpoint_costs_that_record_alone() {
    let (_home, dir) = home();
    filled(&dir);
    reopen(&dir).expect("opened").save_checkpoint(Seq::new(15), b"a state").expect("saved");
    remove(&payload_of(&dir, 12));
    for _ in 0..2 {
        let store = reopen(&dir).expect("opened");
        assert_eq!((store.mended(), store.head()), (None, Seq::new(20)));
        assert_eq!(store.scan(Seq::new(13)).filter_map(Result::ok).count(), 8);
        let found = store.read(Seq::new(12)).map(|found| found.expect("a record"));
        assert!(is_lost(&found, 12, &PayloadProblem::Missing), "{found:?}");
        assert!(store.load_checkpoint().is_some());
    }

    // Who looks at old records while work goes on does no harm.
    let store = reopen(&dir).expect("opened");
    store.append(Seq::new(20), &[record(21, 0)]).expect("appended");
    assert_eq!(store.scan(Seq::new(1)).filter(Result::is_err).count(), 1);
    drop(store);

    // Who cannot use the checkpoint needs every record: the next opening mends them.
    let store = reopen(&dir).expect("opened");
    assert_eq!(store.mended(), None);
    assert_eq!(store.scan(Seq::new(1)).filter(Result::is_err).count(), 1);
    drop(store);
    let (store, mended) = mended(&dir);
    assert_eq!((mended.lost_from, store.head()), (Some(Seq::new(12)), Seq::new(12)));
}

#[test]
fn bodies_that_damaged_segments_refer_to_are_kept_with_them() {
    let (_home, dir) = home();
    filled(&dir);
    // The tenth is lost, and with it the twelfth, whose body is sound.
    remove(&payload_of(&dir, 10));
    let sound = payload_of(&dir, 12);
    let (store, _) = mended(&dir);
    let orphan = dir.join("payloads").join("cd".repeat(32));
    drop(store);
    fs::write(&orphan, "nobody's").expect("written");
    let store = reopen(&dir).expect("opened");
    wait_until(|| !orphan.exists());
    // The collection has ended once the journal is closed.
    drop(store);
    assert!(sound.exists(), "a segment in quarantine refers to it");
}

#[test]
fn damage_to_a_segment_is_mended_with_its_bodies() {
    let (_home, dir) = home();
    filled(&dir);
    remove(&segment(&dir));
    let (store, mended) = mended(&dir);
    assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
    assert_eq!(all(&store).get(..19), Some(records().skip(1).collect::<Vec<_>>().as_slice()));
}

#[test]
fn whoever_follows_gets_large_records_a_few_at_a_time() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut follow = Follow::open(&dir, Seq::new(2)).expect("opened");
    let large: Vec<_> = (2..=40).map(|seq| record(seq, LARGE)).collect();
    store.append(Seq::new(1), &large).expect("appended");
    let (mut seen, mut most) = (Vec::new(), 0);
    while seen.len() < large.len() {
        let news = follow.poll().expect("polled");
        most = most.max(news.len());
        seen.extend(news.into_iter().map(|news| match news {
            News::Record(record) => record,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(seen, large);
    assert!(most * LARGE < 2 * 1024 * 1024, "{most} at a time");
}

#[test]
fn an_archive_carries_the_bodies() {
    let (home, dir) = home();
    filled(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    export(&dir, &file, None).expect("exported");
    let archive = Archive::open(&file).expect("whole");
    let shown: Vec<_> = archive.scan().skip(1).map(|found| found.expect("whole")).collect();
    assert_eq!(shown, records().skip(1).collect::<Vec<_>>());

    import(&file, &to).expect("imported");
    assert_eq!(names(&payloads(&to)), names(&payloads(&dir)));
    let store = reopen(&to).expect("opened");
    assert_eq!((store.mended(), all(&store)), (None, shown));
    drop(store);
    let again = home.path().join("b.rjar");
    export(&to, &again, None).expect("exported");
    assert!(fs::read(&again).expect("read") == fs::read(&file).expect("read"), "bit for bit");

    // One run of it, with its body.
    let one = home.path().join("one.rjar");
    let exported = export(&dir, &one, record(12, 0).run).expect("exported");
    assert_eq!(exported.records, 1);
    let shown: Vec<_> = Archive::open(&one).expect("whole").scan().flatten().collect();
    assert_eq!(shown, [record(12, LARGE)]);
}

fn names(paths: &[PathBuf]) -> Vec<(String, Vec<u8>)> {
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).expect("read"))).collect()
}

#[test]
fn a_spoilt_body_in_an_archive_is_found_and_one_in_a_journal_is_not_exported() {
    let (home, dir) = home();
    filled(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    export(&dir, &file, None).expect("exported");
    let bytes = fs::read(&file).expect("read");
    for part in 1..20 {
        edit(&file, |bytes| {
            let at = bytes.len() * part / 20;
            *bytes.get_mut(at).expect("within") ^= 1;
            // Even if somebody makes the checksum fit: the hash does not.
            bytes.truncate(bytes.len() - 4);
            bytes.extend_from_slice(&crc32c::crc32c(bytes).to_be_bytes());
        });
        assert!(Archive::open(&file).is_err(), "part {part}");
        assert!(import(&file, &to).is_err(), "part {part}");
        assert!(!to.exists(), "nothing is left of it");
        fs::write(&file, &bytes).expect("written");
    }
    for cut in (0..bytes.len()).step_by(9_973) {
        fs::write(&file, bytes.get(..cut).expect("within")).expect("written");
        assert!(Archive::open(&file).is_err(), "cut to {cut}");
    }

    remove(&payload_of(&dir, 12));
    let refused = export(&dir, &home.path().join("b.rjar"), None);
    let Err(ExportError::Damaged { problem, .. }) = refused else { panic!("{refused:?}") };
    assert!(problem.starts_with("record 12: its payload"), "{problem}");
}

#[test]
fn a_repair_takes_the_bodies_along_and_leaves_the_old_journal_as_it_is() {
    let (home, dir) = home();
    filled(&dir);
    let to = home.path().join("new");
    let before = contents(&dir);
    let Repaired { head, mended, .. } = repair(&dir, &to).expect("repaired");
    assert_eq!((head, mended), (Seq::new(20), None));
    assert_eq!(all(&reopen(&to).expect("opened")), records().skip(1).collect::<Vec<_>>());
    assert_eq!(contents(&dir), before);

    edit(&payload_of(&dir, 12), |body| body.truncate(7));
    let (before, to) = (contents(&dir), home.path().join("cut"));
    let Repaired { head, mended, .. } = repair(&dir, &to).expect("repaired");
    let Some(Event::JournalRecovered(mended)) = mended else { panic!("{mended:?}") };
    assert_eq!((head, mended.lost_from), (Seq::new(12), Some(Seq::new(12))));
    assert_eq!(payloads(&to).len(), 1);
    assert_eq!(contents(&dir), before, "nothing is changed, the damaged body neither");
}

#[test]
fn a_body_is_as_large_as_the_limit_and_no_larger() {
    let (_home, dir) = home();
    let store = create(&dir);
    let reason = "x".repeat(resurge_journal::store::BODY_BYTES_MAX - 5);
    let event = RunParked { reason }.into();
    let largest = Record { event, ..record(2, 0) };
    store.append(Seq::new(1), std::slice::from_ref(&largest)).expect("appended");
    let reason = "x".repeat(resurge_journal::store::BODY_BYTES_MAX);
    let larger = Record { event: RunParked { reason }.into(), ..record(3, 0) };
    let refused = store.append(Seq::new(2), &[larger]);
    assert!(refused.is_err(), "{refused:?}");
    store.append(Seq::new(2), &[record(3, 0)]).expect("a refusal changes nothing");
    assert_eq!(store.read(Seq::new(2)).expect("readable"), Some(largest));
}
