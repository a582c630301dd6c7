//! `journal-dump` and a reader in Python that knows nothing of our code say the same of any journal.

mod differ;
mod golden;
mod page;
mod spoil;
mod trimmed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use resurge_journal::Record;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use serde_json::Value;
use tempfile::TempDir;

/// What a reader says of a journal: how it ends, and the lines.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    code: Option<i32>,
    lines: Vec<Value>,
}

impl Reading {
    fn of(output: &Output) -> Self {
        let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        Self { code: output.status.code(), lines }
    }
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Asks `journal-dump`.
fn dump(command: &str, dir: &Path) -> Output {
    let mut dump = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
    dump.arg(command).arg(dir);
    if command == "log" {
        dump.args(["--format", "jsonl"]);
    }
    dump.output().expect("started")
}

/// Asks the reader in Python.
fn python(dir: &Path) -> Output {
    let script = root().join("tests/python/read_journal.py");
    let output = Command::new("python3").arg("-B").arg(script).arg(dir).output();
    output.expect("python3 is needed to run the reader that proves the page")
}

/// Asks both, which must agree.
#[track_caller]
fn reading(dir: &Path, what: &str) -> Reading {
    let (ours, theirs) = (dump("log", dir), python(dir));
    let said = format!(
        "{what}\njournal-dump: {}python: {}",
        String::from_utf8_lossy(&ours.stderr),
        String::from_utf8_lossy(&theirs.stderr)
    );
    let (ours, theirs) = (Reading::of(&ours), Reading::of(&theirs));
    assert_eq!(theirs.code, ours.code, "{said}");
    assert_eq!(theirs.lines.len(), ours.lines.len(), "{said}");
    for (theirs, ours) in theirs.lines.iter().zip(&ours.lines) {
        assert_eq!(theirs, ours, "{said}");
    }
    ours
}

fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    (home, dir)
}

/// A journal that is open, with records in batches of growing size.
fn store_of(dir: &Path, records: &[Record]) -> DiskStore {
    let store =
        DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).expect("created");
    let (mut rest, mut size) = (records, 1);
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(size.min(rest.len()));
        store.append(store.head(), batch).expect("appended");
        (rest, size) = (behind, size % 7 + 1);
    }
    store
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let (from, to) = entry.map(|e| (e.path(), to.join(e.file_name()))).expect("readable");
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copied");
        }
    }
}
