//! `journal-dump export` and `import` from end to end.

#![expect(clippy::indexing_slicing, reason = "a line that is not there fails its test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use serde_json::{Value, json};

use crate::dump::{command, dump, err, expect, lines, out};
use crate::fixture::{contents, create, edit, home, segment};
use crate::story::{DONE_RUN, spoil, story, with_outage, with_story};

fn export(dir: &Path, to: &Path, more: &[&str]) -> Output {
    command(&["export"]).arg(dir).arg(to).args(more).output().expect("started")
}

fn import(from: &Path, to: &Path) -> Output {
    command(&["import"]).arg(from).arg(to).output().expect("started")
}

#[test]
fn an_archive_gives_back_the_journal_bit_for_bit() {
    let (home, dir) = home();
    with_story(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    let before = contents(&dir);
    let said = expect(&export(&dir, &file, &[]), 0);
    assert!(said.starts_with("11 records up to record 11 are in "), "{said}");
    assert_eq!(contents(&dir), before);
    expect(&import(&file, &to), 0);
    assert_eq!(fs::read(segment(&to)).expect("there"), fs::read(segment(&dir)).expect("there"));
    let marker = |dir: &Path| fs::read_to_string(dir.join("FORMAT")).expect("there");
    assert_eq!(marker(&to), marker(&dir));
    expect(&dump(&["verify"], &to), 0);
    let store = DiskStore::open(&to, OpenMode::Existing, Durability::Power).expect("opened");
    assert_eq!(store.mended(), None);
    store.append(store.head(), &[record(12, 10)]).expect("it is a journal like any other");
}

#[test]
fn an_archive_is_read_in_place_of_a_journal() {
    let (home, dir) = home();
    with_outage(&dir);
    let file = home.path().join("a.rjar");
    expect(&export(&dir, &file, &[]), 0);
    let at = "2026-11-21T10:00:05Z";
    for args in [
        &["log", "--format", "jsonl"][..],
        &["ls"],
        &["show", "model a"],
        &["why", "model c", "--at", at],
        &["stats"],
        &["breakers", "--at", at],
    ] {
        assert_eq!(expect(&dump(args, &file), 0), expect(&dump(args, &dir), 0), "{args:?}");
    }
    let verified = expect(&dump(&["verify"], &file), 0);
    assert!(verified.contains("15 records readable in an archive, 3 runs"), "{verified}");
    let output = dump(&["log", "--follow"], &file);
    assert_eq!(expect(&output, 2), "");
    assert!(err(&output).contains("an archive does not grow"), "{}", err(&output));
}

#[test]
fn one_run_is_for_reading() {
    let (home, dir) = home();
    with_story(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    let said = expect(&export(&dir, &file, &["--run", "model a"]), 0);
    assert!(said.starts_with("6 records up to record 11 are in "), "{said}");
    let log = |from: &Path, more: &[&str]| {
        lines(&expect(&dump(&[&["log", "--format", "jsonl"], more].concat(), from), 0))
    };
    assert_eq!(log(&file, &[]), log(&dir, &["--run", "model a"]));
    for args in [&["show", "model a"][..], &["why", "aaaa1", "--at", "2026-11-21T10:00:05Z"]] {
        assert_eq!(expect(&dump(args, &file), 0), expect(&dump(args, &dir), 0), "{args:?}");
    }
    let verified = expect(&dump(&["verify", "--json"], &file), 0);
    let verified: Value = serde_json::from_str(&verified).expect("JSON");
    assert_eq!(verified["read"], "an archive of one run");
    assert_eq!((&verified["records"], &verified["findings"]), (&json!(6), &json!([])));
    assert_eq!(expect(&dump(&["show", "model b"], &file), 7), "");

    let output = import(&file, &to);
    assert_eq!(expect(&output, 2), "");
    assert!(err(&output).contains("holds one run"), "{}", err(&output));
    assert!(!to.exists());
    assert_eq!(expect(&export(&dir, &home.path().join("b"), &["--run", "nobody"]), 7), "");
    assert!(log(&file, &[]).iter().all(|line| line["run"] == DONE_RUN.to_string()));
}

#[test]
fn a_journal_in_use_is_exported_up_to_what_was_acknowledged() {
    let (home, dir) = home();
    let store = create(&dir);
    store.append(Seq::new(1), &story()).expect("appended");
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    expect(&export(&dir, &file, &[]), 0);
    store.append(store.head(), &[record(12, 10)]).expect("the writer goes on");
    expect(&import(&file, &to), 0);
    let log = |from: &Path| lines(&expect(&dump(&["log", "--format", "jsonl"], from), 0));
    assert_eq!(log(&to), log(&dir)[..11]);
}

#[test]
fn no_file_and_no_journal_is_overwritten() {
    let (home, dir) = home();
    with_story(&dir);
    let (file, mine) = (home.path().join("a.rjar"), home.path().join("mine"));
    fs::write(&mine, "mine").expect("written");
    expect(&export(&dir, &file, &[]), 0);
    let before = contents(home.path());
    for to in [&mine, &file, &dir] {
        assert_eq!(expect(&export(&dir, to, &[]), 2), "");
    }
    for to in [&mine, &dir] {
        assert_eq!(expect(&import(&file, to), 2), "");
    }
    assert_eq!(contents(home.path()), before, "and no half of a file is left");
}

#[test]
fn what_is_not_whole_is_not_passed_on() {
    let (home, dir) = home();
    with_story(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let torn = export(&dir, &file, &[]);
    assert_eq!(torn.status.code(), Some(5), "{}", err(&torn));
    expect(&import(&file, &to), 0);

    let other = home.path().join("other");
    with_story(&other);
    spoil(&other, 6);
    let damaged = export(&other, &home.path().join("b.rjar"), &[]);
    assert_eq!(expect(&damaged, 1), "");
    assert!(err(&damaged).contains("repair it"), "{}", err(&damaged));
    assert!(!home.path().join("b.rjar").exists());

    edit(&file, |bytes| bytes[100] ^= 1);
    for args in [&["log"][..], &["verify"], &["ls"]] {
        let output = dump(args, &file);
        assert_eq!(expect(&output, 1), "");
        assert!(err(&output).contains("is damaged at byte"), "{}", err(&output));
    }
    assert_eq!(
        expect(&dump(&["import", home.path().join("no").to_str().expect("UTF-8")], &to), 3),
        ""
    );
    assert!(out(&damaged).is_empty());
}

/// What the reader in another language says, or what it does not like.
fn read_by_python(file: &Path) -> Result<String, String> {
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/archive.py");
    let output = Command::new("python3").arg(reader).arg(file).output().expect("python3 is there");
    if output.status.success() { Ok(out(&output)) } else { Err(err(&output)) }
}

#[test]
fn an_archive_can_be_read_by_its_description_alone() {
    let (home, dir) = home();
    with_outage(&dir);
    for (name, more) in [("all", &[][..]), ("one", &["--run", "model a"])] {
        let file = home.path().join(name);
        expect(&export(&dir, &file, more), 0);
        let shown = lines(&expect(&dump(&["log", "--format", "jsonl"], &file), 0));
        let line =
            |shown: &Value| format!("{} {}\n", shown["seq"], shown["run"].as_str().unwrap_or("-"));
        let expected: String = shown.iter().map(line).collect();
        assert_eq!(read_by_python(&file), Ok(expected));
        edit(&file, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
        assert!(read_by_python(&file).is_err());
    }
}

/// Makes a journal that is trimmed; gives its first record and its last.
fn trim(dir: &Path) -> (u64, u64) {
    let store = create(dir);
    while store.cuts().is_empty() {
        let head = store.head();
        // One that is kept, and one that stays, have bodies of their own.
        let bytes = if [2, 60].contains(&(head.get() + 1)) { 50_000 } else { 5_000 };
        store.append(head, &[record(head.get() + 1, bytes)]).expect("appended");
    }
    let (first, head) = (store.cuts()[0].first, store.head());
    store.trim(first, b"residue", &[Seq::new(2)]).expect("trimmed");
    (first.get(), head.get())
}

#[test]
fn an_archive_of_a_trimmed_journal_can_be_read_and_imported() {
    let (home, dir) = home();
    let (first, head) = trim(&dir);
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    expect(&export(&dir, &file, &[]), 0);
    let run = |seq| record(seq, 0).run.expect("one");
    let line = |seq| format!("{seq} {}\n", run(seq));
    let expected = (first..=head).map(line).collect();
    assert_eq!(read_by_python(&file), Ok(expected));
    for args in [&["log", "--format", "jsonl"][..], &["ls"], &["stats"]] {
        assert_eq!(expect(&dump(args, &file), 0), expect(&dump(args, &dir), 0), "{args:?}");
    }
    let said = expect(&import(&file, &to), 0);
    assert!(said.starts_with(&format!("records {first} to {head} are in ")), "{said}");
    let all = ["log", "--format", "jsonl"];
    assert_eq!(expect(&dump(&all, &to), 0), expect(&dump(&all, &dir), 0));
    for at in [70, 64 + 90] {
        edit(&file, |bytes| bytes[at] ^= 1);
        assert!(read_by_python(&file).is_err());
        edit(&file, |bytes| bytes[at] ^= 1);
    }
}

#[test]
fn a_trimmed_journal_is_repaired_with_what_it_begins_with() {
    let (home, dir) = home();
    let (first, head) = trim(&dir);
    let to = home.path().join("new");
    let repaired = command(&["repair"]).arg(&dir).arg("--to").arg(&to).output().expect("started");
    let said = expect(&repaired, 0);
    assert!(said.starts_with(&format!("records {first} to {head} are in ")), "{said}");
    assert!(said.contains("dropped by retention, 1 of them kept"), "{said}");
    let all = ["log", "--format", "jsonl"];
    assert_eq!(expect(&dump(&all, &to), 0), expect(&dump(&all, &dir), 0));
}
