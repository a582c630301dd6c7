//! The two streams: results on standard output, messages on standard error.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// Writes a line of results. Nobody reads it any more? Then nobody misses it.
pub(crate) fn result(line: impl fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line for the person at the terminal.
pub(crate) fn message(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes an error with everything behind it, on one line where it has none of its own.
pub(crate) fn error(error: &dyn Error) {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    message(text);
}
