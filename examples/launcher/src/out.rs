//! The two streams: results on standard output, messages on standard error.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use resurge::journal::dump::with_causes;

use crate::ui::words::tame_lines;

/// Writes a line of results. Nobody reads it any more? Then nobody misses it.
pub(crate) fn result(line: impl fmt::Display) {
    document(tame_lines(&line.to_string()));
}

/// Writes what is for programs only, to the last character.
pub(crate) fn document(text: impl fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line for the person at the terminal.
pub(crate) fn message(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", tame_lines(&line.to_string()));
}

/// Writes an error with everything behind it, on one line where it has none of its own.
pub(crate) fn error(error: &dyn Error) {
    message(format_args!("error: {}", with_causes(error)));
}
