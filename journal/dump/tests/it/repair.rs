//! `journal-dump repair` from end to end.

#![expect(clippy::indexing_slicing, reason = "a field that is not there fails its test")]

use std::fs;
use std::path::Path;

use resurge_journal::checkpoint::replay;
use resurge_journal::event::Event;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Snapshot, Store};
use resurge_journal::{Record, Seq};
use serde_json::{Value, json};

use crate::dump::{command, dump, err, expect, out};
use crate::fixture::{contents, create, edit, frames, home, remove, segment};
use crate::story::{DONE_RUN, OPEN_RUN, add_frame, spoil, story, with_lost_body, with_story};

/// What `repair --json` says, and its exit code; the old journal stays as it is.
#[track_caller]
fn repair(dir: &Path, to: &Path) -> (Value, i32) {
    let before = contents(dir);
    let mut command = command(&["repair", "--json", "--to"]);
    let output = command.arg(to).arg(dir).output().expect("started");
    assert_eq!(contents(dir), before, "never in place");
    let object = serde_json::from_str(&out(&output)).unwrap_or(Value::Null);
    (object, output.status.code().expect("ended by itself"))
}

/// Opens a repaired journal as an engine does; gives its records.
#[track_caller]
fn opened(to: &Path) -> Vec<Record> {
    expect(&dump(&["verify"], to), 0);
    let store = DiskStore::open(to, OpenMode::Existing, Durability::Power).expect("opened");
    assert_eq!(store.mended(), None, "nothing is left to mend");
    store.scan(Seq::ZERO).map(|found| found.expect("whole")).collect()
}

fn identity(dir: &Path) -> String {
    fs::read_to_string(dir.join("FORMAT")).expect("there")
}

#[test]
fn a_whole_journal_is_copied_as_it_is() {
    let (home, dir) = home();
    with_story(&dir);
    let to = home.path().join("new");
    let (object, code) = repair(&dir, &to);
    assert_eq!(
        object,
        json!({
            "v": 1, "head": 11, "lost_from": null, "lost_to": null, "method": null,
            "problem": null, "touched": [],
        })
    );
    assert_eq!(code, 0);
    assert_eq!(identity(&to), identity(&dir));
    assert_eq!(fs::read(segment(&to)).expect("there"), fs::read(segment(&dir)).expect("there"));
    assert_eq!(opened(&to)[1..], story());
}

#[test]
fn what_the_segments_lost_comes_from_the_index() {
    for whole_segments in [false, true] {
        let (home, dir) = home();
        with_story(&dir);
        if whole_segments {
            remove(&dir.join("segments"));
        } else {
            edit(&segment(&dir), |bytes| {
                let at = frames(bytes)[5];
                bytes[at + 30] ^= 1;
            });
        }
        let to = home.path().join("new");
        let (object, code) = repair(&dir, &to);
        assert_eq!((&object["method"], &object["lost_from"]), (&json!("index"), &Value::Null));
        assert_eq!((&object["head"], code), (&json!(12), 0));
        let records = opened(&to);
        assert_eq!(records[1..11], story());
        assert!(matches!(records[11].event, Event::JournalRecovered(_)), "{:?}", records[11]);
        assert!(!to.join("index-copy").exists());
    }
}

/// What may only be read is copied, not opened where it is.
#[cfg(unix)]
#[test]
fn a_journal_that_may_only_be_read_is_repaired_as_well() {
    use std::os::unix::fs::PermissionsExt;

    let (home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| {
        let at = frames(bytes)[5];
        bytes[at + 30] ^= 1;
    });
    let set_mode = |mode| {
        for part in ["index/db", "index/conf", "index", "segments", "."] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(dir.join(part), mode).expect("changed");
        }
    };
    set_mode(0o500);
    let (object, code) = repair(&dir, &home.path().join("new"));
    set_mode(0o700);
    assert_eq!((&object["method"], code), (&json!("index"), 0));
}

