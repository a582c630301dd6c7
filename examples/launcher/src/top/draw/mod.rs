//! The state as a frame; nothing in here changes anything.

mod detail;
mod frame;
mod gantt;
mod head;
mod list;
mod panels;
mod paper;
mod words;

#[cfg(test)]
mod tests;

pub(super) use frame::{draw, scrolled_lines};
