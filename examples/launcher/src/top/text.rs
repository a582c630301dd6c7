//! Texts in columns: a column is as wide as the terminal draws it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text in no more than so many columns, with an ellipsis if something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used >= columns {
            break;
        }
        kept.push(letter);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The end of a text in no more than so many columns.
pub(crate) fn end(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let mut is_seen = |letter: char| {
        used += letter.width().unwrap_or(0);
        used <= columns
    };
    let start = text.char_indices().rev().take_while(|(_, letter)| is_seen(*letter));
    text.get(start.last().map_or(text.len(), |(at, _)| at)..).unwrap_or_default()
}

/// The text in exactly so many columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The text in lines of no more than so many columns, broken between words where that is possible.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) <= columns {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            if width(&line) + letter.width().unwrap_or(0) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// How full something is, in blocks.
pub(crate) fn bar(percent: f64, columns: usize) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "the share of a few columns"
    )]
    let full = ((percent.clamp(0.0, 100.0) / 100.0) * columns as f64).floor() as usize;
    let full = full.min(columns);
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_the_columns_that_they_are_given() {
        for (text, columns, fitted) in [
            ("model", 7, "model  "),
            ("model", 5, "model"),
            ("model", 4, "mod…"),
            ("模型模型", 5, "模型…"),
            ("模型模型", 4, "模… "),
            ("model", 1, "…"),
            ("model", 0, ""),
        ] {
            assert_eq!(fit(text, columns), fitted, "{text} in {columns}");
            assert_eq!(width(&fit(text, columns)), columns, "{text} in {columns}");
        }
    }

    #[test]
    fn the_end_of_a_text_is_what_was_typed_last() {
        for (text, columns, seen) in
            [("abc", 5, "abc"), ("abc", 2, "bc"), ("a模型", 3, "型"), ("abc", 0, ""), ("", 3, "")]
        {
            assert_eq!(end(text, columns), seen);
        }
    }

    #[test]
    fn lines_break_between_words_and_within_words_that_are_too_long() {
        assert_eq!(
            wrap("the server  asked for patience", 10),
            ["the server", "asked for", "patience"]
        );
        assert_eq!(wrap("0123456789ab cd", 5), ["01234", "56789", "ab cd"]);
        assert_eq!(wrap("模型模", 4), ["模型", "模"]);
        assert_eq!(wrap("模", 0), ["模"]);
        assert!(wrap(" ", 5).is_empty());
    }

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        assert_eq!(bar(99.9, 4), "███░");
        assert_eq!(bar(100.0, 4), "████");
        assert_eq!(bar(f64::NAN, 2), "░░");
        assert_eq!(bar(-3.0, 2), "░░");
        assert_eq!(bar(300.0, 2), "██");
    }
}
