//! Policies tried out on a virtual clock, with the very decisions that the engine makes.
//!
//! Hosts go down and come back as a [`Scenario`] says; the operations that need them are runs of
//! one step under a [`Policy`]. Nothing sleeps, and the same seed gives the same [`Report`].
//!
//! ```
//! use std::time::Duration;
//! use resurge::lab::{Policy, Storm, study};
//!
//! let minutes = |n: u64| Duration::from_secs(60 * n);
//! let storm = Storm::new(3, minutes(2)..=minutes(10));
//! let report = study(&storm, &Policy::downloads(), 5, 1)?;
//! assert_eq!(report.completed, 15);
//! # Ok::<(), resurge::lab::LabError>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | try one course of events | [`simulate`], [`record`], [`Scenario`] |
//! | try many of a kind | [`study`], [`Storm`] |
//! | compare the usual policies | [`policies`], [`storms`] |
//! | run a recorded journal under another policy | [`History`] |
//! | measure what a decision costs | [`Crowd`] |

mod crowd;
mod evidence;
mod flow;
mod history;
#[cfg(test)]
mod history_tests;
mod luck;
mod policy;
mod report;
mod scenario;
mod simulation;
mod study;
mod tally;
#[cfg(test)]
mod tests;

pub use crowd::Crowd;
pub use history::{Confidence, History};
pub use policy::{Policy, policies};
pub use report::Report;
pub use scenario::{Operation, Outage, Scenario, Storm, storms};
pub use simulation::{LabError, record, simulate};
pub use study::study;
