//! How numbers, times and failures read.

use std::path::Path;
use std::time::Duration;

use resurge::Failure;
use resurge::steps::classify::redact;

/// A number of bytes, such as `12.0 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for larger in UNITS.iter().skip(1) {
        if value < 1000.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// A duration, such as `2.0 s` or `5 min 3 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The attempt counter: those that count, and all of them where that is more.
pub(crate) fn tries(counted: u32, max: u32, all: u32) -> String {
    if all > counted {
        format!("Attempt {counted}/{max}, {all} in all")
    } else {
        format!("Attempt {counted}/{max}")
    }
}

/// Class and kind of a failure, such as `network/dropped`.
pub(crate) fn class(failure: &Failure) -> String {
    format!("{}/{}", failure.class.name(), failure.kind)
}

/// A path as it can be pasted into a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A text of a server or a manifest without anything that moves the cursor or turns the line round.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|c| if is_wild(c) { ' ' } else { c }).collect()
}

/// The same for a text of ours, whose lines and columns are meant.
pub(crate) fn tame_lines(text: &str) -> String {
    let is_meant = |c| matches!(c, '\n' | '\t');
    text.chars().map(|c| if is_wild(c) && !is_meant(c) { ' ' } else { c }).collect()
}

/// What somebody gave as a reason, without the secrets of addresses and the like.
pub(crate) fn reason(text: &str) -> String {
    redact(text)
}

fn is_wild(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

/// Whether a character is not seen itself, but changes how others are.
const fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let mib = 1024 * 1024;
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12 * mib, "12.0 MiB"),
            (1023 * mib, "1.0 GiB"),
            (40 * 1024 * mib, "40.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (millis, text) in [
            (0, "0.0 s"),
            (2_000, "2.0 s"),
            (59_400, "59.4 s"),
            (303_000, "5 min 3 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn attempts_that_do_not_count_are_told_as_well() {
        assert_eq!(tries(2, 6, 2), "Attempt 2/6");
        assert_eq!(tries(1, 6, 8), "Attempt 1/6, 8 in all");
    }

    #[test]
    fn paths_can_be_pasted() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/a b")), "'/a b'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(tame("a\x1b[31mb\nc"), "a [31mb c");
        assert_eq!(tame("exe\u{202e}gpj.\u{200b}x é模"), "exe gpj. x é模");
        assert_eq!(tame_lines("a\tb\u{202e}\n\u{1b}c\r\n"), "a\tb \n c \n");
    }

    #[test]
    fn a_reason_gives_no_secret_away() {
        for (given, shown) in [
            ("see https://joe:pw@h/a?sig=abc now", "see https://h/a?… now"),
            ("sent Bearer abc twice", "sent Bearer … twice"),
            ("the host asks for patience", "the host asks for patience"),
        ] {
            assert_eq!(reason(given), shown);
        }
    }
}
