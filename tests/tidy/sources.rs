//! Rules about source files.

use super::{files, none};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const LIB_LINES_MAX: usize = 150;

#[test]
fn no_file_is_longer_than_its_ceiling() {
    let too_long = files(".rs").into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        let is_lib = source.path.ends_with("src/lib.rs");
        let limit = if is_lib { LIB_LINES_MAX } else { FILE_LINES_MAX };
        (lines > limit).then(|| format!("{}: {lines} lines, at most {limit}", source.path))
    });
    none("split these files by subject", &too_long.collect::<Vec<_>>());
}

#[test]
fn no_function_is_longer_than_its_ceiling() {
    let mut findings = Vec::new();
    for source in files(".rs") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(length) = function_length(line, lines.get(at..).unwrap()) else { continue };
            if length > FUNCTION_LINES_MAX {
                findings.push(format!("{}:{}: {length} lines", source.path, at + 1));
            }
        }
    }
    none("these functions do more than one thing", &findings);
}

/// Lines from the head of a function to the brace that closes it, by indentation.
fn function_length(head: &str, rest: &[&str]) -> Option<usize> {
    let code = head.trim_start();
    let indent = head.len() - code.len();
    let is_head = code.starts_with("fn ")
        || ["pub ", "pub(", "async ", "const "].iter().any(|p| code.starts_with(p))
            && code.contains("fn ")
            && code.contains('(');
    let closing = format!("{}}}", " ".repeat(indent));
    let ends = rest
        .iter()
        .position(|line| *line == closing || line.ends_with(';') && is_flat(line, indent));
    ends.filter(|_| is_head).map(|lines| lines + 1)
}

/// Whether a line stands no deeper than the head, as the end of a bodiless function does.
fn is_flat(line: &str, indent: usize) -> bool {
    line.len() - line.trim_start().len() == indent
}

#[test]
fn a_mod_file_only_says_what_there_is() {
    let mut findings = Vec::new();
    for source in files("mod.rs") {
        // Tests may share their tools in the file that names them.
        if source.path.contains("tests/") || source.path.contains("testing/") {
            continue;
        }
        for (at, line) in source.text.lines().enumerate() {
            let logic = ["fn ", "impl ", "struct ", "enum ", "trait ", "const ", "static "];
            let code =
                line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            if logic.iter().any(|word| code.starts_with(word)) {
                findings.push(format!("{}:{}: {line}", source.path, at + 1));
            }
        }
    }
    none("a mod.rs holds `mod` and `use` only", &findings);
}

#[test]
fn nothing_is_left_open_or_silenced() {
    // Written apart, so that this file does not find itself.
    let banned =
        ["TO\u{44}O", "FIX\u{4d}E", "XX\u{58}", "todo\u{21}(", "dbg\u{21}(", "#[allo\u{77}("];
    let mut findings = Vec::new();
    for source in files(".rs") {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(word) = banned.iter().find(|word| line.contains(*word)) {
                findings.push(format!("{}:{}: {word}", source.path, at + 1));
            }
        }
    }
    none("finish these, or use #[expect] with a reason", &findings);
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let pages = files("architecture.md");
    let page = &pages.first().unwrap().text;
    let (mut named, mut findings) = (0, Vec::new());
    for piece in page.split('`').skip(1).step_by(2) {
        let Some((path, test)) = piece.split_once(".rs: ") else { continue };
        named += 1;
        let path = format!("{path}.rs");
        let source = std::fs::read_to_string(super::root().join(&path)).unwrap_or_default();
        if !source.contains(&format!("fn {test}(")) {
            findings.push(format!("{path} has no test `{test}`"));
        }
    }
    none("docs/architecture.md names tests that do not exist", &findings);
    let invariants = page.lines().filter(|line| line.contains(". **")).count();
    assert!(named >= invariants, "{invariants} invariants, but only {named} tests are named");
}
