//! Records for other eyes: JSON lines for programs, plain lines for people.
//!
//! JSON lines are stable: fields and events may be added, none is renamed or removed while `v` stays
//! the same. Plain lines may change at any time.

mod causes;
mod fields;
mod human;
mod json;
mod words;

pub use causes::with_causes;
pub use human::{HumanLine, Plain, glance};
pub use json::{JSON_LINES_VERSION, JsonLine, payload};
pub use words::words;
pub(crate) use words::{behind, delay, interrupted, of_failure, until};
