//! What is shown, kept up to date from the engine's events.
//!
//! The engine folds; the board asks it for what an event has touched, and samples how far attempts
//! are while somebody looks. A subscriber pulls: whoever is slow gets fewer, larger patches.

mod follow;
mod held;
mod intake;
#[cfg(test)]
mod keep_tests;
mod live;
#[cfg(test)]
mod moment_tests;
mod open;
mod sample;
mod story;
#[cfg(test)]
mod tally_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turn_tests;

pub(crate) use held::Board;
pub use live::{Live, ViewMessage};
pub(crate) use open::Identity;
