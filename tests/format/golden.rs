//! What becomes of golden journals when an engine opens them.

use std::fs;
use std::path::{Path, PathBuf};

use resurge::journal::event::Event;
use resurge::journal::store::{DiskStore, Durability, OpenError, OpenMode, Store};
use resurge::{Engine, RunStatus};
use tempfile::TempDir;

/// A copy of a golden journal that may be written to.
fn copy(name: &str) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("journal");
    copy_folder(&crate::golden().join(name).join("journal"), &to);
    (home, to)
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Opens a copy through an engine, and gives the statuses of its runs in the order of their start.
async fn statuses(name: &str) -> Vec<RunStatus> {
    let (_home, dir) = copy(name);
    let engine = Engine::open(&dir).start().await.unwrap();
    let mut runs = engine.runs().await.unwrap();
    runs.sort_by_key(|run| run.started_at);
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    runs.into_iter().map(|run| run.status).collect()
}

#[tokio::test]
async fn sound_journals_open_and_every_run_stands_where_it_stood() {
    use RunStatus::{Cancelled, Failed, Paused, Success};
    assert_eq!(statuses("happy").await, [Success, Success, Failed]);
    assert_eq!(statuses("payload").await, [Success, Success]);
    assert_eq!(statuses("torn-tail").await.first(), Some(&Success));
    // Nobody has registered what these runs do, so they wait for somebody who does.
    assert_eq!(statuses("interrupted").await, [Paused, Cancelled]);
    let breaker = statuses("breaker").await;
    assert_eq!(breaker.iter().filter(|status| **status == Success).count(), 7);
    assert_eq!(breaker.iter().filter(|status| **status == Paused).count(), 6);
}

#[tokio::test]
async fn a_trimmed_journal_has_what_was_kept_and_what_the_rest_added_up_to() {
    let (_home, dir) = copy("trimmed");
    let weeks = crate::trimmed::weeks();
    let engine = Engine::open(&dir).register(&weeks).start().await.unwrap();
    let find = async |key: &str| engine.find(&key.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(find("held").await.status, RunStatus::Paused);
    assert_eq!(find("reopened").await.status, RunStatus::Success);
    let runs = engine.runs().await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.status == RunStatus::Success).count(), 5);
    assert_eq!(runs.len(), 7, "those that were dropped are not among them");

    let stats = engine.stats().await.unwrap();
    assert_eq!((stats.total, stats.succeeded, stats.recovered, stats.failed), (248, 246, 3, 0));
    assert_eq!((stats.retry_attempts, stats.breaker_trips), (8, 2));
    let breakers = engine.breakers().await.unwrap();
    let isolated = breakers.first().unwrap().mode_set.as_ref().unwrap();
    assert_eq!((isolated.0.as_str(), isolated.1.as_str()), ("bob", "it moves house"));
    assert_eq!(engine.tuning().await.unwrap().max_retries, Some(2_000));

    // Both its input and what it had saved are kept aside.
    let waits = engine.run(find("weeks").await.id);
    waits.retry_now("ann", "not in three weeks, now").await.unwrap();
    assert_eq!(waits.outcome().await.unwrap().as_str(), r#""9450 9450""#);
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
}

#[test]
fn a_torn_tail_is_cut_off_and_told() {
    let (_home, dir) = copy("torn-tail");
    let expected = fs::read_to_string(crate::golden().join("torn-tail/expected.jsonl")).unwrap();
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).unwrap();
    // One more: the record that says so.
    assert_eq!(store.head().get(), expected.lines().count() as u64 + 1);
    assert!(matches!(store.mended(), Some(Event::TailCut(_))), "{:?}", store.mended());
}

#[test]
fn what_is_no_journal_or_a_newer_one_is_refused_untouched() {
    for (name, is_newer) in [("newer", true), ("foreign", false)] {
        let (_home, dir) = copy(name);
        let refused =
            DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power).unwrap_err();
        match refused {
            OpenError::NewerFormat { .. } => assert!(is_newer, "{name}"),
            OpenError::Foreign { .. } => assert!(!is_newer, "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn damage_is_mended_told_and_kept() {
    for (name, spoilt) in [
        ("bad-checksum", "segments/00000001.seg"),
        ("gap", "segments/00000001.seg"),
        ("payload-lost", "payloads"),
    ] {
        let (_home, dir) = copy(name);
        let spoilt = spoilt_in(&dir.join(spoilt));
        let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).unwrap();
        let Some(Event::JournalRecovered(recovered)) = store.mended() else {
            panic!("{name}: {:?}", store.mended());
        };
        // The record in front of the first that is lost is the last that is kept.
        let kept = recovered.lost_from.unwrap().get() - 1;
        assert_eq!(store.head().get(), kept + 1, "{name}");
        let moved = files(&dir.join("quarantine"))
            .into_iter()
            .any(|path| fs::read(path).unwrap() == spoilt);
        assert!(moved, "{name}: what was damaged is kept");
        store.close();
        let again = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).unwrap();
        assert!(again.mended().is_none(), "{name}: {:?}", again.mended());
    }
}

/// A file, or the one in a folder whose name is not that of its content.
fn spoilt_in(path: &Path) -> Vec<u8> {
    if path.is_file() {
        return fs::read(path).unwrap();
    }
    let is_spoilt = |path: &PathBuf| {
        let (name, body) = (path.file_name().unwrap(), fs::read(path).unwrap());
        resurge::journal::store::PayloadHash::of(&body).to_string().as_str() != name
    };
    fs::read(files(path).into_iter().find(is_spoilt).unwrap()).unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
