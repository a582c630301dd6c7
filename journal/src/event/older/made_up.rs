//! A version that never was, to prove the way of those that will be.

use serde::{Deserialize, Serialize};

use crate::id::StepKey;

/// A run that was parked, from before there was a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunParked {
    /// The step that is different, if it is one.
    step: Option<StepKey>,
    /// What is different.
    difference: String,
}

impl From<RunParked> for crate::event::RunParked {
    fn from(old: RunParked) -> Self {
        let RunParked { step, difference } = old;
        let reason = match step {
            Some(step) => format!("step `{step}`: {difference}"),
            None => difference,
        };
        Self { reason }
    }
}
