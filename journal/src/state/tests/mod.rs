//! The fold against its tables, and against itself.

mod moves;
mod random;
mod world;
