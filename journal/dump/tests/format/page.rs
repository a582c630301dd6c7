//! The examples of the page are a journal.

use std::fs;

use serde_json::json;

use crate::{home, reading, root};

/// The bytes of an example that begins with some digits; a line may say what they are.
fn example(begin: &str) -> Vec<u8> {
    let page = fs::read_to_string(root().join("docs/journal-format.md")).expect("readable");
    let start = page.find(&format!("```text\n{begin}")).expect(begin) + "```text\n".len();
    let (text, _) = page.split_at(start).1.split_once("```").expect("an end");
    let digits = text.lines().map(|line| line.split_once("  ").map_or(line, |(digits, _)| digits));
    let digits: Vec<u8> = digits.flat_map(str::bytes).filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

#[test]
fn its_examples_are_a_journal() {
    let (header, frame) = (example("524a5347"), example("524a0201"));
    assert_eq!((header.len(), frame.len()), (64, 77));
    let (_home, dir) = home();
    fs::create_dir_all(dir.join("segments")).expect("made");
    let marker = r#"{"format":2,"journal":"01234567-89ab-cdef-0123-456789abcdef"}"#;
    fs::write(dir.join("FORMAT"), marker).expect("written");
    fs::write(dir.join("segments/00000001.seg"), [header, frame].concat()).expect("written");
    let reading = reading(&dir, "the examples");
    let line = json!({
        "v": 1, "seq": 1, "at": "2026-11-21T10:00:00.123Z", "run": null,
        "event": "journal_created", "journal": "01234567-89ab-cdef-0123-456789abcdef",
    });
    assert_eq!((reading.code, reading.lines), (Some(0), vec![line]));
}
