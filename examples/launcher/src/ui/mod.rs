//! What a person sees of the work: lines in a pipe, bars on a terminal.

mod bars;
mod known;
mod lines;
mod story;
mod watch;
pub(crate) mod why;
pub(crate) mod words;

pub(crate) use watch::{is_plain, watch};
