//! Openings that are cut short while they mend.

use std::fs;

use super::*;
use crate::event::RunUnparked;
use crate::record::Record;
use crate::store::contract::Store;
use crate::store::disk::{DiskStore, Durability};

fn record(seq: u64) -> Record {
    let event = RunUnparked {}.into();
    Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event }
}

fn opened(dir: &Path) -> DiskStore {
    DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).expect("opened")
}

fn append(dir: &Path, seqs: std::ops::RangeInclusive<u64>) {
    let store = opened(dir);
    for seq in seqs {
        store.append(Seq::new(seq - 1), &[record(seq)]).expect("appended");
    }
}

/// Nothing but a stale head, or none at all, is left to say how far the journal went.
#[test]
fn a_loss_is_told_although_the_opening_that_noticed_it_died() {
    for (has_head, dies_early) in [(true, false), (true, true), (false, false), (false, true)] {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("journal");
        append(&dir, 2..=4);
        let stale = fs::read(dir.join(anchor::NAME)).expect("read");
        append(&dir, 5..=10);
        let set_back = || {
            fs::write(dir.join(anchor::NAME), &stale).expect("written");
            if !has_head {
                fs::remove_file(dir.join(anchor::NAME)).expect("removed");
            }
        };
        set_back();
        fs::remove_dir_all(dir.join(index::DIR)).expect("removed");
        let journal = Place::new(&dir).journal().expect("there").expect("one");
        let segments = Origin::CREATION.segments(&dir).expect("listed");
        let file = segments.first().expect("one").path.clone();
        let sixth = Origin::CREATION.frames(journal, segments).nth(5).expect("ten frames");
        let at = usize::try_from(sixth.place.offset).expect("small");
        let mut spoilt = fs::read(&file).expect("read");
        *spoilt.get_mut(at + 20).expect("within") ^= 1;
        fs::write(&file, spoilt).expect("written");

        drop(open(&dir, OpenMode::Existing).expect("mended"));
        if dies_early {
            // The power fails before the head is on the disk.
            set_back();
        }
        let store = opened(&dir);
        let events = store.scan(Seq::ZERO).map(|found| found.expect("whole").event);
        let losses = events.filter_map(|event| match event {
            Event::JournalRecovered(event) => event.lost_from.zip(event.lost_to),
            _ => None,
        });
        let losses: Vec<_> = losses.collect();
        let told = (Seq::new(6), Seq::new(10));
        assert_eq!(losses, [told], "head: {has_head}, early: {dies_early}");
        assert_eq!(store.head(), Seq::new(6));
        drop(store);
        append(&dir, 7..=7);
        let again = opened(&dir);
        assert_eq!((again.head(), again.mended()), (Seq::new(7), None));
    }
}
