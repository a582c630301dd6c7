//! What is kept, collected, and found room for.

use super::*;
use crate::codec::{self, Link};
use crate::store::conformance::record;

fn large(seq: u64) -> Vec<Kept> {
    let mut aside = Vec::new();
    let record = record(seq, 10_000);
    codec::encode(&record, Link::default(), true, &mut Vec::new(), &mut aside).expect("fits");
    aside
}

fn home() -> (tempfile::TempDir, Payloads) {
    let home = tempfile::tempdir().expect("a folder");
    let payloads = Payloads::new(home.path());
    (home, payloads)
}

fn is_there(payloads: &Payloads, kept: &[Kept]) -> bool {
    let kept = kept.first().expect("one");
    payloads.body(kept.aside).is_ok_and(|body| body == kept.body)
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_replaced_and_kept_in_quarantine() {
    for durability in [Durability::Power, Durability::Process] {
        let (home, payloads) = home();
        let kept = large(2);
        payloads.keep(&kept, durability).expect("kept");
        assert!(is_there(&payloads, &kept));
        let path = payloads.path(kept.first().expect("one").aside.hash);
        let whole = fs::read(&path).expect("read");
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("not empty") ^= 1;
        for (number, torn) in (1..).zip([&b"half"[..], &flipped, b""]) {
            fs::write(&path, torn).expect("written");
            payloads.keep(&kept, durability).expect("kept again");
            assert_eq!(fs::read(&path).expect("read"), whole);
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let moved = home.path().join(format!("quarantine/payload-{name}-{number}"));
            assert_eq!(fs::read(moved).expect("moved"), torn);
        }
    }
}

#[test]
fn what_is_written_while_others_are_collected_is_spared() {
    let (_home, payloads) = home();
    let [settled, orphan, under_way, later, found_again] = [2, 3, 4, 5, 6].map(large);
    for bodies in [&settled, &orphan, &found_again] {
        payloads.keep(bodies, Durability::Process).expect("kept");
    }
    payloads.settle();
    payloads.keep(&under_way, Durability::Process).expect("kept");
    let removed = payloads.collect(|| {
        // Commits go on: one ends, another one begins and ends, one finds its body there.
        payloads.settle();
        payloads.keep(&later, Durability::Process)?;
        // Another collection begins later and ends earlier.
        assert!(payloads.collect(|| Err(ErrorKind::Other.into())).is_err());
        payloads.settle();
        payloads.keep(&found_again, Durability::Process)?;
        Ok(settled.iter().map(|kept| kept.aside.hash).collect())
    });
    assert_eq!(removed.expect("collected"), 1);
    assert!(!is_there(&payloads, &orphan));
    for bodies in [&settled, &under_way, &later, &found_again] {
        assert!(is_there(&payloads, bodies));
    }
    payloads.settle();
    assert_eq!(payloads.collect(|| Ok(HashSet::new())).expect("collected"), 4);
    assert!(payloads.is_empty());
}

#[test]
fn nothing_is_collected_once_the_journal_is_let_go_of() {
    let (_home, payloads) = home();
    let kept = large(2);
    payloads.keep(&kept, Durability::Process).expect("kept");
    payloads.settle();
    let stopped = payloads.collect(|| {
        payloads.stop();
        Ok(HashSet::new())
    });
    assert!(stopped.is_err());
    assert!(is_there(&payloads, &kept), "the next owner may just have committed it");
}

#[test]
fn room_is_found_for_the_first_body_of_a_journal() {
    let (_home, payloads) = home();
    payloads.written().missing = 100;
    assert!(!payloads.has_room());
    assert!(payloads.seek_room(), "there was not even room for the folder");
}

#[test]
fn a_reserve_is_kept_for_what_has_begun() {
    assert!(is_enough(Some(64 * 1024 * 1024)));
    assert!(!is_enough(Some(64 * 1024 * 1024 - 1)));
    assert!(is_enough(None), "nobody knows");
}

#[test]
fn nothing_is_collected_unless_every_frame_was_read() {
    let (_home, payloads) = home();
    let kept = large(2);
    payloads.keep(&kept, Durability::Process).expect("kept");
    payloads.settle();
    let damaged = || Err(io::Error::other("record 7 is damaged"));
    assert!(payloads.collect(damaged).is_err());
    let nothing = |_| std::iter::empty();
    let missing = || payloads.referenced(nothing, (Seq::new(1), Seq::new(1)), || false);
    assert!(payloads.collect(missing).is_err());
    assert!(is_there(&payloads, &kept));
}