#[test]
fn what_both_lost_is_told_with_the_runs_that_it_touches() {
    let (home, dir) = home();
    with_story(&dir);
    spoil(&dir, 6);
    let to = home.path().join("new");
    let (object, code) = repair(&dir, &to);
    assert_eq!(
        object,
        json!({
            "v": 1, "head": 6, "lost_from": 6, "lost_to": 11, "method": "prefix",
            "problem": "the checksum does not fit",
            "touched": [
                { "run": DONE_RUN.to_string(), "key": "model a", "workflow": "install-model" },
            ],
        })
    );
    assert_eq!(code, 1);
    let records = opened(&to);
    assert_eq!(records[1..5], story()[..4]);
    let Event::JournalRecovered(mended) = &records[5].event else { panic!("{:?}", records[5]) };
    assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(6)), Some(Seq::new(11))));

    let again = home.path().join("again");
    let output = command(&["repair"]).arg(&dir).arg("--to").arg(&again).output().expect("started");
    let text = out(&output);
    for part in ["lost records 6 to 11", "model a", "records 1 to 6 are in"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

/// Neither the new journal nor the old one, once it was opened, stumbles over what is left.
#[test]
fn a_lost_body_of_a_kept_record_is_told_and_what_is_left_of_its_run_is_shown() {
    for (is_beginning, goes_on) in [(true, false), (true, true), (false, false), (false, true)] {
        let (home, dir) = home();
        let lost = with_lost_body(&dir, is_beginning, goes_on);
        assert_eq!(dump(&["verify"], &dir).status.code(), Some(1));
        let to = home.path().join("new");
        let (object, code) = repair(&dir, &to);
        assert_eq!((&object["lost_from"], code), (&json!(lost.get()), 1), "{object}");
        let problem = object["problem"].as_str().expect("told");
        assert!(problem.contains("its payload") && problem.contains("missing"), "{problem}");
        // Without its beginning, or with what does not fit what is left, nothing is known of it.
        let is_there = !is_beginning && !goes_on;
        let touched = object["touched"].as_array().expect("a list");
        let touched: Vec<_> = touched.iter().map(|run| run["run"].clone()).collect();
        let open = json!(OPEN_RUN.to_string());
        assert_eq!(touched, Vec::from_iter(is_there.then_some(open)));
        opened(&to);
        expect(&dump(&["verify"], &to), 0);

        let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
        assert!(matches!(store.mended(), Some(Event::JournalRecovered(_))));
        let state = replay(&store).expect("what is left adds up");
        assert_eq!(state.run(OPEN_RUN).is_some(), is_there, "{is_beginning} {goes_on}");
        drop(store);
        expect(&dump(&["verify"], &dir), 0);
    }
}

#[test]
fn a_torn_end_is_no_loss() {
    let (home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let to = home.path().join("new");
    let (object, code) = repair(&dir, &to);
    assert_eq!((&object["lost_from"], &object["head"], code), (&Value::Null, &json!(12), 0));
    let records = opened(&to);
    assert_eq!(records[1..11], story());
    assert!(matches!(records[11].event, Event::TailCut(_)), "{:?}", records[11]);
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_not_touched() {
    let (home, dir) = home();
    with_story(&dir);
    let (notes, file, other) =
        (home.path().join("notes"), home.path().join("file"), home.path().join("other"));
    fs::create_dir(&notes).expect("made");
    fs::write(notes.join("mine.txt"), "mine").expect("written");
    fs::write(&file, "mine").expect("written");
    with_story(&other);
    let before = contents(home.path());
    let (inside, deep) = (dir.join("new"), dir.join("segments/a/b"));
    for to in [&notes, &file, &other, &dir, &inside, &deep] {
        assert_eq!(repair(&dir, to), (Value::Null, 2), "{}", to.display());
    }
    assert_eq!(contents(home.path()), before);

    let empty = home.path().join("empty");
    fs::create_dir(&empty).expect("made");
    assert_eq!(repair(&dir, &empty).1, 0, "an empty one will do");
}

#[test]
fn what_cannot_be_repaired_leaves_nothing_behind() {
    let (home, dir) = home();
    let to = home.path().join("new");
    assert_eq!(repair(home.path(), &to), (Value::Null, 3), "it is no journal");

    let store = create(&dir);
    store.append(Seq::new(1), &story()).expect("appended");
    let output = command(&["repair"]).arg(&dir).arg("--to").arg(&to).output().expect("started");
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    assert!(err(&output).contains("is in use"), "{}", err(&output));
    drop(store);

    add_frame(&dir, |frame| {
        frame.splice(4..6, 0x09FF_u16.to_be_bytes());
    });
    assert_eq!(repair(&dir, &to), (Value::Null, 6), "it needs a newer release");
    spoil(&dir, 1);
    edit(&segment(&dir), |bytes| bytes.truncate(frames(bytes)[1]));
    assert_eq!(repair(&dir, &to), (Value::Null, 1), "nothing can be read");
    assert!(!to.exists());
    assert!(Snapshot::take(&to).is_err());
}
