//! sha256, sha512 and blake3 with a state that can be saved and restored.

mod hasher;
mod hex;
mod state;
mod tree;

pub use hasher::Hasher;
pub use state::{HasherState, RestoreError};
