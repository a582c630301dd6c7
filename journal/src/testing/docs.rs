//! `docs/journal-format.md` says what the code does.

use std::fmt::{Debug, Write};

use proptest::prelude::*;

use super::records;
use crate::codec::{BODY_BYTES_MAX, FRAME_BYTES_MAX};
use crate::dump::JsonLine;
use crate::event::{Event, OLDER};
use crate::state::{RUN_MOVES, STEP_MOVES};
use crate::store::COMMIT_BYTES_MAX;

const DOCS: &str = include_str!("../../../docs/journal-format.md");

fn table<P: Debug, M: Debug>(moves: &[(P, M, P)]) -> String {
    let mut table = String::from("| from | move | to |\n|---|---|---|\n");
    for (from, action, to) in moves {
        writeln!(table, "| {from:?} | {action:?} | {to:?} |").expect("a text takes everything");
    }
    table
}

#[track_caller]
pub(super) fn expect(part: &str) {
    assert!(DOCS.contains(part), "docs/journal-format.md must have:\n{part}");
}

#[test]
fn the_tables_of_moves_are_those_of_the_fold() {
    expect(&table(STEP_MOVES));
    expect(&table(RUN_MOVES));
}

#[test]
fn every_event_stands_in_the_table_and_no_other() {
    for (tag, version, name) in Event::KINDS {
        expect(&format!("| `{tag:#06x}` | {version} | `{name}` |"));
    }
    let rows = DOCS.lines().filter(|line| line.starts_with("| `0x")).count();
    assert_eq!(rows, Event::KINDS.len());
    let names: Vec<&str> = Event::KINDS.iter().map(|(_, _, name)| *name).collect();
    assert_eq!(names, Event::NAMES);
}

#[test]
fn every_earlier_version_that_is_read_is_listed() {
    // The one that was made up for the tests is in no journal.
    let real: Vec<_> = OLDER.iter().filter(|older| **older != (0x0206, 0)).collect();
    for (tag, version) in &real {
        expect(&format!("| {version} of `{tag:#06x}` | "));
    }
    assert_eq!(real.is_empty(), DOCS.contains("No earlier version is read so far."));
}

#[test]
fn no_tag_or_name_stands_for_two_events() {
    let mut tags: Vec<u16> = Event::KINDS.iter().map(|(tag, _, _)| *tag).collect();
    let mut names = Event::NAMES.to_vec();
    tags.sort_unstable();
    tags.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((tags.len(), names.len()), (Event::KINDS.len(), Event::KINDS.len()));
}

#[test]
fn the_limits_are_those_of_the_code() {
    expect(&format!("at most {} KiB", FRAME_BYTES_MAX / 1024));
    expect(&format!("A body has at most {} MiB", BODY_BYTES_MAX / 1024 / 1024));
    expect(&format!("length of the body, at most {BODY_BYTES_MAX}"));
    expect(&format!("at most {} KiB a commit", COMMIT_BYTES_MAX / 1024));
}

/// The row of an event among the JSON lines.
fn fields_row(event: &str) -> &'static str {
    let (_, lines) = DOCS.split_once("## JSON lines").expect("the chapter");
    let name = format!("`{event}`");
    let mut rows = lines.lines().filter(|line| line.starts_with("| `"));
    rows.find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name)))
        .unwrap_or_else(|| panic!("{event} has no row"))
}

proptest! {
    #[test]
    fn a_json_line_is_one_object_with_the_documented_fields(record in records()) {
        let line = JsonLine(&record).to_string();
        prop_assert!(!line.contains('\n'));
        let object: serde_json::Map<_, _> = serde_json::from_str(&line).expect("an object");
        prop_assert_eq!(object.get("seq").and_then(serde_json::Value::as_u64), Some(record.seq.get()));
        let row = fields_row(record.event.name());
        for field in object.keys().filter(|key| !["v", "seq", "at", "run", "event"].contains(&key.as_str())) {
            prop_assert!(row.contains(&format!("`{field}`")), "{} of {}", field, row);
        }
    }
}
