//! Golden journals are read as they were when they were written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{copy_folder, dump, home, reading, root};

fn golden() -> PathBuf {
    root().join("tests/golden/v2")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(golden()).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let folders = paths.filter(|path| path.is_dir());
    let mut names: Vec<String> = folders
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What stands beside a golden journal: how a reader ends, and what it shows.
fn expected(name: &str) -> (i32, Vec<Value>) {
    let read = |file| fs::read_to_string(golden().join(name).join(file)).expect("readable");
    let code = read("expected.exit").trim().parse().expect("a number");
    let lines = read("expected.jsonl");
    (code, lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

#[test]
fn there_is_one_of_every_kind() {
    let kinds = [
        "bad-checksum",
        "breaker",
        "foreign",
        "gap",
        "happy",
        "interrupted",
        "newer",
        "payload",
        "payload-lost",
        "torn-tail",
        "trimmed",
    ];
    assert_eq!(names(), kinds);
}

#[test]
fn both_readers_show_what_was_written_down_with_them() {
    for name in names() {
        let (_home, dir) = home();
        copy_folder(&golden().join(&name).join("journal"), &dir);
        let reading = reading(&dir, &name);
        let (code, lines) = expected(&name);
        assert_eq!((reading.code, reading.lines), (Some(code), lines), "{name}");
    }
}

#[test]
fn a_sound_one_is_verified_and_a_spoilt_one_is_found_out() {
    for name in names() {
        let (_home, dir) = home();
        copy_folder(&golden().join(&name).join("journal"), &dir);
        let verified = dump("verify", &dir);
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert_eq!(verified.status.code(), Some(expected(&name).0), "{name}: {said}");
    }
}

#[test]
fn people_see_the_beginning_of_a_large_payload_and_its_length() {
    let dir = golden().join("payload/journal");
    let asked = |command: &str, more: &[&str]| {
        let mut dump = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
        let output = dump.arg(command).args(more).arg(&dir).output().expect("started");
        assert!(output.status.success(), "{command}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let log = asked("log", &[]);
    assert!(log.lines().all(|line| line.len() < 400), "a line is for a glance");
    assert!(log.contains("input=\"a line of text, größer"), "{log}");
    assert!(log.contains("… (12402 bytes)"), "{log}");

    let (_, lines) = expected("payload");
    let run = lines.iter().find_map(|line| line["run"].as_str()).expect("a run");
    let shown = asked("show", &[run]);
    assert!(shown.contains("A LINE OF TEXT"), "{shown}");
    assert!(shown.lines().all(|line| line.len() < 3_000), "a screen full is enough");
}

#[test]
fn what_was_dropped_is_counted_and_what_was_kept_is_explained() {
    let dir = golden().join("trimmed/journal");
    let asked = |args: &[&str]| {
        let mut dump = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
        let output = dump.args(args).arg("--format").arg("json").arg(&dir).output();
        let output = output.expect("started");
        assert!(output.status.success(), "{args:?}");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let stats = asked(&["stats"]);
    let counted = ["/total_operations", "/circuit_breaker_trips"].map(|name| stats.pointer(name));
    assert_eq!(counted, [Some(&248.into()), Some(&2.into())]);
    let held = asked(&["why", "held", "--at", "2026-11-22T15:00:00Z"]);
    let gate = ["/cause/gate/is", "/cause/gate/by"].map(|name| held.pointer(name));
    assert_eq!(gate, [Some(&"isolated".into()), Some(&"bob".into())], "{held}");
}

/// Adds the checksum of every file below a folder.
fn sums(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = format!("{prefix}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            sums(&path, &format!("{name}/"), found);
        } else if name != "SHA256SUMS" {
            let sum = Sha256::digest(fs::read(&path).expect("readable"));
            let digits: Vec<String> = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            found.insert(name, digits.concat());
        }
    }
}

#[test]
fn none_was_ever_edited() {
    let mut found = BTreeMap::new();
    sums(&golden(), "", &mut found);
    let lines: Vec<String> = found.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    let listed = fs::read_to_string(golden().join("SHA256SUMS")).expect("readable");
    assert_eq!(lines.concat(), listed, "golden journals are never edited; write a new version");
}
