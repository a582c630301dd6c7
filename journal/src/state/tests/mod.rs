//! The fold against its tables, and against itself.

mod breaker;
mod controls;
mod moves;
pub(crate) mod random;
pub(crate) mod world;
