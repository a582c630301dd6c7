//! A workflow whose steps do nothing, so that only the engine is measured.

use resurge::{StepContext, Workflow};

/// Steps of a run of [`three_steps`].
pub const STEPS_PER_RUN: u64 = 3;

/// About 100 bytes of JSON.
pub fn payload() -> String {
    "p".repeat(98)
}

/// A workflow `w1` of three steps in a row, each handing on what it gets.
///
/// # Panics
/// Never: the workflow is sound.
pub fn three_steps() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("w1");
    let mut last = flow.input();
    for key in ["a", "b", "c"] {
        let pass = |_: StepContext, text: String| async move { Ok(text) };
        last = flow.step_fn(key, last, pass).add();
    }
    flow.build(last).expect("the steps form a chain")
}
