//! One line per transition, for pipes, files and dumb terminals.

use super::story::Line;
use crate::out;

/// Writes lines; nothing is ever overwritten.
pub(super) fn show(line: &Line) {
    out::message(line);
}
