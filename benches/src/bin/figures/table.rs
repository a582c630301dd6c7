//! Tables of Markdown on standard output.

use std::fmt;
use std::io::{self, Write};

/// Prints a line; a reader that has gone away is no reason to stop.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints the head of a table.
pub(crate) fn head(columns: &[&str]) {
    say(format_args!("| {} |", columns.join(" | ")));
    say(format_args!("|{}", "---|".repeat(columns.len())));
}

/// Prints a row.
pub(crate) fn row(cells: &[String]) {
    say(format_args!("| {} |", cells.join(" | ")));
}

/// A figure with about three digits.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The median, with the least and the largest if there are several.
pub(crate) fn spread(values: &[f64]) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => "-".to_owned(),
        [one] => figure(*one),
        [least, .., largest] => {
            format!("{} [{}..{}]", figure(median(&values)), figure(*least), figure(*largest))
        }
    }
}

/// The value in the middle; the mean of the two that are, of an even number of values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values.get(half).copied().unwrap_or_default();
    if values.len().is_multiple_of(2) {
        let lower = half.checked_sub(1).and_then(|i| values.get(i)).copied().unwrap_or_default();
        f64::midpoint(lower, upper)
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), "2.00 [1.00..3.00]");
        assert_eq!(spread(&[1234.5]), "1234");
    }
}
