//! Why a run stands where it stands, and what a person can do now.

mod action;
mod cause;
mod delay;
mod find;
mod json;
#[cfg(test)]
pub(crate) mod tests;
mod text;

pub use action::Action;
pub use cause::{Cause, Explanation, GateView, ProbeView, StepExplanation, Wait};
pub use find::{explain, explain_unplaced};

pub(crate) use delay::{Decider, decider};
pub(crate) use text::{Bytes, Span, exhausted, steps};
