//! What a writer is told to write, so that whoever looks at the journal later knows it as well.

mod luck;
mod plan;

pub use luck::Luck;
pub use plan::{Plan, is_own};
