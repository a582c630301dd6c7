//! Publishes a file, or an unpacked archive, under its final name.

mod file;
mod gate;
mod limits;
mod plan;
mod step;
mod tree;
mod unpack;

pub use limits::Limits;
pub use step::{Install, Installed};
