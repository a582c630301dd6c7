//! Following a journal while somebody writes to it.

use std::fs;
use std::path::Path;
use std::thread;

use resurge_journal::event::Event;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Condition, DiskStore, Durability, Follow, News, OpenError, OpenMode, Snapshot, Store,
};
use resurge_journal::{Record, Seq};

use crate::fixture::{contents, create, edit, frames, home, remove, segment};

/// Polls until there is nothing new for longer than patience lasts.
#[track_caller]
fn drain(follow: &mut Follow) -> Vec<News> {
    let (mut all, mut empty) = (Vec::new(), 0);
    while empty < 40 {
        let news = follow.poll().expect("readable");
        empty = if news.is_empty() { empty + 1 } else { 0 };
        all.extend(news);
    }
    all
}

/// What was found, with records as their positions.
fn short(news: &[News]) -> Vec<String> {
    let one = |news: &News| match news {
        News::Record(record) => record.seq.to_string(),
        News::Unreadable(error) => error.to_string(),
        News::Replaced { from } => format!("replaced, from {from}"),
        News::Rewritten { from, to } => format!("rewritten, {from} to {to}"),
        other => format!("{other:?}"),
    };
    news.iter().map(one).collect()
}

fn numbers(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(|seq| seq.to_string()).collect()
}

fn append(store: &DiskStore, to: u64, pad: usize) {
    for seq in store.head().get() + 1..=to {
        store.append(store.head(), &[record(seq, pad)]).expect("appended");
    }
}

fn reopen(dir: &Path) -> DiskStore {
    DiskStore::open(dir, OpenMode::Existing, Durability::Power).expect("opened")
}

fn flip(path: &Path, seq: usize) {
    edit(path, |bytes| {
        let at = *frames(bytes).get(seq - 1).expect("there");
        *bytes.get_mut(at + 30).expect("within") ^= 1;
    });
}

#[test]
fn every_record_comes_once_and_in_order_while_a_writer_rotates_segments() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    let shown: Vec<Record> = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for (count, pad) in (1..=60).zip((300..).step_by(7)).cycle().take(200) {
                let head = store.head();
                let batch: Vec<_> = (1..=count).map(|n| record(head.get() + n, pad)).collect();
                store.append(head, &batch).expect("appended");
            }
        });
        let mut shown = Vec::new();
        loop {
            let is_last = writer.is_finished();
            let news = follow.poll().expect("readable");
            let is_empty = news.is_empty();
            shown.extend(news.into_iter().map(|news| match news {
                News::Record(record) => record,
                other => panic!("{other:?}"),
            }));
            if is_last && is_empty {
                return shown;
            }
        }
    });
    assert!(fs::read_dir(dir.join("segments")).expect("readable").count() > 3, "it rotated");
    assert_eq!(shown.len() as u64, store.head().get());
    let there: Vec<_> = store.scan(Seq::ZERO).map(|found| found.expect("whole")).collect();
    assert!(shown == there, "every record, in order");
}

#[test]
fn what_is_seen_while_it_is_written_is_no_damage() {
    let (_home, dir) = home();
    let store = create(&dir);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for count in (1..=40).cycle().take(240) {
                let head = store.head();
                let batch: Vec<_> = (1..=count).map(|n| record(head.get() + n, 600)).collect();
                store.append(head, &batch).expect("appended");
            }
        });
        while !writer.is_finished() {
            let snapshot = Snapshot::take(&dir).expect("looked at");
            assert_eq!((snapshot.condition(), snapshot.is_in_use()), (&Condition::Whole, true));
        }
    });
}

#[test]
fn it_takes_no_lock_and_changes_nothing() {
    let (_home, dir) = home();
    let store = create(&dir);
    append(&store, 30, 100);
    drop(store);
    let before = contents(&dir);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 30));
    assert_eq!(contents(&dir), before);
    let store = reopen(&dir);
    append(&store, 31, 100);
    assert_eq!(short(&drain(&mut follow)), ["31"], "the writer was not kept out");
}

#[test]
fn it_begins_where_it_is_told_and_waits_for_what_is_not_there_yet() {
    let (_home, dir) = home();
    let store = create(&dir);
    append(&store, 30, 100);
    let mut middle = Follow::open(&dir, Seq::new(12)).expect("there");
    assert_eq!(short(&drain(&mut middle)), numbers(12, 30));
    let mut later = Follow::open(&dir, Seq::new(35)).expect("there");
    assert_eq!(short(&drain(&mut later)), numbers(1, 0));
    append(&store, 40, 100);
    assert_eq!(short(&drain(&mut middle)), numbers(31, 40));
    assert_eq!(short(&drain(&mut later)), numbers(35, 40));
}

#[test]
fn what_was_not_acknowledged_is_never_shown() {
    let (_home, dir) = home();
    let (_other_home, other) = home();
    let store = create(&dir);
    append(&store, 5, 100);
    drop(store);
    let head = fs::read(dir.join("head")).expect("read");
    append(&reopen(&dir), 9, 100);
    // As a writer leaves it that died between its write and the acknowledgement.
    fs::write(dir.join("head"), &head).expect("written");
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 5));
    // The opening takes what is whole, and what is taken is acknowledged.
    drop(reopen(&dir));
    assert_eq!(short(&drain(&mut follow)), numbers(6, 9));
    assert!(matches!(Follow::open(&other, Seq::ZERO), Err(OpenError::Missing { .. })));
}

