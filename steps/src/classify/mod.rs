//! Typed classification of errors: over the whole chain of causes, never by message text.

mod chain;
mod io;

pub use chain::{Verdict, classify};
