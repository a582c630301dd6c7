//! What a thread may still do that was left behind.

use super::*;

fn started(dir: &Path) -> Index {
    let map = Arc::new(Map::new(dir, Uuid::nil(), Seq::new(1), Vec::new()));
    Index::start(dir, Uuid::nil(), map, Arc::default(), Payloads::new(dir)).expect("started")
}

#[test]
fn a_database_that_failed_is_let_go_of_although_there_is_nothing_to_follow() {
    let home = tempfile::tempdir().expect("a folder");
    let index = started(home.path());
    index.generation().expect("open");
    assert!(index.is_ready());
    let full = ErrorKind::StorageFull;
    let failed = index.shared.note::<()>(Err(full.into())).expect_err("told to whoever asked");
    assert!(failed.is_passing());
    let state = index.shared.state();
    let patience = Duration::from_secs(60);
    let is_waiting = |state: &mut State| state.trouble.is_some();
    let waited = index.shared.changed.wait_timeout_while(state, patience, is_waiting);
    assert!(!waited.expect("whole").1.timed_out(), "nobody has looked after it");
    index.close();
}

#[test]
fn a_thread_that_was_left_behind_removes_nothing_of_the_next_owner() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path();
    let index = started(dir);
    index.close();
    let theirs = dir.join("index.new");
    std::fs::create_dir_all(&theirs).expect("made");
    assert!(index.shared.open().is_err());
    assert!(theirs.exists(), "a renewal of the next owner");
    let theirs = dir.join(DIR).join("snap.0000000000000001.generating");
    std::fs::write(&theirs, [7; 9]).expect("written");
    assert!(index.shared.try_open(&dir.join(DIR)).is_err());
    assert!(theirs.exists(), "a snapshot of the next owner");
}