#[test]
fn a_torn_end_that_is_cut_off_is_not_seen_and_its_cut_is() {
    let (_home, dir) = home();
    let store = create(&dir);
    append(&store, 20, 100);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 20));
    drop(store);
    for round in 0..3_u64 {
        edit(&segment(&dir), |bytes| {
            // The beginning of a batch, and half of what came next.
            let places = frames(bytes);
            let (from, to) = (places.get(4).expect("there"), places.get(6).expect("there"));
            bytes.extend_from_within(*from..*to - 9);
        });
        assert_eq!(drain(&mut follow).len(), 0);
        let store = reopen(&dir);
        append(&store, store.head().get() + 3, 100);
        let news = drain(&mut follow);
        let from = 21 + 4 * round;
        assert_eq!(short(&news), numbers(from, from + 3));
        assert!(
            matches!(news.first(), Some(News::Record(Record { event: Event::TailCut(_), .. }))),
            "{news:?}"
        );
    }
}

/// A journal of two sessions, whose segments are others once they are put together again.
fn in_two_sessions(dir: &Path) {
    append(&create(dir), 400, 4_000);
    append(&reopen(dir), 420, 4_000);
}

#[test]
fn segments_that_are_replaced_without_a_loss_are_gone_on_with() {
    let (_home, dir) = home();
    in_two_sessions(&dir);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 420));
    flip(&segment(&dir), 7);
    let store = reopen(&dir);
    append(&store, 425, 4_000);
    let news = drain(&mut follow);
    let mut expected = numbers(421, 425);
    expected.insert(0, "replaced, from 421".to_owned());
    assert_eq!(short(&news), expected);
}

#[test]
fn a_journal_that_lost_records_is_gone_on_with_where_it_lost_them() {
    let (_home, dir) = home();
    in_two_sessions(&dir);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 420));
    let mut shown = 420;
    // The last one lies behind the first two, which are not told again.
    for (grown, lost, to) in [(420, 30, 40), (40, 20, 40), (50, 45, 65)] {
        append(&reopen(&dir), grown, 4_000);
        assert_eq!(short(&drain(&mut follow)), numbers(shown + 1, grown));
        remove(&dir.join("index"));
        flip(&segment(&dir), lost);
        append(&reopen(&dir), to, 4_000);
        let news = drain(&mut follow);
        let mut expected = numbers(lost as u64, to);
        expected.insert(0, format!("rewritten, {lost} to {grown}"));
        assert_eq!(short(&news), expected);
        let Some(News::Record(Record { event: Event::JournalRecovered(_), .. })) = news.get(1)
        else {
            panic!("{:?}", news.get(1))
        };
        shown = to;
    }
}

#[test]
fn a_journal_that_was_odd_for_long_is_gone_on_with_at_once() {
    let (_home, dir) = home();
    append(&create(&dir), 5, 100);
    let head = fs::read(dir.join("head")).expect("read");
    append(&reopen(&dir), 9, 100);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 9));
    // Somebody puts back an old head, and nobody opens the journal for a while.
    fs::write(dir.join("head"), head).expect("written");
    for _ in 0..1_000 {
        assert!(follow.poll().expect("readable").is_empty());
    }
    remove(&dir.join("index"));
    flip(&segment(&dir), 7);
    drop(reopen(&dir));
    assert_eq!(short(&drain(&mut follow)), ["rewritten, 7 to 9", "7"]);
}

#[test]
fn damage_is_told_and_what_stands_behind_it_is_shown() {
    let (_home, dir) = home();
    append(&create(&dir), 30, 100);
    flip(&segment(&dir), 7);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    let mut expected = numbers(1, 30);
    *expected.get_mut(6).expect("there") = "record 7 is not readable".to_owned();
    assert_eq!(short(&drain(&mut follow)), expected);
    let mut middle = Follow::open(&dir, Seq::new(8)).expect("there");
    assert_eq!(short(&drain(&mut middle)), numbers(8, 30));
}

#[test]
fn bytes_in_front_of_the_last_record_do_not_hide_it() {
    let (_home, dir) = home();
    append(&create(&dir), 30, 100);
    edit(&segment(&dir), |bytes| {
        let at = *frames(bytes).get(29).expect("there");
        bytes.splice(at..at, *b"RJ what is this doing here");
    });
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    let mut expected = numbers(1, 30);
    expected.insert(29, "record 30 is not readable".to_owned());
    assert_eq!(short(&drain(&mut follow)), expected);
}

#[test]
fn a_journal_without_its_head_is_shown_if_nobody_writes() {
    let (_home, dir) = home();
    append(&create(&dir), 30, 100);
    remove(&dir.join("head"));
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    assert_eq!(short(&drain(&mut follow)), numbers(1, 30));
    append(&reopen(&dir), 33, 100);
    assert_eq!(short(&drain(&mut follow)), numbers(31, 33));
}

#[test]
fn a_journal_that_is_taken_away_ends_it() {
    let (_home, dir) = home();
    append(&create(&dir), 30, 100);
    let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
    drain(&mut follow);
    remove(&dir);
    assert!(matches!(follow.poll(), Err(OpenError::Missing { .. })));
}
